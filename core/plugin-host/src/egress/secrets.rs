//! The secrets of a plugin, and how they are kept from it.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
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
        let mut writings: Vec<Vec<u8>> = values.values().flat_map(writings).filter(|w| !w.is_empty()).collect();
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

/// As it is, and as an echo may write it.
fn writings(secret: &Secret) -> [Vec<u8>; 3] {
    let bytes = secret.expose();
    [bytes.to_vec(), STANDARD.encode(bytes).into_bytes(), hex::encode(bytes).into_bytes()]
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
}
