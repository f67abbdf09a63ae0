//! What `createX` and `updateX` take, and its checks.
//!
//! **Invariant:** no value reaches content but through [`check`], by whatever
//! door it comes: the API, an import, a plugin's hook. After it a value has the
//! one form in which it is stored: texts are NFC and without U+0000, moments
//! UTC of fixed width, decimals have all their places, whole numbers are within
//! what the databases and JSON hold.

use std::ops::RangeInclusive;

use lyceum_kernel::{
    Currency, Failure, GlobalId, Locales, Result, Timestamp,
    json::{LONG_MAX, path_of_nul, whole},
    text,
};
use lyceum_model::{Field, FieldKind, Scalar, TypeDef, TypeModel};
use serde_json::{Map, Value as Json};

use super::{
    Draft,
    decimal::{scaled, written},
    slug::{canonical_slug, is_slug},
};
use crate::plain_text::is_blank;

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
    if value.is_null() || is_no_text(field, value) {
        // Nothing is opened by leaving its requirement out.
        let needed = (field.required && !field.localised) || field.name == "access";
        return if needed { Err(Failure::input(at, "A value is needed here.")) } else { Ok(Json::Null) };
    }
    match &field.kind {
        FieldKind::Scalar { scalar, .. } => check_scalar(scalar, value, at),
        FieldKind::Money { .. } => check_money(value, at),
        FieldKind::ToOne { target, .. } => id(model, target, value, at),
        FieldKind::ManyToMany { target, .. } | FieldKind::ToMany { target, .. } => ids(model, target, value, at),
    }
}

/// A blank text is no translation, so that another language is shown instead,
/// and does not meet a requirement.
fn is_no_text(field: &Field, value: &Json) -> bool {
    let is_text = matches!(&field.kind, FieldKind::Scalar { scalar: Scalar::Text { .. } | Scalar::Markdown, .. });
    is_text && (field.localised || field.required) && value.as_str().is_some_and(is_blank)
}

/// The ids of a list, each once.
fn ids(model: &TypeModel, target: &str, value: &Json, at: &str) -> Result<Json> {
    let items = value.as_array().ok_or_else(|| Failure::input(at, "A list is needed here."))?;
    let mut ids = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let id = id(model, target, item, &format!("{at}.{index}"))?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(Json::Array(ids))
}

fn id(model: &TypeModel, target: &str, value: &Json, at: &str) -> Result<Json> {
    let prefix = model.get(target).map_or(target, |def| &def.prefix);
    let text = value.as_str().unwrap_or_default();
    let id = GlobalId::expect(text, prefix).map_err(|error| Failure::input(at, error.to_string()))?;
    Ok(Json::String(id.to_string()))
}

fn check_scalar(scalar: &Scalar, value: &Json, at: &str) -> Result<Json> {
    match scalar {
        Scalar::Text { max } => limited_text(value, *max, at),
        Scalar::Markdown => markdown(value, at),
        Scalar::Slug { .. } => checked_slug(&text_of(value, at)?, at).map(Json::from),
        Scalar::Enumeration { values, .. } => one_of(values, value, at),
        Scalar::Decimal { scale } => decimal(value, *scale, at),
        Scalar::Integer => whole_number(value, i32::MIN.into()..=i32::MAX.into(), at),
        Scalar::Long => whole_number(value, -LONG_MAX..=LONG_MAX, at),
        Scalar::Boolean => {
            value.as_bool().map(Json::from).ok_or_else(|| Failure::input(at, "true or false is needed here."))
        }
        Scalar::DateTime => moment(value, at),
        Scalar::Json => json(value, at),
        Scalar::Id { prefix } => {
            let id = GlobalId::expect(&text_of(value, at)?, prefix);
            id.map(|id| id.to_string().into()).map_err(|error| Failure::input(at, error.to_string()))
        }
    }
}

/// A text in its one form.
fn text_of(value: &Json, at: &str) -> Result<String> {
    let given = value.as_str().ok_or_else(|| Failure::input(at, "A text is needed here."))?;
    text::normal(given.to_owned()).map_err(|error| Failure::input(at, error.to_string()))
}

fn limited_text(value: &Json, max: usize, at: &str) -> Result<Json> {
    let text = text_of(value, at)?;
    let text = text.trim();
    if text.chars().count() > max {
        return Err(Failure::input(at, format!("At most {max} characters fit here.")));
    }
    Ok(text.into())
}

/// The longest Markdown text: 1 MiB.
const MARKDOWN_BYTES: usize = 1 << 20;

fn markdown(value: &Json, at: &str) -> Result<Json> {
    let text = text_of(value, at)?;
    if text.len() > MARKDOWN_BYTES {
        return Err(Failure::input(at, "At most 1 MiB of text fits here."));
    }
    Ok(text.into())
}

/// A slug as it is stored. No statement may look one up before it is checked.
///
/// # Errors
/// BAD_USER_INPUT for what is no slug.
pub fn checked_slug(given: &str, at: &str) -> Result<String> {
    let text = text::normal(given.to_owned()).map_err(|error| Failure::input(at, error.to_string()))?;
    let slug = canonical_slug(&text);
    if is_slug(&slug) {
        Ok(slug)
    } else {
        Err(Failure::input(
            at,
            "A slug has lower-case letters, digits and marks of any script, \"-\" and \"_\", at most 200.",
        ))
    }
}

fn one_of(values: &[String], value: &Json, at: &str) -> Result<Json> {
    let lower = text_of(value, at)?.to_ascii_lowercase();
    if values.contains(&lower) {
        Ok(lower.into())
    } else {
        Err(Failure::input(at, format!("One of {} is needed here.", values.join(", "))))
    }
}

/// A decimal number with all its places, so that one number is one text.
fn decimal(value: &Json, scale: u32, at: &str) -> Result<Json> {
    let number = match value {
        Json::String(text) => scaled(text, scale),
        // A whole number is printed as `4.0` when it came as a double.
        Json::Number(number) => scaled(number.to_string().trim_end_matches(".0"), scale),
        _ => None,
    };
    number
        .map(|number| written(number, scale).into())
        .ok_or_else(|| Failure::input(at, format!("A decimal number with at most {scale} places is needed here.")))
}

fn whole_number(value: &Json, range: RangeInclusive<i64>, at: &str) -> Result<Json> {
    let number = value.as_number().ok_or_else(|| Failure::input(at, "A whole number is needed here."))?;
    whole(number).filter(|number| range.contains(number)).map(Json::from).ok_or_else(|| {
        let (least, most) = range.into_inner();
        Failure::input(at, format!("A whole number from {least} to {most} is needed here."))
    })
}

fn moment(value: &Json, at: &str) -> Result<Json> {
    let text = text_of(value, at)?;
    let moment = text.parse::<Timestamp>().map_err(|error| Failure::input(at, error.to_string()))?;
    Ok(moment.to_string().into())
}

/// JSON is stored as it is; only what a database could not hold is refused.
fn json(value: &Json, at: &str) -> Result<Json> {
    match path_of_nul(value) {
        None => Ok(value.clone()),
        Some(path) => {
            let at = std::iter::once(at.to_owned()).chain(path).collect::<Vec<_>>().join(".");
            Err(Failure::input(&at, text::TextError::Nul.to_string()))
        }
    }
}

fn check_money(value: &Json, at: &str) -> Result<Json> {
    let minor = value.get("minor").and_then(Json::as_number).and_then(whole);
    let minor = minor.filter(|minor| (0..=LONG_MAX).contains(minor)).ok_or_else(|| {
        let message = format!("An amount in minor units, from 0 to {LONG_MAX}, is needed here.");
        Failure::input(&format!("{at}.minor"), message)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_scalar_takes_its_values_and_no_others() {
        let level = Scalar::Enumeration { name: "Level".into(), values: vec!["easy".into()] };
        for (scalar, given, wanted) in [
            (Scalar::Text { max: 4 }, json!(" cafe\u{301} "), Some(json!("café"))),
            (Scalar::Text { max: 4 }, json!("coffee"), None),
            (Scalar::Text { max: 4 }, json!("a\0"), None),
            (Scalar::Markdown, json!("a\0"), None),
            (Scalar::Integer, json!(2_147_483_647), Some(json!(2_147_483_647))),
            (Scalar::Integer, json!(2_147_483_648_i64), None),
            (Scalar::Integer, json!(7.0), Some(json!(7))),
            (Scalar::Integer, json!("7"), None),
            (Scalar::Long, json!(LONG_MAX), Some(json!(LONG_MAX))),
            (Scalar::Long, json!(-LONG_MAX - 1), None),
            (Scalar::Decimal { scale: 2 }, json!("4.5"), Some(json!("4.50"))),
            (Scalar::Decimal { scale: 2 }, json!(4.5), Some(json!("4.50"))),
            (Scalar::Decimal { scale: 2 }, json!("90071992547409.93"), Some(json!("90071992547409.93"))),
            (Scalar::Decimal { scale: 2 }, json!("-0"), Some(json!("0.00"))),
            (Scalar::Decimal { scale: 2 }, json!("4.505"), None),
            (Scalar::Decimal { scale: 2 }, json!(true), None),
            (Scalar::DateTime, json!("2026-03-29T08:00:00+08:00"), Some(json!("2026-03-29T00:00:00.000Z"))),
            (Scalar::DateTime, json!("2026-03-29"), None),
            (Scalar::DateTime, json!("下周三"), None),
            (Scalar::Json, json!({ "a": ["b"] }), Some(json!({ "a": ["b"] }))),
            (Scalar::Json, json!({ "a": ["b\0"] }), None),
            (Scalar::Json, json!({ "a\0": 1 }), None),
            (level.clone(), json!("EASY"), Some(json!("easy"))),
            (level, json!("hard"), None),
        ] {
            assert_eq!(check_scalar(&scalar, &given, "x").ok(), wanted, "{scalar:?}: {given}");
        }
    }

    #[test]
    fn the_path_leads_into_json() {
        let refused = check_scalar(&Scalar::Json, &json!({ "a": [{ "b": "\0" }] }), "input.quiz");
        assert_eq!(refused.map_err(|failure| failure.path().join(".")), Err("input.quiz.a.0.b".to_owned()));
    }

    #[test]
    fn an_amount_is_within_what_json_holds() {
        let money = |minor: Json| check_money(&json!({ "minor": minor, "currency": "CNY" }), "price").is_ok();
        assert!(money(json!(0)) && money(json!(LONG_MAX)));
        assert!(!money(json!(-1)) && !money(json!(LONG_MAX + 1)) && !money(json!(0.5)));
    }
}
