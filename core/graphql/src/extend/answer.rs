//! Whether a plugin's answer is of the declared type, and what of it was asked for.

use async_graphql::parser::types::{BaseType, Type};
use lyceum_kernel::Timestamp;
use serde_json::{Map, Value as Json};

use super::Additions;

/// The selection below a plugin's field.
pub enum Projection {
    /// A scalar, or a list of them.
    Value,
    /// Response key, field and what is below it; `__typename` is a field too.
    Object(Vec<(String, String, Projection)>),
}

impl Additions {
    /// The fields of an object that a plugin adds: type and name.
    pub fn object_field(&self, object: &str, name: &str) -> Option<&Type> {
        self.objects.get(object)?.fields.get(name).map(|(ty, _)| ty)
    }

    pub fn is_object(&self, name: &str) -> bool {
        self.objects.contains_key(name)
    }

    /// The answer as the client gets it.
    ///
    /// # Errors
    /// What in it is not of the declared type.
    pub(super) fn shaped(&self, value: &Json, ty: &Type, projection: &Projection) -> Result<Json, String> {
        match (&ty.base, value) {
            (_, Json::Null) if ty.nullable => Ok(Json::Null),
            (_, Json::Null) => Err("null where a value is declared".into()),
            (BaseType::List(item), Json::Array(values)) => {
                let all = values.iter().map(|value| self.shaped(value, item, projection));
                all.collect::<Result<_, _>>().map(Json::Array)
            }
            (BaseType::List(_), _) => Err("no list where one is declared".into()),
            (BaseType::Named(name), value) => self.named(value, name, projection),
        }
    }

    fn named(&self, value: &Json, name: &str, projection: &Projection) -> Result<Json, String> {
        if let Some(ty) = self.enums.get(name) {
            let known = value.as_str().is_some_and(|text| ty.values.iter().any(|known| known == text));
            return if known { Ok(value.clone()) } else { Err(format!("no value of {name}")) };
        }
        match (projection, value) {
            (Projection::Object(asked), Json::Object(fields)) => self.object(fields, name, asked),
            (Projection::Object(_), _) => Err(format!("no object where {name} is declared")),
            (Projection::Value, value) if fits(value, name) => Ok(value.clone()),
            (Projection::Value, _) => Err(format!("no value of the type {name}")),
        }
    }

    fn object(
        &self,
        fields: &Map<String, Json>,
        name: &str,
        asked: &[(String, String, Projection)],
    ) -> Result<Json, String> {
        let mut out = Map::new();
        for (key, field, below) in asked {
            let value = match self.object_field(name, field) {
                Some(ty) => {
                    let value = fields.get(field).unwrap_or(&Json::Null);
                    self.shaped(value, ty, below).map_err(|why| format!("{field}: {why}"))?
                }
                None => name.into(),
            };
            out.insert(key.clone(), value);
        }
        Ok(Json::Object(out))
    }
}

fn fits(value: &Json, scalar: &str) -> bool {
    match scalar {
        "Int" => value.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
        "Long" => value.as_i64().is_some_and(|n| n.unsigned_abs() <= lyceum_kernel::json::LONG_MAX.unsigned_abs()),
        "Float" => value.is_number(),
        "Boolean" => value.is_boolean(),
        "DateTime" => value.as_str().is_some_and(|text| text.parse::<Timestamp>().is_ok()),
        "String" | "ID" | "Decimal" => value.is_string(),
        _ => true,
    }
}
