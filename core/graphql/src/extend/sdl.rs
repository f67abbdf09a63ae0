//! Reading what a plugin declares.

use std::{collections::BTreeMap, sync::Arc};

use async_graphql::{
    Positioned,
    parser::{
        parse_schema,
        types::{
            BaseType, ConstDirective, FieldDefinition, InputValueDefinition, ObjectType, Type, TypeDefinition,
            TypeKind, TypeSystemDefinition,
        },
    },
};
use lyceum_domain::plugin::FieldResolver;
use lyceum_model::{FieldKind, TypeDef, names::pascal};

use super::{Additions, PluginEnum, PluginField, PluginObject, names::Base};
use crate::{
    inputs::{Input, InputType},
    schema,
};

/// Scalars that a plugin's field may have.
const SCALARS: &[&str] = &["Int", "Float", "String", "Boolean", "ID", "JSON", "DateTime", "Long", "Decimal"];
/// At most this many fields and types of one plugin, those of its types counted too.
const MOST: usize = 100;

/// What one plugin declares, read and checked.
#[derive(Default)]
struct Declared {
    fields: BTreeMap<(String, String), Arc<PluginField>>,
    objects: BTreeMap<String, PluginObject>,
    enums: BTreeMap<String, PluginEnum>,
}

impl Additions {
    /// Takes all that a plugin declares, or nothing of it.
    pub(super) fn take(&mut self, base: &Base<'_>, resolver: &Arc<dyn FieldResolver>) -> Result<(), String> {
        let document = parse_schema(resolver.sdl()).map_err(|error| format!("its SDL does not parse: {error}"))?;
        let mut declared = Declared::default();
        for definition in &document.definitions {
            match definition {
                TypeSystemDefinition::Type(definition) => declared.read(base, resolver, &definition.node)?,
                _ => return Err("its SDL may only have types, enums and `extend type`".into()),
            }
        }
        declared.is_small()?;
        declared.hang_together()?;
        self.has_room(&declared)?;
        self.fields.extend(declared.fields);
        self.objects.extend(declared.objects);
        self.enums.extend(declared.enums);
        Ok(())
    }

    /// Nothing of it is another plugin's.
    fn has_room(&self, declared: &Declared) -> Result<(), String> {
        for key in declared.fields.keys() {
            if let Some(known) = self.fields.get(key) {
                let ((ty, name), other) = (key, known.resolver.name());
                return Err(format!(
                    "`{ty}.{name}` is added by {other} already: give the field another name, or disable that plugin"
                ));
            }
        }
        for name in declared.objects.keys().chain(declared.enums.keys()) {
            let object = self.objects.get(name).map(|object| &object.plugin);
            if let Some(other) = object.or_else(|| self.enums.get(name).map(|ty| &ty.plugin)) {
                return Err(format!(
                    "the type `{name}` is added by {other} already: give it another name, or disable that plugin"
                ));
            }
        }
        Ok(())
    }
}

impl Declared {
    fn read(
        &mut self,
        base: &Base<'_>,
        resolver: &Arc<dyn FieldResolver>,
        definition: &TypeDefinition,
    ) -> Result<(), String> {
        let name = definition.name.node.to_string();
        let (plugin, description) = (resolver.name().to_owned(), text(definition.description.as_ref()));
        match (&definition.kind, definition.extend) {
            (TypeKind::Object(object), true) => {
                let def = base.model.types().iter().find(|def| pascal(&def.name) == name);
                let def = def.ok_or_else(|| no_type(base, &name))?;
                object.fields.iter().try_for_each(|field| self.field(def, resolver, &field.node))
            }
            (TypeKind::Object(object), false) => {
                self.new_name(base, &plugin, &name)?;
                let fields = inner_fields(&name, object)?;
                self.objects.insert(name, PluginObject { plugin, description, fields });
                Ok(())
            }
            (TypeKind::Enum(ty), false) => {
                self.new_name(base, &plugin, &name)?;
                let values: Vec<String> = ty.values.iter().map(|value| value.node.value.node.to_string()).collect();
                if values.is_empty() {
                    return Err(format!("the enum `{name}` has no values: write one"));
                }
                self.enums.insert(name, PluginEnum { plugin, description, values });
                Ok(())
            }
            _ => Err(format!("`{name}`: a plugin adds types, enums and `extend type`, nothing else")),
        }
    }

    fn field(
        &mut self,
        def: &TypeDef,
        resolver: &Arc<dyn FieldResolver>,
        field: &FieldDefinition,
    ) -> Result<(), String> {
        let (type_name, name) = (pascal(&def.name), field.name.node.to_string());
        let at = format!("{type_name}.{name}");
        if name == "id"
            || name == "access"
            || name == "locale"
            || name.starts_with("__")
            || schema::readable_field(def, &name).is_some()
        {
            return Err(format!("`{at}` is there already: give the field another name"));
        }
        if !field.ty.node.nullable {
            return Err(format!("`{at}` must be nullable, as it is null when the plugin fails: leave the `!` out"));
        }
        let field = PluginField {
            resolver: resolver.clone(),
            needs: needs(def, &at, &field.directives)?,
            arguments: arguments(&at, field)?,
            ty: field.ty.node.clone(),
            description: text(field.description.as_ref()),
            type_name: type_name.clone(),
            name: name.clone(),
        };
        match self.fields.insert((type_name, name), Arc::new(field)) {
            None => Ok(()),
            Some(_) => Err(format!("it adds `{at}` twice")),
        }
    }

    /// A type of its own has a name of its own.
    fn new_name(&self, base: &Base<'_>, plugin: &str, name: &str) -> Result<(), String> {
        own_name(plugin, name)?;
        if base.has(name) {
            return Err(format!("the type `{name}` is there already: give it another name"));
        }
        match self.objects.contains_key(name) || self.enums.contains_key(name) {
            true => Err(format!("it adds the type `{name}` twice")),
            false => Ok(()),
        }
    }

    fn is_small(&self) -> Result<(), String> {
        let inner: usize = self.objects.values().map(|object| object.fields.len()).sum();
        match self.fields.len() + self.objects.len() + inner + self.enums.len() {
            0..=MOST => Ok(()),
            _ => Err(format!("it adds more than {MOST} fields and types")),
        }
    }

    /// Every type that is named is there.
    fn hang_together(&self) -> Result<(), String> {
        let known = |ty: &Type| {
            let name = innermost(ty);
            SCALARS.contains(&name) || self.objects.contains_key(name) || self.enums.contains_key(name)
        };
        let inner = self
            .objects
            .iter()
            .flat_map(|(object, is)| is.fields.iter().map(move |(field, (ty, _))| (format!("{object}.{field}"), ty)));
        let outer = self.fields.values().map(|field| (format!("{}.{}", field.type_name, field.name), &field.ty));
        match inner.chain(outer).find(|(_, ty)| !known(ty)) {
            Some((at, ty)) => Err(format!(
                "`{at}` has the type `{}`, which is neither of its own nor one of {}",
                innermost(ty),
                SCALARS.join(", ")
            )),
            None => Ok(()),
        }
    }
}

fn no_type(base: &Base<'_>, name: &str) -> String {
    let types: Vec<String> = base.model.types().iter().map(|def| pascal(&def.name)).collect();
    format!("it extends `{name}`, which is no type of the model: the types are {}", types.join(", "))
}

/// The fields of a type of its own. A guest gives the whole object at once, so
/// they have no arguments and need nothing.
fn inner_fields(of: &str, object: &ObjectType) -> Result<BTreeMap<String, (Type, String)>, String> {
    if let Some(name) = object.implements.first() {
        return Err(format!("`{of}` implements `{}`: types of a plugin implement nothing", name.node));
    }
    let mut fields = BTreeMap::new();
    for field in object.fields.iter().map(|field| &field.node) {
        let name = field.name.node.to_string();
        if name.starts_with("__") {
            return Err(format!("`{of}.{name}`: names with two underscores in front are GraphQL's own"));
        }
        if !field.arguments.is_empty() || !field.directives.is_empty() {
            return Err(format!(
                "`{of}.{name}` has arguments or directives: only fields under `extend type` have some"
            ));
        }
        let is = (field.ty.node.clone(), text(field.description.as_ref()));
        if fields.insert(name.clone(), is).is_some() {
            return Err(format!("it adds `{of}.{name}` twice"));
        }
    }
    if fields.is_empty() { Err(format!("the type `{of}` has no fields: write one")) } else { Ok(fields) }
}

fn arguments(at: &str, field: &FieldDefinition) -> Result<Vec<Input>, String> {
    let mut arguments: Vec<Input> = Vec::new();
    for given in &field.arguments {
        let next = argument(at, &given.node)?;
        if arguments.iter().any(|known| known.name == next.name) {
            return Err(format!("`{at}` has the argument `{}` twice", next.name));
        }
        arguments.push(next);
    }
    Ok(arguments)
}

fn text(description: Option<&Positioned<String>>) -> String {
    description.map(|text| text.node.clone()).unwrap_or_default()
}

/// The name of a type without list and null.
pub fn innermost(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name.as_str(),
        BaseType::List(item) => innermost(item),
    }
}

/// Types of a plugin begin with its name: `acme/graphql-badges` has `Badges…`.
fn own_name(plugin: &str, name: &str) -> Result<(), String> {
    let short = plugin.rsplit('/').next().unwrap_or(plugin);
    let short = short.strip_prefix("graphql-").unwrap_or(short);
    let prefix: String = short.split('-').map(pascal).collect();
    match name.starts_with(&prefix) {
        true => Ok(()),
        false => Err(format!("the type `{name}` must begin with `{prefix}`, the plugin's name")),
    }
}

/// The fields in `@needs(fields: […])`.
fn needs(def: &TypeDef, at: &str, directives: &[Positioned<ConstDirective>]) -> Result<Vec<String>, String> {
    let mut needs = Vec::new();
    for directive in directives {
        let directive = &directive.node;
        if directive.name.node != "needs" {
            return Err(format!("`{at}`: the only directive is `@needs(fields: [\"title\"])`"));
        }
        let fields = directive.get_argument("fields").and_then(|value| value.node.clone().into_json().ok());
        let fields: Vec<String> = fields
            .and_then(|value| serde_json::from_value(value).ok())
            .ok_or_else(|| format!("`{at}`: write `@needs(fields: [\"title\"])`"))?;
        needs.extend(fields);
    }
    for need in &needs {
        let field = schema::readable_field(def, need);
        if !field.is_some_and(|field| matches!(field.kind, FieldKind::Scalar { .. })) {
            return Err(format!("`{at}` needs `{need}`, which is no field with a value of `{}`", pascal(&def.name)));
        }
    }
    Ok(needs)
}

fn argument(at: &str, argument: &InputValueDefinition) -> Result<Input, String> {
    let name = argument.name.node.as_str();
    let ty = match innermost(&argument.ty.node) {
        _ if matches!(argument.ty.node.base, BaseType::List(_)) => None,
        "Int" => Some(InputType::Int),
        "String" => Some(InputType::String),
        "Boolean" => Some(InputType::Boolean),
        "ID" => Some(InputType::Id),
        _ => None,
    };
    let ty = ty.ok_or_else(|| format!("`{at}({name}:)`: an argument is an Int, String, Boolean or ID"))?;
    let input = Input::new(name, ty, &text(argument.description.as_ref()));
    let input = Input { default: argument.default_value.as_ref().map(|value| value.node.clone()), ..input };
    Ok(if argument.ty.node.nullable { input } else { input.required() })
}
