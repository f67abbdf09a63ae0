//! `Sandbox-Signature: t=<unix seconds>,v1=<hex>[,v1=<hex>]`, an HMAC-SHA256
//! over `<t>.<raw body>`. While a secret is being changed there is one `v1` for
//! each, and any may match.

use lyceum_sdk::{
    host::{CryptoFailure, Host},
    payment::{InboundRequest, Refusal},
};

/// Seconds that the signed time may lie before or after the receipt.
const TOLERANCE_SECONDS: u64 = 300;

/// Signatures that are looked at. More than two secrets at a time are not in use;
/// the bound keeps a forged header from costing many host calls.
const MOST_CANDIDATES: usize = 4;

const BYTES: usize = 32;

struct Header {
    /// As written: its text is signed.
    time: String,
    seconds: u64,
    candidates: Vec<[u8; BYTES]>,
}

/// Checks that the request is signed with the account's secret and for now.
///
/// # Errors
/// It is not, or it cannot be checked.
pub fn check(host: &impl Host, request: &InboundRequest) -> Result<(), Refusal> {
    let header = header(request).ok_or(Refusal::BadSignature)?;
    let message = [header.time.as_bytes(), b".", &request.body].concat();
    matches_any(host, &message, &header.candidates)?;
    let received = request.received_ms / 1000;
    if received.abs_diff(header.seconds) > TOLERANCE_SECONDS { Err(Refusal::Stale) } else { Ok(()) }
}

fn matches_any(host: &impl Host, message: &[u8], candidates: &[[u8; BYTES]]) -> Result<(), Refusal> {
    for candidate in candidates {
        match host.verify("webhook_secret", "hmac-sha256", message, candidate) {
            Ok(()) => return Ok(()),
            Err(CryptoFailure::Mismatch | CryptoFailure::Malformed(_)) => {}
            Err(CryptoFailure::NoSuchKey) => return Err(Refusal::Other("the webhook secret is not granted".into())),
            Err(CryptoFailure::Other(why)) => return Err(Refusal::Other(why)),
        }
    }
    Err(Refusal::BadSignature)
}

fn header(request: &InboundRequest) -> Option<Header> {
    let mut values = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("sandbox-signature"));
    // Two headers could be read differently by two readers.
    match (values.next(), values.next()) {
        (Some((_, value)), None) => parse(value),
        _ => None,
    }
}

fn parse(value: &str) -> Option<Header> {
    let mut time = None;
    let mut candidates = Vec::new();
    for part in value.split(',') {
        match part.trim().split_once('=')? {
            ("t", text) if time.is_none() && is_seconds(text) => time = Some(text),
            ("t", _) => return None,
            ("v1", hex) if candidates.len() < MOST_CANDIDATES => candidates.extend(bytes(hex)),
            _ => {}
        }
    }
    let time = time?;
    Some(Header { time: time.into(), seconds: time.parse().ok()?, candidates })
}

fn is_seconds(text: &str) -> bool {
    (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn bytes(hex: &str) -> Option<[u8; BYTES]> {
    let hex = hex.as_bytes();
    if hex.len() != 2 * BYTES {
        return None;
    }
    let mut bytes = [0; BYTES];
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// A digit of lower-case hex. Capitals are not accepted: the gateway never
/// sends them.
fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}
