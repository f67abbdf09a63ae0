//! Locales: a configured list, and for each the chain that is tried when a
//! text is missing.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A BCP 47 tag such as `en` or `zh-CN`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Locale(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocaleError {
    #[error("a locale is a language tag such as \"en\" or \"zh-CN\"")]
    Malformed,
    #[error("at least one locale is needed")]
    NoneConfigured,
    #[error("\"{0}\" is not one of the configured locales")]
    Unknown(String),
}

impl Locale {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The language without its region: `zh` of `zh-CN`.
    #[must_use]
    pub fn language(&self) -> &str {
        self.0.split('-').next().unwrap_or_default()
    }
}

impl FromStr for Locale {
    type Err = LocaleError;

    fn from_str(text: &str) -> Result<Self, LocaleError> {
        let mut parts = text.split('-');
        let language =
            parts.next().is_some_and(|p| (2..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_lowercase()));
        let rest = parts.all(|p| (2..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()));
        if language && rest && text.len() <= 35 { Ok(Self(text.to_owned())) } else { Err(LocaleError::Malformed) }
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Locale {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Locale {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Ranges of a header that are looked at.
const ACCEPTED_RANGES: usize = 20;

/// The locales of one community, in fallback order. The first is the default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locales(Vec<Locale>);

impl Locales {
    /// # Errors
    /// When the list is empty.
    pub fn new(list: Vec<Locale>) -> Result<Self, LocaleError> {
        if list.is_empty() { Err(LocaleError::NoneConfigured) } else { Ok(Self(list)) }
    }

    #[must_use]
    pub fn all(&self) -> &[Locale] {
        &self.0
    }

    #[must_use]
    pub fn default_locale(&self) -> &Locale {
        &self.0[0]
    }

    /// The configured locale a person means: the same tag, or the same
    /// language (`zh` and `zh-TW` find `zh-CN`).
    ///
    /// # Errors
    /// When no configured locale has that language.
    pub fn find(&self, asked: &str) -> Result<&Locale, LocaleError> {
        let language = asked.split('-').next().unwrap_or_default();
        let exact = self.0.iter().find(|l| l.as_str().eq_ignore_ascii_case(asked));
        exact
            .or_else(|| self.0.iter().find(|l| l.language().eq_ignore_ascii_case(language)))
            .ok_or_else(|| LocaleError::Unknown(asked.to_owned()))
    }

    /// The configured locale that a header `Accept-Language` prefers (RFC 9110,
    /// section 12.5.4); `None` when it names none of them.
    #[must_use]
    pub fn accepted(&self, header: &str) -> Option<&Locale> {
        let mut best: Option<(&Locale, f32)> = None;
        for range in header.split(',').take(ACCEPTED_RANGES) {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default();
            let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
            let found = if tag == "*" { Some(self.default_locale()) } else { self.find(tag).ok() };
            if let Some(found) = found.filter(|_| weight > best.map_or(0.0, |(_, weight)| weight)) {
                best = Some((found, weight));
            }
        }
        best.map(|(locale, _)| locale)
    }

    /// The chain for one locale: itself, then the others in their order.
    #[must_use]
    pub fn chain(&self, first: &Locale) -> Vec<Locale> {
        let others = self.0.iter().filter(|l| *l != first).cloned();
        std::iter::once(first.clone()).chain(others).collect()
    }
}

impl Default for Locales {
    /// English first, then Simplified Chinese.
    fn default() -> Self {
        Self(vec![Locale("en".to_owned()), Locale("zh-CN".to_owned())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_of_a_browser_finds_a_configured_locale() {
        let locales = Locales::default();
        for (header, wanted) in [
            ("zh-TW,zh;q=0.9,en;q=0.8", Some("zh-CN")),
            ("fr, en;q=0.5, zh;q=0.7", Some("zh-CN")),
            ("fr;q=0.9, *;q=0.1", Some("en")),
            ("en;q=0, zh;q=0.1", Some("zh-CN")),
            ("fr", None),
            ("", None),
            ("en;q=no", Some("en")),
        ] {
            assert_eq!(locales.accepted(header).map(Locale::as_str), wanted, "{header}");
        }
    }

    #[test]
    fn a_language_finds_its_configured_region() {
        let locales = Locales::default();
        assert_eq!(locales.find("zh").map(Locale::as_str), Ok("zh-CN"));
        assert_eq!(locales.find("en-GB").map(Locale::as_str), Ok("en"));
        assert!(locales.find("fr").is_err());
        let chain = locales.chain(locales.find("zh").expect("configured"));
        assert_eq!(chain.iter().map(Locale::as_str).collect::<Vec<_>>(), ["zh-CN", "en"]);
    }
}
