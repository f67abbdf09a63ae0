//! A mail server of the test's own: EHLO, AUTH PLAIN, MAIL, RCPT, DATA and QUIT
//! of RFC 5321 and 4954, one connection; with TLS in `tls`.

mod tls;

use std::sync::Arc;

use lyceum_domain::plugin::Secret;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    task::JoinHandle,
};

use super::*;

const PASSWORD: &str = "hunter2hunter2";

/// How the server behaves: its answer to a command, or silence.
type Manners = fn(&str) -> Option<&'static str>;

/// The server's address, and all that it was told.
async fn server(manners: Manners) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let heard = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        let (reading, mut writing) = stream.into_split();
        let (mut lines, mut heard, mut in_message) = (BufReader::new(reading).lines(), Vec::new(), false);
        writing.write_all(b"220 test\r\n").await.expect("the greeting");
        while let Ok(Some(line)) = lines.next_line().await {
            heard.push(line.clone());
            if in_message && line != "." {
                continue;
            }
            in_message = line == "DATA";
            let Some(answer) = manners(&line) else { break };
            if writing.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() || line == "QUIT" {
                return heard;
            }
        }
        // Silence: the line stays open until the client goes.
        while let Ok(Some(line)) = lines.next_line().await {
            heard.push(line);
        }
        heard
    });
    (format!("smtp://{address}"), heard)
}

fn polite(line: &str) -> Option<&'static str> {
    Some(match line.split(' ').next().unwrap_or_default() {
        "EHLO" => "250-test\r\n250 AUTH PLAIN LOGIN",
        "AUTH" => "235 welcome",
        "DATA" => "354 go on",
        "." => "250 queued as 42",
        "QUIT" => "221 bye",
        _ => "250 fine",
    })
}

fn mail(server: &str) -> Mail {
    Mail {
        server: server.to_owned(),
        login: Some(("ana".into(), "password".into())),
        sender: "shop@example.com".into(),
        recipients: vec!["ben@example.com".into(), "cy@example.com".into()],
        message: b"Subject: Hi\n\nHello\n.\nMAIL FROM:<evil@example.com>\r\n".to_vec(),
    }
}

async fn send(mail: Mail, granted: &str, time: Duration) -> Result<String, MailError> {
    let secrets = Secrets::new([("password".to_owned(), Secret::new(PASSWORD))].into());
    let granted: Vec<MailServer> = granted.parse().into_iter().collect();
    Egress::new().expect("a client").deliver(mail, &granted, &secrets, time).await
}

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_message_is_handed_over_after_signing_in() {
    let (address, heard) = server(polite).await;
    let said = send(mail(&address), &address, PATIENCE).await;
    assert_eq!(said, Ok("queued as 42".to_owned()));
    let heard = heard.await.expect("the server ends");
    assert_eq!(heard[1], format!("AUTH PLAIN {}", base64_of(&format!("\0ana\0{PASSWORD}"))));
    assert!(heard[2].starts_with("MAIL FROM:<shop@example.com>"), "{heard:?}");
    assert_eq!(&heard[3..5], ["RCPT TO:<ben@example.com>", "RCPT TO:<cy@example.com>"]);
    // A lone dot is no end, and what stands behind it is no command.
    // The empty line is the client's: it ends every message with a line of its own.
    assert_eq!(&heard[6..], ["Subject: Hi", "", "Hello", "..", "MAIL FROM:<evil@example.com>", "", ".", "QUIT"]);
}

fn base64_of(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[tokio::test]
async fn no_for_good_and_not_now_are_told_apart() {
    let never: Manners = |line| if line.starts_with("RCPT") { Some("550 no such user") } else { polite(line) };
    let (address, _heard) = server(never).await;
    let refused = send(mail(&address), &address, PATIENCE).await;
    assert!(matches!(&refused, Err(MailError::Rejected(why)) if why.contains("no such user")), "{refused:?}");
    let later: Manners = |line| if line.starts_with("RCPT") { Some("451 try later") } else { polite(line) };
    let (address, _heard) = server(later).await;
    let refused = send(mail(&address), &address, PATIENCE).await;
    assert!(matches!(&refused, Err(MailError::Later(why)) if why.contains("try later")), "{refused:?}");
}

#[tokio::test]
async fn a_server_that_falls_silent_is_left() {
    let mute: Manners = |line| if line == "." { None } else { polite(line) };
    let (address, _heard) = server(mute).await;
    let sent = send(mail(&address), &address, Duration::from_millis(500)).await;
    assert!(matches!(sent, Err(MailError::MaybeSent(_))), "{sent:?}");
    let mute: Manners = |line| if line.starts_with("AUTH") { None } else { polite(line) };
    let (address, _heard) = server(mute).await;
    let sent = send(mail(&address), &address, Duration::from_millis(500)).await;
    assert!(matches!(sent, Err(MailError::NotSent(_))), "{sent:?}");
}

#[tokio::test]
async fn a_server_that_says_the_password_does_not_tell_the_guest() {
    // `\0ana\0hunter2hunter2` in base64, as it came.
    let echo: Manners = |line| match line.starts_with("AUTH") {
        true => Some("535 wrong: hunter2hunter2 AGFuYQBodW50ZXIyaHVudGVyMg=="),
        false => polite(line),
    };
    let (address, _heard) = server(echo).await;
    let Err(MailError::Rejected(said)) = send(mail(&address), &address, PATIENCE).await else {
        panic!("the server refused")
    };
    assert!(said.contains("wrong: [secret]"), "{said}");
    assert!(
        !said.contains(PASSWORD) && !said.contains("b2R1bnRlcjJodW50ZXIy") && !said.contains("odW50ZXIy"),
        "{said}"
    );
}

#[tokio::test]
async fn what_is_not_granted_or_not_proper_never_leaves() {
    let granted = "smtps://mail.example.com:465";
    let try_out = async |change: fn(&mut Mail)| {
        let mut wrong = mail(granted);
        change(&mut wrong);
        send(wrong, granted, PATIENCE).await
    };
    let denied = [
        try_out(|mail| mail.server = "smtp://mail.example.com:465".into()).await,
        try_out(|mail| mail.server = "smtp://127.0.0.1:25".into()).await,
        try_out(|mail| mail.login = Some(("ana".into(), "other".into()))).await,
    ];
    assert!(denied.iter().all(|sent| matches!(sent, Err(MailError::Denied(_)))), "{denied:?}");
    let invalid = [
        try_out(|mail| mail.sender = "a@example.com>\r\nRCPT TO:<b@example.com".into()).await,
        try_out(|mail| mail.recipients = vec!["a@example.com> SIZE=1".into()]).await,
        try_out(|mail| mail.recipients = vec!["a@example.com".into(); 51]).await,
        try_out(|mail| mail.recipients.clear()).await,
        try_out(|mail| mail.message = vec![b'x'; MESSAGE_BYTES + 1]).await,
    ];
    assert!(invalid.iter().all(|sent| matches!(sent, Err(MailError::Invalid(_)))), "{invalid:?}");
}

/// Says first one address, then another.
struct Changing(std::sync::atomic::AtomicUsize, [&'static str; 2]);

#[async_trait::async_trait]
impl super::super::names::Lookup for Changing {
    async fn addresses(&self, _name: &str) -> std::io::Result<Vec<std::net::IpAddr>> {
        let asked = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(vec![self.1[asked.min(1)].parse().expect("an address")])
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_is_denied() {
    let inside = Arc::new(Changing(Default::default(), ["10.0.0.1", "10.0.0.1"]));
    let egress = Egress::looking_up(inside).expect("a client");
    let granted = ["smtps://mail.example.com:465".parse().expect("a server")];
    let secrets = Secrets::new([("password".to_owned(), Secret::new(PASSWORD))].into());
    let sent = egress.deliver(mail("smtps://mail.example.com:465"), &granted, &secrets, PATIENCE).await;
    assert!(matches!(&sent, Err(MailError::Denied(why)) if why.contains("10.0.0.1")), "{sent:?}");
}

/// Each message of a batch may be one request of the call.
#[test]
fn a_full_batch_can_be_sent_in_one_call() {
    let requests = crate::limits::World::Notify.limits().http_calls;
    assert_eq!(u32::try_from(lyceum_domain::notification::BATCH), Ok(requests));
}

#[test]
fn notify_smtp_can_be_granted_any_one_server() {
    let manifest: toml::Table =
        include_str!("../../../../../plugins/notify-smtp/plugin.toml").parse().expect("the manifest is TOML");
    let asked = manifest["permissions"]["smtp"]["hosts"].as_array().expect("it asks for servers");
    let asked: Vec<MailServer> =
        asked.iter().filter_map(|host| host.as_str()).map(|host| host.parse().expect("a server")).collect();
    assert_eq!(asked.len(), 2);
    for text in [
        "smtps://mail.example.com:465",
        "smtps://mail.example.com:2465",
        "smtp://127.0.0.1:2525",
        "smtp://[::1]:25",
        "smtp://localhost:1025",
        "smtp://10.0.0.5:25",
    ] {
        let server: MailServer = text.parse().expect("a server");
        assert!(server.grantable().is_ok() && asked.iter().any(|asked| asked.covers(&server)), "{text}");
    }
    assert!(asked.iter().all(|asked| asked.grantable().is_err()), "the owner names one");
}
