//! Entries as documents of the index.

use std::sync::Arc;

use lyceum_kernel::{Action, Id, Locale, Result, RowScope, Rule, Rules, Viewer};
use lyceum_model::TypeDef;
use lyceum_store::read::{
    Connection, ConnectionOutput, Direction, Entity, Filter, MoneyPart, Operator, Output, Page, Reading, Sort, SortKey,
};
use serde_json::Value as Json;

use super::{Document, DocumentText};
use crate::content::Contents;

/// Reads everything: the index must know gated text to find it for those who
/// may read it.
pub(super) fn reader() -> Viewer {
    let rule =
        Rule { subject: "*".into(), actions: vec![Action::Read, Action::Update], rows: RowScope::All, fields: None };
    Viewer { rules: Arc::new(Rules::new(vec![rule])), ..Viewer::default() }
}

/// The documents of those entries that are published, their course too.
pub(super) async fn load(contents: &Contents, kind: &str, ids: &[Id]) -> Result<Vec<Document>> {
    let def = contents.content_type(kind)?;
    let viewer = reader();
    let mut documents: Vec<Document> = Vec::new();
    for locale in contents.locales().all() {
        let locales = [locale.clone()];
        let database = contents.database();
        let reading = Reading {
            model: contents.model(),
            viewer: &viewer,
            locales: &locales,
            exact: true,
            dialect: database.dialect(),
        };
        let entity = entity(contents, def)?;
        let found = reading.by_ids(&entity, ids).fetch(database.reader()).await?;
        let rows: Vec<(Id, Json)> =
            serde_json::from_str(found.as_deref().unwrap_or("[]")).map_err(lyceum_kernel::Failure::internal)?;
        for (id, row) in rows.iter().filter(|(_, row)| is_published(row)) {
            let index = documents.iter().position(|d| d.id == *id).unwrap_or_else(|| {
                documents.push(bare(*id, kind, row));
                documents.len() - 1
            });
            documents[index].texts.extend(text(row, locale));
        }
    }
    Ok(documents)
}

fn is_published(row: &Json) -> bool {
    row["status"] == "PUBLISHED" && (row["course"].is_null() || row["course"]["status"] == "PUBLISHED")
}

fn bare(id: Id, kind: &str, row: &Json) -> Document {
    // A lesson is found by what its course is: category, tags, level, price.
    let holder = if row["course"].is_object() { &row["course"] } else { row };
    let text = |value: &Json| value.as_str().map(str::to_owned);
    Document {
        id,
        kind: kind.to_owned(),
        slug: text(&row["slug"]).unwrap_or_default(),
        texts: Vec::new(),
        category: bare_id(&holder["category"]),
        tags: holder["tags"]["nodes"].as_array().into_iter().flatten().filter_map(bare_id).collect(),
        level: text(&holder["level"]).map(|level| level.to_ascii_lowercase()),
        price_minor: holder["price"]["minor"].as_i64(),
        readers: readers(row, holder),
    }
}

/// The id of a row without its prefix.
fn bare_id(row: &Json) -> Option<String> {
    row["id"].as_str()?.rsplit_once('_').map(|(_, id)| id.to_owned())
}

/// The tokens of those who may read the gated text.
fn readers(row: &Json, holder: &Json) -> Vec<String> {
    let mut readers = vec![EDITOR.to_owned()];
    let course = bare_id(holder).unwrap_or_default();
    match holder["access"].as_str() {
        Some("PUBLIC") => readers.push("public".to_owned()),
        _ if row["freePreview"] == true => readers.push("public".to_owned()),
        Some("SIGNED_IN") => readers.push("signed-in".to_owned()),
        Some("TIER") => {
            readers.extend(bare_id(&holder["accessTier"]).map(|id| format!("tier:{id}")));
            readers.push(format!("entry:{course}"));
        }
        _ => readers.push(format!("entry:{course}")),
    }
    readers
}

/// The token of those who may update every entry.
pub(super) const EDITOR: &str = "editor";

/// The tokens of a viewer.
pub(super) fn reader_tokens(viewer: &Viewer) -> Vec<String> {
    let mut tokens = vec!["public".to_owned()];
    if viewer.user.is_some() {
        tokens.push("signed-in".to_owned());
    }
    if viewer.scope("course", true, Action::Update).contains(&RowScope::All) {
        tokens.push(EDITOR.to_owned());
    }
    tokens.extend(viewer.tiers.iter().map(|id| format!("tier:{id}")));
    tokens.extend(viewer.purchases.iter().map(|id| format!("entry:{id}")));
    tokens
}

fn text(row: &Json, locale: &Locale) -> Option<DocumentText> {
    let join = |fields: &[&str]| {
        let texts: Vec<&str> = fields.iter().filter_map(|field| row[*field].as_str()).collect();
        texts.join("\n\n")
    };
    let text =
        DocumentText { locale: locale.to_string(), title: join(&["title"]), open: join(OPEN), gated: join(GATED) };
    let empty = text.title.is_empty() && text.open.is_empty() && text.gated.is_empty();
    (!empty).then_some(text)
}

/// The texts that everybody may read.
pub(super) const OPEN: &[&str] = &["summary", "section"];
/// The texts behind the gate.
pub(super) const GATED: &[&str] = &["body", "assignment"];

fn entity<'m>(contents: &'m Contents, def: &'m TypeDef) -> Result<Entity<'m>> {
    let mut entity =
        scalars(def, &["slug", "status", "title", "summary", "section", "body", "assignment", "freePreview"]);
    match def.field("course").filter(|field| field.target() == Some("course")) {
        Some(field) => {
            let course = contents.content_type("course")?;
            let mut holder = holder(contents, course)?;
            holder.outputs.extend(scalars(course, &["status"]).outputs);
            entity.outputs.push(("course".into(), Output::One(field, holder)));
        }
        None => entity.outputs.extend(holder(contents, def)?.outputs),
    }
    Ok(entity)
}

/// What decides who may read, and what filters look at.
fn holder<'m>(contents: &'m Contents, def: &'m TypeDef) -> Result<Entity<'m>> {
    let mut entity = scalars(def, &["level", "access"]);
    entity.outputs.push(("id".into(), Output::Id));
    if let Some(price) = def.field("price") {
        entity.outputs.push(("price".into(), Output::Money(price, vec![("minor".into(), MoneyPart::Minor)])));
    }
    let only_id = |def| Entity { def, outputs: vec![("id".into(), Output::Id)] };
    for name in ["accessTier", "category"] {
        if let Some((field, target)) = def.field(name).and_then(|f| Some((f, contents.model().get(f.target()?)?))) {
            entity.outputs.push((name.into(), Output::One(field, only_id(target))));
        }
    }
    if let Some(field) = def.field("tags") {
        let tag = contents.content_type("tag")?;
        let nodes = ConnectionOutput::Nodes(only_id(tag));
        entity.outputs.push(("tags".into(), Output::Many(field, all(tag, vec![("nodes".into(), nodes)]))));
    }
    Ok(entity)
}

fn scalars<'m>(def: &'m TypeDef, names: &[&str]) -> Entity<'m> {
    let outputs =
        names.iter().filter_map(|name| Some(((*name).to_owned(), Output::Scalar(def.field(name)?)))).collect();
    Entity { def, outputs }
}

pub(super) fn all<'m>(def: &'m TypeDef, outputs: Vec<(String, ConnectionOutput<'m>)>) -> Connection<'m> {
    let sort = vec![SortKey { by: Sort::Id, direction: Direction::Ascending }];
    Connection { def, filter: None, sort, page: Page { limit: 1000, backward: false, cursor: None }, outputs }
}

/// A page of the ids of published entries behind `after`, in order.
pub(super) async fn page_of_ids(contents: &Contents, kind: &str, after: Option<Id>, limit: u32) -> Result<Vec<Id>> {
    let def = contents.content_type(kind)?;
    ids(contents, def, after.map(|id| Filter::Id { operator: Operator::Greater, values: vec![id] }), limit).await
}

/// The ids of the lessons of a course.
pub(super) async fn lessons_of(contents: &Contents, course: Id, after: Option<Id>, limit: u32) -> Result<Vec<Id>> {
    let def = contents.content_type("lesson")?;
    let Some(field) = def.field("course") else { return Ok(Vec::new()) };
    let of_course = Filter::Compare { field, operator: Operator::Equal, values: vec![course.to_string().into()] };
    let behind = after.map(|id| Filter::Id { operator: Operator::Greater, values: vec![id] });
    ids(contents, def, Some(Filter::All(std::iter::once(of_course).chain(behind).collect())), limit).await
}

async fn ids(contents: &Contents, def: &TypeDef, filter: Option<Filter<'_>>, limit: u32) -> Result<Vec<Id>> {
    let viewer = reader();
    let database = contents.database();
    let reading = Reading {
        model: contents.model(),
        viewer: &viewer,
        locales: contents.locales().all(),
        exact: false,
        dialect: database.dialect(),
    };
    let nodes = ConnectionOutput::Nodes(Entity { def, outputs: vec![("id".into(), Output::Id)] });
    let connection = Connection {
        filter,
        page: Page { limit, backward: false, cursor: None },
        ..all(def, vec![("nodes".into(), nodes)])
    };
    let found = reading.list(&connection).fetch(database.reader()).await?.unwrap_or_default();
    let found: Json = serde_json::from_str(&found).map_err(lyceum_kernel::Failure::internal)?;
    let nodes = found["nodes"].as_array().into_iter().flatten();
    Ok(nodes.filter_map(|node| lyceum_kernel::GlobalId::expect(node["id"].as_str()?, &def.prefix).ok()).collect())
}
