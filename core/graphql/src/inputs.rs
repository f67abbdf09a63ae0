//! Input types: one table from which the schema is built and by which values
//! are checked.
//!
//! **Invariant:** a value that leaves [`Inputs::coerce`] has the shape of its
//! type: no unknown field, nothing missing, every scalar within its range.

use std::collections::BTreeMap;

use async_graphql_value::Value;
use lyceum_kernel::{Failure, Result, Timestamp};
use serde_json::{Map, Value as Json};

/// The type of an argument or input field.
#[derive(Debug, Clone, PartialEq)]
pub enum InputType {
    String,
    Int,
    Long,
    Boolean,
    Id,
    DateTime,
    Decimal,
    Json,
    /// A file of a multipart request; its value is the content in base64.
    Upload,
    Enum(String),
    Object(String),
}

/// One argument or input field.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    pub name: String,
    pub ty: InputType,
    pub required: bool,
    pub list: bool,
    pub description: String,
}

impl Input {
    pub fn new(name: &str, ty: InputType, description: &str) -> Self {
        Self { name: name.to_owned(), ty, required: false, list: false, description: description.to_owned() }
    }

    #[must_use]
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// A list of values that are not null.
    #[must_use]
    pub fn list(self) -> Self {
        Self { list: true, ..self }
    }
}

/// An input object.
#[derive(Debug, Clone, PartialEq)]
pub struct InputObject {
    pub description: String,
    pub fields: Vec<Input>,
}

/// An enumeration, of inputs and outputs alike.
#[derive(Debug, Clone, PartialEq)]
pub struct EnumType {
    pub description: String,
    pub values: Vec<String>,
}

/// Every input object and enumeration of the schema.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    pub objects: BTreeMap<String, InputObject>,
    pub enums: BTreeMap<String, EnumType>,
}

/// The variables of a request.
pub type Variables = Map<String, Json>;

impl Inputs {
    pub fn object(&mut self, name: &str, description: &str, fields: Vec<Input>) {
        self.objects.insert(name.to_owned(), InputObject { description: description.to_owned(), fields });
    }

    pub fn enumeration(&mut self, name: &str, description: &str, values: impl IntoIterator<Item = String>) {
        let values = values.into_iter().collect();
        self.enums.insert(name.to_owned(), EnumType { description: description.to_owned(), values });
    }

    /// The arguments of a field as checked JSON. Absent ones are left out.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` with the path of the wrong value.
    pub fn arguments<'v>(
        &self,
        declared: &[Input],
        mut given: impl FnMut(&str) -> Option<&'v Value>,
        variables: &Variables,
    ) -> Result<Map<String, Json>> {
        let mut out = Map::new();
        for input in declared {
            let value = given(&input.name).and_then(|value| substitute(value, variables));
            self.put(&mut out, input, value, &input.name)?;
        }
        Ok(out)
    }

    fn put(&self, out: &mut Map<String, Json>, input: &Input, value: Option<Json>, path: &str) -> Result<()> {
        match value {
            None | Some(Json::Null) if input.required => Err(Failure::input(path, "A value is needed here.")),
            None => Ok(()),
            Some(value) => {
                out.insert(input.name.clone(), self.coerce(input, value, path)?);
                Ok(())
            }
        }
    }

    fn coerce(&self, input: &Input, value: Json, path: &str) -> Result<Json> {
        match value {
            Json::Null => Ok(Json::Null),
            Json::Array(items) if input.list => {
                let check = |(index, item)| self.item(input, item, &format!("{path}.{index}"));
                items.into_iter().enumerate().map(check).collect::<Result<_>>().map(Json::Array)
            }
            // GraphQL takes one value where a list is wanted.
            value if input.list => self.item(input, value, path).map(|item| Json::Array(vec![item])),
            value => self.single(&input.ty, value, path),
        }
    }

    fn item(&self, input: &Input, value: Json, path: &str) -> Result<Json> {
        if value.is_null() {
            return Err(Failure::input(path, "An item of this list must not be null."));
        }
        self.single(&input.ty, value, path)
    }

    fn single(&self, ty: &InputType, value: Json, path: &str) -> Result<Json> {
        match (ty, value) {
            (InputType::Json, value) => Ok(value),
            (InputType::String | InputType::Id, Json::String(text)) if text.contains('\0') => {
                Err(Failure::input(path, "A text must not hold the character U+0000."))
            }
            (InputType::String | InputType::Id | InputType::Upload, value @ Json::String(_))
            | (InputType::Boolean, value @ Json::Bool(_)) => Ok(value),
            (InputType::Id, Json::Number(number)) if number.is_i64() => Ok(Json::String(number.to_string())),
            (InputType::Int, Json::Number(n)) => int(&n, i64::from(i32::MIN), i64::from(i32::MAX), path),
            (InputType::Long, Json::Number(n)) => int(&n, -LONG_MAX, LONG_MAX, path),
            (InputType::Decimal, Json::Number(number)) => Ok(Json::String(number.to_string())),
            (InputType::Decimal, Json::String(text)) => Ok(Json::String(text)),
            (InputType::DateTime, Json::String(text)) => match text.parse::<Timestamp>() {
                Ok(moment) => Ok(Json::String(moment.to_string())),
                Err(_) => Err(Failure::input(path, "A moment is written as RFC 3339, such as 2026-11-21T09:30:00Z.")),
            },
            (InputType::Enum(name), Json::String(text)) => self.enum_value(name, text, path),
            (InputType::Object(name), Json::Object(map)) => self.fields(name, map, path),
            (wanted, _) => Err(Failure::input(path, format!("This is not a value of the type {}.", type_name(wanted)))),
        }
    }

    fn enum_value(&self, name: &str, text: String, path: &str) -> Result<Json> {
        let known = self.enums.get(name).is_some_and(|e| e.values.contains(&text));
        if known {
            Ok(Json::String(text))
        } else {
            Err(Failure::input(path, format!("\"{text}\" is not a value of {name}.")))
        }
    }

    fn fields(&self, name: &str, mut map: Map<String, Json>, path: &str) -> Result<Json> {
        let fields = self.objects.get(name).map_or(&[][..], |object| &object.fields);
        let mut out = Map::new();
        for field in fields {
            let value = map.remove(&field.name);
            self.put(&mut out, field, value, &format!("{path}.{}", field.name))?;
        }
        match map.keys().next() {
            Some(unknown) => {
                Err(Failure::input(&format!("{path}.{unknown}"), format!("{name} has no field \"{unknown}\".")))
            }
            None => Ok(Json::Object(out)),
        }
    }
}

/// The largest whole number that every JSON reader keeps exactly (2^53 - 1).
pub const LONG_MAX: i64 = 9_007_199_254_740_991;

fn int(number: &serde_json::Number, least: i64, most: i64, path: &str) -> Result<Json> {
    match number.as_i64() {
        Some(n) if (least..=most).contains(&n) => Ok(n.into()),
        _ => Err(Failure::input(path, format!("A whole number from {least} to {most} is needed."))),
    }
}

/// The GraphQL name of a type.
pub fn type_name(ty: &InputType) -> &str {
    match ty {
        InputType::String => "String",
        InputType::Int => "Int",
        InputType::Long => "Long",
        InputType::Boolean => "Boolean",
        InputType::Id => "ID",
        InputType::DateTime => "DateTime",
        InputType::Decimal => "Decimal",
        InputType::Json => "JSON",
        InputType::Upload => "Upload",
        InputType::Enum(name) | InputType::Object(name) => name,
    }
}

/// A literal with its variables filled in; `None` for a variable not given.
pub fn substitute(value: &Value, variables: &Variables) -> Option<Json> {
    Some(match value {
        Value::Variable(name) => variables.get(name.as_str())?.clone(),
        Value::Null => Json::Null,
        Value::Number(number) => Json::Number(number.clone()),
        Value::String(text) => Json::String(text.clone()),
        Value::Boolean(flag) => Json::Bool(*flag),
        Value::Enum(name) => Json::String(name.to_string()),
        Value::Binary(_) => return None,
        Value::List(items) => {
            Json::Array(items.iter().map(|v| substitute(v, variables).unwrap_or(Json::Null)).collect())
        }
        Value::Object(map) => {
            let entries = map.iter().filter_map(|(key, v)| Some((key.to_string(), substitute(v, variables)?)));
            Json::Object(entries.collect())
        }
    })
}
