//! Filter inputs: what can be asked of each kind of field, and how an answer
//! of the schema becomes a condition of a plan.

use lyceum_domain::content::{canonical_slug, slug_forms};
use lyceum_kernel::{Failure, Result};
use lyceum_model::{Field, FieldKind, Scalar, TypeDef, TypeModel, names::pascal};
use lyceum_store::read::{Filter, Operator};
use sea_orm::Value;
use serde_json::Value as Json;

use crate::{
    inputs::{Input, InputType, Inputs},
    limits::Meter,
    plan,
    schema::{is_shared, readable},
};

const EQUALITY: &[&str] = &["eq", "ne", "in", "notIn", "isNull"];
const ORDER: &[&str] = &["lt", "lte", "gt", "gte"];
/// Searching for longer texts is no filter.
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
            let filter = format!("{name}Filter");
            if !(is_shared(def, field, name) && inputs.objects.contains_key(&filter)) {
                let operators = operators(&ty, &[EQUALITY]);
                inputs.object(&filter, "Conditions on a value; all of them must hold.", operators);
            }
        }
        let description = match &field.kind {
            FieldKind::ToOne { .. } => {
                format!("{} The one that it leads to has to meet these conditions.", field.description)
            }
            FieldKind::ToMany { .. } | FieldKind::ManyToMany { .. } => {
                format!("{} At least one of them has to meet these conditions.", field.description)
            }
            FieldKind::Scalar { .. } | FieldKind::Money { .. } => field.description.clone(),
        };
        fields.push(Input::new(&field.name, InputType::Object(field_filter(field)), &description));
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
        "ne" => "Not equal; rows without a value too.",
        "in" => "One of these. An empty list is met by no row.",
        "notIn" => "None of these; rows without a value too. An empty list is met by every row.",
        "isNull" => "Whether there is no value.",
        "lt" => "Less than.",
        "lte" => "Less than or equal.",
        "gt" => "Greater than.",
        "gte" => "Greater than or equal.",
        "contains" => {
            "Holds this text, upper and lower case alike in every script (`ß` is `ss`, `İ` and `ı` are `i`); \
             accents count."
        }
        _ => {
            "Begins with this text, upper and lower case alike in every script (`ß` is `ss`, `İ` and `ı` are `i`); \
             accents count."
        }
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

/// A checked filter value as a condition. What it costs goes to the meter.
///
/// # Errors
/// BAD_USER_INPUT, FILTER_TOO_LARGE, QUERY_TOO_COSTLY.
pub fn parse<'m>(model: &'m TypeModel, def: &'m TypeDef, value: &Json, meter: &mut Meter) -> Result<Filter<'m>> {
    Parser { model, meter, relations: 0 }.filter(def, value, "filter")
}

struct Parser<'m, 'p> {
    model: &'m TypeModel,
    meter: &'p mut Meter,
    /// The relations that lead to where it is.
    relations: usize,
}

impl<'m> Parser<'m, '_> {
    fn filter(&mut self, def: &'m TypeDef, value: &Json, path: &str) -> Result<Filter<'m>> {
        let mut parts = Vec::new();
        for (name, value) in entries(value) {
            let path = format!("{path}.{name}");
            refuse_null(value, &path)?;
            parts.push(match name {
                "and" => Filter::All(self.list(def, value, &path)?),
                "or" => Filter::Any(self.list(def, value, &path)?),
                "not" => {
                    self.meter.condition(false, 0)?;
                    Filter::Not(Box::new(self.filter(def, value, &path)?))
                }
                "id" => self.id(def, value, &path)?,
                _ => self.field(def, name, value, &path)?,
            });
        }
        Ok(Filter::All(parts))
    }

    fn list(&mut self, def: &'m TypeDef, value: &Json, path: &str) -> Result<Vec<Filter<'m>>> {
        let items = value.as_array().into_iter().flatten().enumerate();
        let one = |(index, item)| {
            self.meter.condition(false, 0)?;
            self.filter(def, item, &format!("{path}.{index}"))
        };
        items.map(one).collect()
    }

    fn id(&mut self, def: &'m TypeDef, value: &Json, path: &str) -> Result<Filter<'m>> {
        let mut parts = Vec::new();
        for (name, value) in entries(value) {
            let path = format!("{path}.{name}");
            self.count(name, value, &path)?;
            let (operator, takes_value) = operator(name, value);
            let values = if takes_value { plan::ids(def, value, &path)? } else { Vec::new() };
            parts.push(Filter::Id { operator, values });
        }
        Ok(Filter::All(parts))
    }

    fn field(&mut self, def: &'m TypeDef, name: &str, value: &Json, path: &str) -> Result<Filter<'m>> {
        let field = def.field(name).ok_or_else(|| Failure::input(path, "There is no such field."))?;
        if let Some(target) = field.target() {
            return self.related(field, target, value, path);
        }
        let mut parts = Vec::new();
        for (name, value) in entries(value) {
            let path = format!("{path}.{name}");
            self.count(name, value, &path)?;
            parts.push(condition(field, name, value, &path)?);
        }
        Ok(Filter::All(parts))
    }

    fn related(&mut self, field: &'m Field, target: &str, value: &Json, path: &str) -> Result<Filter<'m>> {
        let target = self.model.get(target);
        let target = target.ok_or_else(|| Failure::internal(format!("the model has no type of {path}")))?;
        self.relations += 1;
        self.meter.relation(self.relations)?;
        let filter = self.filter(target, value, path)?;
        self.relations -= 1;
        Ok(Filter::Related { field, target, filter: Box::new(filter) })
    }

    /// Counts one condition, which must have a value: null is none, and a
    /// condition that is left out lets more rows through.
    fn count(&mut self, operator: &str, value: &Json, path: &str) -> Result<()> {
        refuse_null(value, path)?;
        self.meter.condition(TEXT.contains(&operator), value.as_array().map_or(0, Vec::len))
    }
}

fn refuse_null(value: &Json, path: &str) -> Result<()> {
    match value {
        Json::Null => Err(Failure::input(path, "Null is no condition: leave it out, or use \"isNull\".")),
        _ => Ok(()),
    }
}

fn condition<'m>(field: &'m Field, name: &str, value: &Json, path: &str) -> Result<Filter<'m>> {
    if name == "currency" {
        return Ok(Filter::Currency { field, code: value.as_str().unwrap_or_default().to_owned() });
    }
    let (operator, takes_value) = operator(name, value);
    let is_pattern = matches!(operator, Operator::Contains | Operator::StartsWith);
    if is_pattern && value.as_str().is_some_and(|text| text.len() > PATTERN_BYTES_MAX) {
        return Err(Failure::input(path, format!("At most {PATTERN_BYTES_MAX} bytes.")));
    }
    let values = match value {
        _ if !takes_value => Vec::new(),
        Json::Array(items) => items.iter().map(|item| database_value(field, item, path)).collect::<Result<_>>()?,
        single => vec![database_value(field, single, path)?],
    };
    Ok(match &field.kind {
        FieldKind::Scalar { scalar: Scalar::Slug { .. }, .. } => slug_condition(field, operator, &values),
        _ => Filter::Compare { field, operator, values },
    })
}

/// A slug is equal to each of its writings, and else compared by the one in
/// which slugs are made.
fn slug_condition<'m>(field: &'m Field, operator: Operator, values: &[Value]) -> Filter<'m> {
    let texts = values.iter().filter_map(|value| match value {
        Value::String(Some(text)) => Some(text.as_str()),
        _ => None,
    });
    let is_equality = matches!(operator, Operator::Equal | Operator::NotEqual | Operator::In | Operator::NotIn);
    let values: Vec<Value> = match is_equality {
        true => texts.flat_map(slug_forms).map(Value::from).collect(),
        false => texts.map(canonical_slug).map(Value::from).collect(),
    };
    let operator = match operator {
        Operator::Equal if values.len() > 1 => Operator::In,
        Operator::NotEqual if values.len() > 1 => Operator::NotIn,
        other => other,
    };
    Filter::Compare { field, operator, values }
}

fn entries(value: &Json) -> impl Iterator<Item = (&str, &Json)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
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
fn database_value(field: &Field, value: &Json, path: &str) -> Result<Value> {
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
            .ok_or_else(|| Failure::input(path, "This is not a decimal number of this field."))?
            .into(),
        Scalar::Id { prefix } => lyceum_kernel::GlobalId::expect(text, prefix)
            .map_err(|error| Failure::input(path, error.to_string()))?
            .to_string()
            .into(),
        _ => text.into(),
    })
}
