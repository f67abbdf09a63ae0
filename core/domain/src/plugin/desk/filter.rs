//! A small part of the API's filters: an object of fields, each with its
//! conditions, all of which must hold.

use lyceum_kernel::{Failure, GlobalId, Id, Result, Timestamp, text};
use lyceum_model::{Field, FieldKind, Scalar, TypeDef};
use lyceum_store::read::{Filter, Operator};
use sea_orm::Value;
use serde_json::Value as Json;

use crate::content::{canonical_slug, scaled};

/// Values of one `in`.
const VALUES: usize = 100;
/// Longest text that is compared, in bytes.
const TEXT_BYTES: usize = 1000;

/// # Errors
/// BAD_USER_INPUT names the condition.
pub(super) fn parse<'m>(def: &'m TypeDef, filter: &Json) -> Result<Filter<'m>> {
    let Json::Object(fields) = filter else { return Err(wrong("filter", "An object is needed here.")) };
    let mut parts = Vec::new();
    for (name, conditions) in fields {
        let at = format!("filter.{name}");
        let Json::Object(conditions) = conditions else { return Err(wrong(&at, "An object is needed here.")) };
        for (operator, value) in conditions {
            parts.push(condition(def, name, operator, value, &format!("{at}.{operator}"))?);
        }
    }
    Ok(Filter::All(parts))
}

fn condition<'m>(def: &'m TypeDef, name: &str, operator: &str, value: &Json, at: &str) -> Result<Filter<'m>> {
    let wanted = named(operator).ok_or_else(|| wrong(at, "There are eq, in, gt, gte, lt, lte and startsWith."))?;
    let items = match (wanted, value) {
        (Operator::In, Json::Array(items)) if items.len() <= VALUES => items.as_slice(),
        (Operator::In, _) => return Err(wrong(at, "A list of at most 100 values is needed here.")),
        (_, single) => std::slice::from_ref(single),
    };
    if name == "id" {
        let values = items.iter().map(|item| id(def, item, at)).collect::<Result<_>>()?;
        return Ok(Filter::Id { operator: wanted, values });
    }
    let field = def.field(name).filter(|field| comparable(field)).ok_or_else(|| wrong(at, "This is no such field."))?;
    let values = items.iter().map(|item| scalar(field, item, at)).collect::<Result<_>>()?;
    Ok(Filter::Compare { field, operator: wanted, values })
}

fn named(operator: &str) -> Option<Operator> {
    Some(match operator {
        "eq" => Operator::Equal,
        "in" => Operator::In,
        "gt" => Operator::Greater,
        "gte" => Operator::GreaterOrEqual,
        "lt" => Operator::Less,
        "lte" => Operator::LessOrEqual,
        "startsWith" => Operator::StartsWith,
        _ => return None,
    })
}

fn comparable(field: &Field) -> bool {
    let scalar = matches!(&field.kind, FieldKind::Scalar { scalar, .. } if *scalar != Scalar::Json);
    scalar && !field.gated && !field.private
}

fn id(def: &TypeDef, value: &Json, at: &str) -> Result<Id> {
    GlobalId::expect(value.as_str().unwrap_or_default(), &def.prefix).map_err(|error| wrong(at, &error.to_string()))
}

/// The value as the column holds it.
fn scalar(field: &Field, value: &Json, at: &str) -> Result<Value> {
    let FieldKind::Scalar { scalar, .. } = &field.kind else { return Err(wrong(at, "This is no such field.")) };
    let text = || match value.as_str() {
        Some(given) if given.len() <= TEXT_BYTES => {
            text::normal(given.to_owned()).map_err(|error| wrong(at, &error.to_string()))
        }
        _ => Err(wrong(at, "A text of at most 1000 bytes is needed here.")),
    };
    Ok(match scalar {
        Scalar::Integer | Scalar::Long => {
            value.as_i64().ok_or_else(|| wrong(at, "A whole number is needed here."))?.into()
        }
        Scalar::Boolean => value.as_bool().ok_or_else(|| wrong(at, "true or false is needed here."))?.into(),
        Scalar::Enumeration { .. } => text()?.to_ascii_lowercase().into(),
        Scalar::Decimal { scale } => {
            scaled(&text()?, *scale).ok_or_else(|| wrong(at, "This is not a decimal number."))?.into()
        }
        Scalar::Id { prefix } => {
            GlobalId::expect(&text()?, prefix).map_err(|error| wrong(at, &error.to_string()))?.to_string().into()
        }
        Scalar::DateTime => {
            let moment = text()?.parse::<Timestamp>();
            moment.map_err(|error| wrong(at, &error.to_string()))?.to_string().into()
        }
        Scalar::Slug { .. } => canonical_slug(&text()?).into(),
        _ => text()?.into(),
    })
}

fn wrong(at: &str, message: &str) -> Failure {
    Failure::input(at, message)
}
