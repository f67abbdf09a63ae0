//! TLS from the first byte and STARTTLS, with a server whose certificate is of
//! the test's own making. The server's name is no name of this machine, so TLS
//! is wanted; the connection goes to this machine all the same.

use std::net::SocketAddr;

use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, BufStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivatePkcs8KeyDer},
};

use super::*;

const WRAPPED: &str = "smtps://mail.example.com:465";
const STARTTLS: &str = "smtp://mail.example.com:587";

/// What the server does about TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Wrapped,
    /// Offers STARTTLS; this is its answer to it.
    Offers(&'static str),
    /// Somebody on the way took the offer out.
    Stripped,
}

const GOES_ON: Kind = Kind::Offers("220 go on\r\n");

/// What the server was told over the open line and within TLS.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    open: Vec<String>,
    within: Vec<String>,
}

/// A certificate with its key, both in DER.
struct Identity {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Identity {
    fn of(name: &str) -> Self {
        Self::changed(name, |_| ())
    }

    fn changed(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut wanted = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        change(&mut wanted);
        let certificate = wanted.self_signed(&key).expect("a certificate");
        Self { certificate: certificate.der().to_vec(), key: key.serialize_der() }
    }

    fn acceptor(&self) -> TlsAcceptor {
        let settings = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the versions that everybody has")
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone().into()], PrivatePkcs8KeyDer::from(self.key.clone()).into())
            .expect("the key is of the certificate");
        TlsAcceptor::from(Arc::new(settings))
    }
}

async fn server(kind: Kind, identity: &Identity) -> (SocketAddr, JoinHandle<Heard>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (address, acceptor) = (listener.local_addr().expect("an address"), identity.acceptor());
    let heard = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        let mut heard = Heard::default();
        if kind == Kind::Wrapped {
            let Ok(stream) = acceptor.accept(stream).await else { return heard };
            heard.within = conversation(BufStream::new(stream), true, polite).await.0;
            return heard;
        }
        let manners = move |line: &str| match (kind, line.split(' ').next()) {
            (Kind::Offers(_), Some("EHLO")) => Some("250-test\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN"),
            (Kind::Offers(answer), Some("STARTTLS")) => Some(answer.trim_end()),
            _ => polite(line),
        };
        let (open, stream) = conversation(BufStream::new(stream), true, manners).await;
        heard.open = open;
        if heard.open.last().is_some_and(|line| line == "STARTTLS")
            && let Ok(stream) = acceptor.accept(stream.into_inner()).await
        {
            heard.within = conversation(BufStream::new(stream), false, polite).await.0;
        }
        heard
    });
    (address, heard)
}

/// Answers until QUIT, STARTTLS, or the client goes.
async fn conversation<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: BufStream<S>,
    greets: bool,
    manners: impl Fn(&str) -> Option<&'static str>,
) -> (Vec<String>, BufStream<S>) {
    let (mut heard, mut in_message) = (Vec::new(), false);
    let mut answer = greets.then_some("220 test");
    loop {
        if let Some(said) = answer.take() {
            let told = stream.write_all(format!("{said}\r\n").as_bytes()).await.and(stream.flush().await);
            if told.is_err() || matches!(heard.last().map(String::as_str), Some("QUIT" | "STARTTLS")) {
                return (heard, stream);
            }
        }
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or_default() == 0 {
            return (heard, stream);
        }
        let line = line.trim_end();
        heard.push(line.to_owned());
        if !in_message || line == "." {
            in_message = line == "DATA";
            answer = manners(line);
        }
    }
}

/// Sends a message to a server of this kind; `trusted` is whose word is taken.
async fn sent(to: &str, kind: Kind, identity: &Identity, trusted: &Identity) -> (Result<String, MailError>, Heard) {
    let (address, heard) = server(kind, identity).await;
    let secrets = Secrets::new([("password".to_owned(), Secret::new(PASSWORD))].into());
    let Ok(mut prepared) = prepare(mail(to), &[to.parse().expect("a server")], &secrets) else {
        panic!("the server is granted")
    };
    prepared.trusted = vec![Certificate::from_der(trusted.certificate.clone()).expect("a certificate")];
    let sent = hand_over(&prepared, &[address], &secrets, PATIENCE).await;
    (sent, heard.await.expect("the server ends"))
}

fn not_sent(sent: &Result<String, MailError>, why: &str) -> bool {
    matches!(sent, Err(MailError::NotSent(said)) if said.contains(why))
}

/// The words of the commands, without the message.
fn commands(heard: &[String]) -> Vec<&str> {
    let words = heard.iter().filter_map(|line| line.split([' ', ':']).next());
    words.filter(|word| ["EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"].contains(word)).collect()
}

#[tokio::test]
async fn with_tls_from_the_first_byte_a_message_is_handed_over() {
    let identity = Identity::of("mail.example.com");
    let (sent, heard) = sent(WRAPPED, Kind::Wrapped, &identity, &identity).await;
    assert_eq!(sent, Ok("queued as 42".to_owned()));
    assert_eq!(heard.within[1], format!("AUTH PLAIN {}", base64_of(&format!("\0ana\0{PASSWORD}"))));
    // The second MAIL is a line of the message.
    assert_eq!(commands(&heard.within), ["EHLO", "AUTH", "MAIL", "RCPT", "RCPT", "DATA", "MAIL", "QUIT"]);
}

#[tokio::test]
async fn over_the_open_line_goes_nothing_but_the_greeting() {
    let identity = Identity::of("mail.example.com");
    let (sent, heard) = sent(STARTTLS, GOES_ON, &identity, &identity).await;
    assert_eq!(sent, Ok("queued as 42".to_owned()));
    assert_eq!(commands(&heard.open), ["EHLO", "STARTTLS"]);
    assert_eq!(heard.open.len(), 2);
    assert_eq!(commands(&heard.within), ["EHLO", "AUTH", "MAIL", "RCPT", "RCPT", "DATA", "MAIL", "QUIT"]);
}

#[tokio::test]
async fn a_server_without_starttls_gets_neither_password_nor_message() {
    let identity = Identity::of("mail.example.com");
    let (stripped, heard) = sent(STARTTLS, Kind::Stripped, &identity, &identity).await;
    assert!(not_sent(&stripped, "offers no STARTTLS"), "{stripped:?}");
    assert_eq!(commands(&heard.open), ["EHLO", "QUIT"]);
    let unwilling = Kind::Offers("454 not now\r\n");
    let (refused, heard) = sent(STARTTLS, unwilling, &identity, &identity).await;
    assert!(matches!(&refused, Err(MailError::Later(why)) if why.contains("not now")), "{refused:?}");
    assert_eq!(commands(&heard.open), ["EHLO", "STARTTLS"]);
    assert_eq!(heard.within, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_said_before_the_handshake_is_no_answer_within_tls() {
    let identity = Identity::of("mail.example.com");
    let put_in = Kind::Offers("220 go on\r\n250-evil\r\n250 AUTH PLAIN LOGIN\r\n");
    let (sent, heard) = sent(STARTTLS, put_in, &identity, &identity).await;
    assert!(matches!(sent, Err(MailError::NotSent(_))), "{sent:?}");
    assert_eq!(heard.within, Vec::<String>::new());
}

#[tokio::test]
async fn a_certificate_that_is_not_the_servers_ends_the_talk() {
    let good = Identity::of("mail.example.com");
    let expired = Identity::changed("mail.example.com", |wanted| {
        (wanted.not_before, wanted.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
    });
    let other_name = Identity::of("mail.example.org");
    let stranger = Identity::changed("mail.example.com", |wanted| {
        wanted.distinguished_name.push(DnType::CommonName, "Somebody else");
    });
    for (server, kind) in [(WRAPPED, Kind::Wrapped), (STARTTLS, GOES_ON)] {
        for (shown, trusted, why) in [
            (&other_name, &other_name, "not valid for name"),
            (&expired, &expired, "expired"),
            (&good, &stranger, "UnknownIssuer"),
        ] {
            let (sent, heard) = sent(server, kind, shown, trusted).await;
            assert!(not_sent(&sent, why), "{server} {why}: {sent:?}");
            assert_eq!(heard.within, Vec::<String>::new(), "{server} {why}");
            assert!(!commands(&heard.open).contains(&"AUTH"), "{heard:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_left_at_the_first_byte() {
    let identity = Identity::of("mail.example.com");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        stream.write_all(b"220 test\r\n").await.expect("the greeting");
        let mut all = Vec::new();
        // A reset is an end too.
        drop(stream.read_to_end(&mut all).await);
        all
    });
    let secrets = Secrets::new([("password".to_owned(), Secret::new(PASSWORD))].into());
    let Ok(mut prepared) = prepare(mail(WRAPPED), &[WRAPPED.parse().expect("a server")], &secrets) else {
        panic!("the server is granted")
    };
    prepared.trusted = vec![Certificate::from_der(identity.certificate).expect("a certificate")];
    let sent = hand_over(&prepared, &[address], &secrets, PATIENCE).await;
    assert!(matches!(sent, Err(MailError::NotSent(_))), "{sent:?}");
    let heard = heard.await.expect("the server ends");
    assert!(!String::from_utf8_lossy(&heard).contains("EHLO"), "only the handshake's first message came");
}
