//! How the server is reached: addresses, time limits, proxies, other origins, TLS.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;
use reqwest::Url;

use super::values::{ConfigError, Values};

/// Where it listens, how it is reached, and how it stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    pub host: String,
    /// Whether development mode may listen where other machines reach it.
    pub dev_public: bool,
    /// 0 for a free one.
    pub port: u16,
    /// Without a slash at the end.
    pub public_url: Option<String>,
    pub shutdown: Duration,
    pub timeouts: Timeouts,
    pub capacity: Capacity,
    /// Whose `Forwarded` and `X-Forwarded-For` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whose pages may call the API, as browsers write them.
    pub cors_origins: Vec<String>,
    /// Absent: HTTP in the clear.
    pub tls: Option<TlsFiles>,
    /// Whether `/` is the IDE.
    pub ide: bool,
}

impl Server {
    /// In development mode SQL and the codes of mails are shown, so that other
    /// machines do not reach it unless that is wanted.
    ///
    /// # Errors
    /// What to do about it.
    pub fn check_exposure(&self, development: bool) -> Result<(), ConfigError> {
        if !development || self.dev_public || is_loopback(&self.host) {
            return Ok(());
        }
        let host = &self.host;
        Err(ConfigError(vec![format!(
            "server.host: in development mode answers show their SQL, the log shows codes of mails, and unsigned \
             plugins are installed: other machines must not reach it. Listen on 127.0.0.1, or leave development mode; \
             on a network that you trust, add --dev-public (dev_public = true) to listen on {host}"
        )]))
    }
}

/// How long each part of a request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// The head of a request, and a TLS handshake.
    pub head: Duration,
    /// The whole body of a request.
    pub body: Duration,
    /// A whole request with files, and the work on it.
    pub upload: Duration,
    /// The work on a request, from the end of its body to the answer.
    pub request: Duration,
    /// A client that takes nothing of its answer.
    pub write: Duration,
    /// A connection without a request.
    pub idle: Duration,
}

/// How much goes on at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    pub connections: usize,
    /// Connections, and requests, of one client network.
    pub per_network: usize,
    /// Requests that are worked on.
    pub requests: usize,
}

/// The files of the certificate, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by those that signed it.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Requests of one client network that are passed on in a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub webhooks_per_minute: u32,
    pub payment_returns_per_minute: u32,
}

pub(super) fn server(values: &mut Values) -> Server {
    let public_url = values.optional("server.public_url").map(|url| url.trim_end_matches('/').to_owned());
    let web = |url: &String| url.starts_with("http://") || url.starts_with("https://");
    values.check(public_url.as_ref().is_none_or(web), "server.public_url", "it must begin with http:// or https://");
    Server {
        host: values.get("server.host"),
        dev_public: values.get("dev_public"),
        port: u16::try_from(values.within("server.port", 0, 65_535)).unwrap_or_default(),
        public_url,
        shutdown: Duration::from_secs(values.within("server.shutdown_seconds", 0, 600)),
        timeouts: timeouts(values),
        capacity: capacity(values),
        trusted_proxies: trusted_proxies(values),
        cors_origins: cors_origins(values),
        tls: tls(values),
        ide: values.get("server.ide"),
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

fn timeouts(values: &mut Values) -> Timeouts {
    let mut seconds = |name, most| Duration::from_secs(values.within(name, 1, most));
    Timeouts {
        head: seconds("server.header_seconds", 120),
        body: seconds("server.body_seconds", 600),
        upload: seconds("server.upload_seconds", 3600),
        request: seconds("server.request_seconds", 600),
        write: seconds("server.write_seconds", 600),
        idle: seconds("server.idle_seconds", 600),
    }
}

fn capacity(values: &mut Values) -> Capacity {
    let mut number = |name, most| usize::try_from(values.within(name, 1, most)).unwrap_or(usize::MAX);
    Capacity {
        connections: number("server.connections", 1_000_000),
        per_network: number("server.connections_per_network", 1_000_000),
        requests: number("server.requests", 100_000),
    }
}

pub(super) fn limits(values: &mut Values) -> Limits {
    let mut number = |name| u32::try_from(values.within(name, 1, 1_000_000)).unwrap_or(u32::MAX);
    Limits {
        webhooks_per_minute: number("limits.webhooks_per_minute"),
        payment_returns_per_minute: number("limits.payment_returns_per_minute"),
    }
}

/// Networks, or single addresses.
fn trusted_proxies(values: &mut Values) -> Vec<IpNet> {
    let listed: Vec<String> = values.get("server.trusted_proxies");
    let read = |text: &String| text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok();
    let networks: Vec<Option<IpNet>> = listed.iter().map(read).collect();
    let whole = networks.iter().all(Option::is_some);
    values.check(
        whole,
        "server.trusted_proxies",
        "each must be an address or a network such as 10.0.0.0/8 or fd00::/8",
    );
    networks.into_iter().flatten().collect()
}

fn cors_origins(values: &mut Values) -> Vec<String> {
    let listed: Vec<String> = values.get("server.cors_origins");
    for origin in listed.iter().filter(|origin| !is_origin(origin)) {
        let problem = match origin.as_str() {
            "*" => "\"*\" would let every page of the web call the API. List the origins of your sites".to_owned(),
            other => format!(
                "\"{other}\" is no origin as browsers send it: scheme, host and port, without a path or a slash at the end, such as https://example.org or http://localhost:3000"
            ),
        };
        values.check(false, "server.cors_origins", &problem);
    }
    listed
}

/// Whether a browser would send exactly this text in `Origin`.
fn is_origin(text: &str) -> bool {
    let web = |url: &Url| matches!(url.scheme(), "http" | "https");
    let is_written_so = |url: Url| web(&url) && url.origin().ascii_serialization() == text;
    // A star would be part of a host's name, and match nothing.
    !text.contains('*') && Url::parse(text).is_ok_and(is_written_so)
}

fn tls(values: &mut Values) -> Option<TlsFiles> {
    let (certificate, key) = (values.optional("server.tls_certificate"), values.optional("server.tls_key"));
    let together = certificate.is_some() == key.is_some();
    values.check(together, "server.tls_certificate", "it needs server.tls_key, and the other way round");
    let (certificate, key) = (PathBuf::from(certificate?), PathBuf::from(key?));
    Some(TlsFiles { certificate, key })
}
