//! What every request gets: an id, a log line, security headers, and an
//! answer even when a handler panics.

use std::{panic::AssertUnwindSafe, time::Instant};

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use futures::FutureExt as _;
use lyceum_graphql::error_json;
use lyceum_kernel::{Failure, Id};
use tracing::Instrument as _;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The IDE is one page with its script and style in it; it talks to us alone.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
const DATA_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

pub(super) async fn around(mut request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let value = HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("-"));
    request.headers_mut().insert(REQUEST_ID, value.clone());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let span = tracing::info_span!("request", request_id = id, %method, path);
    let started = Instant::now();
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone()).await;
    let mut response = answer.unwrap_or_else(|_| span.in_scope(|| broken(&id)));
    let milliseconds = started.elapsed().as_secs_f64() * 1000.0;
    span.in_scope(|| tracing::info!(status = response.status().as_u16(), milliseconds, "answered"));
    protect(response.headers_mut());
    response.headers_mut().insert(REQUEST_ID, value);
    response
}

/// The id that a proxy gave, when it is one, or a new one.
fn request_id(headers: &HeaderMap) -> String {
    let fine = |text: &&str| {
        (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(fine);
    given.map_or_else(|| Id::new().to_string(), str::to_owned)
}

/// A handler panicked. The panic hook has logged where.
fn broken(id: &str) -> Response {
    let failure = Failure::internal("a handler panicked");
    let body = serde_json::json!({ "errors": [error_json(&failure, &[], id)] });
    let headers = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    (StatusCode::INTERNAL_SERVER_ERROR, headers, Body::from(body.to_string())).into_response()
}

fn protect(headers: &mut HeaderMap) {
    let is_page = headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    let policy = if is_page { PAGE_POLICY } else { DATA_POLICY };
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}
