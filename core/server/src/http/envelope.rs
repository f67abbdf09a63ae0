//! What every request gets: an id, its client's address, a log line and
//! security headers.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Instant,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use ipnet::IpNet;
use lyceum_kernel::Id;
use tracing::Instrument as _;

use super::client::ClientAddress;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// For everything that is no page.
const DATA_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// A year. Not for subdomains, which may be somebody else's.
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// What the envelope has to know.
#[derive(Clone)]
pub(super) struct Envelope {
    pub trusted_proxies: Arc<[IpNet]>,
    /// Whether this server speaks HTTPS itself.
    pub encrypted: bool,
}

pub(super) async fn around(State(envelope): State<Envelope>, mut request: Request, next: Next) -> Response {
    let id = given_or_new_id(request.headers());
    let value = HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("-"));
    request.headers_mut().insert(REQUEST_ID, value.clone());
    let client = identify(&mut request, &envelope.trusted_proxies);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let span = tracing::info_span!("request", request_id = id, %method, path, client = %client.ip);
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let milliseconds = started.elapsed().as_secs_f64() * 1000.0;
    span.in_scope(|| tracing::info!(status = response.status().as_u16(), milliseconds, "answered"));
    protect(response.headers_mut(), envelope.encrypted);
    response.headers_mut().insert(REQUEST_ID, value);
    response
}

/// Everything after this sees the client as the other end of the connection.
/// A request without a connection, in a test, is of nowhere.
fn identify(request: &mut Request, trusted: &[IpNet]) -> ClientAddress {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let client = ClientAddress::of(peer.unwrap_or(Ipv4Addr::UNSPECIFIED.into()), request.headers(), trusted);
    request.extensions_mut().insert(client);
    request.extensions_mut().insert(ConnectInfo(SocketAddr::new(client.ip, 0)));
    client
}

/// The id of a request that is in the envelope.
pub(super) fn request_id(headers: &HeaderMap) -> &str {
    headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The id that a proxy gave, when it is one, or a new one.
fn given_or_new_id(headers: &HeaderMap) -> String {
    let fine = |text: &&str| {
        (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let given = Some(request_id(headers)).filter(fine);
    given.map_or_else(|| Id::new().to_string(), str::to_owned)
}

fn protect(headers: &mut HeaderMap, encrypted: bool) {
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(DATA_POLICY);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if encrypted {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HTTPS_ONLY);
    }
}
