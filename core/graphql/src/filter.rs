//! Filter inputs: what can be asked of each kind of field, and how an answer
//! of the schema becomes a condition of a plan.

use lyceum_kernel::{Failure, Result};
use lyceum_model::{Field, FieldKind, Scalar, TypeDef, TypeModel, names::pascal};
use lyceum_store::read::{Filter, Operator};
use sea_orm::Value;
use serde_json::{Map, Value as Json};

use crate::{
    inputs::{Input, InputType, Inputs},
    plan,
    schema::readable,
};

const EQUALITY: &[&str] = &["eq", "ne", "in", "notIn", "isNull"];
const ORDER: &[&str] = &["lt", "lte", "gt", "gte"];
/// SQLite refuses patterns of more than 50,000 bytes, and searching for longer texts is no filter.
const PATTERN_BYTES_MAX: usize = 1000;
const TEXT: &[&str] = &["contains", "startsWith"];

/// Registers the filter of every type and of every kind of field.
pub fn register(inputs: &mut Inputs, model: &TypeModel) {
    for (name, ty, sets) in [
        ("StringFilter", InputType::String, &[EQUALITY, ORDER, TEXT][..]),
        ("IDFilter", InputType::Id, &[EQUALITY][..]),
        ("IntFilter", InputType::Int, &[EQUALITY, ORDER][..]),
        ("LongFilter", InputType::Long, &[EQUALITY, ORDER][..]),
        ("DecimalFilter", InputType::Decimal, &[EQUALITY, ORDER][..]),
        ("DateTimeFilter", InputType::DateTime, &[EQUALITY, ORDER][..]),
        ("BooleanFilter", InputType::Boolean, &[EQUALITY][..]),
    ] {
        inputs.object(name, "Conditions on a value; all of them must hold.", operators(&ty, sets));
    }
    let mut money = operators(&InputType::Long, &[EQUALITY, ORDER]);
    money.push(Input::new("currency", InputType::String, "The ISO 4217 code of the currency."));
    inputs.object("MoneyFilter", "Conditions on an amount in minor units; all of them must hold.", money);
    for def in model.types() {
        register_type(inputs, def);
    }
}

fn register_type(inputs: &mut Inputs, def: &TypeDef) {
    let name = filter_name(def);
    let mut fields = vec![Input::new("id", InputType::Object("IDFilter".into()), "The id.")];
    for field in readable(def).filter(|f| filterable(f)) {
        if let FieldKind::Scalar { scalar: Scalar::Enumeration { name, .. }, .. } = &field.kind {
            let ty = InputType::Enum(name.clone());
            inputs.object(
                &format!("{name}Filter"),
                "Conditions on a value; all of them must hold.",
                operators(&ty, &[EQUALITY]),
            );
        }
        fields.push(Input::new(&field.name, InputType::Object(field_filter(field)), &field.description));
    }
    let own = || InputType::Object(name.clone());
    fields.push(Input::new("and", own(), "All of these must hold.").list());
    fields.push(Input::new("or", own(), "At least one of these must hold.").list());
    fields.push(Input::new("not", own(), "This must not hold."));
    inputs.object(&name, &format!("Which rows of {}; all conditions must hold.", def.plural), fields);
}

fn operators(ty: &InputType, sets: &[&[&str]]) -> Vec<Input> {
    sets.iter().flat_map(|set| set.iter()).map(|name| operator_input(name, ty)).collect()
}

fn operator_input(name: &str, ty: &InputType) -> Input {
    let text = match name {
        "eq" => "Equal.",
        "ne" => "Not equal.",
        "in" => "One of these.",
        "notIn" => "None of these.",
        "isNull" => "Whether there is no value.",
        "lt" => "Less than.",
        "lte" => "Less than or equal.",
        "gt" => "Greater than.",
        "gte" => "Greater than or equal.",
        "contains" => "Holds this text, upper and lower case alike.",
        _ => "Begins with this text, upper and lower case alike.",
    };
    match name {
        "in" | "notIn" => Input::new(name, ty.clone(), text).list(),
        "isNull" => Input::new(name, InputType::Boolean, text),
        _ => Input::new(name, ty.clone(), text),
    }
}

fn filterable(field: &Field) -> bool {
    // What may be hidden must not be told by a filter either.
    let plain = !field.gated && !field.private;
    plain && !matches!(&field.kind, FieldKind::Scalar { scalar: Scalar::Json, .. })
}

pub fn filter_name(def: &TypeDef) -> String {
    format!("{}Filter", pascal(&def.name))
}

fn field_filter(field: &Field) -> String {
    match &field.kind {
        FieldKind::Money { .. } => "MoneyFilter".into(),
        FieldKind::Scalar { scalar, .. } => match scalar {
            Scalar::Text { .. } | Scalar::Markdown | Scalar::Slug { .. } => "StringFilter".into(),
            Scalar::Integer => "IntFilter".into(),
            Scalar::Long => "LongFilter".into(),
            Scalar::Decimal { .. } => "DecimalFilter".into(),
            Scalar::Boolean => "BooleanFilter".into(),
            Scalar::DateTime => "DateTimeFilter".into(),
            Scalar::Enumeration { name, .. } => format!("{name}Filter"),
            Scalar::Id { .. } | Scalar::Json => "IDFilter".into(),
        },
        FieldKind::ToOne { target, .. } | FieldKind::ToMany { target, .. } | FieldKind::ManyToMany { target, .. } => {
            format!("{}Filter", pascal(target))
        }
    }
}

/// A checked filter value as a condition.
pub fn parse<'m>(model: &'m TypeModel, def: &'m TypeDef, value: &Json) -> Result<Filter<'m>> {
    let Json::Object(map) = value else { return Ok(Filter::All(Vec::new())) };
    let mut parts = Vec::new();
    for (name, value) in map.iter().filter(|(_, value)| !value.is_null()) {
        parts.push(match name.as_str() {
            "and" => Filter::All(list(model, def, value)?),
            "or" => Filter::Any(list(model, def, value)?),
            "not" => Filter::Not(Box::new(parse(model, def, value)?)),
            "id" => id_filter(def, value)?,
            _ => field_condition(model, def, name, value)?,
        });
    }
    Ok(Filter::All(parts))
}

fn list<'m>(model: &'m TypeModel, def: &'m TypeDef, value: &Json) -> Result<Vec<Filter<'m>>> {
    value.as_array().into_iter().flatten().map(|item| parse(model, def, item)).collect()
}

fn id_filter<'m>(def: &'m TypeDef, value: &Json) -> Result<Filter<'m>> {
    let mut parts = Vec::new();
    for (name, value) in entries(value) {
        let (operator, _) = operator(name, value);
        let values = if name == "isNull" { Vec::new() } else { plan::ids(def, value, &format!("filter.id.{name}"))? };
        parts.push(Filter::Id { operator, values });
    }
    Ok(Filter::All(parts))
}

fn field_condition<'m>(model: &'m TypeModel, def: &'m TypeDef, name: &str, value: &Json) -> Result<Filter<'m>> {
    let field = def.field(name).ok_or_else(|| Failure::input(&format!("filter.{name}"), "There is no such field."))?;
    if let Some(target) = field.target() {
        let target = model.get(target).ok_or_else(|| Failure::internal(format!("the model has no type {target}")))?;
        return Ok(Filter::Related { field, target, filter: Box::new(parse(model, target, value)?) });
    }
    let mut parts = Vec::new();
    for (name, value) in entries(value) {
        parts.push(condition(field, name, value)?);
    }
    Ok(Filter::All(parts))
}

fn condition<'m>(field: &'m Field, name: &str, value: &Json) -> Result<Filter<'m>> {
    if name == "currency" {
        return Ok(Filter::Currency { field, code: value.as_str().unwrap_or_default().to_owned() });
    }
    let (operator, takes_value) = operator(name, value);
    let is_pattern = matches!(operator, Operator::Contains | Operator::StartsWith);
    if is_pattern && value.as_str().is_some_and(|text| text.len() > PATTERN_BYTES_MAX) {
        return Err(Failure::input(&format!("filter.{}", field.name), format!("At most {PATTERN_BYTES_MAX} bytes.")));
    }
    let values = match value {
        _ if !takes_value => Vec::new(),
        Json::Array(items) => items.iter().map(|item| database_value(field, item)).collect::<Result<_>>()?,
        single => vec![database_value(field, single)?],
    };
    Ok(Filter::Compare { field, operator, values })
}

fn entries(value: &Json) -> impl Iterator<Item = (&str, &Json)> {
    static NONE: std::sync::LazyLock<Map<String, Json>> = std::sync::LazyLock::new(Map::new);
    let map = value.as_object().unwrap_or(&NONE);
    map.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.as_str(), value))
}

fn operator(name: &str, value: &Json) -> (Operator, bool) {
    match name {
        "eq" => (Operator::Equal, true),
        "ne" => (Operator::NotEqual, true),
        "in" => (Operator::In, true),
        "notIn" => (Operator::NotIn, true),
        "lt" => (Operator::Less, true),
        "lte" => (Operator::LessOrEqual, true),
        "gt" => (Operator::Greater, true),
        "gte" => (Operator::GreaterOrEqual, true),
        "contains" => (Operator::Contains, true),
        "startsWith" => (Operator::StartsWith, true),
        _ if value == &Json::Bool(false) => (Operator::IsNotNull, false),
        _ => (Operator::IsNull, false),
    }
}

/// A filter value as the column holds it.
fn database_value(field: &Field, value: &Json) -> Result<Value> {
    let scalar = match &field.kind {
        FieldKind::Scalar { scalar, .. } => scalar,
        _ => &Scalar::Long,
    };
    let text = value.as_str().unwrap_or_default();
    Ok(match scalar {
        Scalar::Integer | Scalar::Long => value.as_i64().unwrap_or_default().into(),
        Scalar::Boolean => value.as_bool().unwrap_or_default().into(),
        Scalar::Enumeration { .. } => text.to_ascii_lowercase().into(),
        Scalar::Decimal { scale } => lyceum_domain::content::scaled(text, *scale)
            .ok_or_else(|| Failure::input(&format!("filter.{}", field.name), "This is not a decimal number."))?
            .into(),
        Scalar::Id { prefix } => lyceum_kernel::GlobalId::expect(text, prefix)
            .map_err(|error| Failure::input(&format!("filter.{}", field.name), error.to_string()))?
            .to_string()
            .into(),
        _ => text.into(),
    })
}
