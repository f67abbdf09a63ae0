//! An entry's values, apart from any table: what a revision keeps.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::plain_text::is_blank;

/// The values of an entry by field name. Ids stand without prefix, enumeration
/// values as stored, decimal numbers as text, money as `{minor, currency}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    pub fields: Map<String, Json>,
    /// Localised fields by locale.
    #[serde(default)]
    pub translations: BTreeMap<String, Map<String, Json>>,
}

impl Draft {
    /// Takes over what a change names. A null clears.
    pub(super) fn merge(&mut self, change: Draft) {
        merge(&mut self.fields, change.fields);
        for (locale, values) in change.translations {
            let known = self.translations.entry(locale).or_default();
            merge(known, values);
        }
        self.translations.retain(|_, values| !values.is_empty());
    }

    /// Lays another change over this one. A null stays, to clear later.
    pub(super) fn overlay(&mut self, change: Draft) {
        self.fields.extend(change.fields);
        for (locale, values) in change.translations {
            self.translations.entry(locale).or_default().extend(values);
        }
    }

    /// The change that makes `after` of this.
    pub(super) fn difference(&self, after: &Draft) -> Draft {
        let none = Map::new();
        let locales: BTreeSet<&String> = self.translations.keys().chain(after.translations.keys()).collect();
        let text = |of: &'_ Draft, locale: &str| of.translations.get(locale).cloned().unwrap_or_default();
        let translations = locales.into_iter().filter_map(|locale| {
            let changed = difference(&text(self, locale), &text(after, locale));
            (changed != none).then(|| (locale.clone(), changed))
        });
        Draft { fields: difference(&self.fields, &after.fields), translations: translations.collect() }
    }

    /// Whether a localised field has a text that is not blank in any language,
    /// also in one that the community no longer has.
    pub(super) fn has_text(&self, field: &str) -> bool {
        let texts = self.translations.values().filter_map(|texts| texts.get(field)?.as_str());
        texts.into_iter().any(|text| !is_blank(text))
    }

    /// The first text of a localised field that is not blank, in the order of
    /// the locales.
    pub(super) fn localised<'d>(&'d self, field: &str, locales: &[lyceum_kernel::Locale]) -> Option<&'d str> {
        let text = |locale: &lyceum_kernel::Locale| self.translations.get(locale.as_str())?.get(field)?.as_str();
        locales.iter().filter_map(text).find(|text| !is_blank(text))
    }
}

fn difference(before: &Map<String, Json>, after: &Map<String, Json>) -> Map<String, Json> {
    let set = after.iter().filter(|(name, value)| before.get(*name) != Some(value));
    let cleared = before.keys().filter(|name| !after.contains_key(*name));
    let set = set.map(|(name, value)| (name.clone(), value.clone()));
    set.chain(cleared.map(|name| (name.clone(), Json::Null))).collect()
}

fn merge(known: &mut Map<String, Json>, change: Map<String, Json>) {
    for (name, value) in change {
        if value.is_null() {
            known.remove(&name);
        } else {
            known.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_makes_one_of_the_other() {
        let draft = |value| serde_json::from_value::<Draft>(value).expect("a draft");
        let before = draft(json!({ "fields": { "a": 1, "b": 2 }, "translations": { "en": { "t": "x", "u": "y" } } }));
        let after =
            draft(json!({ "fields": { "b": 3 }, "translations": { "en": { "t": "x" }, "zh-CN": { "t": "z" } } }));
        let change = before.difference(&after);
        let wanted =
            json!({ "fields": { "b": 3, "a": null }, "translations": { "en": { "u": null }, "zh-CN": { "t": "z" } } });
        assert_eq!(change, draft(wanted));
        let mut made = before.clone();
        made.merge(change);
        assert_eq!(made, after);
    }

    #[test]
    fn null_clears_and_absence_keeps() {
        let draft = |value| serde_json::from_value::<Draft>(value).expect("a draft");
        let mut entry = draft(
            json!({ "fields": { "a": 1, "b": 2 }, "translations": { "en": { "title": "x" }, "zh-CN": { "title": "y" } } }),
        );
        entry.merge(draft(json!({ "fields": { "a": null, "c": 3 }, "translations": { "zh-CN": { "title": null } } })));
        assert_eq!(entry, draft(json!({ "fields": { "b": 2, "c": 3 }, "translations": { "en": { "title": "x" } } })));
    }
}
