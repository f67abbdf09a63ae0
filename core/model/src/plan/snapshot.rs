//! How the saved states of entries follow a change of their content type.
//!
//! A snapshot holds values by the names of fields: `{ "fields": { … },
//! "translations": { locale: { … } } }`. What a plan does to columns, it does
//! to snapshots: a rename keeps a value, a dropped field takes its values along,
//! and a field that becomes localised, or ceases to be, goes by way of the
//! default locale.

use serde_json::{Map, Value as Json};

use super::step;
use crate::content::{AccessRule, ContentField, ContentType, Kind};

/// What happens to the snapshots of one content type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotChange {
    /// The name of the type before.
    pub from: String,
    /// Its name now; none when the type goes, and its snapshots with it.
    pub to: Option<String>,
    moves: Vec<Move>,
    /// Whether the type itself stays as it was.
    same: bool,
}

/// Where the values of a field stood and where they stand now.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Move {
    from: Place,
    to: Place,
    fits: Fits,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    field: String,
    localised: bool,
}

/// Which values a field takes since its kind has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fits {
    Any,
    OneOf(Vec<String>),
    /// At most this many characters.
    Short(usize),
}

pub(super) fn changes(applied: &[ContentType], wanted: &[ContentType]) -> Vec<SnapshotChange> {
    let change = |old: &ContentType| match wanted.iter().find(|new| new.id == old.id) {
        Some(new) => SnapshotChange {
            from: old.name.clone(),
            to: Some(new.name.clone()),
            moves: moves(applied, wanted, (old, new)),
            same: old == new,
        },
        None => SnapshotChange { from: old.name.clone(), to: None, moves: Vec::new(), same: false },
    };
    applied.iter().map(change).filter(|change| !change.same).collect()
}

fn moves(applied: &[ContentType], wanted: &[ContentType], (old, new): (&ContentType, &ContentType)) -> Vec<Move> {
    let of_field = |before: &ContentField| {
        let after = new.fields.iter().find(|field| field.id == before.id)?;
        let kept = !step::replaced(applied, wanted, before, after);
        kept.then(|| Move {
            from: Place::of(before),
            to: Place::of(after),
            fits: Fits::after(&before.kind, &after.kind),
        })
    };
    let mut moves: Vec<Move> = old.fields.iter().filter_map(of_field).collect();
    if [old, new].iter().all(|of| of.access == Some(AccessRule::Own)) {
        let stays = |name: &str| Place { field: name.to_owned(), localised: false };
        let stays = |name| Move { from: stays(name), to: stays(name), fits: Fits::Any };
        moves.extend(["access", "accessTier"].map(stays));
    }
    moves
}

impl Place {
    fn of(field: &ContentField) -> Self {
        Self { field: field.name.clone(), localised: field.localised }
    }
}

impl Fits {
    fn after(old: &Kind, new: &Kind) -> Self {
        match new {
            Kind::Enumeration { values } if old != new => Self::OneOf(values.clone()),
            Kind::Text { max } if old != new => Self::Short(*max),
            _ => Self::Any,
        }
    }

    fn takes(&self, value: &Json) -> bool {
        let text = value.as_str().unwrap_or_default();
        match self {
            Self::Any => true,
            Self::OneOf(values) => values.iter().any(|one| one == text),
            Self::Short(max) => text.chars().count() <= *max,
        }
    }
}

impl SnapshotChange {
    /// The snapshot as the type is now. What belonged to no field of the type
    /// before is left out.
    #[must_use]
    pub fn apply(&self, snapshot: &Json, default_locale: &str) -> Json {
        let mut after = Snapshot::default();
        for Move { from, to, .. } in &self.moves {
            for (locale, value) in values(snapshot, from) {
                match (locale, to.localised) {
                    (None, false) => after.set(&to.field, value),
                    (None, true) => after.translate(default_locale, &to.field, value),
                    (Some(locale), true) => after.translate(locale, &to.field, value),
                    (Some(locale), false) if locale == default_locale => after.set(&to.field, value),
                    (Some(_), false) => {}
                }
            }
        }
        serde_json::json!({ "fields": after.fields, "translations": after.translations })
    }

    /// The first field, by its name now, with a value that its kind does not take any more.
    #[must_use]
    pub fn misfit(&self, snapshot: &Json) -> Option<&str> {
        let misfit = |one: &&Move| values(snapshot, &one.from).any(|(_, value)| !one.fits.takes(value));
        self.moves.iter().find(misfit).map(|one| one.to.field.as_str())
    }
}

#[derive(Default)]
struct Snapshot {
    fields: Map<String, Json>,
    translations: Map<String, Json>,
}

impl Snapshot {
    fn set(&mut self, field: &str, value: &Json) {
        self.fields.insert(field.to_owned(), value.clone());
    }

    fn translate(&mut self, locale: &str, field: &str, value: &Json) {
        let texts = self.translations.entry(locale).or_insert_with(|| Json::Object(Map::new()));
        texts[field] = value.clone();
    }
}

/// The values that stand at a place, each with its locale when it has one.
fn values<'s>(snapshot: &'s Json, place: &'s Place) -> impl Iterator<Item = (Option<&'s str>, &'s Json)> {
    let plain = (!place.localised).then(|| snapshot["fields"].get(&place.field)).flatten();
    let texts = snapshot["translations"].as_object().filter(|_| place.localised);
    let texts = texts.into_iter().flatten();
    let texts = texts.filter_map(|(locale, texts)| Some((Some(locale.as_str()), texts.get(&place.field)?)));
    plain.map(|value| (None, value)).into_iter().chain(texts)
}
