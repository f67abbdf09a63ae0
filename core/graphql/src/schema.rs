//! The schema: one dynamic async-graphql schema from the model and the
//! actions. It is the source of the SDL, from which [`Compiled`] is made, by
//! which documents are validated, values coerced and introspection answered.

use apollo_compiler::{
    Name, name,
    schema::{Component, ExtendedType, FieldDefinition, Implementers},
    ty,
    validation::Valid,
};
use async_graphql::dynamic::{
    Enum, EnumItem, Field as SchemaField, FieldFuture, InputObject, InputValue, Interface, InterfaceField, Object,
    Scalar as SchemaScalar, Schema, SchemaError, TypeRef, Union,
};
use lyceum_model::{Field, FieldKind, Scalar, TypeDef, TypeModel, names::pascal};
use lyceum_store::read::{Direction, Sort, SortKey};

use crate::{
    actions::Action,
    enums,
    extend::Additions,
    filter,
    inputs::{EnumValue, Input, InputType, Inputs, type_name},
    outputs::{Output, Outputs},
    plan::sort_values,
    roots::Root,
};

/// Everything that is told of the schema before async-graphql knows it.
pub struct Definition {
    pub inputs: Inputs,
    pub outputs: Outputs,
    pub roots: Vec<Root>,
    pub actions: Vec<Action>,
}

/// The fields of a type that can be read at all.
pub fn readable(def: &TypeDef) -> impl Iterator<Item = &Field> {
    // What an entry asks for is told by the object `access`.
    def.fields.iter().filter(|field| !(def.gate.is_some() && field.name == "access"))
}

/// Whether an object says in which language it was read.
pub fn has_locale(def: &TypeDef) -> bool {
    def.locale_table().is_some() && def.field("locale").is_none()
}

/// The field with this name, if it can be read.
pub fn readable_field<'m>(def: &'m TypeDef, name: &str) -> Option<&'m Field> {
    readable(def).find(|field| field.name == name)
}

/// The arguments of a list of this type.
pub fn list_arguments(def: &TypeDef) -> Vec<Input> {
    let name = pascal(&def.name);
    vec![
        Input::new("filter", InputType::Object(filter::filter_name(def)), "Which rows."),
        Input::new("sort", InputType::Enum(format!("{name}Sort")), "The order; the id decides among equals.").list(),
        Input::new("first", InputType::Int, "The size of the page, counted from the start."),
        Input::new("after", InputType::String, "The cursor behind which the page begins."),
        Input::new("last", InputType::Int, "The size of the page, counted from the end."),
        Input::new("before", InputType::String, "The cursor before which the page ends."),
    ]
}

/// Registers the enumerations of the model: sorts and the values of fields.
pub fn register_enums(inputs: &mut Inputs, model: &TypeModel) {
    for def in model.types() {
        let name = pascal(&def.name);
        let values = sort_values(def).into_iter().map(|(name, key)| EnumValue { name, description: described(key) });
        inputs.enumeration(&format!("{name}Sort"), &format!("Orders of {}.", def.plural), values);
        for field in &def.fields {
            if let FieldKind::Scalar { scalar: Scalar::Enumeration { name: ty, values }, .. } = &field.kind {
                if is_shared(def, field, ty) && inputs.enums.contains_key(ty) {
                    continue;
                }
                let values = values.iter().map(|value| {
                    let name = value.to_ascii_uppercase();
                    EnumValue { description: enums::description(ty, &name), name }
                });
                inputs.enumeration(ty, &field.description, values);
            }
        }
    }
}

/// Whether an enumeration is not the field's own, but that of every entry.
pub fn is_shared(def: &TypeDef, field: &Field, enumeration: &str) -> bool {
    def.is_content() && enumeration != pascal(&def.name) + &pascal(&field.name)
}

fn described(key: SortKey<'_>) -> String {
    let by = match key.by {
        Sort::Field(field) => field.name.as_str(),
        Sort::Position => "position",
        Sort::Id => "id",
    };
    match key.direction {
        Direction::Ascending => format!("By `{by}`, the lowest first; those without a value last."),
        Direction::Descending => format!("By `{by}`, the highest first; those without a value last."),
    }
}

/// # Errors
/// When the definitions do not fit together: a fault of ours or of a content
/// type, never of a request.
pub fn build(model: &TypeModel, definition: &Definition, additions: &Additions) -> Result<Schema, SchemaError> {
    let mut schema = Schema::build("Query", Some("Mutation"), None);
    for scalar in SCALARS {
        let registered = SchemaScalar::new(scalar.name).description(scalar.description);
        schema = schema.register(registered.specified_by_url(scalar.specified_by));
    }
    for (name, ty) in &definition.inputs.enums {
        let items = ty.values.iter().map(|value| EnumItem::new(&value.name).description(&value.description));
        schema = schema.register(Enum::new(name).description(&ty.description).items(items));
    }
    for (name, object) in &definition.inputs.objects {
        let fields = object.fields.iter().map(input_value);
        let empty = InputObject::new(name).description(&object.description);
        let empty = if object.one_of { empty.oneof() } else { empty };
        schema = schema.register(fields.fold(empty, InputObject::field));
    }
    let node = InterfaceField::new("id", TypeRef::named_nn(TypeRef::ID))
        .description("The id; it says what type the thing is.");
    schema = schema.register(Interface::new("Node").description("Everything that has an id.").field(node));
    let entry = Union::new("SearchEntry").description("What search can find.");
    schema = schema.register(SEARCHABLE.iter().fold(entry, |union, name| union.possible_type(pascal(name))));
    for def in model.types() {
        for object in type_objects(def, model, additions) {
            schema = schema.register(object);
        }
    }
    schema = additions.objects().fold(schema, |schema, object| schema.register(object));
    schema = additions.enums().fold(schema, |schema, ty| schema.register(ty));
    for (name, object) in &definition.outputs.0 {
        let fields = object.fields.iter().map(output_field);
        schema = schema.register(fields.fold(Object::new(name).description(&object.description), Object::field));
    }
    schema = schema.register(query(definition)).register(mutation(definition));
    schema.finish()
}

/// The types that search covers.
pub const SEARCHABLE: &[&str] = &["course", "lesson"];

/// A scalar beside those of GraphQL.
pub struct ScalarType {
    pub name: &'static str,
    description: &'static str,
    specified_by: &'static str,
}

pub const SCALARS: &[ScalarType] = &[
    ScalarType {
        name: "DateTime",
        description: "A moment in UTC as RFC 3339 text: `2026-11-21T09:30:00.000Z`. Other offsets are taken and converted.",
        specified_by: "https://scalars.graphql.org/andimarek/date-time.html",
    },
    ScalarType {
        name: "Decimal",
        description: "A decimal number as text, with all its places: `\"4.50\"`. A number is taken too.",
        specified_by: "https://www.w3.org/TR/xmlschema11-2/#decimal",
    },
    ScalarType {
        name: "Long",
        description: "A whole number from -(2^53 - 1) to 2^53 - 1, which every JSON reader keeps exactly.",
        specified_by: "https://www.rfc-editor.org/rfc/rfc8259#section-6",
    },
    ScalarType { name: "JSON", description: "Any JSON value.", specified_by: "https://www.rfc-editor.org/rfc/rfc8259" },
    ScalarType {
        name: "Upload",
        description: "A file, sent as the GraphQL multipart request specification has it: the variable is null and `map` names it.",
        specified_by: "https://github.com/jaydenseric/graphql-multipart-request-spec",
    },
];

fn nothing(name: &str, ty: TypeRef) -> SchemaField {
    // Reads are compiled and actions are called by us: nothing is resolved here.
    SchemaField::new(name, ty, |_| FieldFuture::from_value(None))
}

/// The fields of the object of a type, without those of plugins. A name may
/// come twice: then the model is refused.
pub fn object_fields<'d>(def: &'d TypeDef, model: &TypeModel) -> Vec<(&'d str, SchemaField)> {
    let id = nothing("id", TypeRef::named_nn(TypeRef::ID)).description("The id; it says what type the thing is.");
    let mut fields = vec![("id", id)];
    fields.extend(readable(def).map(|field| (field.name.as_str(), model_field(field, model))));
    if def.gate.is_some() {
        let access = nothing("access", TypeRef::named_nn("Access"))
            .description("Whether the gated fields are open to the viewer, and what would open them.");
        fields.push(("access", access));
    }
    if has_locale(def) {
        let text = "The language that this object was read in: the one that was asked for. A text that is missing in it is shown in the next language that has it.";
        fields.push(("locale", nothing("locale", TypeRef::named_nn(TypeRef::STRING)).description(text)));
    }
    fields
}

fn type_objects(def: &TypeDef, model: &TypeModel, additions: &Additions) -> [Object; 3] {
    let name = pascal(&def.name);
    let object = Object::new(&name).description(&def.description).implement("Node");
    let own = object_fields(def, model).into_iter().map(|(_, field)| field);
    let object = own.chain(additions.fields_of(&name)).fold(object, Object::field);
    let edge = Object::new(format!("{name}Edge"))
        .description("One row with its place in the list.")
        .field(
            nothing("cursor", TypeRef::named_nn(TypeRef::STRING)).description("The place, for `after` and `before`."),
        )
        .field(nothing("node", TypeRef::named_nn(&name)).description("The row."));
    let connection = Object::new(format!("{name}Connection"))
        .description(format!("A page of {}.", def.plural))
        .field(nothing("nodes", TypeRef::named_nn_list_nn(&name)).description("The rows."))
        .field(
            nothing("edges", TypeRef::named_nn_list_nn(format!("{name}Edge")))
                .description("The rows with their cursors."),
        )
        .field(nothing("pageInfo", TypeRef::named_nn("PageInfo")).description("What is before and behind the page."))
        .field(nothing("totalCount", TypeRef::named_nn(TypeRef::INT)).description("How many rows there are in all."));
    [object, edge, connection]
}

fn model_field(field: &Field, model: &TypeModel) -> SchemaField {
    let named = |name: &str| {
        if field.required && !field.gated && !field.private { TypeRef::named_nn(name) } else { TypeRef::named(name) }
    };
    let mut described = field.description.clone();
    if field.gated {
        described.push_str(" Null without the entitlement; see `access`.");
    }
    if field.private {
        described.push_str(" Null for others than its owner.");
    }
    match &field.kind {
        FieldKind::Scalar { scalar, .. } => nothing(&field.name, named(scalar_type(scalar))),
        FieldKind::Money { .. } => nothing(&field.name, named("Money")),
        // The other row may be hidden from the viewer, so this is never non-null.
        FieldKind::ToOne { target, .. } => nothing(&field.name, TypeRef::named(pascal(target))),
        FieldKind::ToMany { target, .. } | FieldKind::ManyToMany { target, .. } => {
            let list = nothing(&field.name, TypeRef::named_nn(format!("{}Connection", pascal(target))));
            let arguments = model.get(target).map(list_arguments).unwrap_or_default();
            arguments.iter().fold(list, |list, argument| list.argument(input_value(argument)))
        }
    }
    .description(described)
}

fn scalar_type(scalar: &Scalar) -> &str {
    match scalar {
        Scalar::Text { .. } | Scalar::Markdown | Scalar::Slug { .. } => TypeRef::STRING,
        Scalar::Integer => TypeRef::INT,
        Scalar::Long => "Long",
        Scalar::Decimal { .. } => "Decimal",
        Scalar::Boolean => TypeRef::BOOLEAN,
        Scalar::DateTime => "DateTime",
        Scalar::Enumeration { name, .. } => name,
        Scalar::Json => "JSON",
        Scalar::Id { .. } => TypeRef::ID,
    }
}

fn input_value(input: &Input) -> InputValue {
    let name = type_name(&input.ty);
    let ty = match (input.list, input.required) {
        (true, true) => TypeRef::named_nn_list_nn(name),
        (true, false) => TypeRef::named_nn_list(name),
        (false, true) => TypeRef::named_nn(name),
        (false, false) => TypeRef::named(name),
    };
    InputValue::new(&input.name, ty).description(&input.description)
}

fn output_field(output: &Output) -> SchemaField {
    let ty = match (output.list, output.required) {
        (true, _) => TypeRef::named_nn_list_nn(&output.ty),
        (false, true) => TypeRef::named_nn(&output.ty),
        (false, false) => TypeRef::named(&output.ty),
    };
    nothing(&output.name, ty).description(&output.description)
}

fn query(definition: &Definition) -> Object {
    let query =
        Object::new("Query").description("Everything that can be read. Each field obeys what the viewer may see.");
    definition.roots.iter().fold(query, |query, root| {
        let field = nothing(&root.name, TypeRef::named(&root.output)).description(&root.description);
        query.field(root.arguments.iter().fold(field, |field, argument| field.argument(input_value(argument))))
    })
}

fn mutation(definition: &Definition) -> Object {
    let mutation = Object::new("Mutation")
        .description("Everything that can be done. Each action names its input and its payload.");
    definition.actions.iter().fold(mutation, |mutation, action| {
        let field = nothing(&action.name, TypeRef::named(&action.payload)).description(&action.description);
        mutation.field(action.arguments.iter().fold(field, |field, argument| field.argument(input_value(argument))))
    })
}

/// A schema as documents are validated by it.
pub struct Compiled {
    pub sdl: String,
    pub schema: Valid<apollo_compiler::Schema>,
    pub implementers: apollo_compiler::collections::HashMap<Name, Implementers>,
}

impl Compiled {
    /// # Errors
    /// As [`build`].
    pub fn new(model: &TypeModel, definition: &Definition, additions: &Additions) -> Result<Self, String> {
        let sdl = sdl_of(&build(model, definition, additions).map_err(|error| error.to_string())?);
        let mut schema =
            apollo_compiler::Schema::parse(sdl.as_str(), "schema").map_err(|wrong| wrong.errors.to_string())?;
        with_is_one_of(&mut schema);
        let schema = schema.validate().map_err(|wrong| wrong.errors.to_string())?;
        let implementers = schema.implementers_map();
        Ok(Self { sdl, schema, implementers })
    }
}

/// The built-in type `__Type` with the field that September 2025 added to it.
fn with_is_one_of(schema: &mut apollo_compiler::Schema) {
    let Some(ExtendedType::Object(ty)) = schema.types.get_mut("__Type") else { return };
    let field = FieldDefinition {
        description: None,
        name: name!("isOneOf"),
        arguments: Vec::new(),
        ty: ty!(Boolean),
        directives: apollo_compiler::ast::DirectiveList::new(),
    };
    ty.make_mut().fields.insert(name!("isOneOf"), Component::new(field));
}

fn sdl_of(schema: &Schema) -> String {
    let options = async_graphql::SDLExportOptions::new()
        .sorted_fields()
        .sorted_arguments()
        .sorted_enum_items()
        .include_specified_by();
    let text = schema.sdl_with_options(options);
    // One line break at the end, none before it: so editors leave it alone.
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim().replace("\n\n\n", "\n\n") + "\n"
}
