//! The only SQL of plugins.

use std::{collections::BTreeMap, str::FromStr};

use lyceum_kernel::{Failure, Id, Result, Timestamp};
use lyceum_store::failed;
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};

use super::{
    model::{InstalledPlugin, PluginState},
    port::Secret,
};

const COLUMNS: &str =
    "id, name, version, state, digest, manifest, grants, config, last_error, installed_at, updated_at FROM plugin";

async fn execute(on: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Result<()> {
    let statement = Statement::from_sql_and_values(on.get_database_backend(), sql, values);
    on.execute_raw(statement).await.map_err(failed)?;
    Ok(())
}

async fn rows(on: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Result<Vec<QueryResult>> {
    on.query_all_raw(Statement::from_sql_and_values(on.get_database_backend(), sql, values)).await.map_err(failed)
}

pub(super) async fn by_name(on: &impl ConnectionTrait, name: &str) -> Result<Option<InstalledPlugin>> {
    let found = rows(on, &format!("SELECT {COLUMNS} WHERE name = $1"), vec![name.into()]).await?;
    found.first().map(plugin).transpose()
}

/// Those that are to run, by name.
pub(super) async fn to_run(on: &impl ConnectionTrait) -> Result<Vec<InstalledPlugin>> {
    let sql = format!("SELECT {COLUMNS} WHERE state IN ('enabled', 'failed') ORDER BY name");
    rows(on, &sql, Vec::new()).await?.iter().map(plugin).collect()
}

pub(super) async fn component(on: &impl ConnectionTrait, id: Id) -> Result<Vec<u8>> {
    let found =
        rows(on, "SELECT component FROM plugin_component WHERE plugin_id = $1", vec![id.as_str().into()]).await?;
    let row = found.first().ok_or_else(|| Failure::internal("a plugin without its component"))?;
    row.try_get("", "component").map_err(failed)
}

pub(super) async fn secrets(on: &impl ConnectionTrait, id: Id) -> Result<BTreeMap<String, Secret>> {
    let found =
        rows(on, "SELECT name, value FROM plugin_secret WHERE plugin_id = $1", vec![id.as_str().into()]).await?;
    let mut secrets = BTreeMap::new();
    for row in found {
        let value: Vec<u8> = row.try_get("", "value").map_err(failed)?;
        secrets.insert(row.try_get("", "name").map_err(failed)?, Secret::new(value));
    }
    Ok(secrets)
}

/// Writes all of a plugin but its consent; `wasm` only when it is new.
pub(super) async fn save(on: &impl ConnectionTrait, is: &InstalledPlugin, wasm: Option<&[u8]>) -> Result<()> {
    let sql = "INSERT INTO plugin (id, name, version, state, digest, manifest, grants, config, last_error, installed_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (id) DO UPDATE SET \
               version = excluded.version, state = excluded.state, digest = excluded.digest, manifest = excluded.manifest, \
               grants = excluded.grants, config = excluded.config, last_error = excluded.last_error, \
               updated_at = excluded.updated_at";
    let values: Vec<Value> = vec![
        is.id.as_str().into(),
        is.name.as_str().into(),
        is.version.as_str().into(),
        is.state.to_string().into(),
        is.digest.as_str().into(),
        serde_json::to_string(&is.manifest).map_err(Failure::internal)?.into(),
        serde_json::to_string(&is.grants).map_err(Failure::internal)?.into(),
        is.config.as_str().into(),
        is.last_error.clone().into(),
        is.installed_at.to_string().into(),
        is.updated_at.to_string().into(),
    ];
    execute(on, sql, values).await?;
    let Some(wasm) = wasm else { return Ok(()) };
    let sql = "INSERT INTO plugin_component (plugin_id, component) VALUES ($1, $2) \
               ON CONFLICT (plugin_id) DO UPDATE SET component = excluded.component";
    execute(on, sql, vec![is.id.as_str().into(), wasm.to_vec().into()]).await
}

pub(super) async fn consent(
    on: &impl ConnectionTrait,
    is: &InstalledPlugin,
    by: Option<Id>,
    at: Timestamp,
) -> Result<()> {
    let sql = "UPDATE plugin SET consent_by = $2, consent_at = $3, permission_hash = $4 WHERE id = $1";
    let values: Vec<Value> = vec![
        is.id.as_str().into(),
        by.map(|id| id.to_string()).into(),
        at.to_string().into(),
        is.manifest.permission_hash.as_str().into(),
    ];
    execute(on, sql, values).await
}

pub(super) async fn set_state(
    on: &impl ConnectionTrait,
    id: Id,
    state: PluginState,
    error: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    let sql = "UPDATE plugin SET state = $2, last_error = $3, updated_at = $4 WHERE id = $1";
    let error: Option<String> = error.map(str::to_owned);
    execute(on, sql, vec![id.as_str().into(), state.to_string().into(), error.into(), now.to_string().into()]).await
}

pub(super) async fn set_secret(on: &impl ConnectionTrait, id: Id, name: &str, secret: &Secret) -> Result<()> {
    let sql = "INSERT INTO plugin_secret (plugin_id, name, value) VALUES ($1, $2, $3) \
               ON CONFLICT (plugin_id, name) DO UPDATE SET value = excluded.value";
    execute(on, sql, vec![id.as_str().into(), name.into(), secret.expose().to_vec().into()]).await
}

fn plugin(row: &QueryResult) -> Result<InstalledPlugin> {
    Ok(InstalledPlugin {
        id: parsed(row, "id")?,
        name: text(row, "name")?,
        version: text(row, "version")?,
        state: parsed(row, "state")?,
        digest: text(row, "digest")?,
        manifest: serde_json::from_str(&text(row, "manifest")?).map_err(Failure::internal)?,
        grants: serde_json::from_str(&text(row, "grants")?).map_err(Failure::internal)?,
        config: text(row, "config")?,
        last_error: row.try_get("", "last_error").map_err(failed)?,
        installed_at: parsed(row, "installed_at")?,
        updated_at: parsed(row, "updated_at")?,
    })
}

fn text(row: &QueryResult, column: &str) -> Result<String> {
    row.try_get("", column).map_err(failed)
}

fn parsed<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(row: &QueryResult, column: &str) -> Result<T> {
    text(row, column)?.parse().map_err(Failure::internal)
}
