//! The mapping file: how the keys of a foreign file become fields.
//!
//! ```toml
//! [course]
//! rename = { body_markdown = "body" }
//! ignore = ["source_path"]
//! into-json = { metadata = ["license", "source_repo"] }
//! defaults = { access = "signed_in" }
//! ```

use std::collections::BTreeMap;

use lyceum_model::{FieldKind, Scalar, TypeModel};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

/// A mapping, by content type.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Mapping(BTreeMap<String, TypeMapping>);

/// The mapping of one type.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct TypeMapping {
    /// Key of the file → field.
    rename: BTreeMap<String, String>,
    ignore: Vec<String>,
    /// JSON field → keys of the file that are put into it.
    into_json: BTreeMap<String, Vec<String>>,
    /// Values for keys that a line does not have.
    defaults: BTreeMap<String, Json>,
}

/// Why a mapping file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    #[error("the mapping is not valid: {0}")]
    Toml(#[from] toml::de::Error),
    #[error("[{0}] names no content type")]
    UnknownType(String),
    #[error("[{content_type}] names the field \"{field}\", which {content_type} does not have")]
    UnknownField { content_type: String, field: String },
    #[error("[{content_type}] puts keys into \"{field}\", which is no JSON field")]
    NotJson { content_type: String, field: String },
}

impl Mapping {
    /// Reads a mapping file and checks it against the model.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, model: &TypeModel) -> Result<Self, MappingError> {
        let mapping: Self = toml::from_str(text)?;
        for (name, of_type) in &mapping.0 {
            of_type.check(model, name)?;
        }
        Ok(mapping)
    }

    pub(super) fn of(&self, content_type: &str) -> Option<&TypeMapping> {
        self.0.get(content_type)
    }
}

impl TypeMapping {
    fn check(&self, model: &TypeModel, name: &str) -> Result<(), MappingError> {
        let def = model.get(name).filter(|def| def.is_content());
        let def = def.ok_or_else(|| MappingError::UnknownType(name.to_owned()))?;
        for field in self.rename.values().chain(self.into_json.keys()).chain(self.defaults.keys()) {
            if def.field(&camel(field)).is_none() {
                return Err(MappingError::UnknownField { content_type: name.to_owned(), field: field.clone() });
            }
        }
        for field in self.into_json.keys() {
            let kind = def.field(&camel(field)).map(|field| &field.kind);
            if !matches!(kind, Some(FieldKind::Scalar { scalar: Scalar::Json, .. })) {
                return Err(MappingError::NotJson { content_type: name.to_owned(), field: field.clone() });
            }
        }
        Ok(())
    }

    /// The object with its keys as fields.
    pub(super) fn apply(&self, object: Map<String, Json>) -> Map<String, Json> {
        let mut mapped = Map::new();
        for (key, value) in object {
            if self.ignore.contains(&key) {
                continue;
            }
            if let Some(field) = self.json_field(&key) {
                put_into(&mut mapped, field, key, value);
            } else {
                mapped.insert(self.rename.get(&key).cloned().unwrap_or(key), value);
            }
        }
        for (field, value) in &self.defaults {
            mapped.entry(field.clone()).or_insert_with(|| value.clone());
        }
        mapped
    }

    fn json_field(&self, key: &str) -> Option<&String> {
        self.into_json.iter().find(|(_, keys)| keys.iter().any(|known| known == key)).map(|(field, _)| field)
    }
}

fn put_into(mapped: &mut Map<String, Json>, field: &str, key: String, value: Json) {
    if value.is_null() {
        return;
    }
    let holder = mapped.entry(field.to_owned()).or_insert_with(|| Json::Object(Map::new()));
    if let Json::Object(holder) = holder {
        holder.insert(key, value);
    }
}

/// `body_markdown` → `bodyMarkdown`; camel case stays.
pub(super) fn camel(key: &str) -> String {
    let mut out = String::with_capacity(key.len());
    let mut upper = false;
    for c in key.chars() {
        if c == '_' || c == '-' {
            upper = !out.is_empty();
        } else {
            out.push(if upper { c.to_ascii_uppercase() } else { c });
            upper = false;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_renamed_ignored_gathered_and_filled_in() {
        let text = "[course]\nrename = { text = \"body\" }\nignore = [\"path\"]\n\
                    into-json = { metadata = [\"license\", \"source\"] }\ndefaults = { level = \"beginner\" }";
        let mapping: Mapping = toml::from_str(text).expect("valid");
        let line = json!({ "slug": "a", "text": "b", "path": "c", "license": "MIT", "source": null });
        let Json::Object(line) = line else { unreachable!("an object") };
        let mapped = mapping.of("course").expect("there").apply(line);
        assert_eq!(
            Json::Object(mapped),
            json!({ "slug": "a", "body": "b", "metadata": { "license": "MIT" }, "level": "beginner" })
        );
    }

    #[test]
    fn an_unknown_section_or_field_is_refused() {
        assert!(toml::from_str::<Mapping>("[course]\nrenmae = {}").is_err());
        let model = TypeModel::default();
        assert!(matches!(Mapping::parse("[course]\n", &model), Err(MappingError::UnknownType(_))));
    }

    #[test]
    fn snake_and_camel_case_are_the_same_key() {
        assert_eq!(camel("duration_seconds"), "durationSeconds");
        assert_eq!(camel("durationSeconds"), "durationSeconds");
        assert_eq!(camel("access-tier"), "accessTier");
    }
}
