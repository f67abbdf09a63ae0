//! Removing an entry, and with it what cannot be without it.

use std::collections::HashSet;

use lyceum_kernel::{ErrorCode, Failure, Id, Result};
use lyceum_model::{FieldKind, TypeDef, TypeModel};
use lyceum_store::{Write, failed, is_foreign_key_violation};
use sea_orm::{ConnectionTrait, DbErr, Statement, Value};

use crate::{community, plugin::desk::forget_entries};

/// Ids in one statement.
const AT_ONCE: usize = 500;

/// Entries that go together, by type, in the order in which they were found.
type Going<'m> = Vec<(&'m TypeDef, Vec<Id>)>;

/// A to-one field of a type.
struct Reference<'m> {
    from: &'m TypeDef,
    field: &'m str,
    column: &'m str,
    required: bool,
}

/// Removes an entry, the entries that need it, and what hangs on them. Returns
/// those that went with it.
///
/// # Errors
/// `INVALID_STATE` with the types and fields that still refer to one of them.
pub(super) async fn remove<'m>(
    write: &mut Write,
    model: &'m TypeModel,
    def: &'m TypeDef,
    id: Id,
) -> Result<Vec<(&'m TypeDef, Id)>> {
    let going = going(write, model, def, id).await?;
    refuse_used(write, model, def, &going).await?;
    untie(write, model, &going).await?;
    for (_, ids) in &going {
        hanging(write, ids).await?;
    }
    let sql = format!("DELETE FROM {} WHERE id = $1", def.table);
    execute(write, sql, vec![id.to_string().into()]).await.map_err(|error| still_used(def, error))?;
    let with_it = going.into_iter().flat_map(|(def, ids)| ids.into_iter().map(move |id| (def, id)));
    Ok(with_it.filter(|(_, other)| *other != id).collect())
}

/// The entry and all that need it, directly or not.
async fn going<'m>(write: &Write, model: &'m TypeModel, def: &'m TypeDef, id: Id) -> Result<Going<'m>> {
    let (mut all, mut known): (Going<'m>, HashSet<Id>) = (vec![(def, vec![id])], HashSet::from([id]));
    let mut next = 0;
    while let Some((parent, ids)) = all.get(next).cloned() {
        next += 1;
        for reference in references_to(model, parent).filter(|reference| reference.required) {
            let mut found = referring(write, &reference, &ids, write.dialect().for_update()).await?;
            found.retain(|id| known.insert(*id));
            if !found.is_empty() {
                all.push((reference.from, found));
            }
        }
    }
    Ok(all)
}

fn references_to<'m>(model: &'m TypeModel, target: &TypeDef) -> impl Iterator<Item = Reference<'m>> {
    let name = target.name.clone();
    let content = model.types().iter().filter(|def| def.is_content());
    content.flat_map(|from| from.fields.iter().map(move |field| (from, field))).filter_map(move |(from, field)| {
        match &field.kind {
            FieldKind::ToOne { target, column } if *target == name => {
                Some(Reference { from, field: &field.name, column, required: field.required })
            }
            _ => None,
        }
    })
}

/// The entries whose field holds one of these ids. Those that go are locked, so
/// that nothing is hung on them meanwhile.
async fn referring(write: &Write, reference: &Reference<'_>, ids: &[Id], lock: &str) -> Result<Vec<Id>> {
    let mut found = Vec::new();
    for ids in ids.chunks(AT_ONCE) {
        let (places, values) = list(ids);
        let Reference { from, column, .. } = reference;
        let sql = format!("SELECT id FROM {} WHERE {column} IN ({places}) ORDER BY id{lock}", from.table);
        let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, values);
        for row in write.connection().query_all_raw(statement).await.map_err(failed)? {
            let id: String = row.try_get("", "id").map_err(failed)?;
            found.push(id.parse().map_err(Failure::internal)?);
        }
    }
    Ok(found)
}

/// Refuses while entries that stay refer to one of those that go.
async fn refuse_used(write: &Write, model: &TypeModel, def: &TypeDef, going: &Going<'_>) -> Result<()> {
    let leaving: HashSet<Id> = going.iter().flat_map(|(_, ids)| ids.iter().copied()).collect();
    let mut users = Vec::new();
    for (target, ids) in going {
        for reference in references_to(model, target).filter(|reference| !reference.required) {
            let staying =
                referring(write, &reference, ids, "").await?.iter().filter(|id| !leaving.contains(id)).count();
            if staying > 0 {
                users.push(format!("{}.{} ({staying})", reference.from.name, reference.field));
            }
        }
    }
    if users.is_empty() { Ok(()) } else { Err(in_use(def, &users)) }
}

/// Those that go may refer to each other: a foreign key would not let them.
async fn untie(write: &Write, model: &TypeModel, going: &Going<'_>) -> Result<()> {
    for (target, _) in going {
        for reference in references_to(model, target).filter(|reference| !reference.required) {
            for (_, ids) in going.iter().filter(|(from, _)| from.name == reference.from.name) {
                let (table, column) = (&reference.from.table, reference.column);
                each(write, &format!("UPDATE {table} SET {column} = NULL WHERE {column} IS NOT NULL AND id"), ids)
                    .await?;
            }
        }
    }
    Ok(())
}

/// What other tables hold of these entries alone.
async fn hanging(write: &mut Write, ids: &[Id]) -> Result<()> {
    each(write, "DELETE FROM revision WHERE subject_id", ids).await?;
    for ids in ids.chunks(AT_ONCE) {
        community::forget_subjects(write, ids).await?;
        forget_entries(write, ids).await?;
    }
    Ok(())
}

/// Runs a statement that ends before `IN (…)` for all of these ids.
async fn each(write: &Write, sql: &str, ids: &[Id]) -> Result<()> {
    for ids in ids.chunks(AT_ONCE) {
        let (places, values) = list(ids);
        execute(write, format!("{sql} IN ({places})"), values).await.map_err(failed)?;
    }
    Ok(())
}

async fn execute(write: &Write, sql: String, values: Vec<Value>) -> std::result::Result<(), DbErr> {
    let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, values);
    write.connection().execute_raw(statement).await.map(drop)
}

fn list(ids: &[Id]) -> (String, Vec<Value>) {
    let places: Vec<String> = (1..=ids.len()).map(|n| format!("${n}")).collect();
    (places.join(", "), ids.iter().map(|id| id.to_string().into()).collect())
}

fn in_use(def: &TypeDef, users: &[String]) -> Failure {
    let by = if users.is_empty() { "other entries".to_owned() } else { users.join(", ") };
    let text = format!("This {} is in use by {by}. Change or delete those first.", def.name);
    Failure::new(ErrorCode::InvalidState, text).with("usedBy", users.to_vec())
}

/// Somebody began to use it while we looked.
fn still_used(def: &TypeDef, error: DbErr) -> Failure {
    if is_foreign_key_violation(&error) { in_use(def, &[]).caused_by(error) } else { failed(error) }
}
