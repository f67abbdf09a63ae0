//! Names of content types, against every name that the API has.
//!
//! Each name of the schema is tried as a type, a plural, a field and an
//! enumeration. It is refused, or it works: the API is made and an entry is
//! written and read.

use std::{collections::BTreeSet, sync::Arc};

use async_graphql::parser::{
    parse_schema,
    types::{TypeKind, TypeSystemDefinition},
};
use lyceum_graphql::clashes;
use lyceum_kernel::SystemClock;
use lyceum_model::content::{BUILT_IN, ContentType, built_in, parse, resolve};
use lyceum_store::{Database, Options, schema};
use serde_json::json;

use crate::bed::each_database_with;

/// The names of all types, fields and values, as content files would spell them.
fn names() -> BTreeSet<String> {
    let model = lyceum_domain::types::model(resolve(&built_in().unwrap())).unwrap();
    let document = parse_schema(lyceum_graphql::sdl(&model).unwrap()).unwrap();
    let mut names = BTreeSet::from(["string", "int", "float", "boolean", "iD", "subscription"].map(str::to_owned));
    for definition in document.definitions {
        let TypeSystemDefinition::Type(ty) = definition else { continue };
        names.insert(lower_first(&ty.node.name.node));
        match ty.node.kind {
            TypeKind::Object(object) => names.extend(object.fields.iter().map(|f| f.node.name.node.to_string())),
            TypeKind::InputObject(object) => names.extend(object.fields.iter().map(|f| f.node.name.node.to_string())),
            _ => {}
        }
    }
    names
}

fn lower_first(name: &str) -> String {
    name[..1].to_lowercase() + &name[1..]
}

fn file(number: usize, name: &str, plural: &str, fields: &str) -> String {
    format!("id = \"n{number}\"\nname = \"{name}\"\nplural = \"{plural}\"\n{fields}")
}

fn field(name: &str, kind: &str) -> String {
    format!("[[field]]\nid = \"f.{name}\"\nname = \"{name}\"\nkind = {kind}\n")
}

/// The new type beside the built-in ones, or why it is refused.
fn tried(own: &str) -> Result<ContentType, String> {
    let mut files = BUILT_IN.to_vec();
    files.push(("new.toml", own));
    let types = parse(&files).map_err(|error| error.to_string())?;
    let clashes = clashes(&types);
    let own = types.into_iter().next_back().unwrap();
    if clashes.is_empty() { Ok(own) } else { Err(format!("{clashes:?}")) }
}

fn accepted(own: &str) -> Option<ContentType> {
    tried(own).ok()
}

/// Of the names that were accepted alone, so many of each kind are tried
/// together with a database.
const TRIED: usize = 25;

fn some(accepted: Vec<ContentType>) -> impl Iterator<Item = ContentType> {
    let step = (accepted.len() / TRIED).max(1);
    accepted.into_iter().step_by(step)
}

/// The fields that one type can have: those that need the column of an earlier
/// one are left out.
fn together(fields: &[String]) -> String {
    let mut taken = String::new();
    for field in fields {
        let more = taken.clone() + field;
        if parse(&[("new.toml", &file(0, "holder", "holders", &more))]).is_ok() {
            taken = more;
        }
    }
    taken
}

/// The types whose tables the system has.
async fn taken(types: &[ContentType]) -> BTreeSet<String> {
    let directory = tempfile::TempDir::new().unwrap();
    let options = Options::sqlite(&directory.path().join("lyceum.db"));
    let database = Database::connect(&options, Arc::new(SystemClock)).await.unwrap();
    database.migrate().await.unwrap();
    schema::taken(&database, types).await.unwrap().into_iter().map(|taken| taken.type_name).collect()
}

#[tokio::test]
async fn a_name_of_the_api_is_refused_or_works() {
    let names: Vec<String> = names().into_iter().collect();
    assert!(names.len() > 300, "{}", names.len());
    let text = field("text", "\"text\"");
    let enumeration = |name: &str| field(name, "\"enumeration\"") + "values = [\"x\"]\n";
    let numbered = || names.iter().enumerate();
    let as_types = numbered().filter_map(|(n, name)| accepted(&file(n, name, &format!("all{n}"), &text)));
    let as_plurals = numbered().filter_map(|(n, name)| accepted(&file(n + 10_000, &format!("thing{n}"), name, &text)));
    let (as_types, as_plurals): (Vec<_>, Vec<_>) = (as_types.collect(), as_plurals.collect());
    let as_fields: Vec<String> = names
        .iter()
        .map(|name| field(name, "\"text\""))
        .filter(|field| accepted(&file(0, "holder", "holders", field)).is_some())
        .collect();
    let as_enumerations: Vec<String> = names
        .iter()
        // Beside each other `x` and `xFilter` are in each other's way.
        .filter(|name| !name.ends_with("Filter"))
        .map(|name| enumeration(name))
        .filter(|field| accepted(&file(0, "holder", "holders", field)).is_some())
        .collect();
    let found = [as_types.len(), as_plurals.len(), as_fields.len(), as_enumerations.len()];
    assert!(found.iter().all(|found| *found > TRIED && *found < names.len()), "{found:?} of {}", names.len());

    let mut types = built_in().unwrap();
    types.extend(some(as_types).chain(some(as_plurals)));
    types.push(tried(&file(30_000, "textHolder", "textHolders", &together(&as_fields))).unwrap());
    types.push(tried(&file(30_001, "enumHolder", "enumHolders", &together(&as_enumerations))).unwrap());
    let taken = taken(&types).await;
    types.retain(|own| !taken.contains(&own.name));
    assert_eq!(clashes(&types), []);
    each_database_with(types.clone(), async |bed| {
        for own in types.iter().filter(|own| own.id.starts_with('n')) {
            let written = own.fields.iter().find(|field| field.name == "text").or(own.fields.first()).unwrap();
            let value = if own.name == "enumHolder" { json!("X") } else { json!("x") };
            let pascal = own.name[..1].to_uppercase() + &own.name[1..];
            let (name, field) = (&own.name, &written.name);
            let create = format!(
                "mutation ($input: Create{pascal}Input!) {{ create{pascal}(input: $input) {{ {name} {{ id {field} }} }} }}"
            );
            let made = bed.data(&bed.admin, &create, json!({ "input": { field: value } })).await;
            assert_eq!(made[format!("create{pascal}")][name][field], value, "{name}.{field}");
            let read = format!("{{ {} {{ totalCount nodes {{ {field} }} }} }}", own.plural);
            let read = bed.data(&bed.admin, &read, json!({})).await;
            assert_eq!(read[&own.plural]["nodes"], json!([{ field: value }]), "{name}.{field}");
        }
    })
    .await;
}
