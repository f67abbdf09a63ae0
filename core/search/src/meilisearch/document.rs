//! A document as Meilisearch keeps it, and the index's settings.
//!
//! Titles, open and gated texts are attributes of their own, one for each
//! language that Meilisearch is told of, so that a search can name the
//! attributes it may look at. Values for filters are encoded (see
//! [`facet`]), for the engine compares them without regard to case and accents,
//! and a reader token must match exactly.

use lyceum_domain::search::{Document, DocumentText};
use meilisearch_sdk::settings::{LocalizedAttributes, MinWordSizeForTypos, Settings, TypoToleranceSettings};
use serde_json::{Map, Value, json};

pub const PRIMARY_KEY: &str = "id";

pub const OPEN_ATTRIBUTES: &[&str] = &["title_en", "title_zh", "title_other", "open_en", "open_zh", "open_other"];

/// Titles before open text before gated text: the order is the ranking's.
pub const ALL_ATTRIBUTES: &[&str] =
    &["title_en", "title_zh", "title_other", "open_en", "open_zh", "open_other", "gated_en", "gated_zh", "gated_other"];

const FILTERS: [&str; 6] = ["kind", "category", "tags", "level", "price", "readers"];

#[must_use]
pub fn settings() -> Settings {
    let localized = |language: &str, pattern: &str| LocalizedAttributes {
        locales: vec![language.to_owned()],
        attribute_patterns: vec![pattern.to_owned()],
    };
    // As in the embedded engine: one typing error from five letters, two from eight.
    let typos = TypoToleranceSettings {
        min_word_size_for_typos: Some(MinWordSizeForTypos { one_typo: Some(5), two_typos: Some(8) }),
        ..TypoToleranceSettings::default()
    };
    Settings::new()
        .with_searchable_attributes(ALL_ATTRIBUTES)
        .with_displayed_attributes([PRIMARY_KEY, "type"])
        .with_filterable_attributes(FILTERS)
        .with_sortable_attributes([PRIMARY_KEY])
        .with_typo_tolerance(typos)
        .with_localized_attributes([localized("cmn", "*_zh"), localized("eng", "*_en")])
}

#[must_use]
pub fn stored(document: &Document) -> Value {
    let facets = |values: &[String]| values.iter().map(|value| facet(value)).collect::<Vec<_>>();
    let mut stored = Map::new();
    let fields = [
        (PRIMARY_KEY, json!(document.id.as_str())),
        ("type", json!(document.kind)),
        ("kind", json!(facet(&document.kind))),
        ("category", json!(document.category.as_deref().map(facet))),
        ("tags", json!(facets(&document.tags))),
        ("level", json!(document.level.as_deref().map(facet))),
        ("price", json!(document.price_minor)),
        ("readers", json!(facets(&document.readers))),
    ];
    stored.extend(fields.map(|(name, value)| (name.to_owned(), value)));
    for text in &document.texts {
        add_text(&mut stored, text);
    }
    Value::Object(stored)
}

fn add_text(stored: &mut Map<String, Value>, text: &DocumentText) {
    let language = match text.locale.split('-').next() {
        Some("en") => "en",
        Some("zh") => "zh",
        _ => "other",
    };
    for (purpose, content) in [("title", &text.title), ("open", &text.open), ("gated", &text.gated)] {
        let texts = stored.entry(format!("{purpose}_{language}")).or_insert_with(|| json!([]));
        if let Value::Array(texts) = texts {
            texts.push(json!(content));
        }
    }
}

/// A value for a filter in characters that neither mean anything to the filter
/// language nor are folded by the engine; all others are written as `%` and
/// two hexadecimal digits a byte.
#[must_use]
pub fn facet(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b':' | b'.' => encoded.push(char::from(byte)),
            other => encoded.push_str(&format!("%{other:02x}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facets_hold_no_character_with_a_meaning() {
        assert_eq!(facet("tier:01h455vb4p"), "tier:01h455vb4p");
        assert_eq!(facet(r#"a" OR b\"#), "a%22%20%4f%52%20b%5c");
        assert_ne!(facet("Tier"), facet("tier"));
        assert_eq!(facet("é"), "%c3%a9");
    }
}
