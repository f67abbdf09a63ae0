//! Keyset cursors: the sort values of a row, as hexadecimal JSON.
//!
//! The database writes them, so that lists at every level have them; a cursor
//! stays right when rows come and go.

use lyceum_kernel::{ErrorCode, Failure, Result};
use sea_orm::Value;
use serde_json::Value as Json;

/// The sort values of the row a page starts behind; the last is the id.
#[derive(Debug, Clone, PartialEq)]
pub struct Cursor(Vec<Json>);

impl Cursor {
    /// # Errors
    /// `BAD_CURSOR` when the text is not a cursor of a list with this many
    /// sort keys.
    pub fn parse(text: &str, keys: usize) -> Result<Self> {
        let parsed = hex::decode(text).ok().and_then(|bytes| serde_json::from_slice::<Vec<Json>>(&bytes).ok());
        match parsed {
            Some(values) if values.len() == keys && values.iter().all(is_scalar) => Ok(Self(values)),
            _ => Err(Failure::new(ErrorCode::BadCursor, "The cursor was not made by this list with this sort.")),
        }
    }

    pub(super) fn values(&self) -> impl Iterator<Item = Option<Value>> {
        self.0.iter().map(|value| match value {
            Json::String(text) => Some(text.as_str().into()),
            Json::Number(number) => Some(number.as_i64().unwrap_or_default().into()),
            Json::Bool(flag) => Some((*flag).into()),
            _ => None,
        })
    }
}

fn is_scalar(value: &Json) -> bool {
    match value {
        Json::Number(number) => number.as_i64().is_some(),
        Json::String(_) | Json::Bool(_) | Json::Null => true,
        Json::Array(_) | Json::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_this_list_did_not_make() {
        let good = hex::encode(r#"["2026-01-01T00:00:00.000Z","01h455vb4pex5vsknk084sn02q"]"#);
        assert!(Cursor::parse(&good, 2).is_ok());
        for bad in ["", "zz", &good[1..], &hex::encode("[1]"), &hex::encode("[[1],2]"), &hex::encode("{}")] {
            assert_eq!(Cursor::parse(bad, 2).map_err(|f| f.code()), Err(ErrorCode::BadCursor), "{bad}");
        }
    }
}
