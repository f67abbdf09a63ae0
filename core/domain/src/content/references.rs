//! References of a saved state: what they name may be gone since it was saved.
//!
//! **Invariant:** a row is never written with a reference to nothing: the
//! entries that are named are held until the transaction ends.

use std::collections::HashSet;

use lyceum_kernel::{Failure, Id, Result};
use lyceum_model::{TypeDef, TypeModel};
use lyceum_store::{Write, failed};
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use serde_json::Value as Json;

use super::{Draft, InputField, InputShape, input_fields};

/// Drops the references of a draft to entries that exist no more.
///
/// # Errors
/// `BAD_USER_INPUT` at the field: the `named` change itself refers to what does
/// not exist, or the entry cannot be without what is gone.
pub(super) async fn drop_gone(
    write: &Write,
    model: &TypeModel,
    def: &TypeDef,
    draft: &mut Draft,
    named: &Draft,
) -> Result<()> {
    for Gone { wanted, target, ids } in gone(write.connection(), Hold::UntilCommit, model, def, draft).await? {
        if let Some(named) = named.fields.get(&wanted.field.name) {
            refuse_named(&wanted, target, named, &ids)?;
        }
        if wanted.field.required {
            let text = format!("The {} that stood here was deleted. Name another one.", target.name);
            return Err(Failure::input(&format!("input.{}", wanted.name), text));
        }
        without(draft, &wanted.field.name, &ids);
    }
    Ok(())
}

/// A draft without the references to entries that exist no more, to look at.
///
/// # Errors
/// Internal.
pub(super) async fn as_it_stands(
    reader: &impl ConnectionTrait,
    model: &TypeModel,
    def: &TypeDef,
    mut draft: Draft,
) -> Result<Draft> {
    for Gone { wanted, ids, .. } in gone(reader, Hold::No, model, def, &draft).await? {
        without(&mut draft, &wanted.field.name, &ids);
    }
    Ok(draft)
}

/// Whether an entry is there; it stays until the transaction ends.
///
/// # Errors
/// Internal.
pub(super) async fn hold(write: &Write, def: &TypeDef, id: Id) -> Result<bool> {
    let found = existing(write.connection(), Hold::UntilCommit, def, &[id.to_string()]).await?;
    Ok(!found.is_empty())
}

/// What one field refers to and is not there.
struct Gone<'m> {
    wanted: InputField<'m>,
    target: &'m TypeDef,
    ids: Vec<String>,
}

/// Whether what is referred to may be deleted while we look.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hold {
    UntilCommit,
    No,
}

async fn gone<'m>(
    connection: &impl ConnectionTrait,
    hold: Hold,
    model: &'m TypeModel,
    def: &'m TypeDef,
    draft: &Draft,
) -> Result<Vec<Gone<'m>>> {
    let mut all = Vec::new();
    for wanted in input_fields(def) {
        let ids = draft.fields.get(&wanted.field.name).map(|value| ids_of(wanted.shape, value)).unwrap_or_default();
        let target = wanted.field.target().and_then(|name| model.get(name)).filter(|_| !ids.is_empty());
        let Some(target) = target else { continue };
        let existing = existing(connection, hold, target, &ids).await?;
        let ids: Vec<String> = ids.into_iter().filter(|id| !existing.contains(id)).collect();
        if !ids.is_empty() {
            all.push(Gone { wanted, target, ids });
        }
    }
    Ok(all)
}

fn ids_of(shape: InputShape, value: &Json) -> Vec<String> {
    match shape {
        InputShape::Value => Vec::new(),
        InputShape::Id => value.as_str().map(str::to_owned).into_iter().collect(),
        InputShape::Ids => value.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect(),
    }
}

fn refuse_named(wanted: &InputField<'_>, target: &TypeDef, named: &Json, gone: &[String]) -> Result<()> {
    let at = format!("input.{}", wanted.name);
    let place = ids_of(wanted.shape, named).iter().position(|id| gone.contains(id));
    let at = match (place, wanted.shape) {
        (None, _) => return Ok(()),
        (Some(place), InputShape::Ids) => format!("{at}.{place}"),
        (Some(_), _) => at,
    };
    Err(Failure::input(&at, format!("There is no {} with this id.", target.name)))
}

fn without(draft: &mut Draft, field: &str, gone: &[String]) {
    match draft.fields.get_mut(field) {
        Some(Json::Array(ids)) => ids.retain(|id| id.as_str().is_none_or(|id| !gone.iter().any(|g| g == id))),
        _ => drop(draft.fields.remove(field)),
    }
}

/// Which of these ids a table has.
async fn existing(
    connection: &impl ConnectionTrait,
    hold: Hold,
    target: &TypeDef,
    ids: &[String],
) -> Result<HashSet<String>> {
    let backend = connection.get_database_backend();
    // A SQLite write transaction holds the only lock already.
    let lock = if hold == Hold::UntilCommit && backend == DbBackend::Postgres { " FOR KEY SHARE" } else { "" };
    let places: Vec<String> = (1..=ids.len()).map(|n| format!("${n}")).collect();
    let sql = format!("SELECT id FROM {} WHERE id IN ({}){lock}", target.table, places.join(", "));
    let values: Vec<Value> = ids.iter().map(|id| id.as_str().into()).collect();
    let rows = connection.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await.map_err(failed)?;
    rows.iter().map(|row| row.try_get::<String>("", "id").map_err(failed)).collect()
}
