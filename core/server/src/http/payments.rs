//! Where payment providers and returning buyers arrive.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse as _, Redirect, Response},
};
use lyceum_domain::{
    Domains,
    payment::{InboundRequest, Reply, WayBack},
};
use lyceum_kernel::{ErrorCode, Failure};

use super::{client::ClientAddress, envelope::request_id, rate::RateLimiter};
use crate::transport::Network;

/// Networks whose requests are counted.
const NETWORKS: usize = 1 << 16;

/// Counts the requests of each client network.
pub(super) fn limiter(per_minute: u32) -> Arc<RateLimiter<Network>> {
    Arc::new(RateLimiter::new(per_minute, Duration::from_secs(60), NETWORKS))
}

/// Before anything is read or stored: these routes are open to everybody, and
/// each request runs a plugin and may write.
pub(super) async fn limited(
    State(limiter): State<Arc<RateLimiter<Network>>>,
    Extension(client): Extension<ClientAddress>,
    request: Request,
    next: Next,
) -> Response {
    let Err(wait) = limiter.take(client.network(), Instant::now()) else { return next.run(request).await };
    let seconds = wait.seconds();
    let failure = Failure::new(ErrorCode::RateLimited, format!("Too many requests. Try again in {seconds} seconds."))
        .with("retryAfterSeconds", seconds);
    let mut response = super::refused(StatusCode::TOO_MANY_REQUESTS, &failure, request_id(request.headers()));
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    response
}

/// The raw request goes to the provider's plugin; the answer is the provider's format.
pub(super) async fn webhook(
    State(domains): State<Domains>,
    Path(provider): Path<String>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = inbound(&domains, &method, &uri, &headers, body);
    respond(domains.payments.receive_webhook(&provider, request).await)
}

/// Sends a buyer who comes back to the page that the checkout named.
pub(super) async fn come_back(
    State(domains): State<Domains>,
    Path(provider): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let request = inbound(&domains, &Method::GET, &uri, &headers, Bytes::new());
    match domains.payments.return_page(&provider, request).await {
        Ok(returned) => {
            let url = with_order(&returned.return_url, &returned.order_id.with_prefix("order"));
            match returned.way {
                WayBack::Redirect => Redirect::to(&url).into_response(),
                WayBack::Link => leaving(&url),
            }
        }
        Err(failure) => refused(&failure),
    }
}

fn inbound(domains: &Domains, method: &Method, uri: &Uri, headers: &HeaderMap, body: Bytes) -> InboundRequest {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    InboundRequest {
        method: method.to_string(),
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        headers: headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
        body: body.into(),
        received: domains.database.now(),
    }
}

/// A header that HTTP does not allow is left out.
fn respond(reply: Reply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = status;
    for (name, value) in &reply.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// The address with `orderId` in its query, before the fragment.
fn with_order(url: &str, order: &str) -> String {
    let (address, fragment) = url.split_once('#').map_or((url, None), |(address, fragment)| (address, Some(fragment)));
    let joint = if address.contains('?') { '&' } else { '?' };
    let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    format!("{address}{joint}orderId={order}{fragment}")
}

/// A page that says where the link leads: whoever placed the order chose it.
fn leaving(url: &str) -> Response {
    let host = url.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    let (url, host) = (escaped(url), escaped(host));
    let page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>You are leaving this site</title>\n\
         <p>You are leaving this site for <strong>{host}</strong>.</p>\n\
         <p><a rel=\"noopener noreferrer nofollow\" href=\"{url}\">Go to {host}</a></p>\n</html>\n"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, page).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

fn refused(failure: &Failure) -> Response {
    if failure.code() == ErrorCode::Internal {
        tracing::error!(cause = ?failure, "a buyer could not be sent on");
    }
    let status = StatusCode::from_u16(failure.code().http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (status, headers, format!("{}\n", failure.message())).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_page_names_the_host_and_escapes_what_it_is_given() {
        let response = leaving("https://evil.example/\"><script>?orderId=order_1");
        assert_eq!((response.status(), response.headers().get(header::LOCATION)), (StatusCode::OK, None));
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.expect("a page");
        let page = String::from_utf8_lossy(&body);
        assert!(page.contains("<strong>evil.example</strong>") && !page.contains("<script>"), "{page}");
        assert!(page.contains("href=\"https://evil.example/&quot;&gt;&lt;script&gt;?orderId=order_1\""), "{page}");
    }

    #[test]
    fn the_order_is_told_in_the_query() {
        assert_eq!(with_order("https://a.example/done", "order_1"), "https://a.example/done?orderId=order_1");
        assert_eq!(with_order("https://a.example/?x=1#top", "order_1"), "https://a.example/?x=1&orderId=order_1#top");
    }
}
