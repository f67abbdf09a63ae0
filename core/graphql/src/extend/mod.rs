//! What plugins add to the schema: fields of types that are there, and types
//! of their own.
//!
//! **Invariant:** a plugin's field is counted and permitted as our own, and
//! costs more: its parents are read by the same statement, under the same
//! viewer, and what the viewer may not see is null for the plugin too.
//! **Invariant:** what does not fit the schema is left out as a whole, with a
//! word in the log; the rest of the API is not touched by it.

mod answer;
mod check;
mod names;
pub mod resolve;
mod sdl;

use std::{collections::BTreeMap, sync::Arc};

use async_graphql::{
    dynamic::{Enum, EnumItem, Field as SchemaField, FieldFuture, InputValue, Object, TypeRef},
    parser::types::{BaseType, Type},
};
use lyceum_domain::plugin::FieldResolver;
use lyceum_kernel::Id;
use lyceum_model::TypeModel;
use serde_json::Value as Json;

use self::names::Base;
use crate::{
    inputs::{Input, type_name},
    schema::Definition,
};

pub use answer::Projection;
pub use check::FieldCheck;
pub use sdl::innermost;

/// Everything that the active plugins add.
pub struct Additions {
    fields: BTreeMap<(String, String), Arc<PluginField>>,
    objects: BTreeMap<String, PluginObject>,
    enums: BTreeMap<String, PluginEnum>,
    /// The key under which a parent stands in a read row until its field is
    /// resolved. It is random, so that no content can pretend to be a parent.
    pub marker: String,
}

/// A field of a type that is there.
pub struct PluginField {
    pub resolver: Arc<dyn FieldResolver>,
    /// The GraphQL name of the parent's type.
    pub type_name: String,
    pub name: String,
    pub ty: Type,
    pub arguments: Vec<Input>,
    /// Names of the parent's fields that the resolver is given.
    pub needs: Vec<String>,
    description: String,
}

struct PluginObject {
    plugin: String,
    description: String,
    fields: BTreeMap<String, (Type, String)>,
}

struct PluginEnum {
    plugin: String,
    description: String,
    values: Vec<String>,
}

impl PluginField {
    /// The name of its type without list and null.
    pub fn object(&self) -> &str {
        innermost(&self.ty)
    }
}

/// A field that a query asks for, with where its parents are found.
pub struct AskedField {
    pub field: Arc<PluginField>,
    /// A JSON object.
    pub args: Json,
    pub projection: Projection,
    /// Where the query asks for it.
    pub location: Option<Json>,
}

impl Default for Additions {
    fn default() -> Self {
        let marker = format!("@{}", Id::new());
        Self { fields: BTreeMap::new(), objects: BTreeMap::new(), enums: BTreeMap::new(), marker }
    }
}

impl Additions {
    /// What these plugins add. One whose additions do not fit adds nothing. That
    /// was refused when it was installed; the API may have grown since.
    pub fn of(model: &TypeModel, definition: &Definition, resolvers: &[Arc<dyn FieldResolver>]) -> Self {
        let mut all = Self::default();
        if resolvers.is_empty() {
            return all;
        }
        let base = Base::new(model, definition);
        for resolver in resolvers {
            if let Err(why) = all.take(&base, resolver) {
                tracing::error!(
                    plugin = resolver.name(),
                    why,
                    "a plugin's fields do not fit the schema and are left out"
                );
            }
        }
        all
    }

    /// The field of this name, if a plugin adds it to this type.
    pub fn field(&self, type_name: &str, name: &str) -> Option<&Arc<PluginField>> {
        if self.fields.is_empty() {
            return None;
        }
        self.fields.get(&(type_name.to_owned(), name.to_owned()))
    }

    /// The fields that are added to one type.
    pub fn fields_of<'s>(&'s self, type_name: &'s str) -> impl Iterator<Item = SchemaField> + 's {
        self.fields.values().filter(move |field| field.type_name == type_name).map(|field| {
            let declared = unresolved(&field.name, &field.ty).description(&field.description);
            field.arguments.iter().fold(declared, |declared, argument| declared.argument(input_value(argument)))
        })
    }

    pub fn objects(&self) -> impl Iterator<Item = Object> + '_ {
        self.objects.iter().map(|(name, object)| {
            let fields = object.fields.iter().map(|(name, (ty, about))| unresolved(name, ty).description(about));
            fields.fold(Object::new(name).description(&object.description), Object::field)
        })
    }

    pub fn enums(&self) -> impl Iterator<Item = Enum> + '_ {
        self.enums
            .iter()
            .map(|(name, ty)| Enum::new(name).description(&ty.description).items(ty.values.iter().map(EnumItem::new)))
    }

    /// Whether they look the same to a client.
    pub fn same_schema(&self, other: &Self) -> bool {
        let shape = |all: &Self| {
            let sdls: BTreeMap<String, String> = all
                .fields
                .values()
                .map(|field| (field.resolver.name().to_owned(), field.resolver.sdl().to_owned()))
                .collect();
            sdls
        };
        shape(self) == shape(other)
    }
}

/// Plugins are asked by us: nothing is resolved here.
fn unresolved(name: &str, ty: &Type) -> SchemaField {
    SchemaField::new(name, type_ref(ty), |_| FieldFuture::from_value(None))
}

fn type_ref(ty: &Type) -> TypeRef {
    let inner = match &ty.base {
        BaseType::Named(name) => TypeRef::named(name.as_str()),
        BaseType::List(item) => TypeRef::List(Box::new(type_ref(item))),
    };
    if ty.nullable { inner } else { TypeRef::NonNull(Box::new(inner)) }
}

fn input_value(input: &Input) -> InputValue {
    let name = type_name(&input.ty);
    let ty = if input.required { TypeRef::named_nn(name) } else { TypeRef::named(name) };
    let value = InputValue::new(&input.name, ty).description(&input.description);
    match &input.default {
        Some(default) => value.default_value(default.clone()),
        None => value,
    }
}
