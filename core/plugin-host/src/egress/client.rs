//! Sends one request for a plugin, once.

use std::{error::Error as StdError, fmt, net::SocketAddr, time::Duration};

use reqwest::{
    Client, ClientBuilder, Method, Request, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect,
};

use super::{Origin, OriginPattern, Reach, Secrets, reach};
use crate::limits;

/// Largest part of the remaining time that making a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// Headers of one request.
const HEADERS: usize = 64;

/// The clients, one for the internet and one for what the owner marked local.
pub(crate) struct Egress {
    public: Client,
    local: Client,
}

/// A request as the guest wrote it.
pub(crate) struct Outgoing {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, HeaderText)>,
    pub body: Vec<u8>,
}

/// A header's value as the guest wrote it.
pub(crate) enum HeaderText {
    Plain(String),
    /// A prefix, then the secret of this name.
    Secret(String, String),
}

/// An answer without any secret in it.
pub(crate) struct Incoming {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SendError {
    /// No byte of the request left.
    NotSent(String),
    /// Bytes may have left.
    MaybeSent(String),
    /// The origin or the secret is not granted.
    Denied(String),
}

/// A name led to an address that may not be reached.
#[derive(Debug)]
struct AddressRefused(SocketAddr);

impl fmt::Display for AddressRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name leads to {}, which may not be reached", self.0.ip())
    }
}

impl StdError for AddressRefused {}

/// Resolves names and lets only addresses of one reach through.
struct Only(Reach);

impl Resolve for Only {
    fn resolve(&self, name: Name) -> Resolving {
        let wanted = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            match found.iter().find(|address| reach(address.ip()) != wanted) {
                Some(bad) => Err(AddressRefused(*bad).into()),
                None => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}

impl Egress {
    /// # Errors
    /// The TLS library does not start.
    pub fn new() -> Result<Self, reqwest::Error> {
        let public = builder(Reach::Public).https_only(true).build()?;
        Ok(Self { public, local: builder(Reach::Local).build()? })
    }

    /// One attempt, within `remaining`.
    pub async fn send(
        &self,
        outgoing: Outgoing,
        granted: &[OriginPattern],
        secrets: &Secrets,
        remaining: Duration,
    ) -> Result<Incoming, SendError> {
        let (origin, mut request) = prepare(outgoing, granted, secrets)?;
        *request.timeout_mut() = Some(remaining);
        let client = if origin.is_local() { &self.local } else { &self.public };
        let response = client.execute(request).await.map_err(|error| failure(error, secrets))?;
        receive(response, secrets).await
    }
}

fn builder(reach: Reach) -> ClientBuilder {
    Client::builder()
        .redirect(redirect::Policy::none())
        // A proxy would resolve names itself, past our check.
        .no_proxy()
        .connect_timeout(CONNECT)
        .dns_resolver(std::sync::Arc::new(Only(reach)))
}

/// Everything that can be refused before a byte leaves.
fn prepare(outgoing: Outgoing, granted: &[OriginPattern], secrets: &Secrets) -> Result<(Origin, Request), SendError> {
    let not_sent = |why: &dyn fmt::Display| SendError::NotSent(why.to_string());
    let url = Url::parse(&outgoing.url).map_err(|e| not_sent(&e))?;
    let origin = Origin::of(&url).map_err(|e| not_sent(&e))?;
    if origin.is_never() || !granted.iter().any(|pattern| pattern.lets_through(&origin)) {
        return Err(SendError::Denied(format!("the origin {origin} is not granted")));
    }
    let method = Method::from_bytes(outgoing.method.as_bytes()).map_err(|e| not_sent(&e))?;
    if method == Method::CONNECT || outgoing.headers.len() > HEADERS {
        return Err(SendError::NotSent("the method or the number of headers is not allowed".into()));
    }
    let mut request = Request::new(method, url);
    *request.headers_mut() = headers(outgoing.headers, secrets)?;
    *request.body_mut() = (!outgoing.body.is_empty()).then(|| outgoing.body.into());
    Ok((origin, request))
}

fn headers(written: Vec<(String, HeaderText)>, secrets: &Secrets) -> Result<HeaderMap, SendError> {
    let mut headers = HeaderMap::new();
    for (name, text) in written {
        let key: HeaderName = name.parse().map_err(|_| SendError::NotSent("a header has no proper name".into()))?;
        if OURS.contains(&key.as_str()) {
            return Err(SendError::NotSent(format!("the header `{key}` is set by the host")));
        }
        headers.append(key, header_value(text, secrets)?);
    }
    Ok(headers)
}

/// Headers about the connection; in a guest's hand they could split requests.
const OURS: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

fn header_value(text: HeaderText, secrets: &Secrets) -> Result<HeaderValue, SendError> {
    let improper = |_| SendError::NotSent("a header has no proper value".into());
    let (prefix, name) = match text {
        HeaderText::Plain(text) => return HeaderValue::from_str(&text).map_err(improper),
        HeaderText::Secret(prefix, name) => (prefix, name),
    };
    let secret = secrets.get(&name).ok_or_else(|| SendError::Denied(format!("the secret `{name}` is not granted")))?;
    let mut value = HeaderValue::from_bytes(&[prefix.as_bytes(), secret].concat()).map_err(improper)?;
    value.set_sensitive(true);
    Ok(value)
}

fn failure(error: reqwest::Error, secrets: &Secrets) -> SendError {
    let mut source: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(cause) = source {
        if let Some(refused) = cause.downcast_ref::<AddressRefused>() {
            return SendError::Denied(refused.to_string());
        }
        source = cause.source();
    }
    let before_a_byte = error.is_connect() || error.is_builder();
    let text = secrets.redact_text(&chain(&error.without_url()));
    if before_a_byte { SendError::NotSent(text) } else { SendError::MaybeSent(text) }
}

fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

async fn receive(mut response: reqwest::Response, secrets: &Secrets) -> Result<Incoming, SendError> {
    let status = response.status().as_u16();
    let text = |value: &HeaderValue| secrets.redact_text(&String::from_utf8_lossy(value.as_bytes()));
    let headers = response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| SendError::MaybeSent(chain(&e.without_url())))? {
        if body.len() + chunk.len() > limits::HTTP_RESPONSE_BYTES {
            let most = limits::HTTP_RESPONSE_BYTES;
            return Err(SendError::MaybeSent(format!("the response has more than {most} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Incoming { status, headers, body: secrets.redact(body) })
}

#[cfg(test)]
mod tests {
    use lyceum_domain::plugin::Secret;

    use super::*;

    fn outgoing(url: &str, headers: Vec<(&str, HeaderText)>) -> Outgoing {
        let headers = headers.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
        Outgoing { method: "POST".into(), url: url.into(), headers, body: Vec::new() }
    }

    fn try_out(url: &str, headers: Vec<(&str, HeaderText)>) -> Result<Request, SendError> {
        let granted = ["https://api.example.com".parse().expect("an origin")];
        let secrets = Secrets::new([("key".to_owned(), Secret::new("s3cret"))].into());
        prepare(outgoing(url, headers), &granted, &secrets).map(|(_, request)| request)
    }

    #[test]
    fn a_secret_is_put_in_by_the_host_and_marked() {
        let secret = HeaderText::Secret("Bearer ".into(), "key".into());
        let request = try_out("https://api.example.com/v1", vec![("authorization", secret)]).expect("granted");
        let value = &request.headers()["authorization"];
        assert_eq!(value.as_bytes(), b"Bearer s3cret");
        assert!(value.is_sensitive());
    }

    #[test]
    fn what_is_not_granted_is_denied_and_what_is_wrong_is_not_sent() {
        let other = HeaderText::Secret(String::new(), "other".into());
        assert!(matches!(try_out("https://api.example.com/", vec![("x", other)]), Err(SendError::Denied(_))));
        assert!(matches!(try_out("https://evil.test/", vec![]), Err(SendError::Denied(_))));
        assert!(matches!(try_out("https://169.254.169.254/", vec![]), Err(SendError::Denied(_))));
        assert!(matches!(try_out("not an address", vec![]), Err(SendError::NotSent(_))));
        for (name, value) in [("host", "evil.test"), ("content-length", "0"), ("x", "a\r\nb: c"), ("a b", "c")] {
            let sent = try_out("https://api.example.com/", vec![(name, HeaderText::Plain(value.into()))]);
            assert!(matches!(sent, Err(SendError::NotSent(_))), "{name}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_denied() {
        let egress = Egress::new().expect("a client");
        let request = Request::new(Method::GET, "https://localhost:1/".parse().expect("an address"));
        let error = egress.public.execute(request).await.expect_err("the resolver refuses");
        assert!(matches!(failure(error, &Secrets::default()), SendError::Denied(_)));
    }

    #[tokio::test]
    async fn a_closed_port_is_surely_not_sent() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let granted = [format!("http://{address}").parse().expect("an origin")];
        let egress = Egress::new().expect("a client");
        let request = outgoing(&format!("http://{address}/"), vec![]);
        let sent = egress.send(request, &granted, &Secrets::default(), CONNECT).await;
        assert!(matches!(sent, Err(SendError::NotSent(_))));
    }
}
