//! JSON as it was sent: what a value cannot hold exactly is refused, not
//! changed.

use serde_json::{Number, Value as Json};

/// The largest whole number that every reader of JSON keeps exactly (2^53 - 1).
pub const LONG_MAX: i64 = 9_007_199_254_740_991;

/// Why a text is not taken as JSON.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    #[error(transparent)]
    Syntax(#[from] serde_json::Error),
    #[error("{}", inexact(number))]
    Inexact {
        /// The keys and places that lead to it.
        path: Vec<String>,
        number: String,
    },
}

/// What to answer about a number that would be another one here.
#[must_use]
pub fn inexact(number: &str) -> String {
    let shown: String = number.chars().take(40).collect();
    format!("The number {shown} cannot be kept exactly. Send it as a text.")
}

/// Reads JSON. Whole numbers of 64 bits are exact; any other is a double, and
/// has to be the shortest or a longer writing of just that value.
///
/// # Errors
/// When it is not JSON, or a number would be changed.
pub fn parse(text: &[u8]) -> Result<Json, JsonError> {
    let value = serde_json::from_slice(text)?;
    match Numbers::of(text).find(|(_, number)| !is_exact(number)) {
        Some((path, number)) => Err(JsonError::Inexact { path, number }),
        None => Ok(value),
    }
}

/// Whether the number in this writing is the one that a JSON value holds.
#[must_use]
pub fn is_exact(written: &str) -> bool {
    match written.parse::<Number>() {
        Ok(number) if number.is_f64() => significant(written) == significant(&number.to_string()),
        Ok(_) => true,
        Err(_) => false,
    }
}

/// A whole number, also written as `1.0` by clients that know only one kind of
/// number.
#[must_use]
pub fn whole(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() <= LONG_MAX as f64)?;
        #[expect(clippy::cast_possible_truncation, reason = "whole, and within 53 bits")]
        Some(float as i64)
    })
}

/// The keys and places that lead to the first key or text with U+0000.
#[must_use]
pub fn path_of_nul(value: &Json) -> Option<Vec<String>> {
    let below = |step: String, inner: &Json| {
        let mut path = path_of_nul(inner)?;
        path.insert(0, step);
        Some(path)
    };
    match value {
        Json::String(text) => text.contains('\0').then(Vec::new),
        Json::Array(items) => items.iter().enumerate().find_map(|(index, item)| below(index.to_string(), item)),
        Json::Object(map) => map.iter().find_map(|(key, value)| match key.contains('\0') {
            true => Some(vec![key.replace('\0', "\\u0000")]),
            false => below(key.clone(), value),
        }),
        Json::Null | Json::Bool(_) | Json::Number(_) => None,
    }
}

/// The digits that count and the power of ten of the last one.
fn significant(written: &str) -> (bool, String, i64) {
    let (negative, plain) = written.strip_prefix('-').map_or((false, written), |plain| (true, plain));
    let (mantissa, exponent) = plain.split_once(['e', 'E']).unwrap_or((plain, "0"));
    let (units, places) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let joined = format!("{units}{places}");
    let digits = joined.trim_start_matches('0');
    let kept = digits.trim_end_matches('0');
    if kept.is_empty() {
        return (negative, String::new(), 0);
    }
    // An exponent that does not fit is no number of a double, which is refused before.
    let exponent = exponent.trim_start_matches('+').parse::<i64>().unwrap_or(i64::MAX);
    let count = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
    let last = exponent.saturating_sub(count(places)).saturating_add(count(digits) - count(kept));
    (negative, kept.to_owned(), last)
}

/// The numbers of a text that is JSON, as they are written.
struct Numbers<'t> {
    text: &'t [u8],
    at: usize,
    path: Vec<Step>,
}

enum Step {
    Key(String),
    Index(usize),
}

impl<'t> Numbers<'t> {
    fn of(text: &'t [u8]) -> Self {
        Self { text, at: 0, path: Vec::new() }
    }

    /// Reads while `wanted`, from here.
    fn take(&mut self, wanted: impl Fn(u8) -> bool) -> &'t [u8] {
        let rest = &self.text[self.at..];
        let length = rest.iter().position(|byte| !wanted(*byte)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// A text, after its opening quote; a colon after it makes it a key.
    fn string(&mut self) {
        let start = self.at - 1;
        loop {
            self.take(|byte| !matches!(byte, b'"' | b'\\'));
            if self.text.get(self.at) != Some(&b'\\') {
                break;
            }
            self.at += 2;
        }
        self.at += 1;
        let written = self.text.get(start..self.at).unwrap_or_default();
        self.take(|byte| byte.is_ascii_whitespace());
        if self.text.get(self.at) == Some(&b':')
            && let Some(Step::Key(key)) = self.path.last_mut()
        {
            *key = serde_json::from_slice(written).unwrap_or_default();
        }
    }

    fn path(&self) -> Vec<String> {
        let step = |step: &Step| match step {
            Step::Key(key) => key.clone(),
            Step::Index(index) => index.to_string(),
        };
        self.path.iter().map(step).collect()
    }
}

impl Iterator for Numbers<'_> {
    type Item = (Vec<String>, String);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let byte = *self.text.get(self.at)?;
            self.at += 1;
            match byte {
                b'{' => self.path.push(Step::Key(String::new())),
                b'[' => self.path.push(Step::Index(0)),
                b'}' | b']' => drop(self.path.pop()),
                b',' => {
                    if let Some(Step::Index(index)) = self.path.last_mut() {
                        *index += 1;
                    }
                }
                b'"' => self.string(),
                b'-' | b'0'..=b'9' => {
                    self.at -= 1;
                    let number = self.take(|byte| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9'));
                    return Some((self.path(), String::from_utf8_lossy(number).into_owned()));
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_is_kept_or_refused() {
        for exact in ["0", "-0.0", "1.50", "1e3", "0.30000000000000004", "90071992547409.94", "18446744073709551615"] {
            assert!(is_exact(exact), "{exact}");
        }
        for changed in ["90071992547409.93", "0.30000000000000001", "18446744073709551616", "1e400", "1e-400"] {
            assert!(!is_exact(changed), "{changed}");
        }
    }

    #[test]
    fn the_path_leads_to_the_number() {
        let refused = parse(br#"{"a":[1,{"b\"{":"[1,","c":[2.5, 12345678901234567890123]}]}"#);
        match refused {
            Err(JsonError::Inexact { path, number }) => {
                assert_eq!((path.join("."), number.as_str()), ("a.1.c.1".into(), "12345678901234567890123"));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(parse(br#" {"a" : [1, "1e999"] } "#).ok(), Some(json!({ "a": [1, "1e999"] })));
    }

    #[test]
    fn a_text_with_nul_is_found() {
        assert_eq!(path_of_nul(&json!({ "a": [1, { "b": "x\0" }] })), Some(vec!["a".into(), "1".into(), "b".into()]));
        assert_eq!(path_of_nul(&json!({ "a\0": 1 })), Some(vec!["a\\u0000".into()]));
        assert_eq!(path_of_nul(&json!({ "a": "x" })), None);
    }
}
