//! What `createX` and `updateX` take, and its checks.

use lyceum_kernel::{Currency, Failure, GlobalId, Locales, Result};
use lyceum_model::{Field, FieldKind, Scalar, TypeDef, TypeModel};
use serde_json::{Map, Value as Json};

use super::{Draft, decimal::scaled, slug::is_slug};

/// One field of an input object.
#[derive(Debug, Clone, PartialEq)]
pub struct InputField<'m> {
    /// `categoryId` for the to-one field `category`, `tagIds` for `tags`.
    pub name: String,
    pub field: &'m Field,
    pub shape: InputShape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputShape {
    Value,
    Id,
    Ids,
}

/// The fields that can be written, as the input names them.
pub fn input_fields(def: &TypeDef) -> impl Iterator<Item = InputField<'_>> {
    def.fields.iter().filter(|field| field.writable).filter_map(|field| {
        let (name, shape) = match &field.kind {
            FieldKind::Scalar { .. } | FieldKind::Money { .. } => (field.name.clone(), InputShape::Value),
            FieldKind::ToOne { .. } => (format!("{}Id", field.name), InputShape::Id),
            FieldKind::ManyToMany { join, .. } if !join.inverse => {
                (format!("{}Ids", field.name.strip_suffix('s').unwrap_or(&field.name)), InputShape::Ids)
            }
            FieldKind::ToMany { .. } | FieldKind::ManyToMany { .. } => return None,
        };
        Some(InputField { name, field, shape })
    })
}

/// A change that passed its checks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change(pub(super) Draft);

impl Change {
    /// Reads an input object: the fields of [`input_fields`], `locale` for the
    /// language of the localised ones, and `translations` with one object
    /// `{locale, …}` for each further language.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` with the path of the wrong value.
    pub fn parse(model: &TypeModel, def: &TypeDef, input: &Map<String, Json>, locales: &Locales) -> Result<Self> {
        let mut draft = Draft::default();
        let locale = locale_of(input, locales, "input")?;
        read(model, def, input, &locale, "input", &mut draft)?;
        let translations = input.get("translations").and_then(Json::as_array);
        for (index, item) in translations.into_iter().flatten().enumerate() {
            let path = format!("input.translations.{index}");
            let Json::Object(item) = item else { return Err(Failure::input(&path, "An object is needed here.")) };
            let locale = locale_of(item, locales, &path)?;
            read(model, def, item, &locale, &path, &mut draft)?;
        }
        Ok(Self(draft))
    }
}

fn locale_of(input: &Map<String, Json>, locales: &Locales, path: &str) -> Result<String> {
    match input.get("locale").and_then(Json::as_str) {
        None => Ok(locales.default_locale().to_string()),
        Some(asked) => locales
            .find(asked)
            .map(ToString::to_string)
            .map_err(|error| Failure::input(&format!("{path}.locale"), error.to_string())),
    }
}

fn read(
    model: &TypeModel,
    def: &TypeDef,
    input: &Map<String, Json>,
    locale: &str,
    path: &str,
    draft: &mut Draft,
) -> Result<()> {
    for wanted in input_fields(def) {
        let Some(value) = input.get(&wanted.name) else { continue };
        let at = format!("{path}.{}", wanted.name);
        let checked = check(model, wanted.field, value, &at)?;
        let place = match wanted.field.localised {
            true => draft.translations.entry(locale.to_owned()).or_default(),
            false => &mut draft.fields,
        };
        place.insert(wanted.field.name.clone(), checked);
    }
    Ok(())
}

pub(super) fn check(model: &TypeModel, field: &Field, value: &Json, at: &str) -> Result<Json> {
    if value.is_null() {
        // Nothing is opened by leaving its requirement out.
        let needed = (field.required && !field.localised) || field.name == "access";
        return if needed { Err(Failure::input(at, "A value is needed here.")) } else { Ok(Json::Null) };
    }
    match &field.kind {
        FieldKind::Scalar { scalar, .. } => check_scalar(scalar, value, at),
        FieldKind::Money { .. } => check_money(value, at),
        FieldKind::ToOne { target, .. } => id(model, target, value, at),
        FieldKind::ManyToMany { target, .. } | FieldKind::ToMany { target, .. } => {
            let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
            let mut ids = Vec::new();
            for (index, item) in items.iter().enumerate() {
                let id = id(model, target, item, &format!("{at}.{index}"))?;
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
            Ok(Json::Array(ids))
        }
    }
}

fn id(model: &TypeModel, target: &str, value: &Json, at: &str) -> Result<Json> {
    let prefix = model.get(target).map_or(target, |def| &def.prefix);
    let text = value.as_str().unwrap_or_default();
    let id = GlobalId::expect(text, prefix).map_err(|error| Failure::input(at, error.to_string()))?;
    Ok(Json::String(id.to_string()))
}

fn check_scalar(scalar: &Scalar, value: &Json, at: &str) -> Result<Json> {
    let wrong = |message: &str| Failure::input(at, message);
    let text = || value.as_str().ok_or_else(|| wrong("A text is needed here."));
    match scalar {
        Scalar::Text { max } => {
            let text = text()?.trim();
            if text.chars().count() > *max {
                return Err(wrong(&format!("At most {max} characters fit here.")));
            }
            Ok(text.into())
        }
        Scalar::Markdown => {
            let text = text()?;
            if text.len() > MARKDOWN_BYTES { Err(wrong("At most 1 MiB of text fits here.")) } else { Ok(text.into()) }
        }
        Scalar::Slug { .. } => {
            let text = text()?;
            if is_slug(text) {
                Ok(text.into())
            } else {
                Err(wrong("A slug has lower-case letters, digits, \"-\" and \"_\", at most 200."))
            }
        }
        Scalar::Enumeration { values, .. } => {
            let lower = text()?.to_ascii_lowercase();
            if values.contains(&lower) {
                Ok(lower.into())
            } else {
                Err(wrong(&format!("One of {} is needed here.", values.join(", "))))
            }
        }
        Scalar::Decimal { scale } => {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let known = scaled(&text, *scale).map(|_| Json::String(text));
            known.ok_or_else(|| wrong(&format!("A decimal number with at most {scale} places is needed here.")))
        }
        Scalar::Integer | Scalar::Long => {
            value.as_i64().map(Json::from).ok_or_else(|| wrong("A whole number is needed here."))
        }
        Scalar::Boolean => value.as_bool().map(Json::from).ok_or_else(|| wrong("true or false is needed here.")),
        Scalar::DateTime => Ok(text()?.into()),
        Scalar::Json => Ok(value.clone()),
        Scalar::Id { .. } => Ok(text()?.into()),
    }
}

/// The longest Markdown text: 1 MiB.
const MARKDOWN_BYTES: usize = 1 << 20;

fn check_money(value: &Json, at: &str) -> Result<Json> {
    let minor = value.get("minor").and_then(Json::as_i64).filter(|minor| *minor >= 0);
    let minor = minor.ok_or_else(|| {
        Failure::input(&format!("{at}.minor"), "An amount in minor units, 0 or more, is needed here.")
    })?;
    let currency: Currency =
        value.get("currency").and_then(Json::as_str).and_then(|code| code.parse().ok()).ok_or_else(|| {
            Failure::input(
                &format!("{at}.currency"),
                "A currency is three upper-case letters of ISO 4217, such as CNY.",
            )
        })?;
    Ok(serde_json::json!({ "minor": minor, "currency": currency.as_str() }))
}
