//! Fields: every parent has its own answer, whoever stands beside it.

use lyceum_domain::plugin::{Extensions as _, FieldRequest, FieldResolver};
use serde_json::{Map, Value as Json, json};

use super::{
    Kit, expect,
    sdl::{Added, added},
    told,
};

const WORLD: &str = "graphql";

pub(super) async fn run(kit: &mut Kit<'_>) {
    let resolvers = kit.host().field_resolvers();
    let Some(resolver) = resolvers.first().map(AsRef::as_ref) else { return };
    for field in added(resolver.sdl()) {
        let name = format!("{}.{}", field.type_name, field.field);
        let outcome = all_answered(resolver, &field).await;
        kit.note(WORLD, &format!("{name}: 250 parents have 250 answers"), outcome);
        let outcome = alone(resolver, &field).await;
        kit.note(WORLD, &format!("{name}: a parent alone is answered as in a batch"), outcome);
        let outcome = isolated(resolver, &field).await;
        kit.note(WORLD, &format!("{name}: a parent without values spoils no other answer"), outcome);
    }
}

pub(super) fn request(field: &Added) -> FieldRequest {
    FieldRequest {
        type_name: field.type_name.clone(),
        field: field.field.clone(),
        args: json!({}),
        locale: "en".into(),
        viewer: None,
    }
}

/// Parents with texts for what the field needs.
pub(super) fn parents(field: &Added, count: usize) -> Vec<Json> {
    let parent = |place: usize| {
        let mut parent =
            Map::from_iter([("id".to_owned(), json!(format!("{}:{place}", field.type_name.to_lowercase())))]);
        for name in &field.needs {
            parent.insert(name.clone(), json!("A sentence of seven words, more or less. 一句话。".repeat(place % 40)));
        }
        Json::Object(parent)
    };
    (0..count).map(parent).collect()
}

type Answers = Vec<Result<Json, String>>;

async fn answers(resolver: &dyn FieldResolver, field: &Added, parents: &[Json]) -> Result<Answers, String> {
    resolver.resolve(&request(field), parents).await.map_err(told)
}

async fn all_answered(resolver: &dyn FieldResolver, field: &Added) -> Result<(), String> {
    let count = answers(resolver, field, &parents(field, 250)).await?.len();
    expect(count == 250, || format!("{count} answers came"))
}

async fn alone(resolver: &dyn FieldResolver, field: &Added) -> Result<(), String> {
    let parents = parents(field, 5);
    let batch = answers(resolver, field, &parents).await?;
    for (place, parent) in parents.iter().enumerate() {
        let single = answers(resolver, field, std::slice::from_ref(parent)).await?;
        expect(single.first() == batch.get(place), || differs(place, batch.get(place), single.first()))?;
    }
    Ok(())
}

async fn isolated(resolver: &dyn FieldResolver, field: &Added) -> Result<(), String> {
    let mut parents = parents(field, 5);
    let before = answers(resolver, field, &parents).await?;
    parents[2] = json!({ "id": parents[2]["id"] });
    let after = answers(resolver, field, &parents).await?;
    for place in [0, 1, 3, 4] {
        expect(before.get(place) == after.get(place), || differs(place, before.get(place), after.get(place)))?;
    }
    Ok(())
}

fn differs(place: usize, was: Option<&Result<Json, String>>, is: Option<&Result<Json, String>>) -> String {
    format!("parent {place} had {was:?} and then {is:?}: let an answer depend on its own parent alone")
}
