//! Compressed answers.
//!
//! Compression can betray a secret when an attacker makes a victim's browser
//! send requests that carry the victim's rights, puts text of his own beside
//! the secret, and sees the length of the answers (BREACH). Here the first is
//! missing: rights come by bearer token, which a browser adds to nothing by
//! itself. Answers that hold tokens are left as they are all the same: a
//! handler marks them with `Cache-Control: no-store`.

use axum::http::{HeaderMap, Response, header};
use tower_http::{
    CompressionLevel,
    compression::{
        CompressionLayer, Predicate,
        predicate::{DefaultPredicate, SizeAbove},
    },
};

/// Below this many bytes an answer fits in one packet anyway.
const LEAST_BYTES: u16 = 1024;

/// Whether an answer may be compressed.
#[derive(Debug, Clone, Copy)]
pub(super) struct HoldsNoSecret;

impl Predicate for HoldsNoSecret {
    fn should_compress<B: http_body::Body>(&self, response: &Response<B>) -> bool {
        !is_secret(response.headers())
    }
}

fn is_secret(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::CACHE_CONTROL);
    lines.iter().any(|line| line.to_str().is_ok_and(|line| line.contains("no-store")))
}

/// gzip and Brotli, fast rather than small: an answer is compressed once and
/// sent once. What is compressed already (images) is left alone.
pub(super) fn layer() -> CompressionLayer<impl Predicate> {
    let worth_it = DefaultPredicate::new().and(SizeAbove::new(LEAST_BYTES)).and(HoldsNoSecret);
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(worth_it)
}
