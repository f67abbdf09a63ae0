//! Writing the content as JSON Lines.

use std::io::Write as Sink;

use lyceum_kernel::{Failure, GlobalId, Id, Locale, Result, Viewer};
use lyceum_model::{Field, FieldKind, TypeDef, TypeModel};
use lyceum_store::read::{
    Connection, ConnectionOutput, Direction, Entity, Filter, MoneyPart, Operator, Output, Page, Reading, Sort, SortKey,
};
use serde_json::{Map, Value as Json};

use crate::content::Contents;

/// Entries read at once to know their ids.
const PAGE: u32 = 500;

/// Children of one entry that are written.
const CHILDREN: u32 = 100_000;

/// Writes every published entry of a type that the viewer may read, the oldest
/// first, in all languages. Returns how many.
///
/// # Errors
/// `NOT_FOUND` for an unknown type; internal.
pub async fn export(contents: &Contents, viewer: &Viewer, type_name: &str, sink: &mut impl Sink) -> Result<u64> {
    let def = contents.content_type(type_name)?;
    let (mut after, mut count) = (None, 0);
    loop {
        let ids = page(contents, viewer, def, after).await?;
        let Some(last) = ids.last() else { break };
        after = Some(*last);
        for id in ids {
            if let Some(entry) = entry(contents, viewer, def, id).await? {
                serde_json::to_writer(&mut *sink, &entry).map_err(Failure::internal)?;
                sink.write_all(b"\n").map_err(Failure::internal)?;
                count += 1;
            }
        }
    }
    sink.flush().map_err(Failure::internal)?;
    Ok(count)
}

fn reading<'a>(contents: &'a Contents, viewer: &'a Viewer, locales: &'a [Locale]) -> Reading<'a> {
    Reading { model: contents.model(), viewer, locales, exact: true, dialect: contents.database().dialect() }
}

async fn page(contents: &Contents, viewer: &Viewer, def: &TypeDef, after: Option<Id>) -> Result<Vec<Id>> {
    let nodes = ConnectionOutput::Nodes(Entity { def, outputs: vec![("id".into(), Output::Id)] });
    let behind = after.map(|id| Filter::Id { operator: Operator::Greater, values: vec![id] });
    let filter = Filter::All(published(def).into_iter().chain(behind).collect());
    let sort = vec![SortKey { by: Sort::Id, direction: Direction::Ascending }];
    let page = Page { limit: PAGE, backward: false, cursor: None };
    let list = Connection { def, filter: Some(filter), sort, page, outputs: vec![("nodes".into(), nodes)] };
    let found =
        reading(contents, viewer, contents.locales().all()).list(&list).fetch(contents.database().reader()).await?;
    let found: Json = serde_json::from_str(found.as_deref().unwrap_or("null")).map_err(Failure::internal)?;
    let nodes = found["nodes"].as_array().into_iter().flatten();
    Ok(nodes.filter_map(|node| GlobalId::expect(node["id"].as_str()?, &def.prefix).ok()).collect())
}

fn published(def: &TypeDef) -> Option<Filter<'_>> {
    let field = def.field("status")?;
    Some(Filter::Compare { field, operator: Operator::Equal, values: vec!["published".into()] })
}

/// One entry in all languages: read once in each, then laid over each other.
async fn entry(contents: &Contents, viewer: &Viewer, def: &TypeDef, id: Id) -> Result<Option<Json>> {
    let mut merged: Option<Json> = None;
    for locale in contents.locales().all() {
        let locales = [locale.clone()];
        let wanted = wanted(contents.model(), def, None);
        let reading = reading(contents, viewer, &locales);
        let found = reading.by_ids(&wanted, &[id]).fetch(contents.database().reader()).await?;
        let rows: Vec<(Id, Json)> =
            serde_json::from_str(found.as_deref().unwrap_or("[]")).map_err(Failure::internal)?;
        let Some((_, row)) = rows.into_iter().next() else { return Ok(None) };
        lay_over(contents.model(), def, locale, row, merged.get_or_insert_with(|| Json::Object(Map::new())));
    }
    Ok(merged)
}

/// What is read of an entry; of a child without the way back to its parent.
fn wanted<'m>(model: &'m TypeModel, def: &'m TypeDef, back: Option<&str>) -> Entity<'m> {
    let fields = def.fields.iter().filter(|field| Some(field.name.as_str()) != back);
    let outputs = fields.filter_map(|field| Some((field.name.clone(), output(model, def, field, back.is_some())?)));
    Entity { def, outputs: outputs.collect() }
}

fn output<'m>(model: &'m TypeModel, def: &'m TypeDef, field: &'m Field, nested: bool) -> Option<Output<'m>> {
    match &field.kind {
        FieldKind::Scalar { .. } if field.writable => Some(Output::Scalar(field)),
        FieldKind::Money { .. } if field.writable => {
            let parts = vec![("minor".into(), MoneyPart::Minor), ("currency".into(), MoneyPart::Currency)];
            Some(Output::Money(field, parts))
        }
        FieldKind::ToOne { target, .. } if field.writable => Some(Output::One(field, named(model.get(target)?)?)),
        FieldKind::ManyToMany { target, join } if field.writable && !join.inverse => {
            let target = model.get(target)?;
            Some(Output::Many(field, nodes(target, named(target)?, vec![by(Sort::Position)], None)))
        }
        FieldKind::ToMany { via, .. } if !nested => {
            let (child, order) = owned_child(model, def, field)?;
            let sort = order.and_then(|order| child.field(order)).map(|field| by(Sort::Field(field)));
            let sort = sort.into_iter().chain([by(Sort::Id)]).collect();
            Some(Output::Many(field, nodes(child, wanted(model, child, Some(via)), sort, published(child))))
        }
        _ => None,
    }
}

/// The children that go with an entry: those that cannot be without it.
fn owned_child<'m>(model: &'m TypeModel, def: &TypeDef, field: &'m Field) -> Option<(&'m TypeDef, Option<&'m str>)> {
    let FieldKind::ToMany { target, via, order } = &field.kind else { return None };
    let child = model.get(target).filter(|child| child.is_content())?;
    let back = child.field(via).filter(|back| back.required && back.writable && back.target() == Some(&def.name))?;
    (!back.localised).then_some((child, order.as_deref()))
}

fn by(by: Sort<'_>) -> SortKey<'_> {
    SortKey { by, direction: Direction::Ascending }
}

/// Related rows are named by slug or key.
fn named(def: &TypeDef) -> Option<Entity<'_>> {
    let field = def.slug().or_else(|| def.field("key"))?;
    Some(Entity { def, outputs: vec![("named".into(), Output::Scalar(field))] })
}

fn nodes<'m>(
    def: &'m TypeDef,
    entity: Entity<'m>,
    sort: Vec<SortKey<'m>>,
    filter: Option<Filter<'m>>,
) -> Connection<'m> {
    let outputs = vec![("nodes".into(), ConnectionOutput::Nodes(entity))];
    Connection { def, filter, sort, page: Page { limit: CHILDREN, backward: false, cursor: None }, outputs }
}

/// Puts what was read in one language into the line.
fn lay_over(model: &TypeModel, def: &TypeDef, locale: &Locale, row: Json, line: &mut Json) {
    let (Json::Object(row), Json::Object(line)) = (row, line) else { return };
    for (name, value) in row {
        let Some(field) = def.field(&name).filter(|_| !value.is_null()) else { continue };
        match &field.kind {
            FieldKind::ToMany { target, .. } => {
                let list = line.entry(name).or_insert_with(|| Json::Array(Vec::new()));
                if let Some(child) = model.get(target) {
                    lay_children(model, child, locale, value, list);
                }
            }
            FieldKind::ToOne { .. } => put(line, name, value["named"].clone()),
            FieldKind::ManyToMany { .. } => {
                let nodes = value["nodes"].as_array().into_iter().flatten();
                put(line, name, nodes.map(|node| node["named"].clone()).collect());
            }
            FieldKind::Scalar { .. } | FieldKind::Money { .. } if field.localised => {
                let texts = line.entry(name).or_insert_with(|| Json::Object(Map::new()));
                texts[locale.as_str()] = value;
            }
            FieldKind::Scalar { .. } | FieldKind::Money { .. } => put(line, name, value),
        }
    }
}

fn put(line: &mut Map<String, Json>, name: String, value: Json) {
    if !value.is_null() {
        line.insert(name, value);
    }
}

/// The children come in the same order in every language.
fn lay_children(model: &TypeModel, child: &TypeDef, locale: &Locale, mut value: Json, list: &mut Json) {
    let (Json::Array(rows), Json::Array(list)) = (value["nodes"].take(), list) else { return };
    list.resize(rows.len().max(list.len()), Json::Object(Map::new()));
    for (row, line) in rows.into_iter().zip(list) {
        lay_over(model, child, locale, row, line);
    }
}
