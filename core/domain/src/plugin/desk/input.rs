//! The checks of an input object that the GraphQL schema does for everybody
//! else: known names, and lists and objects where they belong. Values are
//! checked where every door has them checked, in content.

use lyceum_kernel::{Failure, Result};
use lyceum_model::TypeDef;
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
    for name in input.keys() {
        let at = format!("{at}.{name}");
        if name == "locale" || name == "translations" {
            continue;
        }
        if !input_fields(def).any(|field| field.name == *name) {
            return Err(Failure::input(&at, "There is no such field."));
        }
    }
    Ok(())
}
