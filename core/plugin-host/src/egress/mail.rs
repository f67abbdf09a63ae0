//! Sends one message for a plugin, once.
//!
//! **Invariants:** nothing but the greeting goes over an open line, unless the
//! owner granted a server on this machine, and nothing that came over it is
//! believed later; a password is put in here and taken out of everything the
//! server says.

mod line;

use std::{io, net::SocketAddr, time::Duration};

use lettre::{
    Address,
    address::Envelope,
    transport::smtp::{
        Error as SmtpError,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, Certificate, TlsParameters, TlsParametersBuilder},
        extension::ClientId,
    },
};

use self::line::Line;
use super::{
    Egress, MailServer, Reach, Secrets,
    mail_server::literal,
    names::{NoAddress, Only},
};

/// Largest message, in bytes, and recipients of one.
const MESSAGE_BYTES: usize = 1 << 20;
const RECIPIENTS: usize = 50;
/// Longest address (RFC 5321 §4.5.3.1: 64 before the `@`, 255 behind it).
const ADDRESS_BYTES: usize = 320;
/// Characters of what a server says that are told.
const SAID: usize = 500;

/// A message as the guest wrote it.
pub(crate) struct Mail {
    pub server: String,
    /// The account and the name of the secret.
    pub login: Option<(String, String)>,
    pub sender: String,
    pub recipients: Vec<String>,
    pub message: Vec<u8>,
}

/// Why it was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum MailError {
    /// The server or the secret is not granted.
    Denied(String),
    /// It can never be sent as it is.
    Invalid(String),
    /// The server said no for good.
    Rejected(String),
    /// The server said not now.
    Later(String),
    /// No byte of the message left.
    NotSent(String),
    /// Bytes left, and no answer came.
    MaybeSent(String),
}

impl Egress {
    /// One attempt, within `remaining`. Gives the server's last line.
    pub async fn deliver(
        &self,
        mail: Mail,
        granted: &[MailServer],
        secrets: &Secrets,
        remaining: Duration,
    ) -> Result<String, MailError> {
        let prepared = prepare(mail, granted, secrets)?;
        if self.script.is_some() {
            return Err(MailError::NotSent("no mail leaves in a test".into()));
        }
        let addresses = self.mail_addresses(&prepared.server);
        let Ok(addresses) = tokio::time::timeout(remaining / 2, addresses).await else {
            return Err(MailError::NotSent("the name server did not answer in time".into()));
        };
        hand_over(&prepared, &addresses?, secrets, remaining).await
    }

    async fn mail_addresses(&self, server: &MailServer) -> Result<Vec<SocketAddr>, MailError> {
        let wanted = if server.is_local() { Reach::Local } else { Reach::Public };
        if let Some((address, reach)) = literal(&server.host) {
            return match reach == wanted {
                true => Ok(vec![(address, server.port()).into()]),
                false => Err(MailError::Denied(format!("{address} may not be reached"))),
            };
        }
        let only = Only { reach: wanted, lookup: self.lookup.clone() };
        only.addresses(&server.host, server.port()).await.map_err(|error| match error {
            NoAddress::Refused(refused) => MailError::Denied(refused.to_string()),
            NoAddress::Unknown(_) => MailError::NotSent("the server's name is not known".into()),
        })
    }
}

/// A message that may be sent.
struct Prepared {
    server: MailServer,
    credentials: Option<Credentials>,
    envelope: Envelope,
    message: Vec<u8>,
    /// Authorities that are trusted beside those of the web: a test's own.
    trusted: Vec<Certificate>,
}

/// Everything that can be refused before a byte leaves.
fn prepare(mail: Mail, granted: &[MailServer], secrets: &Secrets) -> Result<Prepared, MailError> {
    let invalid = |why: &str| MailError::Invalid(why.to_owned());
    let server: MailServer = mail.server.parse().map_err(invalid)?;
    if !granted.contains(&server) {
        return Err(MailError::Denied(format!("the server {server} is not granted")));
    }
    if mail.message.len() > MESSAGE_BYTES {
        return Err(invalid("a message has at most 1 MiB"));
    }
    if mail.recipients.is_empty() || mail.recipients.len() > RECIPIENTS {
        return Err(invalid("a message has 1 to 50 recipients"));
    }
    let recipients = mail.recipients.iter().map(|text| address(text)).collect::<Result<_, _>>()?;
    let envelope = Envelope::new(Some(address(&mail.sender)?), recipients).map_err(|_| invalid("no recipient"))?;
    let credentials = mail.login.map(|login| credentials(login, secrets)).transpose()?;
    Ok(Prepared { server, credentials, envelope, message: with_proper_lines(&mail.message), trusted: Vec::new() })
}

/// An address cannot end its command and begin another.
fn address(text: &str) -> Result<Address, MailError> {
    let plain = text.len() <= ADDRESS_BYTES && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    let parsed = plain.then(|| text.parse().ok()).flatten();
    parsed.ok_or_else(|| MailError::Invalid("an address such as ana@example.com is needed".into()))
}

fn credentials((user, name): (String, String), secrets: &Secrets) -> Result<Credentials, MailError> {
    if user.chars().any(char::is_control) {
        return Err(MailError::Invalid("the account has a control character".into()));
    }
    let denied = || MailError::Denied(format!("the secret `{name}` is not granted"));
    let secret = secrets.to_send(&name).ok_or_else(denied)?;
    let password = String::from_utf8(secret.to_vec());
    let password = password.map_err(|_| MailError::Invalid(format!("the secret `{name}` is no text")))?;
    Ok(Credentials::new(user, password))
}

/// Every line ends in CR LF. With a bare one of the two, servers differ about
/// where a message ends, and a second one could be smuggled behind it.
fn with_proper_lines(message: &[u8]) -> Vec<u8> {
    let mut proper = Vec::with_capacity(message.len() + 64);
    let mut bytes = message.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' => {
                bytes.next_if_eq(&b'\n');
                proper.extend_from_slice(b"\r\n");
            }
            b'\n' => proper.extend_from_slice(b"\r\n"),
            other => proper.push(other),
        }
    }
    proper
}

/// Gives it to the server at one of these addresses, which were checked.
async fn hand_over(
    mail: &Prepared,
    addresses: &[SocketAddr],
    secrets: &Secrets,
    time: Duration,
) -> Result<String, MailError> {
    let mut message_left = false;
    match tokio::time::timeout(time, talk(mail, addresses, time, &mut message_left)).await {
        Ok(Ok(line)) => Ok(said(secrets, &line)),
        Ok(Err(Talk::Refused(why))) => Err(MailError::NotSent(why.into())),
        Ok(Err(Talk::Unreached(error))) => Err(MailError::NotSent(error.to_string())),
        Ok(Err(Talk::Failed(error))) => Err(failure(&error, message_left, secrets)),
        Err(_) if message_left => Err(MailError::MaybeSent("the server did not answer in time".into())),
        Err(_) => Err(MailError::NotSent("the server did not answer in time".into())),
    }
}

enum Talk {
    Refused(&'static str),
    Unreached(io::Error),
    Failed(SmtpError),
}

impl From<SmtpError> for Talk {
    fn from(error: SmtpError) -> Self {
        Self::Failed(error)
    }
}

async fn talk(
    mail: &Prepared,
    addresses: &[SocketAddr],
    time: Duration,
    message_left: &mut bool,
) -> Result<String, Talk> {
    let hello = ClientId::default();
    let mut line = match mail.server.wrapped {
        true => AsyncSmtpConnection::connect_tokio1(addresses, Some(time), &hello, Some(mail.tls()?), None).await?,
        false => open(mail, addresses, &hello).await?,
    };
    if let Some(credentials) = &mail.credentials {
        line.auth(&[Mechanism::Plain, Mechanism::Login], credentials).await?;
    }
    *message_left = true;
    let answer = line.send(&mail.envelope, &mail.message).await?;
    // The message is taken; a server that hangs now does not change that.
    drop(tokio::time::timeout(Duration::from_secs(1), line.quit()).await);
    Ok(answer.message().last().unwrap_or_default().to_owned())
}

/// An open line, and TLS over it unless the server is this machine.
async fn open(mail: &Prepared, addresses: &[SocketAddr], hello: &ClientId) -> Result<AsyncSmtpConnection, Talk> {
    let line = Line::open(addresses).await.map_err(Talk::Unreached)?;
    let mut line = AsyncSmtpConnection::connect_with_transport(Box::new(line), hello).await?;
    if mail.server.is_loopback() {
        return Ok(line);
    }
    if !line.can_starttls() {
        line.abort().await;
        return Err(Talk::Refused("the server offers no STARTTLS"));
    }
    line.starttls(mail.tls()?, hello).await?;
    Ok(line)
}

impl Prepared {
    /// The certificate must be of the name that was granted.
    fn tls(&self) -> Result<TlsParameters, SmtpError> {
        let name = TlsParameters::builder(self.server.host.trim_matches(['[', ']']).to_owned());
        let trusted = self.trusted.iter().cloned();
        trusted.fold(name, TlsParametersBuilder::add_root_certificate).build_rustls()
    }
}

fn failure(error: &SmtpError, message_left: bool, secrets: &Secrets) -> MailError {
    let text = said(secrets, &error.to_string());
    if error.is_permanent() {
        MailError::Rejected(text)
    } else if error.is_transient() {
        MailError::Later(text)
    } else if error.is_client() {
        MailError::Invalid(text)
    } else if message_left {
        MailError::MaybeSent(text)
    } else {
        MailError::NotSent(text)
    }
}

/// What the server says, on one line, short, and without any secret.
fn said(secrets: &Secrets, text: &str) -> String {
    let clean = secrets.redact_text(text);
    clean.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID).collect()
}

#[cfg(test)]
mod tests;
