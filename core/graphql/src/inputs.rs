//! Input types: the table from which the schema is built. Values are checked
//! by the schema itself (`coerce`).

use std::collections::BTreeMap;

use async_graphql_value::ConstValue;

use crate::names::Names;

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
    pub default: Option<ConstValue>,
}

impl Input {
    pub fn new(name: &str, ty: InputType, description: &str) -> Self {
        Self {
            name: name.to_owned(),
            ty,
            required: false,
            list: false,
            description: description.to_owned(),
            default: None,
        }
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
    /// Whether exactly one field is given.
    pub one_of: bool,
}

/// An enumeration, of inputs and outputs alike.
#[derive(Debug, Clone, PartialEq)]
pub struct EnumType {
    pub description: String,
    pub values: Vec<EnumValue>,
}

/// A value of an enumeration.
#[derive(Debug, Clone, PartialEq)]
pub struct EnumValue {
    pub name: String,
    pub description: String,
}

impl From<(&str, &str)> for EnumValue {
    fn from((name, description): (&str, &str)) -> Self {
        Self { name: name.to_owned(), description: description.to_owned() }
    }
}

impl From<String> for EnumValue {
    fn from(name: String) -> Self {
        let description = crate::enums::description("", &name);
        Self { name, description }
    }
}

/// Every input object and enumeration of the schema.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    pub objects: BTreeMap<String, InputObject>,
    pub enums: BTreeMap<String, EnumType>,
    /// The same, and what replaced what.
    pub names: Names,
}

impl Inputs {
    pub fn object(&mut self, name: &str, description: &str, fields: Vec<Input>) {
        self.names.note(name, fields.iter().map(|field| field.name.as_str()));
        let object = InputObject { description: description.to_owned(), fields, one_of: false };
        self.objects.insert(name.to_owned(), object);
    }

    /// An input object of which exactly one field is given (`@oneOf`).
    pub fn one_of(&mut self, name: &str, description: &str, fields: Vec<Input>) {
        self.names.note(name, fields.iter().map(|field| field.name.as_str()));
        let object = InputObject { description: description.to_owned(), fields, one_of: true };
        self.objects.insert(name.to_owned(), object);
    }

    pub fn enumeration<V: Into<EnumValue>>(
        &mut self,
        name: &str,
        description: &str,
        values: impl IntoIterator<Item = V>,
    ) {
        let values: Vec<EnumValue> = values.into_iter().map(Into::into).collect();
        self.names.note(name, values.iter().map(|value| value.name.as_str()));
        self.enums.insert(name.to_owned(), EnumType { description: description.to_owned(), values });
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
