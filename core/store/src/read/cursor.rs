//! Keyset cursors: the list that a row stands in and its sort values there, as
//! hexadecimal JSON.
//!
//! The database writes them, so that lists at every level have them; a cursor
//! stays right when rows come and go.
//!
//! **Invariant:** a cursor is good for one type and one sort. In another list its
//! values would name a wrong place, or be of a kind that the column is not.

use lyceum_kernel::{ErrorCode, Failure, Result};
use lyceum_model::{FieldKind, Scalar, TypeDef};
use sea_orm::Value;
use serde_json::Value as Json;

use super::{Direction, Sort, SortKey};

/// The sort values of the row a page starts after; the last is the id.
#[derive(Debug, Clone, PartialEq)]
pub struct Cursor(Vec<Option<Value>>);

impl Cursor {
    /// Reads the cursor of a row in the list of `def` that is sorted by `sort`.
    ///
    /// # Errors
    /// `BAD_CURSOR` when that list did not make it.
    pub fn parse(text: &str, def: &TypeDef, sort: &[SortKey<'_>]) -> Result<Self> {
        let made_elsewhere =
            || Failure::new(ErrorCode::BadCursor, "The cursor was not made by this list with this sort.");
        let bytes = hex::decode(text).map_err(|_| made_elsewhere())?;
        let parsed: Vec<Json> = serde_json::from_slice(&bytes).map_err(|_| made_elsewhere())?;
        match parsed.split_first() {
            Some((list, values)) if *list == name(def, sort) && values.len() == sort.len() => {
                let values = sort.iter().zip(values).map(|(key, value)| bound(key, value));
                values.collect::<Option<_>>().map(Self).ok_or_else(made_elsewhere)
            }
            _ => Err(made_elsewhere()),
        }
    }

    pub(super) fn values(&self) -> &[Option<Value>] {
        &self.0
    }
}

/// The name of a list within cursors: `course rating- id-`.
pub(super) fn name(def: &TypeDef, sort: &[SortKey<'_>]) -> String {
    sort.iter().fold(def.name.clone(), |mut name, key| {
        let (by, direction) = match (key.by, key.direction) {
            (Sort::Field(field), direction) => (field.name.as_str(), direction),
            (Sort::Position, direction) => ("position", direction),
            (Sort::Id, direction) => ("id", direction),
        };
        name.push(' ');
        name.push_str(by);
        name.push(if direction == Direction::Ascending { '+' } else { '-' });
        name
    })
}

/// A value as the column of the key is compared with it; within, none for a row
/// that has no value. None when the column holds values of another kind.
fn bound(key: &SortKey<'_>, value: &Json) -> Option<Option<Value>> {
    if value.is_null() {
        return matches!(key.by, Sort::Field(_)).then_some(None);
    }
    let value: Value = match kind(key) {
        Kind::Text => value.as_str()?.into(),
        Kind::Number => value.as_i64()?.into(),
        // SQLite writes 0 and 1.
        Kind::Boolean => value.as_bool().or_else(|| Some(value.as_i64()? != 0))?.into(),
    };
    Some(Some(value))
}

enum Kind {
    Text,
    Number,
    Boolean,
}

fn kind(key: &SortKey<'_>) -> Kind {
    match key.by {
        Sort::Position => Kind::Number,
        Sort::Id => Kind::Text,
        Sort::Field(field) => match &field.kind {
            FieldKind::Money { .. } => Kind::Number,
            FieldKind::Scalar { scalar: Scalar::Integer | Scalar::Long | Scalar::Decimal { .. }, .. } => Kind::Number,
            FieldKind::Scalar { scalar: Scalar::Boolean, .. } => Kind::Boolean,
            _ => Kind::Text,
        },
    }
}

#[cfg(test)]
mod tests {
    use lyceum_model::content;

    use super::*;

    #[test]
    fn refuses_what_this_list_did_not_make() {
        let types = content::resolve(&content::built_in().expect("the files are right"));
        let def = types.iter().find(|def| def.name == "course").expect("there are courses");
        let rating = def.field("rating").expect("courses are rated");
        let sort = [
            SortKey { by: Sort::Field(rating), direction: Direction::Descending },
            SortKey { by: Sort::Id, direction: Direction::Descending },
        ];
        let parse = |json: &str| Cursor::parse(&hex::encode(json), def, &sort);
        let wanted = Cursor(vec![Some(450_i64.into()), Some("01h4".into())]);
        assert_eq!(parse(r#"["course rating- id-",450,"01h4"]"#).ok(), Some(wanted));
        assert_eq!(parse(r#"["course rating- id-",null,"01h4"]"#).ok(), Some(Cursor(vec![None, Some("01h4".into())])));
        let other = [
            r#"["course rating+ id+",450,"01h4"]"#,
            r#"["tag rating- id-",450,"01h4"]"#,
            r#"["course rating- id-","450","01h4"]"#,
            r#"["course rating- id-",4.5,"01h4"]"#,
            r#"["course rating- id-",450,null]"#,
            r#"["course rating- id-",450]"#,
            r#"[450,"01h4"]"#,
            "{}",
            "[]",
            "",
        ];
        for bad in other {
            assert_eq!(parse(bad).map_err(|f| f.code()), Err(ErrorCode::BadCursor), "{bad}");
        }
        assert!(Cursor::parse("zz", def, &sort).is_err());
    }
}
