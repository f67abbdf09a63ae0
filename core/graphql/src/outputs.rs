//! Output types that are not in the type model: payloads of actions and the
//! few objects that a domain answers with.

use std::collections::BTreeMap;

use crate::names::Names;

/// What a field of a payload is.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    pub name: String,
    /// A scalar, an enumeration, a payload object or a type of the model
    /// (`Course`).
    pub ty: String,
    pub list: bool,
    pub required: bool,
    pub description: String,
}

impl Output {
    pub fn new(name: &str, ty: &str, description: &str) -> Self {
        Self {
            name: name.to_owned(),
            ty: ty.to_owned(),
            list: false,
            required: false,
            description: description.to_owned(),
        }
    }

    #[must_use]
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// A list of values that are not null.
    #[must_use]
    pub fn list(self) -> Self {
        Self { list: true, required: true, ..self }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct OutputObject {
    pub description: String,
    pub fields: Vec<Output>,
}

/// Every payload object, by name; and what replaced what.
#[derive(Debug, Clone, Default)]
pub struct Outputs(pub BTreeMap<String, OutputObject>, pub Names);

impl Outputs {
    pub fn object(&mut self, name: &str, description: &str, fields: Vec<Output>) {
        self.1.note(name, fields.iter().map(|field| field.name.as_str()));
        self.0.insert(name.to_owned(), OutputObject { description: description.to_owned(), fields });
    }

    pub fn field(&self, object: &str, name: &str) -> Option<&Output> {
        self.0.get(object)?.fields.iter().find(|field| field.name == name)
    }
}
