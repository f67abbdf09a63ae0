//! From what is asked to what the index is asked.
//!
//! **Invariant:** nothing is found, counted or narrowed down by what the viewer
//! may not read: not by a type or a text that a role closes, nor by the slug of
//! a category or tag that is a draft, hidden or gone. Slugs become ids here, so
//! a new name holds at once and the index never has an old one.

use lyceum_kernel::{Action, GlobalId, Id, Result, RowScope, Viewer};
use lyceum_model::{Gate, TypeDef};
use lyceum_store::read::{Connection, ConnectionOutput, Entity, Filter, Operator, Output, Reading};
use serde_json::Value as Json;

use super::{
    Asked, KINDS, Query,
    document::{GATED, OPEN, all, reader_tokens},
};
use crate::content::Contents;

/// What to ask the index; `None` when this viewer finds nothing anyway.
///
/// # Errors
/// Internal.
pub(super) async fn of(contents: &Contents, viewer: &Viewer, asked: Asked) -> Result<Option<Query>> {
    let Some(kinds) = kinds(contents, viewer, &asked)? else { return Ok(None) };
    if !filters_are_readable(contents, viewer, &asked)? {
        return Ok(None);
    }
    let Some(tags) = ids(contents, viewer, "tag", &asked.tags).await? else { return Ok(None) };
    let Some(category) = ids(contents, viewer, "category", asked.category.as_slice()).await? else {
        return Ok(None);
    };
    Ok(Some(Query {
        text: asked.text,
        kinds,
        category: category.into_iter().next(),
        tags,
        level: asked.level,
        price_min: asked.price_min,
        price_max: asked.price_max,
        reader_tokens: if reads_gated(contents, viewer)? { reader_tokens(viewer) } else { Vec::new() },
        limit: asked.limit + 1,
        offset: asked.offset,
    }))
}

/// Whether published rows of a type can be read, and this field of theirs.
fn reads(viewer: &Viewer, def: &TypeDef, field: &str) -> bool {
    let scopes = viewer.field_scope(&def.name, true, Action::Read, field);
    scopes.contains(&RowScope::All) || scopes.contains(&RowScope::Published)
}

/// The types to look in; none in particular when that is all, `None` when there
/// is nothing to look in.
fn kinds(contents: &Contents, viewer: &Viewer, asked: &Asked) -> Result<Option<Vec<String>>> {
    let mut readable = Vec::new();
    for kind in KINDS {
        let def = contents.content_type(kind)?;
        let open = std::iter::once(&"title").chain(OPEN).filter(|name| def.field(name).is_some());
        let parent = match &def.gate {
            Some(Gate::Inherit { field }) => def.field(field).and_then(|f| contents.model().get(f.target()?)),
            _ => None,
        };
        if open.into_iter().all(|name| reads(viewer, def, name)) && parent.is_none_or(|p| reads(viewer, p, "id")) {
            readable.push((*kind).to_owned());
        }
    }
    if readable.len() == KINDS.len() {
        return Ok(Some(asked.kinds.clone()));
    }
    let whole = asked.text.trim().is_empty() && !has_filters(asked);
    readable.retain(|kind| asked.kinds.is_empty() || asked.kinds.contains(kind));
    Ok(Some(readable).filter(|kinds| !kinds.is_empty() && !whole))
}

fn has_filters(asked: &Asked) -> bool {
    let Asked { kinds, category, tags, level, price_min, price_max, text: _, limit: _, offset: _, snippets: _ } = asked;
    !kinds.is_empty()
        || category.is_some()
        || !tags.is_empty()
        || level.is_some()
        || price_min.is_some()
        || price_max.is_some()
}

fn filters_are_readable(contents: &Contents, viewer: &Viewer, asked: &Asked) -> Result<bool> {
    let course = contents.content_type("course")?;
    let asked = [
        ("category", asked.category.is_some()),
        ("tags", !asked.tags.is_empty()),
        ("level", asked.level.is_some()),
        ("price", asked.price_min.is_some() || asked.price_max.is_some()),
    ];
    Ok(asked.iter().all(|(field, asked)| !asked || reads(viewer, course, field)))
}

/// Whether roles let the viewer read gated texts at all, where they are open.
fn reads_gated(contents: &Contents, viewer: &Viewer) -> Result<bool> {
    for kind in KINDS {
        let def = contents.content_type(kind)?;
        if GATED.iter().any(|name| def.field(name).is_some() && !reads(viewer, def, name)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The ids of entries with these slugs; `None` when the viewer cannot read one
/// of them.
async fn ids(contents: &Contents, viewer: &Viewer, kind: &str, slugs: &[String]) -> Result<Option<Vec<String>>> {
    if slugs.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let def = contents.content_type(kind)?;
    let Some(field) = def.slug().filter(|_| !viewer.field_scope(kind, true, Action::Read, "slug").is_empty()) else {
        return Ok(None);
    };
    let outputs = vec![("id".to_owned(), Output::Id), ("slug".to_owned(), Output::Scalar(field))];
    let nodes = ConnectionOutput::Nodes(Entity { def, outputs });
    let values = slugs.iter().map(|slug| slug.as_str().into()).collect();
    let filter = Filter::Compare { field, operator: Operator::In, values };
    let connection = Connection { filter: Some(filter), ..all(def, vec![("nodes".to_owned(), nodes)]) };
    let (database, locales) = (contents.database(), contents.locales().all());
    let reading = Reading { model: contents.model(), viewer, locales, exact: false, dialect: database.dialect() };
    let found = reading.list(&connection).fetch(database.reader()).await?.unwrap_or_default();
    let found: Json = serde_json::from_str(&found).map_err(lyceum_kernel::Failure::internal)?;
    let nodes = found["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let id = |slug: &String| -> Option<Id> {
        let node = nodes.iter().find(|node| node["slug"] == *slug)?;
        GlobalId::expect(node["id"].as_str()?, &def.prefix).ok()
    };
    Ok(slugs.iter().map(|slug| id(slug).map(|id| id.to_string())).collect())
}
