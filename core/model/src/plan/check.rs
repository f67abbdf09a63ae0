//! What must hold in the data before a change that keeps every value.

use crate::content::{ContentField, ContentType, Kind};

/// A count that must be zero, with the names the tables have before the
/// change, and what to say when it is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// A new required field: the table has no rows yet.
    NoRows { at: String, table: String },
    /// Every row has a value; for a localised field, in some language.
    NoneMissing { at: String, table: String, column: String, locale: Option<(String, String)> },
    /// No two rows share the values of these columns.
    NoneTwice { at: String, table: String, columns: Vec<String> },
    /// Each value is one of these.
    OnlyValues { at: String, table: String, column: String, values: Vec<String> },
    /// Each value has at most this many characters.
    NoneLonger { at: String, table: String, column: String, max: usize },
}

impl Check {
    /// What to do about `count` rows that are in the way.
    #[must_use]
    pub fn refusal(&self, count: i64) -> String {
        match self {
            Self::NoRows { at, .. } => format!(
                "{at} is new and required, but {count} entries would lack it. Add it as optional, fill it, then make it required."
            ),
            Self::NoneMissing { at, .. } => {
                format!("{at} cannot become required: {count} entries lack it. Fill it first.")
            }
            Self::NoneTwice { at, .. } => {
                format!("{at} cannot become unique: {count} values are there more than once.")
            }
            Self::OnlyValues { at, values, .. } => {
                format!("{at}: {count} values are none of {}. Change them first.", values.join(", "))
            }
            Self::NoneLonger { at, max, .. } => {
                format!("{at}: {count} values have more than {max} characters. Shorten them first.")
            }
        }
    }
}

pub(super) fn checks(applied: &[ContentType], wanted: &[ContentType]) -> Vec<Check> {
    let mut checks = Vec::new();
    for new in wanted {
        let Some(old) = applied.iter().find(|old| old.id == new.id) else { continue };
        for field in &new.fields {
            let at = format!("{}.{}", new.name, field.name);
            match old.fields.iter().find(|before| before.id == field.id) {
                None if field.required => checks.push(Check::NoRows { at, table: old.table() }),
                None => {}
                Some(before) => changed(old, before, field, &at, &mut checks),
            }
        }
    }
    checks
}

fn changed(own: &ContentType, old: &ContentField, new: &ContentField, at: &str, checks: &mut Vec<Check>) {
    let at = || at.to_owned();
    let table = if old.localised { own.locale_table() } else { own.table() };
    if new.required && !old.required && old.is_stored() {
        let locale = old.localised.then(|| (own.locale_table(), own.reference_column()));
        checks.push(Check::NoneMissing { at: at(), table: own.table(), column: first_column(old), locale });
    }
    if new.unique && !old.unique && old.is_stored() {
        checks.push(Check::NoneTwice { at: at(), table: table.clone(), columns: vec![first_column(old)] });
    }
    let column = first_column(old);
    match (&old.kind, &new.kind) {
        (Kind::Text { .. } | Kind::Markdown | Kind::Enumeration { .. }, Kind::Enumeration { values })
            if !within(&old.kind, values) =>
        {
            checks.push(Check::OnlyValues { at: at(), table, column, values: values.clone() });
        }
        (Kind::Text { max: was }, Kind::Text { max }) if max >= was => {}
        (Kind::Text { .. } | Kind::Markdown | Kind::Enumeration { .. }, Kind::Text { max }) => {
            checks.push(Check::NoneLonger { at: at(), table, column, max: *max });
        }
        (Kind::Slug { scope: Some(_) }, Kind::Slug { scope: None }) => {
            checks.push(Check::NoneTwice { at: at(), table, columns: vec![column] });
        }
        _ => {}
    }
}

fn within(old: &Kind, values: &[String]) -> bool {
    matches!(old, Kind::Enumeration { values: before } if before.iter().all(|value| values.contains(value)))
}

fn first_column(field: &ContentField) -> String {
    if field.kind == Kind::Money { field.money_columns().0 } else { field.column() }
}
