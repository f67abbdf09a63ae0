//! Reading what a plugin declares.

use std::{collections::BTreeMap, sync::Arc};

use async_graphql::{
    Positioned,
    parser::{
        parse_schema,
        types::{
            BaseType, ConstDirective, FieldDefinition, InputValueDefinition, Type, TypeDefinition, TypeKind,
            TypeSystemDefinition,
        },
    },
};
use lyceum_domain::plugin::FieldResolver;
use lyceum_model::{FieldKind, TypeDef, TypeModel, names::pascal};

use super::{Additions, PluginEnum, PluginField, PluginObject};
use crate::{
    inputs::{Input, InputType},
    schema,
};

/// Scalars that a plugin's field may have.
const SCALARS: &[&str] = &["Int", "Float", "String", "Boolean", "ID", "JSON", "DateTime", "Long", "Decimal"];
/// At most this many fields and types of one plugin.
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
    pub(super) fn take(&mut self, model: &TypeModel, resolver: &Arc<dyn FieldResolver>) -> Result<(), String> {
        let document = parse_schema(resolver.sdl()).map_err(|error| format!("its SDL does not parse: {error}"))?;
        let mut declared = Declared::default();
        for definition in &document.definitions {
            match definition {
                TypeSystemDefinition::Type(definition) => declared.read(model, resolver, &definition.node)?,
                _ => return Err("its SDL may only have types, enums and `extend type`".into()),
            }
        }
        declared.hang_together()?;
        if let Some((ty, name)) = declared.fields.keys().find(|key| self.fields.contains_key(key)) {
            return Err(format!("another plugin already adds `{ty}.{name}`"));
        }
        let types = declared.objects.keys().chain(declared.enums.keys());
        if let Some(name) = types.clone().find(|n| self.objects.contains_key(*n) || self.enums.contains_key(*n)) {
            return Err(format!("another plugin already adds the type `{name}`"));
        }
        self.fields.extend(declared.fields);
        self.objects.extend(declared.objects);
        self.enums.extend(declared.enums);
        Ok(())
    }
}

impl Declared {
    fn read(
        &mut self,
        model: &TypeModel,
        resolver: &Arc<dyn FieldResolver>,
        definition: &TypeDefinition,
    ) -> Result<(), String> {
        let name = definition.name.node.to_string();
        let description = text(definition.description.as_ref());
        if self.fields.len() + self.objects.len() + self.enums.len() >= MOST {
            return Err(format!("it adds more than {MOST} fields and types"));
        }
        match (&definition.kind, definition.extend) {
            (TypeKind::Object(object), true) => {
                let def = model.types().iter().find(|def| pascal(&def.name) == name);
                let def = def.ok_or_else(|| format!("it extends `{name}`, which is no type of the model"))?;
                object.fields.iter().try_for_each(|field| self.field(def, resolver, &field.node))
            }
            (TypeKind::Object(object), false) => {
                own_name(resolver.name(), &name)?;
                let fields = object.fields.iter().map(|field| {
                    let field = &field.node;
                    (field.name.node.to_string(), (field.ty.node.clone(), text(field.description.as_ref())))
                });
                self.objects.insert(name, PluginObject { description, fields: fields.collect() });
                Ok(())
            }
            (TypeKind::Enum(ty), false) => {
                own_name(resolver.name(), &name)?;
                let values = ty.values.iter().map(|value| value.node.value.node.to_string()).collect();
                self.enums.insert(name, PluginEnum { description, values });
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
        if name == "id" || name == "access" || name.starts_with("__") || schema::readable_field(def, &name).is_some() {
            return Err(format!("`{at}` is there already"));
        }
        if !field.ty.node.nullable {
            return Err(format!("`{at}` must be nullable: it is null when the plugin fails"));
        }
        let field = PluginField {
            resolver: resolver.clone(),
            needs: needs(def, &at, &field.directives)?,
            arguments: field.arguments.iter().map(|a| argument(&at, &a.node)).collect::<Result<_, _>>()?,
            ty: field.ty.node.clone(),
            description: text(field.description.as_ref()),
            type_name: type_name.clone(),
            name: name.clone(),
        };
        self.fields.insert((type_name, name), Arc::new(field));
        Ok(())
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
    Ok(if argument.ty.node.nullable { input } else { input.required() })
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use lyceum_domain::plugin::{FieldRequest, PluginFailure};
    use serde_json::Value as Json;

    use super::*;

    /// Declares, and is never asked.
    struct Declares(&'static str);

    #[async_trait]
    impl FieldResolver for Declares {
        fn name(&self) -> &str {
            "acme/graphql-reading-time"
        }

        fn sdl(&self) -> &str {
            self.0
        }

        async fn resolve(&self, _: &FieldRequest, _: &[Json]) -> Result<Vec<Result<Json, String>>, PluginFailure> {
            Ok(Vec::new())
        }
    }

    fn taken(sdl: &'static str) -> Result<(), String> {
        let content = lyceum_model::content::built_in().expect("the built-in content types");
        let model = lyceum_domain::types::model(lyceum_model::content::resolve(&content)).expect("a model");
        super::super::check(&model, Arc::new(Declares(sdl)))
    }

    #[test]
    fn nullable_fields_and_types_with_the_plugins_name_are_taken() {
        let sdl = r#"
            extend type User { "Minutes." minutes(words: Int! = 200): Int @needs(fields: ["name"]) stats: [ReadingTimeStats!] }
            type ReadingTimeStats { minutes: Int! kind: ReadingTimeKind }
            enum ReadingTimeKind { SHORT LONG }
        "#;
        assert_eq!(taken(sdl), Ok(()));
    }

    #[test]
    fn what_does_not_fit_says_why() {
        for (sdl, why) in [
            ("extend type User {", "does not parse"),
            ("extend type Nobody { a: Int }", "no type of the model"),
            ("extend type User { name: String }", "is there already"),
            ("extend type User { id: ID }", "is there already"),
            ("extend type User { a: Int! }", "must be nullable"),
            ("extend type User { a: Int @needs(fields: [\"passwordHash\"]) }", "no field with a value"),
            ("extend type User { a: Int @deprecated }", "the only directive"),
            ("extend type User { a(b: JSON): Int }", "an argument is"),
            ("extend type User { a: Course }", "neither of its own"),
            ("type Stats { a: Int }", "must begin with `ReadingTime`"),
            ("extend type Query { a: Int }", "no type of the model"),
            ("scalar ReadingTimeX", "nothing else"),
            ("directive @x on FIELD", "may only have"),
        ] {
            let error = taken(sdl).expect_err(sdl);
            assert!(error.contains(why), "{sdl}: {error}");
        }
    }
}
