//! An entry's values, apart from any table: what a revision keeps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

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

    /// The first value of a localised field, in the order of the locales.
    pub(super) fn localised<'d>(&'d self, field: &str, locales: &[lyceum_kernel::Locale]) -> Option<&'d str> {
        locales.iter().find_map(|locale| self.translations.get(locale.as_str())?.get(field)?.as_str())
    }
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
    fn null_clears_and_absence_keeps() {
        let draft = |value| serde_json::from_value::<Draft>(value).expect("a draft");
        let mut entry = draft(
            json!({ "fields": { "a": 1, "b": 2 }, "translations": { "en": { "title": "x" }, "zh-CN": { "title": "y" } } }),
        );
        entry.merge(draft(json!({ "fields": { "a": null, "c": 3 }, "translations": { "zh-CN": { "title": null } } })));
        assert_eq!(entry, draft(json!({ "fields": { "b": 2, "c": 3 }, "translations": { "en": { "title": "x" } } })));
    }
}
