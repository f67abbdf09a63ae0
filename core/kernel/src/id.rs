//! Ids: UUIDv7, written as 26 characters of Crockford base 32.
//!
//! The database stores the 26 characters, so that text order is time order in
//! every database; the API puts the type's prefix in front (`course_01hz…`).
//! The format is that of the TypeID specification 0.3.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: usize = 26;

/// An id without its prefix.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id([u8; LENGTH]);

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("an id has 26 characters of 0-9 and a-z without i, l, o and u")]
    Malformed,
    #[error("expected an id that begins with \"{expected}_\"")]
    WrongType { expected: String },
}

impl Id {
    /// A new id for this moment. Later ids sort after earlier ones.
    #[must_use]
    pub fn new() -> Self {
        Self::from_bits(uuid::Uuid::now_v7().as_u128())
    }

    #[must_use]
    pub fn from_bits(bits: u128) -> Self {
        let mut text = [0u8; LENGTH];
        for (place, slot) in text.iter_mut().rev().enumerate() {
            *slot = ALPHABET[usize::try_from((bits >> (5 * place)) & 31).unwrap_or(0)];
        }
        Self(text)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The id as the API shows it.
    #[must_use]
    pub fn with_prefix(&self, prefix: &str) -> String {
        format!("{prefix}_{self}")
    }
}

impl Default for Id {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Id {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let bytes: [u8; LENGTH] = text.as_bytes().try_into().map_err(|_| IdError::Malformed)?;
        // 26 places hold 130 bits; the first may only use its lower three.
        let fits = bytes[0] <= b'7';
        if fits && bytes.iter().all(|b| ALPHABET.contains(b)) { Ok(Self(bytes)) } else { Err(IdError::Malformed) }
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// An id as the API shows it: the type's prefix and the id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlobalId<'a> {
    pub prefix: &'a str,
    pub id: Id,
}

impl<'a> GlobalId<'a> {
    /// # Errors
    /// When the text is not `prefix_id`.
    pub fn parse(text: &'a str) -> Result<Self, IdError> {
        let (prefix, id) = text.rsplit_once('_').ok_or(IdError::Malformed)?;
        Ok(Self { prefix, id: id.parse()? })
    }

    /// # Errors
    /// When the text is not an id of the type with this prefix.
    pub fn expect(text: &'a str, prefix: &str) -> Result<Id, IdError> {
        match Self::parse(text) {
            Ok(found) if found.prefix == prefix => Ok(found.id),
            Ok(_) | Err(_) => Err(IdError::WrongType { expected: prefix.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_published_typeid_vectors() {
        // TypeID specification, valid.json: "max-valid" and "valid-uuidv7".
        assert_eq!(Id::from_bits(u128::MAX).as_str(), "7zzzzzzzzzzzzzzzzzzzzzzzzz");
        assert_eq!(Id::from_bits(0x0189_0a5d_ac96_774b_bcce_b302_099a_8057).as_str(), "01h455vb4pex5vsknk084sn02q");
    }

    #[test]
    fn later_ids_sort_after_earlier_ones() {
        let ids: Vec<Id> = (0..100).map(|_| Id::new()).collect();
        let mut sorted = ids.clone();
        sorted.sort();
        assert_eq!(ids, sorted);
    }

    #[test]
    fn refuses_what_is_not_an_id() {
        for text in
            ["", "abc", "8zzzzzzzzzzzzzzzzzzzzzzzzz", "01H455VB4PEX5VSKNK084SN02Q", "01h455vb4pex5vsknk084sn02u"]
        {
            assert_eq!(text.parse::<Id>(), Err(IdError::Malformed), "{text}");
        }
        assert!(GlobalId::expect("lesson_01h455vb4pex5vsknk084sn02q", "course").is_err());
    }
}
