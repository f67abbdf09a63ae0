//! The secrets of a plugin, and how they are kept from it.

use std::collections::BTreeMap;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use lyceum_domain::plugin::Secret;

/// What an answer says in the place of a secret.
const MARK: &[u8] = b"[secret]";

/// The granted secrets by name.
#[derive(Default)]
pub(crate) struct Secrets {
    values: BTreeMap<String, Secret>,
    /// Every writing of every secret, the longest first.
    writings: Vec<Vec<u8>>,
}

impl Secrets {
    pub fn new(values: BTreeMap<String, Secret>) -> Self {
        let mut writings: Vec<Vec<u8>> = values.values().flat_map(writings).collect();
        writings.sort_by_key(|writing| std::cmp::Reverse(writing.len()));
        Self { values, writings }
    }

    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.values.get(name).map(Secret::expose)
    }

    /// The bytes without any secret in them.
    pub fn redact(&self, bytes: Vec<u8>) -> Vec<u8> {
        self.writings.iter().fold(bytes, |bytes, secret| replace(bytes, secret))
    }

    pub fn redact_text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.redact(text.as_bytes().to_vec())).into_owned()
    }
}

/// Shorter secrets are not taken out. They would tell themselves: a guest could
/// have all short texts echoed and see which one is missing.
const SHORTEST: usize = 8;

/// As it is, and as an echo may write it: in base64, alone or within something
/// longer (`user:password`), in hexadecimal, and percent-encoded.
fn writings(secret: &Secret) -> Vec<Vec<u8>> {
    let bytes = secret.expose();
    if bytes.len() < SHORTEST {
        return Vec::new();
    }
    let mut all = vec![bytes.to_vec(), hex::encode(bytes).into_bytes(), hex::encode_upper(bytes).into_bytes()];
    all.push(percent_encoded(bytes));
    for standard in [STANDARD.encode(bytes)].into_iter().chain((0..3).map(|shift| within_base64(bytes, shift))) {
        all.push(standard.replace('+', "-").replace('/', "_").into_bytes());
        all.push(standard.into_bytes());
    }
    all
}

/// The characters that are the same whatever stands before and behind, when
/// `shift` bytes of a group of three stand before.
fn within_base64(bytes: &[u8], shift: usize) -> String {
    let padded: Vec<u8> = std::iter::repeat_n(0, shift).chain(bytes.iter().copied()).collect();
    let encoded = STANDARD_NO_PAD.encode(&padded);
    let first = [0, 2, 3][shift];
    let last = if padded.len().is_multiple_of(3) { encoded.len() } else { encoded.len() - 1 };
    encoded[first..last].to_owned()
}

fn percent_encoded(bytes: &[u8]) -> Vec<u8> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    let encoded = |byte: &u8| if plain(*byte) { vec![*byte] } else { format!("%{byte:02X}").into_bytes() };
    bytes.iter().flat_map(encoded).collect()
}

fn replace(bytes: Vec<u8>, secret: &[u8]) -> Vec<u8> {
    if !bytes.windows(secret.len()).any(|window| window == secret) {
        return bytes;
    }
    let mut clean = Vec::with_capacity(bytes.len());
    let mut rest = bytes.as_slice();
    while let Some(next) = rest.first() {
        if rest.starts_with(secret) {
            clean.extend_from_slice(MARK);
            rest = &rest[secret.len()..];
        } else {
            clean.push(*next);
            rest = &rest[1..];
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_in_any_writing_shows_nothing() {
        let secrets = Secrets::new([("key".to_owned(), Secret::new("hunter2hunter2"))].into());
        let echo = b"raw hunter2hunter2, base64 aHVudGVyMmh1bnRlcjI=, hex 68756e7465723268756e74657232.".to_vec();
        assert_eq!(secrets.redact(echo), b"raw [secret], base64 [secret], hex [secret].");
        assert_eq!(secrets.redact_text("\u{1f511} hunter2hunter2"), "\u{1f511} [secret]");
    }

    #[test]
    fn a_secret_within_a_longer_base64_text_is_seen_too() {
        let secrets = Secrets::new([("key".to_owned(), Secret::new("p+ss word?/long"))].into());
        for before in ["", "a", "ab", "abc", "user:", "\0ana@example.com\0"] {
            for behind in ["", "!", "!!"] {
                let echo = STANDARD.encode(format!("{before}p+ss word?/long{behind}"));
                let redacted = secrets.redact_text(&echo);
                assert!(redacted.contains("[secret]"), "{before}…{behind}: {redacted}");
                assert!(redacted.len() - "[secret]".len() <= echo.len() - 18, "{before}…{behind}: {redacted}");
            }
        }
        assert_eq!(secrets.redact_text("p%2Bss%20word%3F%2Flong"), "[secret]");
    }

    #[test]
    fn a_short_secret_cannot_be_guessed_from_what_is_missing() {
        let secrets = Secrets::new([("pin".to_owned(), Secret::new("1234567"))].into());
        assert_eq!(secrets.redact_text("1234567"), "1234567");
    }
}
