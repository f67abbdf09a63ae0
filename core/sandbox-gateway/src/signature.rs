//! The webhook signature: HMAC-SHA256 over the time and the raw body.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The header that carries it: `t=<unix seconds>,v1=<hex>[,v1=<hex>]`.
pub const SIGNATURE_HEADER: &str = "Sandbox-Signature";

/// The value of [`SIGNATURE_HEADER`] for a body sent at `unix_seconds`, with
/// one `v1` for each secret (two while a secret is being rotated).
#[must_use]
pub fn sign(secrets: &[String], unix_seconds: i64, body: &str) -> String {
    let mut header = format!("t={unix_seconds}");
    for secret in secrets {
        let tag = mac(secret.as_bytes(), &[unix_seconds.to_string().as_bytes(), b".", body.as_bytes()]);
        header.push_str(",v1=");
        header.push_str(&hex::encode(tag.finalize().into_bytes()));
    }
    header
}

/// Compares two keys in a time that depends on neither's content: the tags of
/// a fixed message are compared in constant time.
pub(crate) fn same_key(offered: &str, expected: &str) -> bool {
    let message: &[&[u8]] = &[b"sandbox gateway key"];
    let expected = mac(expected.as_bytes(), message).finalize().into_bytes();
    mac(offered.as_bytes(), message).verify_slice(&expected).is_ok()
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with `openssl dgst -sha256 -hmac whsec_demo`.
    #[test]
    fn signs_the_time_a_dot_and_the_body() {
        let header = sign(&["whsec_demo".to_owned()], 1_700_000_000, r#"{"id":"evt_1"}"#);
        assert_eq!(header, "t=1700000000,v1=23325a61b4f7230b9b393ae50047056e354118190d0964e1414088ead50b4ce5");
    }

    #[test]
    fn keys_are_equal_only_to_themselves() {
        assert!(same_key("sk_demo", "sk_demo"));
        assert!(!same_key("sk_demo ", "sk_demo"));
        assert!(!same_key("", "sk_demo"));
    }
}
