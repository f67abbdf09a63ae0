//! `CoerceVariableValues` and `CoerceArgumentValues` of the specification.
//!
//! **Invariant:** absent is not null: what was not given and has no default is
//! left out, however it was not given.
//! **Invariant:** a value that passed has the shape of its type: no unknown
//! field, nothing missing, every scalar within its range.

pub mod scalar;

use apollo_compiler::{
    Name, Node, Schema,
    ast::{Type, Value},
    executable::{Field, Operation},
    schema::{ExtendedType, InputObjectType},
};
use lyceum_kernel::{Failure, Result};
use serde_json::{Map, Value as Json};

/// The variables of a request.
pub type Variables = Map<String, Json>;

/// Coerces values to the input types of one schema.
#[derive(Clone, Copy)]
pub struct Coercion<'s> {
    pub schema: &'s Schema,
}

impl Coercion<'_> {
    /// The variables of an operation. What it does not declare is left out.
    ///
    /// # Errors
    /// BAD_USER_INPUT with the path of the wrong value; its first step is the
    /// name of the variable.
    pub fn variables(self, operation: &Operation, mut given: Variables) -> Result<Variables> {
        let mut coerced = Variables::new();
        for variable in &operation.variables {
            let name = variable.name.as_str();
            let value = match (given.remove(name), &variable.default_value) {
                (Some(value), _) => self.value(&variable.ty, value, name),
                (None, Some(default)) => self.default(&variable.ty, default, name),
                (None, None) if variable.ty.is_non_null() => Err(missing(name)),
                (None, None) => continue,
            };
            let value = value.map_err(|failure| failure.prefixed(&format!("Variable \"${name}\": ")))?;
            coerced.insert(name.to_owned(), value);
        }
        Ok(coerced)
    }

    /// The arguments of a field.
    ///
    /// # Errors
    /// BAD_USER_INPUT with the path of the wrong value.
    pub fn arguments(self, field: &Field, variables: &Variables) -> Result<Map<String, Json>> {
        let mut coerced = Map::new();
        for declared in &field.definition.arguments {
            let name = declared.name.as_str();
            let given =
                field.arguments.iter().find(|argument| argument.name == declared.name).map(|argument| &argument.value);
            let default = declared.default_value.as_ref();
            if let Some(value) = self.literal_or_default(&declared.ty, given, default, variables, name)? {
                coerced.insert(name.to_owned(), value);
            }
        }
        Ok(coerced)
    }

    fn literal_or_default(
        self,
        ty: &Type,
        literal: Option<&Node<Value>>,
        default: Option<&Node<Value>>,
        variables: &Variables,
        path: &str,
    ) -> Result<Option<Json>> {
        let value = match literal {
            Some(literal) => self.literal(ty, literal, variables, path)?,
            None => None,
        };
        match (value, default) {
            (Some(Json::Null), _) if ty.is_non_null() => Err(missing(path)),
            (Some(value), _) => Ok(Some(value)),
            (None, Some(default)) => self.default(ty, default, path).map(Some),
            (None, None) if ty.is_non_null() => Err(missing(path)),
            (None, None) => Ok(None),
        }
    }

    fn default(self, ty: &Type, default: &Node<Value>, path: &str) -> Result<Json> {
        Ok(self.literal(ty, default, &Variables::new(), path)?.unwrap_or(Json::Null))
    }

    /// A validated literal with its variables, which are coerced; `None` for a
    /// variable that was not given.
    fn literal(self, ty: &Type, literal: &Node<Value>, variables: &Variables, path: &str) -> Result<Option<Json>> {
        match (&**literal, ty) {
            (Value::Variable(name), _) => Ok(variables.get(name.as_str()).cloned()),
            (Value::Null, _) => Ok(Some(Json::Null)),
            (Value::List(items), Type::List(item) | Type::NonNullList(item)) => {
                let one = |(index, value): (usize, &Node<Value>)| {
                    let path = format!("{path}.{index}");
                    let value = self.literal(item, value, variables, &path)?.unwrap_or(Json::Null);
                    if value.is_null() && item.is_non_null() { Err(missing(&path)) } else { Ok(value) }
                };
                items.iter().enumerate().map(one).collect::<Result<_>>().map(|items| Some(Json::Array(items)))
            }
            (_, Type::List(item) | Type::NonNullList(item)) => {
                // One value where a list is wanted is a list of one.
                let one = self.literal(item, literal, variables, path)?;
                Ok(one.map(|one| Json::Array(vec![one])))
            }
            (value, Type::Named(name) | Type::NonNullNamed(name)) => {
                self.named_literal(name, value, literal, variables, path).map(Some)
            }
        }
    }

    fn named_literal(
        self,
        name: &Name,
        value: &Value,
        literal: &Node<Value>,
        variables: &Variables,
        path: &str,
    ) -> Result<Json> {
        match (self.schema.types.get(name), value) {
            (Some(ExtendedType::InputObject(object)), Value::Object(fields)) => {
                let mut out = Map::new();
                for (field_name, field) in &object.fields {
                    let path = format!("{path}.{field_name}");
                    let literal = fields.iter().find(|(name, _)| name == field_name).map(|(_, value)| value);
                    let default = field.default_value.as_ref();
                    if let Some(value) = self.literal_or_default(&field.ty, literal, default, variables, &path)? {
                        out.insert(field_name.to_string(), value);
                    }
                }
                one_of(object, &out, path)?;
                Ok(Json::Object(out))
            }
            (Some(ExtendedType::Scalar(_)), value) if name == "JSON" => scalar::refuse_inexact(value)
                .and_then(|()| scalar::value(name, scalar::untyped(value, &|name| variables.get(name).cloned())))
                .map_err(|message| Failure::input(path, message)),
            (Some(ExtendedType::Scalar(_)), _) => {
                scalar::literal(name, literal).map_err(|message| Failure::input(path, message))
            }
            (_, value) => Ok(scalar::untyped(value, &|_| None)),
        }
    }

    /// A JSON value where this type is wanted.
    fn value(self, ty: &Type, value: Json, path: &str) -> Result<Json> {
        match (ty, value) {
            (ty, Json::Null) if ty.is_non_null() => Err(missing(path)),
            (_, Json::Null) => Ok(Json::Null),
            (Type::List(item) | Type::NonNullList(item), Json::Array(items)) => {
                let one = |(index, value)| self.value(item, value, &format!("{path}.{index}"));
                items.into_iter().enumerate().map(one).collect::<Result<_>>().map(Json::Array)
            }
            (Type::List(item) | Type::NonNullList(item), value) => {
                self.value(item, value, path).map(|one| Json::Array(vec![one]))
            }
            (Type::Named(name) | Type::NonNullNamed(name), value) => self.named(name, value, path),
        }
    }

    fn named(self, name: &Name, value: Json, path: &str) -> Result<Json> {
        match (self.schema.types.get(name), value) {
            (Some(ExtendedType::InputObject(object)), Json::Object(map)) => self.object(object, map, path),
            (Some(ExtendedType::Enum(ty)), Json::String(text)) => match ty.values.contains_key(text.as_str()) {
                true => Ok(Json::String(text)),
                false => Err(Failure::input(path, format!("This is not a value of the enum {name}."))),
            },
            (Some(ExtendedType::Scalar(_)), value) => {
                scalar::value(name, value).map_err(|message| Failure::input(path, message))
            }
            _ => Err(Failure::input(path, format!("This is not a value of the type {name}."))),
        }
    }

    fn object(self, object: &InputObjectType, mut map: Map<String, Json>, path: &str) -> Result<Json> {
        let mut out = Map::new();
        for (name, field) in &object.fields {
            let path = format!("{path}.{name}");
            let value = match (map.remove(name.as_str()), &field.default_value) {
                (Some(value), _) => self.value(&field.ty, value, &path)?,
                (None, Some(default)) => self.default(&field.ty, default, &path)?,
                (None, None) if field.ty.is_non_null() => return Err(missing(&path)),
                (None, None) => continue,
            };
            out.insert(name.to_string(), value);
        }
        if let Some(unknown) = map.keys().next() {
            let name: String = unknown.chars().take(80).collect();
            return Err(Failure::input(&format!("{path}.{name}"), format!("{} has no such field.", object.name)));
        }
        one_of(object, &out, path)?;
        Ok(Json::Object(out))
    }
}

fn one_of(object: &InputObjectType, given: &Map<String, Json>, path: &str) -> Result<()> {
    let mut values = given.values();
    match (object.directives.has("oneOf"), values.next(), values.next()) {
        (false, ..) => Ok(()),
        (true, Some(one), None) if !one.is_null() => Ok(()),
        _ => {
            let names: Vec<&str> = object.fields.keys().map(Name::as_str).collect();
            Err(Failure::input(path, format!("Exactly one of {} has to be given.", names.join(", "))))
        }
    }
}

fn missing(path: &str) -> Failure {
    Failure::input(path, "A value is needed here.")
}
