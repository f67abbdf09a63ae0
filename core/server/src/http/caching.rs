//! What caches and browsers may keep, and answers that need not be sent again.

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::Response,
};
use sha2::{Digest as _, Sha256};

/// What an answer of the API depends on, beside its address.
const API_VARIES_BY: [&str; 5] = ["Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Origin"];

/// Outermost of those that write headers for caches: gives `Cache-Control` to
/// what has none, and writes one `Vary`. `no-store` on whatever has no other
/// rule, so that no token and no person's data stays in a cache by oversight.
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let of_a_person = request.headers().contains_key(header::AUTHORIZATION);
    let is_api = request.uri().path() == "/graphql";
    let mut response = next.run(request).await;
    name_encoding_in_etag(response.headers_mut());
    let default = if of_a_person { "private, no-store" } else { "no-store" };
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static(default));
    vary(headers, if is_api { &API_VARIES_BY } else { &[] });
    response
}

/// One line with every name once: some clients and proxies read only one.
fn vary(headers: &mut HeaderMap, own: &[&str]) {
    let mut names: Vec<String> = own.iter().map(|name| (*name).to_owned()).collect();
    for line in headers.get_all(header::VARY).iter().filter_map(|line| line.to_str().ok()) {
        for name in line.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                names.push(name.to_owned());
            }
        }
    }
    if let Ok(line) = HeaderValue::from_str(&names.join(", ")) {
        headers.remove(header::VARY);
        if !line.is_empty() {
            headers.insert(header::VARY, line);
        }
    }
}

/// Innermost: an `ETag` for answers to GET, and 304 when the client has this one.
pub(super) async fn tag(request: Request, next: Next) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD) && request.uri().path() == "/graphql";
    let known: Vec<HeaderValue> = request.headers().get_all(header::IF_NONE_MATCH).iter().cloned().collect();
    let response = next.run(request).await;
    if is_read && response.status() == StatusCode::OK { tagged(response, &known).await } else { response }
}

async fn tagged(response: Response, known: &[HeaderValue]) -> Response {
    let (mut parts, body) = response.into_parts();
    // The body is in memory already: the API answers whole.
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return Response::new(Body::empty());
    };
    let hash = hex::encode(&Sha256::digest(&bytes)[..16]);
    if let Some(etag) = matching(known, &hash) {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.insert(header::ETAG, etag);
        parts.headers.remove(header::CONTENT_TYPE);
        return Response::from_parts(parts, Body::empty());
    }
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{hash}\"")) {
        parts.headers.insert(header::ETAG, etag);
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// The tag of the client's copy, when the copy is this answer in some encoding.
/// The comparison is the weak one, as RFC 9110 13.1.2 has it for reading.
fn matching(known: &[HeaderValue], hash: &str) -> Option<HeaderValue> {
    let tags = known.iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')).map(str::trim);
    let same = |tag: &str| {
        let inner = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
        inner.split('-').next() == Some(hash)
    };
    for tag in tags {
        if tag == "*" {
            return HeaderValue::from_str(&format!("\"{hash}\"")).ok();
        }
        if same(tag) {
            return HeaderValue::from_str(tag).ok();
        }
    }
    None
}

/// A strong tag names bytes, and other encodings are other bytes.
fn name_encoding_in_etag(headers: &mut HeaderMap) {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let (Some(tag), Some(encoding)) = (text(header::ETAG), text(header::CONTENT_ENCODING)) else { return };
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}-{encoding}\"", tag.trim_matches('"'))) {
        headers.insert(header::ETAG, tag);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(known: &str) -> Option<String> {
        let value = HeaderValue::from_str(known).expect("a value");
        matching(&[value], "abc").map(|tag| tag.to_str().expect("text").to_owned())
    }

    #[test]
    fn a_copy_in_any_encoding_is_the_same_answer() {
        assert_eq!(found("\"abc\"").as_deref(), Some("\"abc\""));
        assert_eq!(found("\"x\", W/\"abc-gzip\"").as_deref(), Some("W/\"abc-gzip\""));
        assert_eq!(found("*").as_deref(), Some("\"abc\""));
        assert_eq!(found("\"abcd\""), None);
        assert_eq!(found(""), None);
    }

    #[test]
    fn there_is_one_line_of_vary() {
        let mut headers = HeaderMap::new();
        headers.append(header::VARY, HeaderValue::from_static("origin, x-one"));
        headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
        vary(&mut headers, &["Accept", "Origin"]);
        let lines: Vec<_> = headers.get_all(header::VARY).iter().collect();
        assert_eq!(lines, ["Accept, Origin, x-one, accept-encoding"]);
    }
}
