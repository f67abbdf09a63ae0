//! Which pages of other origins may call the API from a browser.
//!
//! **Invariant:** only `/graphql`, only for the origins that are configured,
//! letter by letter, and never with cookies: the API knows bearer tokens only.

use std::{sync::Arc, time::Duration};

use axum::http::{HeaderName, HeaderValue, Method, header, request::Parts};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// How long a browser remembers what it may do. Browsers cut it to two hours.
const PREFLIGHT_LIFETIME: Duration = Duration::from_secs(2 * 60 * 60);

const REQUEST_HEADERS: [HeaderName; 10] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::IF_NONE_MATCH,
    HeaderName::from_static("apollo-require-preflight"),
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("x-apollo-operation-name"),
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("x-requested-with"),
];

const EXPOSED_HEADERS: [HeaderName; 7] = [
    HeaderName::from_static("x-request-id"),
    header::RETRY_AFTER,
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    header::ETAG,
    header::CONTENT_LANGUAGE,
    header::WWW_AUTHENTICATE,
];

/// `development` allows every port of this machine too.
pub(super) fn layer(origins: &[String], development: bool) -> CorsLayer {
    let listed: Arc<[HeaderValue]> = origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    let allowed = move |origin: &HeaderValue, request: &Parts| {
        request.uri.path() == "/graphql" && (listed.contains(origin) || (development && is_of_this_machine(origin)))
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(allowed))
        .allow_methods([Method::GET, Method::POST, Method::OPTIONS])
        .allow_headers(REQUEST_HEADERS)
        .expose_headers(EXPOSED_HEADERS)
        .max_age(PREFLIGHT_LIFETIME)
        .vary([header::ORIGIN])
}

/// `http://localhost` or `http://127.0.0.1`, with a port or without.
fn is_of_this_machine(origin: &HeaderValue) -> bool {
    let Some(host) = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://")) else { return false };
    let (host, port) = host.split_once(':').unwrap_or((host, "80"));
    matches!(host, "localhost" | "127.0.0.1") && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_development_this_machine_is_an_origin_and_nothing_like_it() {
        let local = |origin: &str| is_of_this_machine(&HeaderValue::from_str(origin).expect("a value"));
        assert!(local("http://localhost:3000") && local("http://127.0.0.1:5173") && local("http://localhost"));
        for other in [
            "https://localhost:3000",
            "http://localhost.evil.example",
            "http://localhost:3000.evil.example",
            "http://127.0.0.1.evil.example:80",
            "http://localhost:",
            "null",
        ] {
            assert!(!local(other), "{other}");
        }
    }
}
