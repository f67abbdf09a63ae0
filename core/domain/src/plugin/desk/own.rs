//! Which entries a plugin made.

use lyceum_kernel::{Id, Result, Viewer};
use lyceum_model::TypeDef;
use lyceum_store::{Database, Write, failed};
use sea_orm::{ConnectionTrait, Statement, Value};

/// Notes an entry as the plugin's own, if the viewer is one.
///
/// # Errors
/// Internal.
pub(crate) async fn claim(write: &Write, viewer: &Viewer, def: &TypeDef, id: Id) -> Result<()> {
    let Some(plugin) = &viewer.plugin else { return Ok(()) };
    let sql = "INSERT INTO plugin_entry (entry_id, plugin, type) VALUES ($1, $2, $3)";
    let values: [Value; 3] = [id.as_str().into(), (&**plugin).into(), def.name.as_str().into()];
    let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, values);
    write.connection().execute_raw(statement).await.map_err(failed)?;
    Ok(())
}

/// Forgets removed entries, in their removal.
///
/// # Errors
/// Internal.
pub(crate) async fn forget_entries(write: &Write, ids: &[Id]) -> Result<()> {
    let places: Vec<String> = (1..=ids.len()).map(|n| format!("${n}")).collect();
    let sql = format!("DELETE FROM plugin_entry WHERE entry_id IN ({})", places.join(", "));
    let values: Vec<Value> = ids.iter().map(|id| id.as_str().into()).collect();
    let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, values);
    write.connection().execute_raw(statement).await.map_err(failed)?;
    Ok(())
}

pub(super) async fn is_own(database: &Database, plugin: &str, id: Id) -> Result<bool> {
    let sql = "SELECT 1 FROM plugin_entry WHERE entry_id = $1 AND plugin = $2";
    let values: [Value; 2] = [id.as_str().into(), plugin.into()];
    let statement = Statement::from_sql_and_values(database.dialect().backend(), sql, values);
    Ok(database.reader().query_one_raw(statement).await.map_err(failed)?.is_some())
}

/// Own entries of a type by id, after the given one.
pub(super) async fn ids(database: &Database, plugin: &str, def: &TypeDef, after: &str, limit: u32) -> Result<Vec<Id>> {
    let sql = "SELECT entry_id FROM plugin_entry WHERE plugin = $1 AND type = $2 AND entry_id > $3 \
               ORDER BY entry_id LIMIT $4";
    let values: [Value; 4] = [plugin.into(), def.name.as_str().into(), after.into(), i64::from(limit).into()];
    let statement = Statement::from_sql_and_values(database.dialect().backend(), sql, values);
    let rows = database.reader().query_all_raw(statement).await.map_err(failed)?;
    let id = |row: &sea_orm::QueryResult| row.try_get_by_index::<String>(0).map_err(failed);
    rows.iter().map(|row| id(row)?.parse().map_err(lyceum_kernel::Failure::internal)).collect()
}
