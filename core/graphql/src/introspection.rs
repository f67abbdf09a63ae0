//! Introspection: `__schema` and `__type` over the schema in use.
//!
//! **Invariant:** the schema can be walked in circles, so a request reads at
//! most [`VALUES`] of it, and the lists that lead on stand at most twice in
//! one another ([`check`]).

use apollo_compiler::{
    Schema,
    ast::{DirectiveList, Type},
    collections::HashMap,
    executable::{ExecutableDocument, Operation},
    introspection::check_max_depth,
    schema::{
        DirectiveDefinition, EnumValueDefinition, ExtendedType, FieldDefinition, Implementers, InputValueDefinition,
        Name,
    },
    validation::Valid,
};
use lyceum_kernel::{ErrorCode, Failure, Result};
use serde_json::Value as Json;

use crate::{
    coerce::Coercion,
    execute::text::{self, ObjectText},
    fields::{Selected, Selections},
};

/// Values that one request may read. The whole schema has about a third of it.
pub const VALUES: usize = 150_000;

/// # Errors
/// QUERY_TOO_DEEP.
pub fn check(document: &Valid<ExecutableDocument>, operation: &Operation) -> Result<()> {
    check_max_depth(document, operation).map_err(|_| {
        let message = "Introspection asks for lists of types in one another: they may stand at most twice.";
        Failure::new(ErrorCode::QueryTooDeep, message).with("limit", 2)
    })
}

/// Answers the introspection of one request.
pub struct Introspection<'s> {
    pub schema: &'s Valid<Schema>,
    pub implementers: &'s HashMap<Name, Implementers>,
    pub values: usize,
}

/// A thing of the schema.
#[derive(Clone, Copy)]
enum Node<'s> {
    Schema,
    Type(&'s ExtendedType),
    /// A list or a non-null type.
    Wrapped(Wrapped<'s>),
    Field(&'s FieldDefinition),
    Input(&'s InputValueDefinition),
    Value(&'s EnumValueDefinition),
    Directive(&'s DirectiveDefinition),
}

/// A type reference, and whether its outermost `!` is taken off.
#[derive(Clone, Copy)]
struct Wrapped<'s> {
    ty: &'s Type,
    nullable: bool,
}

/// What a field of a [`Node`] is.
enum Found<'s> {
    Value(Json),
    One(Option<Node<'s>>),
    Many(Option<Vec<Node<'s>>>),
}

impl<'s> Introspection<'s> {
    /// The answer to `__schema` or `__type`, as JSON text.
    ///
    /// # Errors
    /// QUERY_TOO_COSTLY.
    pub fn root(&mut self, selected: &Selected<'_>, below: &Selections<'_>) -> Result<String> {
        if selected.name() == "__schema" {
            return self.node(Node::Schema, below);
        }
        let arguments = Coercion { schema: self.schema }.arguments(selected.field, below.variables())?;
        let name = arguments.get("name").and_then(Json::as_str).unwrap_or_default();
        match self.schema.types.get(name) {
            Some(ty) => self.node(Node::Type(ty), below),
            None => Ok("null".into()),
        }
    }

    fn node(&mut self, node: Node<'s>, below: &Selections<'_>) -> Result<String> {
        let mut out = ObjectText::new();
        for selected in below.fields(&[node.type_name()])? {
            self.values += 1;
            if self.values > VALUES {
                let message = format!("Introspection reads more than {VALUES} values.");
                return Err(Failure::new(ErrorCode::QueryTooCostly, message).with("limit", VALUES));
            }
            let inner = below.below(&selected);
            let answer = match self.field(node, &selected, below)? {
                Found::Value(value) => value.to_string(),
                Found::One(None) | Found::Many(None) => "null".to_owned(),
                Found::One(Some(node)) => self.node(node, &inner)?,
                Found::Many(Some(nodes)) => {
                    let nodes = nodes.into_iter().map(|node| self.node(node, &inner)).collect::<Result<Vec<_>>>()?;
                    text::list(nodes.iter().map(String::as_str))
                }
            };
            out.put(selected.key, &answer);
        }
        Ok(out.end())
    }

    fn field(&self, node: Node<'s>, selected: &Selected<'_>, below: &Selections<'_>) -> Result<Found<'s>> {
        let name = selected.name();
        if name == "__typename" {
            return Ok(Found::Value(node.type_name().into()));
        }
        let arguments = Coercion { schema: self.schema }.arguments(selected.field, below.variables())?;
        let deprecated = arguments.get("includeDeprecated").and_then(Json::as_bool).unwrap_or(false);
        Ok(match node {
            Node::Schema => self.schema_field(name),
            Node::Type(ty) => self.type_field(ty, name, deprecated),
            Node::Wrapped(wrapped) => self.wrapped_field(wrapped, name),
            Node::Field(field) => self.field_field(field, name, deprecated),
            Node::Input(input) => self.input_field(input, name),
            Node::Value(value) => value_field(value, name),
            Node::Directive(directive) => directive_field(directive, name, deprecated),
        })
    }

    fn schema_field(&self, name: &str) -> Found<'s> {
        let roots = &self.schema.schema_definition;
        let root = |name: &Option<apollo_compiler::schema::ComponentName>| {
            Found::One(name.as_ref().and_then(|name| self.named(name.as_str())))
        };
        match name {
            "description" => Found::Value(roots.description.as_deref().into()),
            "types" => Found::Many(Some(self.schema.types.values().map(Node::Type).collect())),
            "queryType" => root(&roots.query),
            "mutationType" => root(&roots.mutation),
            "subscriptionType" => root(&roots.subscription),
            _ => Found::Many(Some(
                self.schema.directive_definitions.values().map(|directive| Node::Directive(directive)).collect(),
            )),
        }
    }

    fn type_field(&self, ty: &'s ExtendedType, name: &str, deprecated: bool) -> Found<'s> {
        match name {
            "kind" => Found::Value(kind(ty).into()),
            "name" => Found::Value(ty.name().as_str().into()),
            "description" => Found::Value(ty.description().map(|text| text.as_str()).into()),
            "specifiedByURL" => Found::Value(specified_by(ty)),
            "isOneOf" => Found::Value(match ty {
                ExtendedType::InputObject(object) => object.directives.has("oneOf").into(),
                _ => Json::Null,
            }),
            "fields" => Found::Many(match ty {
                ExtendedType::Object(object) => Some(fields(object.fields.values(), deprecated)),
                ExtendedType::Interface(object) => Some(fields(object.fields.values(), deprecated)),
                _ => None,
            }),
            "interfaces" => Found::Many(match ty {
                ExtendedType::Object(object) => Some(self.all(object.implements_interfaces.iter())),
                ExtendedType::Interface(object) => Some(self.all(object.implements_interfaces.iter())),
                _ => None,
            }),
            "possibleTypes" => Found::Many(match ty {
                ExtendedType::Union(union) => Some(self.all(union.members.iter())),
                ExtendedType::Interface(interface) => {
                    let objects = self.implementers.get(&interface.name).map(|all| all.objects.iter());
                    Some(objects.into_iter().flatten().filter_map(|name| self.named(name)).collect())
                }
                _ => None,
            }),
            "enumValues" => Found::Many(match ty {
                ExtendedType::Enum(ty) => {
                    let values = ty.values.values().filter(|value| deprecated || !is_deprecated(&value.directives));
                    Some(values.map(|value| Node::Value(value)).collect())
                }
                _ => None,
            }),
            "inputFields" => Found::Many(match ty {
                ExtendedType::InputObject(object) => {
                    let fields = object.fields.values().filter(|field| deprecated || !is_deprecated(&field.directives));
                    Some(fields.map(|field| Node::Input(field)).collect())
                }
                _ => None,
            }),
            _ => Found::One(None),
        }
    }

    fn wrapped_field(&self, wrapped: Wrapped<'s>, name: &str) -> Found<'s> {
        let non_null = wrapped.ty.is_non_null() && !wrapped.nullable;
        match name {
            "kind" => Found::Value(if non_null { "NON_NULL" } else { "LIST" }.into()),
            "ofType" if non_null => Found::One(self.wrapped(Wrapped { nullable: true, ..wrapped })),
            "ofType" => Found::One(self.reference(wrapped.ty.item_type())),
            "fields" | "interfaces" | "possibleTypes" | "enumValues" | "inputFields" => Found::Many(None),
            _ => Found::Value(Json::Null),
        }
    }

    fn field_field(&self, field: &'s FieldDefinition, name: &str, deprecated: bool) -> Found<'s> {
        match name {
            "name" => Found::Value(field.name.as_str().into()),
            "description" => Found::Value(field.description.as_deref().into()),
            "args" => Found::Many(Some(inputs(&field.arguments, deprecated))),
            "type" => Found::One(self.reference(&field.ty)),
            "isDeprecated" => Found::Value(is_deprecated(&field.directives).into()),
            _ => Found::Value(deprecation_reason(&field.directives)),
        }
    }

    fn input_field(&self, input: &'s InputValueDefinition, name: &str) -> Found<'s> {
        match name {
            "name" => Found::Value(input.name.as_str().into()),
            "description" => Found::Value(input.description.as_deref().into()),
            "type" => Found::One(self.reference(&input.ty)),
            "defaultValue" => {
                let default = input.default_value.as_ref();
                Found::Value(default.map(|value| value.serialize().no_indent().to_string()).into())
            }
            "isDeprecated" => Found::Value(is_deprecated(&input.directives).into()),
            _ => Found::Value(deprecation_reason(&input.directives)),
        }
    }

    fn named(&self, name: &str) -> Option<Node<'s>> {
        self.schema.types.get(name).map(Node::Type)
    }

    fn all<'n>(&self, names: impl Iterator<Item = &'n apollo_compiler::schema::ComponentName>) -> Vec<Node<'s>> {
        names.filter_map(|name| self.named(name.as_str())).collect()
    }

    fn reference(&self, ty: &'s Type) -> Option<Node<'s>> {
        self.wrapped(Wrapped { ty, nullable: false })
    }

    fn wrapped(&self, wrapped: Wrapped<'s>) -> Option<Node<'s>> {
        match wrapped.ty {
            Type::Named(name) => self.named(name),
            Type::NonNullNamed(name) if wrapped.nullable => self.named(name),
            _ => Some(Node::Wrapped(wrapped)),
        }
    }
}

impl Node<'_> {
    fn type_name(self) -> &'static str {
        match self {
            Self::Schema => "__Schema",
            Self::Type(_) | Self::Wrapped(_) => "__Type",
            Self::Field(_) => "__Field",
            Self::Input(_) => "__InputValue",
            Self::Value(_) => "__EnumValue",
            Self::Directive(_) => "__Directive",
        }
    }
}

fn kind(ty: &ExtendedType) -> &'static str {
    match ty {
        ExtendedType::Scalar(_) => "SCALAR",
        ExtendedType::Object(_) => "OBJECT",
        ExtendedType::Interface(_) => "INTERFACE",
        ExtendedType::Union(_) => "UNION",
        ExtendedType::Enum(_) => "ENUM",
        ExtendedType::InputObject(_) => "INPUT_OBJECT",
    }
}

fn specified_by(ty: &ExtendedType) -> Json {
    let ExtendedType::Scalar(scalar) = ty else { return Json::Null };
    let url = scalar.directives.get("specifiedBy").and_then(|by| by.specified_argument_by_name("url"));
    url.and_then(|url| url.as_str()).into()
}

fn fields<'s>(
    all: impl Iterator<Item = &'s apollo_compiler::schema::Component<FieldDefinition>>,
    deprecated: bool,
) -> Vec<Node<'s>> {
    let shown = all.filter(|field| deprecated || !is_deprecated(&field.directives));
    shown.map(|field| Node::Field(field)).collect()
}

fn inputs(all: &[apollo_compiler::Node<InputValueDefinition>], deprecated: bool) -> Vec<Node<'_>> {
    let shown = all.iter().filter(|input| deprecated || !is_deprecated(&input.directives));
    shown.map(|input| Node::Input(input)).collect()
}

fn value_field<'s>(value: &EnumValueDefinition, name: &str) -> Found<'s> {
    Found::Value(match name {
        "name" => value.value.as_str().into(),
        "description" => value.description.as_deref().into(),
        "isDeprecated" => is_deprecated(&value.directives).into(),
        _ => deprecation_reason(&value.directives),
    })
}

fn directive_field<'s>(directive: &'s DirectiveDefinition, name: &str, deprecated: bool) -> Found<'s> {
    match name {
        "name" => Found::Value(directive.name.as_str().into()),
        "description" => Found::Value(directive.description.as_deref().into()),
        "isRepeatable" => Found::Value(directive.repeatable.into()),
        "locations" => Found::Value(directive.locations.iter().map(|at| Json::from(at.name())).collect()),
        _ => Found::Many(Some(inputs(&directive.arguments, deprecated))),
    }
}

fn is_deprecated(directives: &DirectiveList) -> bool {
    directives.has("deprecated")
}

fn deprecation_reason(directives: &DirectiveList) -> Json {
    let Some(deprecated) = directives.get("deprecated") else { return Json::Null };
    let reason = deprecated.specified_argument_by_name("reason").and_then(|reason| reason.as_str());
    reason.unwrap_or("No longer supported").into()
}
