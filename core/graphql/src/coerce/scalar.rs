//! The scalars: which values they take, as JSON and as literals.
//!
//! **Invariant:** a value that passed has the shape that the rest of the crate
//! reads: whole numbers are JSON integers within their range, ids, moments and
//! decimals are texts, and no text, of whatever scalar, holds U+0000.
//! **Invariant:** texts are NFC here, so that every comparison below, by
//! filter, slug or address, is one of texts in one form. Only what is inside
//! of a `JSON` value is left as it was sent.

use std::sync::LazyLock;

use apollo_compiler::{Node, ast::Value};
use lyceum_kernel::{
    Id, Timestamp,
    json::{LONG_MAX, inexact, is_exact, path_of_nul, whole},
    text,
};
use serde_json::{Map, Number, Value as Json};

/// Characters of a decimal number.
const DECIMAL_CHARACTERS: usize = 40;

/// The key under which the content of an uploaded file stands in a variable.
/// It is random, so that no request can pretend to have a file.
static FILE: LazyLock<String> = LazyLock::new(|| format!("@{}", Id::new()));

/// The value of a variable whose file was uploaded: its content in base64.
pub fn uploaded(content: String) -> Json {
    Json::Object(Map::from_iter([(FILE.clone(), Json::String(content))]))
}

/// A JSON value of the scalar with this name.
///
/// # Errors
/// What is wrong with it.
pub fn value(scalar: &str, value: Json) -> Result<Json, String> {
    match (scalar, value) {
        ("JSON", value) => match path_of_nul(&value) {
            Some(_) => Err(text::TextError::Nul.to_string()),
            None => Ok(value),
        },
        ("String" | "ID", Json::String(given)) => {
            text::normal(given).map(Json::String).map_err(|error| error.to_string())
        }
        ("Boolean", value @ Json::Bool(_)) => Ok(value),
        ("ID", Json::Number(number)) => match whole(&number) {
            Some(number) => Ok(number.to_string().into()),
            None => Err(not_of("ID")),
        },
        ("Int", Json::Number(number)) => within(&number, i32::MIN.into(), i32::MAX.into()),
        ("Long", Json::Number(number)) => within(&number, -LONG_MAX, LONG_MAX),
        ("Float", value @ Json::Number(_)) => Ok(value),
        ("Decimal", Json::Number(number)) => decimal(number.to_string()),
        ("Decimal", Json::String(text)) => decimal(text),
        ("DateTime", Json::String(text)) => moment(&text),
        ("Upload", Json::Object(mut file)) => file.remove(&*FILE).ok_or_else(|| not_of("Upload")),
        (scalar, _) => Err(not_of(scalar)),
    }
}

/// A literal of the scalar with this name. Variables in it stand for null.
///
/// # Errors
/// What is wrong with it.
pub fn literal(scalar: &str, literal: &Node<Value>) -> Result<Json, String> {
    match (scalar, &**literal) {
        // Text, not a float: every digit counts.
        ("Decimal", Value::Int(number)) => decimal(number.as_str().to_owned()),
        ("Decimal", Value::Float(number)) => decimal(number.as_str().to_owned()),
        ("ID", Value::Int(number)) => Ok(number.as_str().into()),
        ("Int" | "Long", Value::Float(_)) => Err(not_of(scalar)),
        (scalar, Value::Enum(_)) if scalar != "JSON" => Err(not_of(scalar)),
        (scalar, literal) => {
            refuse_inexact(literal)?;
            value(scalar, untyped(literal, &|_| Some(Json::Null)))
        }
    }
}

/// Refuses a literal with a number that a JSON value would change.
///
/// # Errors
/// Which number it is.
pub fn refuse_inexact(literal: &Value) -> Result<(), String> {
    let exact = |number: &str| if is_exact(number) { Ok(()) } else { Err(inexact(number)) };
    match literal {
        Value::Int(number) => exact(number.as_str()),
        Value::Float(number) => exact(number.as_str()),
        Value::List(items) => items.iter().try_for_each(|item| refuse_inexact(item)),
        Value::Object(fields) => fields.iter().try_for_each(|(_, value)| refuse_inexact(value)),
        _ => Ok(()),
    }
}

/// A literal as the JSON that is written like it; absent variables are left
/// out of objects and are null in lists.
pub fn untyped(literal: &Value, variable: &impl Fn(&str) -> Option<Json>) -> Json {
    match literal {
        Value::Null => Json::Null,
        Value::Variable(name) => variable(name.as_str()).unwrap_or(Json::Null),
        Value::Enum(name) => name.as_str().into(),
        Value::String(text) => text.as_str().into(),
        Value::Boolean(flag) => (*flag).into(),
        Value::Int(number) => number.as_str().parse().map_or(Json::Null, Json::Number),
        Value::Float(number) => number.as_str().parse().map_or(Json::Null, Json::Number),
        Value::List(items) => items.iter().map(|item| untyped(item, variable)).collect(),
        Value::Object(fields) => {
            let given = fields.iter().filter(|(_, value)| match &**value {
                Value::Variable(name) => variable(name.as_str()).is_some(),
                _ => true,
            });
            Json::Object(given.map(|(name, value)| (name.to_string(), untyped(value, variable))).collect::<Map<_, _>>())
        }
    }
}

fn not_of(scalar: &str) -> String {
    match scalar {
        "DateTime" => "A moment is written as RFC 3339, such as 2026-11-21T09:30:00Z.".into(),
        "Decimal" => {
            format!("A decimal number, such as \"4.50\", of at most {DECIMAL_CHARACTERS} characters is needed here.")
        }
        "Upload" => "A file is sent in a part of a multipart request, which \"map\" names for this variable.".into(),
        scalar => format!("This is not a value of the type {scalar}."),
    }
}

fn within(number: &Number, least: i64, most: i64) -> Result<Json, String> {
    match whole(number) {
        Some(number) if (least..=most).contains(&number) => Ok(number.into()),
        _ => Err(format!("A whole number from {least} to {most} is needed here.")),
    }
}

fn decimal(text: String) -> Result<Json, String> {
    let digits = text.strip_prefix('-').unwrap_or(&text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits(whole) && all_digits(part) && text.len() <= DECIMAL_CHARACTERS {
        Ok(Json::String(text))
    } else {
        Err(not_of("Decimal"))
    }
}

fn moment(text: &str) -> Result<Json, String> {
    text.parse::<Timestamp>().map(|moment| Json::String(moment.to_string())).map_err(|_| not_of("DateTime"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_scalar_takes_its_values_and_no_others() {
        for (scalar, given, wanted) in [
            ("Int", json!(1), Some(json!(1))),
            ("Int", json!(1.0), Some(json!(1))),
            ("Int", json!(1.5), None),
            ("Int", json!("1"), None),
            ("Int", json!(2_147_483_648_i64), None),
            ("Long", json!(LONG_MAX), Some(json!(LONG_MAX))),
            ("Long", json!(LONG_MAX + 1), None),
            ("Long", json!(1e300), None),
            ("ID", json!(7), Some(json!("7"))),
            ("ID", json!(true), None),
            ("String", json!(7), None),
            ("String", json!("a\0"), None),
            ("String", json!("cafe\u{301}"), Some(json!("café"))),
            ("JSON", json!({"a": ["\0"]}), None),
            ("JSON", json!({"\0": 1}), None),
            ("Boolean", json!(1), None),
            ("Decimal", json!("4.50"), Some(json!("4.50"))),
            ("Decimal", json!(4.5), Some(json!("4.5"))),
            ("Decimal", json!("4,5"), None),
            ("Decimal", json!(1e300), None),
            ("Decimal", json!("."), None),
            ("DateTime", json!("2026-11-21T10:30:00+01:00"), Some(json!("2026-11-21T09:30:00.000Z"))),
            ("DateTime", json!("yesterday"), None),
            ("DateTime", json!(1), None),
            ("JSON", json!([{"a": null}]), Some(json!([{"a": null}]))),
            ("Upload", json!("QUJD"), None),
            ("Upload", json!({"@": "QUJD"}), None),
            ("Upload", uploaded("QUJD".into()), Some(json!("QUJD"))),
        ] {
            assert_eq!(value(scalar, given.clone()).ok(), wanted, "{scalar}: {given}");
        }
    }
}
