//! What makes an answer wrong.

use std::collections::BTreeMap;

use lyceum_domain::plugin::FailureKind;
use lyceum_kernel::{
    Locale,
    json::{parse, path_of_nul},
};
use reqwest::Url;
use serde_json::Value as Json;

use crate::bindings::host::lyceum::types::common::Ext;

/// Why an answer is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotTaken {
    pub kind: FailureKind,
    pub detail: String,
}

impl NotTaken {
    /// The answer breaks a rule of its world.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self { kind: FailureKind::InvalidOutput, detail: detail.into() }
    }

    /// The guest said, in its world's words, that it cannot.
    pub fn refused(code: &str, message: &str) -> Self {
        let kind = if code == "denied" { FailureKind::Denied } else { FailureKind::Refused };
        Self { kind, detail: format!("{}: {}", cut(code, 64), cut(message, MESSAGE)) }
    }
}

/// Longest of each kind of text, in bytes.
pub(crate) const ID: usize = 255;
pub(crate) const TEXT: usize = 2_048;
pub(crate) const URL: usize = 8_192;
/// Longest message of a guest to a person, in characters; the rest is cut.
pub(crate) const MESSAGE: usize = 500;
/// Pairs of an `ext`, and languages of one text.
const PAIRS: usize = 64;
const LANGUAGES: usize = 16;

/// A text that is not too long.
pub(crate) fn text(what: &str, text: String, most: usize) -> Result<String, NotTaken> {
    match text.len() {
        length if length > most => Err(NotTaken::invalid(format!("{what} has {length} bytes; at most {most}"))),
        _ => Ok(text),
    }
}

/// A name or address: not too long, and on one line.
pub(crate) fn line(what: &str, line: String, most: usize) -> Result<String, NotTaken> {
    if line.contains(char::is_control) {
        return Err(NotTaken::invalid(format!("{what} has a control character")));
    }
    text(what, line, most)
}

/// The first `most` characters on one line.
pub(crate) fn cut(text: &str, most: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most).collect()
}

/// A text in one or more languages, by language tag.
pub(crate) fn languages(
    what: &str,
    texts: Vec<(String, String)>,
    most: usize,
) -> Result<BTreeMap<String, String>, NotTaken> {
    if texts.is_empty() || texts.len() > LANGUAGES {
        return Err(NotTaken::invalid(format!("{what} is in {} languages; from 1 to {LANGUAGES}", texts.len())));
    }
    let mut known = BTreeMap::new();
    for (tag, text) in texts {
        let tag = language(what, tag)?;
        let text = cut(&text, most).trim().to_owned();
        if text.is_empty() || known.insert(tag, text).is_some() {
            return Err(NotTaken::invalid(format!("{what} is empty, or there twice, in one language")));
        }
    }
    Ok(known)
}

/// A language tag.
pub(crate) fn language(what: &str, tag: String) -> Result<String, NotTaken> {
    match tag.parse::<Locale>() {
        Ok(_) => Ok(tag),
        Err(_) => Err(NotTaken::invalid(format!("{what} is in the language \"{}\", which is no tag", cut(&tag, 50)))),
    }
}

/// A JSON value that the database can hold, as it was written.
pub(crate) fn json(what: &str, text: &str) -> Result<Json, NotTaken> {
    let value = parse(text.as_bytes());
    let value = value.map_err(|error| NotTaken::invalid(format!("{what} is no JSON: {error}")))?;
    if path_of_nul(&value).is_some() {
        return Err(NotTaken::invalid(format!("{what} has a text with the character U+0000")));
    }
    Ok(value)
}

/// An address on the web. Without TLS only on this machine, for development.
pub(crate) fn web_address(what: &str, address: String, most: usize) -> Result<String, NotTaken> {
    let address = line(what, address, most)?;
    let wrong = |why: &str| NotTaken::invalid(format!("{what} is \"{}\": {why}", cut(&address, 200)));
    let url = Url::parse(&address).map_err(|error| wrong(&error.to_string()))?;
    let local = matches!(url.host_str(), Some("127.0.0.1" | "localhost"));
    if !(url.scheme() == "https" || url.scheme() == "http" && local) {
        return Err(wrong("it must be https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("it must not carry a user or password"));
    }
    Ok(address)
}

/// An answer that is not over its world's output limit.
pub(crate) fn within(bytes: usize, most: usize) -> Result<(), NotTaken> {
    if bytes > most {
        return Err(NotTaken::invalid(format!("the answer has {bytes} bytes; at most {most}")));
    }
    Ok(())
}

/// Pairs that are not too many or too long.
pub(crate) fn ext(what: &str, ext: Ext) -> Result<Ext, NotTaken> {
    if ext.len() > PAIRS || ext.iter().any(|(name, value)| name.len() > ID || value.len() > URL) {
        return Err(NotTaken::invalid(format!("{what} has too many or too long pairs")));
    }
    Ok(ext)
}

/// One value for each item.
pub(crate) fn count(what: &str, given: usize, wanted: usize) -> Result<(), NotTaken> {
    if given == wanted {
        return Ok(());
    }
    Err(NotTaken::invalid(format!("{given} {what} for {wanted} items")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_with_tls_or_on_this_machine_are_taken() {
        let taken = |address: &str| web_address("it", address.to_owned(), 100).is_ok();
        for good in ["https://id.example/authorize?x=1", "http://127.0.0.1:8080/", "http://localhost/a"] {
            assert!(taken(good), "{good}");
        }
        for bad in [
            "http://id.example/",
            "javascript:alert(1)",
            "//id.example/",
            "https://",
            "https://user@id.example/",
            "http://127.0.0.1.evil.example/",
            "https://id.example/\r\nSet-Cookie: a=b",
            "https://id.example/a-path-that-goes-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on",
        ] {
            assert!(!taken(bad), "{bad}");
        }
    }

    #[test]
    fn json_is_taken_when_it_parses_and_holds_no_nul() {
        assert_eq!(json("it", r#"{"a":[1]}"#), Ok(serde_json::json!({"a": [1]})));
        for bad in ["", "{", "NaN", "1 2", r#""\u0000""#, r#"{"\u0000":1}"#, &"[".repeat(200_000)] {
            assert!(json("it", bad).is_err());
        }
    }

    #[test]
    fn a_text_needs_a_language_and_words_and_is_cut_to_one_line() {
        let read = |texts: &[(&str, &str)]| {
            let texts = texts.iter().map(|(tag, text)| ((*tag).to_owned(), (*text).to_owned())).collect();
            languages("it", texts, 5)
        };
        let good = [("en".to_owned(), "a b c".to_owned()), ("zh".to_owned(), "甲".to_owned())];
        assert_eq!(read(&[("en", "a\nb cde"), ("zh", "甲")]), Ok(good.into()));
        assert!(read(&[]).is_err());
        assert!(read(&[("en", " \n ")]).is_err());
        assert!(read(&[("english!", "a")]).is_err());
        assert!(read(&[("en", "a"), ("en", "b")]).is_err());
    }
}
