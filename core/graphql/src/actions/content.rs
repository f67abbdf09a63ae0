//! `createX`, `updateX`, `deleteX`, `publishX` and `unpublishX` for every
//! content type, from the model.

use lyceum_domain::content::{Change, InputShape, input_fields};
use lyceum_kernel::Result;
use lyceum_model::{FieldKind, Scalar, TypeDef, TypeModel, names::pascal};
use serde_json::{Map, Value as Json};

use super::{Call, Done, Made, Registry, id_at};
use crate::{
    inputs::{Input, InputType},
    outputs::Output,
};

pub fn register(registry: &mut Registry<'_>, model: &TypeModel) {
    let money = vec![
        Input::new("minor", InputType::Long, "The amount in minor units: fen, cents.").required(),
        Input::new("currency", InputType::String, "The ISO 4217 code.").required(),
    ];
    registry.inputs.object("MoneyInput", "An amount of money.", money);
    for def in model.content_types() {
        register_type(registry, def);
    }
}

fn register_type(registry: &mut Registry<'_>, def: &TypeDef) {
    let (name, noun) = (pascal(&def.name), def.name.clone());
    let payload = || vec![Output::new(&def.name, &name, "The entry as it is now for the one who acts.")];
    let id = || Input::new("id", InputType::Id, "Which one.").required();
    register_translation(registry, def);

    let kind = noun.clone();
    let create = fields(def, true);
    registry.add(
        &format!("create{name}"),
        &format!("Makes a draft of {}.", with_article(&noun)),
        create,
        payload(),
        move |call, input| create_entry(kind.clone(), call, input),
    );
    let kind = noun.clone();
    let mut update = fields(def, false);
    update.insert(0, id());
    let text = format!(
        "Saves {}. What is published stays as it is until it is published again. A field that is left out stays, null clears it.",
        with_article(&noun)
    );
    registry.add(&format!("update{name}"), &text, update, payload(), move |call, input| {
        update_entry(kind.clone(), call, input)
    });
    let kind = noun.clone();
    let text = format!("Publishes the latest saved state of {}.", with_article(&noun));
    registry.add(&format!("publish{name}"), &text, vec![id()], payload(), move |call, input| {
        publish_entry(kind.clone(), call, input)
    });
    let kind = noun.clone();
    let text = format!("Hides a published {noun} again.");
    registry.add(&format!("unpublish{name}"), &text, vec![id()], payload(), move |call, input| {
        unpublish_entry(kind.clone(), call, input)
    });
    let kind = noun.clone();
    let deleted = vec![Output::new("deletedId", "ID", "The id of what is gone.").required()];
    registry.add(
        &format!("delete{name}"),
        &format!("Removes {} for good, with its history.", with_article(&noun)),
        vec![id()],
        deleted,
        move |call, input| delete_entry(kind.clone(), call, input),
    );
}

/// `an article`, `a course`.
fn with_article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {noun}")
}

fn register_translation(registry: &mut Registry<'_>, def: &TypeDef) {
    let mut fields: Vec<Input> = input_fields(def)
        .filter(|input| input.field.localised)
        .map(|input| Input::new(&input.name, InputType::String, &input.field.description))
        .collect();
    if fields.is_empty() {
        return;
    }
    fields.insert(0, Input::new("locale", InputType::String, "The language.").required());
    let name = format!("{}TranslationInput", pascal(&def.name));
    registry.inputs.object(&name, &format!("The texts of {} in one language.", with_article(&def.name)), fields);
}

fn fields(def: &TypeDef, create: bool) -> Vec<Input> {
    let mut out: Vec<Input> = Vec::new();
    for wanted in input_fields(def) {
        let ty = match (&wanted.shape, &wanted.field.kind) {
            (InputShape::Id | InputShape::Ids, _) => InputType::Id,
            (InputShape::Value, FieldKind::Money { .. }) => InputType::Object("MoneyInput".into()),
            (InputShape::Value, FieldKind::Scalar { scalar, .. }) => scalar_input(scalar),
            (InputShape::Value, _) => continue,
        };
        let made_up = matches!(&wanted.field.kind, FieldKind::Scalar { scalar: Scalar::Slug { .. }, .. });
        let input = Input::new(&wanted.name, ty, &wanted.field.description);
        let needed = create && wanted.field.required && !made_up;
        let input = if wanted.shape == InputShape::Ids { input.list() } else { input };
        out.push(if needed { input.required() } else { input });
    }
    if def.locale_table().is_some() {
        out.push(Input::new(
            "locale",
            InputType::String,
            "The language of the texts here; the default language when absent.",
        ));
        let ty = InputType::Object(format!("{}TranslationInput", pascal(&def.name)));
        out.push(Input::new("translations", ty, "The texts in further languages.").list());
    }
    out
}

fn scalar_input(scalar: &Scalar) -> InputType {
    match scalar {
        Scalar::Text { .. } | Scalar::Markdown | Scalar::Slug { .. } => InputType::String,
        Scalar::Integer => InputType::Int,
        Scalar::Long => InputType::Long,
        Scalar::Decimal { .. } => InputType::Decimal,
        Scalar::Boolean => InputType::Boolean,
        Scalar::DateTime => InputType::DateTime,
        Scalar::Enumeration { name, .. } => InputType::Enum(name.clone()),
        Scalar::Json => InputType::Json,
        Scalar::Id { .. } => InputType::Id,
    }
}

async fn create_entry(kind: String, call: Call, input: Map<String, Json>) -> Result<Done> {
    let contents = &call.domains.contents;
    let def = contents.content_type(&kind)?;
    let change = Change::parse(&call.domains.model, def, &input, &call.domains.locales)?;
    let id = contents.create(&call.viewer, def, change).await?;
    Ok(entry(def, id))
}

async fn update_entry(kind: String, call: Call, input: Map<String, Json>) -> Result<Done> {
    let contents = &call.domains.contents;
    let def = contents.content_type(&kind)?;
    let id = id_at(&input, "id", &def.prefix)?;
    let change = Change::parse(&call.domains.model, def, &input, &call.domains.locales)?;
    contents.update(&call.viewer, def, id, change).await?;
    Ok(entry(def, id))
}

async fn publish_entry(kind: String, call: Call, input: Map<String, Json>) -> Result<Done> {
    let def = call.domains.contents.content_type(&kind)?;
    let id = id_at(&input, "id", &def.prefix)?;
    call.domains.contents.publish(&call.viewer, def, id).await?;
    Ok(entry(def, id))
}

async fn unpublish_entry(kind: String, call: Call, input: Map<String, Json>) -> Result<Done> {
    let def = call.domains.contents.content_type(&kind)?;
    let id = id_at(&input, "id", &def.prefix)?;
    call.domains.contents.unpublish(&call.viewer, def, id).await?;
    Ok(entry(def, id))
}

async fn delete_entry(kind: String, call: Call, input: Map<String, Json>) -> Result<Done> {
    let def = call.domains.contents.content_type(&kind)?;
    let id = id_at(&input, "id", &def.prefix)?;
    call.domains.contents.delete(&call.viewer, def, id).await?;
    Ok(Done::new(vec![("deletedId", Made::Json(id.with_prefix(&def.prefix).into()))]))
}

fn entry(def: &TypeDef, id: lyceum_kernel::Id) -> Done {
    let made = Made::Fields(vec![(def.name.clone().into(), Made::Entity(def.name.clone(), id))]);
    Done { made, viewer: None }
}
