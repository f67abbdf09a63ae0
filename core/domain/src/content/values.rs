//! An entry's values as hooks see them, and back.
//!
//! Fields are named as in the API's input (`title`, `categoryId`, `tagIds`),
//! and values look as they do there: global ids, enumeration values in capitals.

use lyceum_kernel::{Failure, Locales, Result};
use lyceum_model::{Field, FieldKind, Scalar, TypeDef, TypeModel};
use serde_json::Value as Json;

use super::{Draft, FieldValue, input, input_fields};

/// Every value of a draft, in the order of the type's fields. A null of a
/// change is kept.
pub(super) fn values_of(model: &TypeModel, def: &TypeDef, draft: &Draft) -> Vec<FieldValue> {
    let mut values = Vec::new();
    for wanted in input_fields(def) {
        let field = wanted.field;
        let mut push = |locale: Option<&String>, value: &Json| {
            let value = as_in_api(model, field, value);
            values.push(FieldValue { field: wanted.name.clone(), locale: locale.cloned(), value });
        };
        if field.localised {
            let texts = draft.translations.iter().filter_map(|(locale, texts)| Some((locale, texts.get(&field.name)?)));
            texts.for_each(|(locale, value)| push(Some(locale), value));
        } else if let Some(value) = draft.fields.get(&field.name) {
            push(None, value);
        }
    }
    values
}

fn as_in_api(model: &TypeModel, field: &Field, value: &Json) -> Json {
    match (&field.kind, value) {
        (FieldKind::Scalar { scalar: Scalar::Enumeration { .. }, .. }, Json::String(text)) => {
            text.to_ascii_uppercase().into()
        }
        (FieldKind::ToOne { .. } | FieldKind::ManyToMany { .. }, Json::Array(ids)) => {
            ids.iter().map(|id| as_in_api(model, field, id)).collect()
        }
        (FieldKind::ToOne { target, .. } | FieldKind::ManyToMany { target, .. }, Json::String(id)) => {
            let prefix = model.get(target).map_or(target.as_str(), |def| &def.prefix);
            format!("{prefix}_{id}").into()
        }
        _ => value.clone(),
    }
}

/// Reads what a hook sets, with the checks of any input.
///
/// # Errors
/// BAD_USER_INPUT: a field that the type has not, a wrong value, a language
/// that is missing, not known, or at a field without languages.
pub(super) fn read_values(model: &TypeModel, def: &TypeDef, values: &[FieldValue], locales: &Locales) -> Result<Draft> {
    let mut draft = Draft::default();
    for given in values {
        let at = given.field.as_str();
        let unknown = || Failure::input(at, format!("{} has no such field.", def.name));
        let field = input_fields(def).find(|known| known.name == given.field).ok_or_else(unknown)?.field;
        let value = input::check(model, field, &given.value, at)?;
        let place = match (field.localised, given.locale.as_deref()) {
            (false, None) => &mut draft.fields,
            (true, Some(tag)) => {
                let locale = locales.find(tag).map_err(|error| Failure::input(at, error.to_string()))?;
                draft.translations.entry(locale.to_string()).or_default()
            }
            (true, None) => return Err(Failure::input(at, "A language is needed here.")),
            (false, Some(_)) => return Err(Failure::input(at, "This field has no languages.")),
        };
        place.insert(field.name.clone(), value);
    }
    Ok(draft)
}
