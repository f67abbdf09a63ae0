//! The checks of an input object that the GraphQL schema does for everybody
//! else: known names, proper moments, texts that a database can hold.

use lyceum_kernel::{Failure, Result, Timestamp};
use lyceum_model::{FieldKind, Scalar, TypeDef};
use serde_json::{Map, Value as Json};

use crate::content::input_fields;

/// # Errors
/// BAD_USER_INPUT names the field.
pub(super) fn check<'j>(def: &TypeDef, input: &'j Json) -> Result<&'j Map<String, Json>> {
    let Json::Object(input) = input else { return Err(Failure::input("input", "An object is needed here.")) };
    object(def, input, "input")?;
    match input.get("translations") {
        None | Some(Json::Null) => {}
        Some(Json::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                let at = format!("input.translations.{index}");
                let item = item.as_object().ok_or_else(|| Failure::input(&at, "An object is needed here."))?;
                object(def, item, &at)?;
            }
        }
        Some(_) => return Err(Failure::input("input.translations", "A list is needed here.")),
    }
    Ok(input)
}

fn object(def: &TypeDef, input: &Map<String, Json>, at: &str) -> Result<()> {
    for (name, value) in input {
        let at = format!("{at}.{name}");
        if holds_nul(value) {
            return Err(Failure::input(&at, "A text must not hold the character U+0000."));
        }
        if name == "locale" || name == "translations" {
            continue;
        }
        let wanted = input_fields(def).find(|field| field.name == *name);
        let wanted = wanted.ok_or_else(|| Failure::input(&at, "There is no such field."))?;
        let is_moment = matches!(&wanted.field.kind, FieldKind::Scalar { scalar: Scalar::DateTime, .. });
        if is_moment && value.as_str().is_some_and(|text| text.parse::<Timestamp>().is_err()) {
            return Err(Failure::input(&at, "A moment such as 2026-11-21T09:00:00Z is needed here."));
        }
    }
    Ok(())
}

fn holds_nul(value: &Json) -> bool {
    match value {
        Json::String(text) => text.contains('\0'),
        Json::Array(items) => items.iter().any(holds_nul),
        Json::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || holds_nul(value)),
        _ => false,
    }
}
