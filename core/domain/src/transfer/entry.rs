//! From an object of the file to an input object of content.

use std::collections::{BTreeMap, BTreeSet};

use lyceum_kernel::{Failure, Locales, Result};
use lyceum_model::{Field, FieldKind, TypeDef};
use serde_json::{Map, Value as Json};

use super::mapping::camel;

/// An object, sorted by what is to be done with its values.
#[derive(Default)]
pub(super) struct Record<'m> {
    /// Fields without language, by the names of the input object.
    pub values: Map<String, Json>,
    /// Localised fields by locale.
    pub texts: BTreeMap<String, Map<String, Json>>,
    /// Localised fields whose value stands without a language.
    pub plain: BTreeSet<String>,
    /// To-one and many-to-many relations.
    pub relations: Vec<(&'m Field, Json)>,
    /// Children, which point back at this entry.
    pub children: Vec<(&'m Field, Vec<Json>)>,
}

impl<'m> Record<'m> {
    /// # Errors
    /// `BAD_USER_INPUT` with the path of the wrong key.
    pub fn sort(def: &'m TypeDef, object: Map<String, Json>, locales: &Locales) -> Result<Self> {
        let mut record = Self::default();
        let mut seen = Vec::new();
        for (key, value) in object {
            let name = camel(&key);
            let field = known(def, &name).ok_or_else(|| unknown(def, &key))?;
            if seen.contains(&name) {
                return Err(Failure::input(&key, "This key stands here twice, in two spellings."));
            }
            record.take(field, value, locales).map_err(|failure| below(&key, &failure))?;
            seen.push(name);
        }
        Ok(record)
    }

    fn take(&mut self, field: &'m Field, value: Json, locales: &Locales) -> Result<()> {
        match &field.kind {
            FieldKind::ToMany { .. } => match value {
                Json::Array(items) => self.children.push((field, items)),
                Json::Null => {}
                _ => return Err(Failure::input("", "A list is needed here.")),
            },
            FieldKind::ToOne { .. } | FieldKind::ManyToMany { .. } => self.relations.push((field, value)),
            FieldKind::Scalar { .. } | FieldKind::Money { .. } if field.localised => {
                return self.localise(field, value, locales);
            }
            FieldKind::Scalar { .. } | FieldKind::Money { .. } => {
                self.values.insert(field.name.clone(), value);
            }
        }
        Ok(())
    }

    fn localise(&mut self, field: &Field, value: Json, locales: &Locales) -> Result<()> {
        let by_language = match value {
            Json::Object(by_language) => by_language,
            Json::Null => locales.all().iter().map(|locale| (locale.to_string(), Json::Null)).collect(),
            plain => {
                self.plain.insert(field.name.clone());
                std::iter::once((locales.default_locale().to_string(), plain)).collect()
            }
        };
        for (language, text) in by_language {
            let locale = locales.find(&language).map_err(|error| Failure::input(&language, error.to_string()))?;
            self.texts.entry(locale.to_string()).or_default().insert(field.name.clone(), text);
        }
        Ok(())
    }

    /// The slug it names.
    pub fn slug(&self, def: &TypeDef) -> Option<&str> {
        self.values.get(&def.slug()?.name)?.as_str()
    }

    /// The title or name in the first language that has one.
    pub fn title(&self, locales: &Locales) -> Option<&str> {
        let text = |name, locale: &lyceum_kernel::Locale| self.texts.get(locale.as_str())?.get(name)?.as_str();
        locales.all().iter().find_map(|locale| text("title", locale).or_else(|| text("name", locale)))
    }

    /// There is nothing to clear in an entry that is yet to be made.
    pub fn without_nulls(mut self) -> Self {
        self.values.retain(|_, value| !value.is_null());
        for texts in self.texts.values_mut() {
            texts.retain(|_, text| !text.is_null());
        }
        self.texts.retain(|_, texts| !texts.is_empty());
        self
    }

    /// The input object of `createX` and `updateX`.
    pub fn into_input(self) -> Map<String, Json> {
        let mut input = self.values;
        let translations = self.texts.into_iter().map(|(locale, mut texts)| {
            texts.insert("locale".to_owned(), locale.into());
            Json::Object(texts)
        });
        input.insert("translations".to_owned(), translations.collect());
        input
    }
}

/// The field of this name that an import may set.
fn known<'m>(def: &'m TypeDef, name: &str) -> Option<&'m Field> {
    def.field(name).filter(|field| match &field.kind {
        FieldKind::ToMany { .. } => true,
        FieldKind::ManyToMany { join, .. } => field.writable && !join.inverse,
        _ => field.writable,
    })
}

fn unknown(def: &TypeDef, key: &str) -> Failure {
    let message = format!("{} has no field \"{key}\". Rename or ignore it in a mapping file.", def.name);
    Failure::input(key, message)
}

/// The failure, at a place below `key`.
pub(super) fn below(key: &str, failure: &Failure) -> Failure {
    let inner = failure.path().join(".");
    let path = if inner.is_empty() || inner == key { key.to_owned() } else { format!("{key}.{inner}") };
    Failure::new(failure.code(), failure.message()).at(&path)
}
