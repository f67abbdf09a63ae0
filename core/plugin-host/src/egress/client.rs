//! Sends one request for a plugin, once.
//!
//! **Invariant:** the answer to a request with a secret comes whole and as it is
//! written, so that an echo of the secret is seen and taken out. What is
//! compressed, or a part that the guest chose, would hide it.

use std::{
    error::Error as StdError,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::{
    Client, ClientBuilder, Method, Request, Url,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING},
    redirect,
};

use super::{
    Origin, OriginPattern, Reach, Secrets,
    names::{AddressRefused, Lookup, Only, System},
    script::{Exchange, Script},
};
use crate::limits;

/// Largest part of the remaining time that making a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// Headers of one request.
const HEADERS: usize = 64;

/// The clients, one for the internet and one for what the owner marked local.
pub(crate) struct Egress {
    public: Client,
    local: Client,
    pub(super) lookup: Arc<dyn Lookup>,
    /// What answers in the place of the network, in a test.
    pub(super) script: Option<Script>,
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
    /// How long taking the secrets out took: the guest's to pay.
    pub redacted_in: Duration,
}

/// An answer as it came.
pub(super) struct Raw {
    pub status: u16,
    /// Name and value.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Raw {
    pub fn redacted(self, secrets: &Secrets) -> Incoming {
        let started = Instant::now();
        let header = |(name, value): (String, String)| (secrets.redact_text(&name), secrets.redact_text(&value));
        let headers = self.headers.into_iter().map(header).collect();
        let body = secrets.redact(self.body);
        Incoming { status: self.status, headers, body, redacted_in: started.elapsed() }
    }
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

impl Egress {
    /// # Errors
    /// The TLS library does not start.
    pub fn new() -> Result<Self, reqwest::Error> {
        Self::looking_up(Arc::new(System))
    }

    /// # Errors
    /// The TLS library does not start.
    pub fn looking_up(lookup: Arc<dyn Lookup>) -> Result<Self, reqwest::Error> {
        let public = builder(Reach::Public, &lookup).https_only(true).build()?;
        Ok(Self { public, local: builder(Reach::Local, &lookup).build()?, lookup, script: None })
    }

    /// Answers from this list from now on; nothing leaves.
    pub fn scripted(self, exchanges: Vec<Exchange>) -> Self {
        Self { script: Some(Script::new(exchanges)), ..self }
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
        if let Some(script) = &self.script {
            return script.answer(&request, secrets);
        }
        *request.timeout_mut() = Some(remaining);
        let carries_secret = request.headers().values().any(HeaderValue::is_sensitive);
        let client = if origin.is_local() { &self.local } else { &self.public };
        let response = client.execute(request).await.map_err(|error| failure(error, secrets))?;
        if carries_secret && !is_as_written(response.headers()) {
            return Err(SendError::MaybeSent("the answer to a request with a secret is compressed".into()));
        }
        Ok(receive(response).await?.redacted(secrets))
    }
}

fn builder(reach: Reach, lookup: &Arc<dyn Lookup>) -> ClientBuilder {
    Client::builder()
        .redirect(redirect::Policy::none())
        // A proxy would resolve names itself, past our check.
        .no_proxy()
        // A small body could become a large one: the guest gets it as it came.
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd()
        .connect_timeout(CONNECT)
        .dns_resolver(Arc::new(Only { reach, lookup: Arc::clone(lookup) }))
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
    let carries_secret = written.iter().any(|(_, text)| matches!(text, HeaderText::Secret(..)));
    for (name, text) in written {
        let key: HeaderName = name.parse().map_err(|_| SendError::NotSent("a header has no proper name".into()))?;
        if OURS.contains(&key.as_str()) {
            return Err(SendError::NotSent(format!("the header `{key}` is set by the host")));
        }
        if carries_secret && HIDING.contains(&key.as_str()) {
            return Err(SendError::NotSent(format!("the header `{key}` does not go with a secret")));
        }
        headers.append(key, header_value(text, secrets)?);
    }
    if carries_secret {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    Ok(headers)
}

/// Headers that ask for an answer in which a secret is not seen. The last is an
/// old name that servers still know.
const HIDING: &[&str] = &["accept-encoding", "range", "request-range"];

/// Whether a body comes as it is written, but for the pieces in which it is sent.
fn is_as_written(headers: &HeaderMap) -> bool {
    let all = |name, plain: &[&str]| {
        let codings = headers.get_all(name).into_iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        let mut codings = codings.map(<[u8]>::trim_ascii);
        codings.all(|coding| plain.iter().any(|plain| coding.eq_ignore_ascii_case(plain.as_bytes())))
    };
    all(CONTENT_ENCODING, &["", "identity"]) && all(TRANSFER_ENCODING, &["", "identity", "chunked"])
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
    let secret =
        secrets.to_send(&name).ok_or_else(|| SendError::Denied(format!("the secret `{name}` is not granted")))?;
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

async fn receive(mut response: reqwest::Response) -> Result<Raw, SendError> {
    let status = response.status().as_u16();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| SendError::MaybeSent(chain(&e.without_url())))? {
        if body.len() + chunk.len() > limits::HTTP_RESPONSE_BYTES {
            let most = limits::HTTP_RESPONSE_BYTES;
            return Err(SendError::MaybeSent(format!("the response has more than {most} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Raw { status, headers, body })
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
    fn a_request_with_a_secret_asks_for_an_answer_that_hides_nothing() {
        let with = |header: Option<(&'static str, &str)>| {
            let secret = ("authorization", HeaderText::Secret(String::new(), "key".into()));
            let header = header.map(|(name, value)| (name, HeaderText::Plain(value.into())));
            try_out("https://api.example.com/", [secret].into_iter().chain(header).collect())
        };
        let request = with(None).expect("granted");
        assert_eq!(request.headers()["accept-encoding"], "identity");
        for (name, value) in [("Accept-Encoding", "gzip"), ("range", "bytes=0-3"), ("Request-Range", "bytes=0-3")] {
            let refused = SendError::NotSent(format!("the header `{}` does not go with a secret", name.to_lowercase()));
            assert_eq!(with(Some((name, value))).map(drop), Err(refused));
            let plain = vec![(name, HeaderText::Plain(value.into()))];
            let request = try_out("https://api.example.com/", plain).expect("there is no secret in it");
            assert_eq!(request.headers()[name], value);
            assert_eq!(request.headers().len(), 1);
        }
    }

    #[test]
    fn an_answer_is_as_it_is_written_unless_it_says_otherwise() {
        let plain = |headers: &[(&'static str, &'static str)]| {
            let headers =
                headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            is_as_written(&headers.collect())
        };
        assert!(plain(&[]));
        assert!(plain(&[("content-encoding", "Identity"), ("transfer-encoding", "chunked")]));
        assert!(!plain(&[("content-encoding", "gzip")]));
        assert!(!plain(&[("content-encoding", "identity, br")]));
        assert!(!plain(&[("transfer-encoding", "gzip, chunked")]));
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

    /// Says first one address, then another.
    struct Changing(std::sync::atomic::AtomicUsize, [&'static str; 2]);

    #[async_trait::async_trait]
    impl Lookup for Changing {
        async fn addresses(&self, _name: &str) -> std::io::Result<Vec<std::net::IpAddr>> {
            let asked = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok(vec![self.1[asked.min(1)].parse().expect("an address")])
        }
    }

    #[tokio::test]
    async fn a_connection_goes_to_the_address_that_was_checked() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        listener.set_nonblocking(true).expect("a socket");
        let heard = tokio::spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            let (mut stream, _) = listener.accept().await.expect("a client");
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            // A request that was not read would be answered by a reset.
            let read = stream.read(&mut [0; 4096]).await.expect("a request");
            assert!(read > 0);
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("an answer");
        });
        // A second question would lead to another machine.
        let names = Arc::new(Changing(Default::default(), ["127.0.0.1", "192.168.255.1"]));
        let asked: Arc<dyn Lookup> = Arc::<Changing>::clone(&names);
        let client = builder(Reach::Local, &asked).build().expect("a client");
        let request = Request::new(Method::GET, format!("http://rebound.test:{port}/").parse().expect("an address"));
        assert_eq!(client.execute(request).await.map(|answer| answer.status().as_u16()).ok(), Some(204));
        assert_eq!(names.0.load(std::sync::atomic::Ordering::Relaxed), 1);
        heard.await.expect("the server ends");
    }

    #[tokio::test]
    async fn an_answer_that_changes_to_the_inside_is_denied() {
        let names: Arc<dyn Lookup> = Arc::new(Changing(Default::default(), ["127.0.0.1", "127.0.0.1"]));
        let egress = Egress::looking_up(names).expect("a client");
        let granted = ["https://rebound.test".parse().expect("an origin")];
        let request = outgoing("https://rebound.test/", vec![]);
        let sent = egress.send(request, &granted, &Secrets::default(), CONNECT).await.map(|answer| answer.status);
        assert!(matches!(sent, Err(SendError::Denied(_))), "{sent:?}");
    }
}
