//! Values as a guest could say them, made of a fuzzer's bytes.
//!
//! Bytes alone would hardly ever be a decision or an address that is taken, so a
//! text is often one of the words that the world knows, or one that means harm.

use arbitrary::{Arbitrary, Unstructured};

use crate::bindings::host::lyceum::types::common::{Error, Ext};

/// Texts that once were, or could be, a way around a check.
const HARM: &[&str] = &[
    "",
    "\0",
    "\"\\u0000\"",
    "a\r\nSet-Cookie: a=b",
    "\u{202e}\u{200b}",
    "javascript:alert(1)",
    "https://user:word@id.example/",
    "http://127.0.0.1.evil.example/",
    "https://id.example/a",
    "http://localhost/a",
    "li@a.example",
    "{\"a\":[1,null]}",
    "1e999",
    "zh-Hans-CN",
    "CNY",
];

/// The bytes that are left.
pub(super) struct Said<'a>(Unstructured<'a>);

impl<'a> Said<'a> {
    pub fn of(bytes: &'a [u8]) -> Self {
        Self(Unstructured::new(bytes))
    }

    /// Any value; the simplest one when no bytes are left.
    pub fn any<T: Arbitrary<'a> + Default>(&mut self) -> T {
        self.0.arbitrary().unwrap_or_default()
    }

    /// One of `words`, a text that means harm, a long one, or any.
    pub fn text(&mut self, words: &[&str]) -> String {
        match self.any::<u8>() % 8 {
            0..=3 if !words.is_empty() => self.one(words).to_owned(),
            4 => self.one(HARM).to_owned(),
            5 => "x".repeat(self.any::<u16>().into()),
            _ => self.any(),
        }
    }

    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::from(self.any::<u8>()) % of.len()]
    }

    pub fn maybe<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.any::<bool>().then(|| value(self))
    }

    /// Up to 15 values, seldom 300: more than any list may have.
    pub fn list<T>(&mut self, mut value: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = match self.any::<u8>() {
            u8::MAX => 300,
            few => usize::from(few) % 16,
        };
        (0..count).map(|_| value(self)).collect()
    }

    pub fn ext(&mut self) -> Ext {
        self.list(|said| (said.text(&["a"]), said.text(&["b"])))
    }

    /// An answer, or an error in the shape that all worlds share.
    pub fn result<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Result<T, Error> {
        if !self.any::<u8>().is_multiple_of(8) {
            return Ok(value(self));
        }
        let code = self.text(&["denied", "invalid", "unavailable"]);
        Err(Error { code, message: self.text(&[]), retryable: self.any() })
    }
}
