//! The key-value store of plugins.
//!
//! The bytes in use stand in a row of their own. A write changes that row
//! first, so two writers of one plugin come one after the other, and a write
//! that does not fit is rolled back.

use lyceum_kernel::Result;
use lyceum_store::{Database, Dialect, Write, failed};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};

/// A character after every other one, for the end of a prefix.
const LAST: char = char::MAX;

pub(super) async fn get(database: &Database, plugin: &str, key: &str) -> Result<Option<Vec<u8>>> {
    let sql = "SELECT value FROM plugin_kv WHERE plugin = $1 AND key = $2";
    let statement = Statement::from_sql_and_values(database.dialect().backend(), sql, [plugin.into(), key.into()]);
    let row = database.reader().query_one_raw(statement).await.map_err(failed)?;
    row.map(|row| row.try_get_by_index(0)).transpose().map_err(failed)
}

/// Whether it fitted.
pub(super) async fn set(database: &Database, plugin: &str, key: &str, value: &[u8], quota: u64) -> Result<bool> {
    let write = database.write().await?;
    let growth = size(key, value.len()) - known_size(&write, plugin, key).await?;
    let used = grow(&write, plugin, growth).await?;
    // What makes the store smaller fits, even into a quota that was lowered.
    if growth > 0 && u64::try_from(used).is_ok_and(|used| used > quota) {
        return Ok(false);
    }
    let sql = "INSERT INTO plugin_kv (plugin, key, value) VALUES ($1, $2, $3) \
               ON CONFLICT (plugin, key) DO UPDATE SET value = excluded.value";
    one(&write, sql, vec![plugin.into(), key.into(), value.to_vec().into()]).await?;
    write.commit().await?;
    Ok(true)
}

pub(super) async fn delete(database: &Database, plugin: &str, key: &str) -> Result<()> {
    let write = database.write().await?;
    let gone = known_size(&write, plugin, key).await?;
    if gone > 0 {
        grow(&write, plugin, -gone).await?;
        one(&write, "DELETE FROM plugin_kv WHERE plugin = $1 AND key = $2", vec![plugin.into(), key.into()]).await?;
    }
    write.commit().await
}

pub(super) async fn keys(
    database: &Database,
    plugin: &str,
    prefix: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<String>> {
    let sql =
        "SELECT key FROM plugin_kv WHERE plugin = $1 AND key > $2 AND key >= $3 AND key < $4 ORDER BY key LIMIT $5";
    let (after, end) = (after.unwrap_or_default(), format!("{prefix}{LAST}"));
    let values: Vec<Value> = vec![plugin.into(), after.into(), prefix.into(), end.into(), i64::from(limit).into()];
    let statement = Statement::from_sql_and_values(database.dialect().backend(), sql, values);
    let rows = database.reader().query_all_raw(statement).await.map_err(failed)?;
    rows.iter().map(|row| row.try_get_by_index(0).map_err(failed)).collect()
}

/// Locks the plugin's size and gives the bytes of one entry, 0 without it.
async fn known_size(write: &Write, plugin: &str, key: &str) -> Result<i64> {
    let sql = "INSERT INTO plugin_kv_size (plugin, bytes) VALUES ($1, 0) ON CONFLICT (plugin) DO NOTHING";
    one(write, sql, vec![plugin.into()]).await?;
    let sql = format!("SELECT bytes FROM plugin_kv_size WHERE plugin = $1{}", write.dialect().for_update());
    one(write, &sql, vec![plugin.into()]).await?;
    let bytes = match write.dialect() {
        Dialect::Sqlite => "length(CAST(key AS BLOB)) + length(value)",
        Dialect::Postgres => "(octet_length(key) + octet_length(value))::bigint",
    };
    let sql = format!("SELECT {bytes} FROM plugin_kv WHERE plugin = $1 AND key = $2");
    number(one(write, &sql, vec![plugin.into(), key.into()]).await?)
}

/// The bytes in use after the change.
async fn grow(write: &Write, plugin: &str, by: i64) -> Result<i64> {
    let sql = "UPDATE plugin_kv_size SET bytes = bytes + $2 WHERE plugin = $1 RETURNING bytes";
    number(one(write, sql, vec![plugin.into(), by.into()]).await?)
}

fn number(row: Option<QueryResult>) -> Result<i64> {
    row.map_or(Ok(0), |row| row.try_get_by_index(0).map_err(failed))
}

fn size(key: &str, value: usize) -> i64 {
    i64::try_from(key.len().saturating_add(value)).unwrap_or(i64::MAX)
}

async fn one(write: &Write, sql: &str, values: Vec<Value>) -> Result<Option<QueryResult>> {
    let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, values);
    write.connection().query_one_raw(statement).await.map_err(failed)
}
