//! The secrets of a plugin, and how they are kept from it.

use std::collections::{BTreeMap, BTreeSet};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
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
    /// Names of keys that only `crypto` may use.
    unsendable: BTreeSet<String>,
    /// Finds every writing of every secret in one pass; none when there is none.
    writings: Option<AhoCorasick>,
}

impl Secrets {
    pub fn new(values: BTreeMap<String, Secret>) -> Self {
        let writings: Vec<Vec<u8>> = values.values().flat_map(writings).collect();
        let writings = (!writings.is_empty()).then(|| finder(&writings));
        Self { values, unsendable: BTreeSet::new(), writings }
    }

    /// The same, of which only these may be sent.
    pub fn sending_only(mut self, names: &BTreeSet<String>) -> Self {
        self.unsendable = self.values.keys().filter(|name| !names.contains(*name)).cloned().collect();
        self
    }

    /// A secret to be put into a request or a mail.
    pub fn to_send(&self, name: &str) -> Option<&[u8]> {
        self.key(name).filter(|_| !self.unsendable.contains(name))
    }

    /// A secret to work with here.
    pub fn key(&self, name: &str) -> Option<&[u8]> {
        self.values.get(name).map(Secret::expose)
    }

    /// The bytes without any secret in them.
    pub fn redact(&self, bytes: Vec<u8>) -> Vec<u8> {
        let Some(writings) = self.writings.as_ref().filter(|writings| writings.is_match(&bytes)) else { return bytes };
        let mut clean = Vec::with_capacity(bytes.len());
        writings.replace_all_with_bytes(&bytes, &mut clean, |_, _, clean| {
            clean.extend_from_slice(MARK);
            true
        });
        clean
    }

    pub fn redact_text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.redact(text.as_bytes().to_vec())).into_owned()
    }
}

/// Of writings that begin at the same place, the longest counts. The kind is
/// named because the default, a table, takes megabytes for a long key.
fn finder(writings: &[Vec<u8>]) -> AhoCorasick {
    let kind = Some(AhoCorasickKind::ContiguousNFA);
    let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).kind(kind).build(writings);
    finder.expect("a plugin's secrets have far fewer than 2^31 bytes")
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
    fn of_secrets_within_each_other_nothing_is_left() {
        let secret = |text| (format!("the {text}"), Secret::new(text));
        let secrets = Secrets::new(["12345678", "x12345678y", "78x12345678y9012"].map(secret).into());
        assert_eq!(secrets.redact_text("a12345678 x12345678y 78x12345678y9012."), "a[secret] [secret] [secret].");
        assert_eq!(secrets.redact(vec![0xff; 4]), [0xff; 4]);
    }

    #[test]
    fn only_what_may_be_sent_is_sent_and_every_secret_is_taken_out() {
        let secrets = [("key", "hunter2hunter2"), ("token", "correct horse")];
        let secrets = Secrets::new(secrets.map(|(name, value)| (name.to_owned(), Secret::new(value))).into());
        let secrets = secrets.sending_only(&["token".to_owned()].into());
        assert_eq!(["key", "token", "other"].map(|name| secrets.to_send(name).is_some()), [false, true, false]);
        assert_eq!(["key", "token", "other"].map(|name| secrets.key(name).is_some()), [true, true, false]);
        assert_eq!(secrets.redact_text("hunter2hunter2, correct horse"), "[secret], [secret]");
    }

    #[test]
    fn a_short_secret_cannot_be_guessed_from_what_is_missing() {
        let secrets = Secrets::new([("pin".to_owned(), Secret::new("1234567"))].into());
        assert_eq!(secrets.redact_text("1234567"), "1234567");
    }
}
