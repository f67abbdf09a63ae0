//! The only SQL of plugins.

use std::{collections::BTreeMap, str::FromStr};

use lyceum_kernel::{Failure, Id, Result, Timestamp};
use lyceum_store::{Write, failed};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    diff::AskDiff,
    error::PluginError,
    model::{ConsentRecord, InstalledPlugin, KeptVersion, PluginData, PluginState, StagedUpdate, Uninstalled},
    port::{Grants, Inspection, Secret},
    shadow::{Pair, ShadowReport, Tally},
    vault::SecretKey,
};

const COLUMNS: &str = "id, name, version, state, shadow, digest, manifest, grants, config, source, last_error, \
                       installed_at, updated_at, revision FROM plugin";

/// Tables with rows of a plugin, by its name. Which entries it made is
/// forgotten with its data; the entries stay.
const OWN_TABLES: [&str; 5] = ["plugin_kv", "plugin_kv_size", "plugin_entry", "plugin_notice", "plugin_job_run"];

/// Versions that are kept to go back to.
const KEPT_VERSIONS: usize = 2;

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

/// Every plugin, by name.
pub(super) async fn all(on: &impl ConnectionTrait) -> Result<Vec<InstalledPlugin>> {
    rows(on, &format!("SELECT {COLUMNS} ORDER BY name"), Vec::new()).await?.iter().map(plugin).collect()
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

/// The secrets of a plugin, opened.
pub(super) async fn secrets(
    on: &impl ConnectionTrait,
    plugin: &InstalledPlugin,
    key: &SecretKey,
) -> Result<BTreeMap<String, Secret>> {
    let sql = "SELECT name, value, sealed FROM plugin_secret WHERE plugin_id = $1";
    let mut secrets = BTreeMap::new();
    for row in rows(on, sql, vec![plugin.id.as_str().into()]).await? {
        let (name, value) = (text(&row, "name")?, row.try_get::<Vec<u8>>("", "value").map_err(failed)?);
        let secret = match row.try_get("", "sealed").map_err(failed)? {
            true => {
                let unread = |why| PluginError::SealedSecret { plugin: plugin.name.clone(), why };
                key.open(&plugin.name, &name, &value).map_err(unread)?
            }
            false => Secret::new(value),
        };
        secrets.insert(name, secret);
    }
    Ok(secrets)
}

/// The names of the secrets that are set, with when.
pub(super) async fn secret_times(on: &impl ConnectionTrait, id: Id) -> Result<BTreeMap<String, Option<Timestamp>>> {
    let sql = "SELECT name, set_at FROM plugin_secret WHERE plugin_id = $1";
    let found = rows(on, sql, vec![id.as_str().into()]).await?;
    found.iter().map(|row| Ok((text(row, "name")?, text(row, "set_at")?.parse().ok()))).collect()
}

/// `(plugin id, plugin, name, value)` of what was written before there was a key.
pub(super) async fn plain_secrets(on: &impl ConnectionTrait) -> Result<Vec<(Id, String, String, Secret)>> {
    let sql = "SELECT s.plugin_id, p.name AS plugin, s.name, s.value FROM plugin_secret s \
               JOIN plugin p ON p.id = s.plugin_id WHERE s.sealed = FALSE";
    let found = rows(on, sql, Vec::new()).await?;
    let secret = |row: &QueryResult| row.try_get::<Vec<u8>>("", "value").map(Secret::new).map_err(failed);
    found
        .iter()
        .map(|row| Ok((parsed(row, "plugin_id")?, text(row, "plugin")?, text(row, "name")?, secret(row)?)))
        .collect()
}

pub(super) async fn set_secret(
    on: &impl ConnectionTrait,
    id: Id,
    name: &str,
    sealed: Vec<u8>,
    at: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO plugin_secret (plugin_id, name, value, sealed, set_at) VALUES ($1, $2, $3, TRUE, $4) \
               ON CONFLICT (plugin_id, name) DO UPDATE SET value = excluded.value, sealed = TRUE, set_at = excluded.set_at";
    execute(on, sql, vec![id.as_str().into(), name.into(), sealed.into(), at.to_string().into()]).await
}

/// Seals a secret where it stands; when it was set stays unknown.
pub(super) async fn seal_secret(on: &impl ConnectionTrait, id: Id, name: &str, sealed: Vec<u8>) -> Result<()> {
    let sql =
        "UPDATE plugin_secret SET value = $3, sealed = TRUE WHERE plugin_id = $1 AND name = $2 AND sealed = FALSE";
    execute(on, sql, vec![id.as_str().into(), name.into(), sealed.into()]).await
}

/// Writes a plugin that is new, without its consent. Its revision is 1.
///
/// # Errors
/// CONFLICT when another process has just installed it.
pub(super) async fn add(on: &impl ConnectionTrait, is: &InstalledPlugin, package: &[u8]) -> Result<i64> {
    let sql = "INSERT INTO plugin (id, name, version, state, shadow, digest, manifest, grants, config, source, last_error, \
               updated_at, revision, installed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
               ON CONFLICT DO NOTHING";
    let first = InstalledPlugin { revision: 1, ..is.clone() };
    let values = [values_of(&first)?, vec![is.installed_at.to_string().into()]].concat();
    changed(on, sql, values, &first).await?;
    put_package(on, is, package).await?;
    Ok(first.revision)
}

/// Writes all of a plugin but its consent; `package` only when it is new.
/// Returns the revision that the row has now.
///
/// # Errors
/// CONFLICT when the row is not the one that `is` was made from.
pub(super) async fn save(on: &impl ConnectionTrait, is: &InstalledPlugin, package: Option<&[u8]>) -> Result<i64> {
    let sql = "UPDATE plugin SET name = $2, version = $3, state = $4, shadow = $5, digest = $6, manifest = $7, grants = $8, \
               config = $9, source = $10, last_error = $11, updated_at = $12, revision = revision + 1 \
               WHERE id = $1 AND revision = $13";
    let revision = changed(on, sql, values_of(is)?, is).await?;
    if let Some(package) = package {
        put_package(on, is, package).await?;
    }
    Ok(revision)
}

/// In the order in which [`add`] and [`save`] name them.
fn values_of(is: &InstalledPlugin) -> Result<Vec<Value>> {
    Ok(vec![
        is.id.as_str().into(),
        is.name.as_str().into(),
        is.version.as_str().into(),
        is.state.to_string().into(),
        is.shadow.into(),
        is.digest.as_str().into(),
        json_text(&is.manifest)?.into(),
        json_text(&is.grants)?.into(),
        is.config.as_str().into(),
        is.source.as_str().into(),
        is.last_error.clone().into(),
        is.updated_at.to_string().into(),
        is.revision.into(),
    ])
}

async fn put_package(on: &impl ConnectionTrait, is: &InstalledPlugin, package: &[u8]) -> Result<()> {
    let sql = "INSERT INTO plugin_component (plugin_id, component) VALUES ($1, $2) \
               ON CONFLICT (plugin_id) DO UPDATE SET component = excluded.component";
    execute(on, sql, vec![is.id.as_str().into(), package.to_vec().into()]).await
}

/// Changes the row of a plugin, if it still is as it was read: the statement
/// asks for its revision. Returns the revision after it.
async fn changed(on: &impl ConnectionTrait, sql: &str, values: Vec<Value>, was: &InstalledPlugin) -> Result<i64> {
    let statement = Statement::from_sql_and_values(on.get_database_backend(), sql, values);
    match on.execute_raw(statement).await.map_err(failed)?.rows_affected() {
        0 => Err(PluginError::ChangedMeanwhile(was.name.clone()).into()),
        _ => Ok(was.revision + 1),
    }
}

/// Notes a change of what stands beside the row, so that other servers see it.
/// Returns the revision that the row has now.
///
/// # Errors
/// CONFLICT as of [`save`].
pub(super) async fn touch(on: &impl ConnectionTrait, is: &InstalledPlugin, now: Timestamp) -> Result<i64> {
    let sql = "UPDATE plugin SET updated_at = $2, revision = revision + 1 WHERE id = $1 AND revision = $3";
    let values = vec![is.id.as_str().into(), now.to_string().into(), is.revision.into()];
    changed(on, sql, values, is).await
}

/// One plugin as other servers compare it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub id: Id,
    pub name: String,
    pub state: PluginState,
    pub revision: i64,
}

pub(super) async fn marks(on: &impl ConnectionTrait) -> Result<Vec<Mark>> {
    let found = rows(on, "SELECT id, name, state, revision FROM plugin ORDER BY name", Vec::new()).await?;
    found.iter().map(mark).collect()
}

fn mark(row: &QueryResult) -> Result<Mark> {
    let revision = row.try_get("", "revision").map_err(failed)?;
    Ok(Mark { id: parsed(row, "id")?, name: text(row, "name")?, state: parsed(row, "state")?, revision })
}

/// Keeps the package that is in place now, to go back to, and drops the oldest.
pub(super) async fn keep_version(on: &impl ConnectionTrait, old: &InstalledPlugin, now: Timestamp) -> Result<()> {
    let sql = "INSERT INTO plugin_version (id, plugin_id, version, component, manifest, grants, config, source, replaced_at) \
               SELECT $1, plugin_id, $3, component, $4, $5, $6, $7, $8 FROM plugin_component WHERE plugin_id = $2";
    let values: Vec<Value> = vec![
        Id::new().to_string().into(),
        old.id.as_str().into(),
        old.version.as_str().into(),
        json_text(&old.manifest)?.into(),
        json_text(&old.grants)?.into(),
        old.config.as_str().into(),
        old.source.as_str().into(),
        now.to_string().into(),
    ];
    execute(on, sql, values).await?;
    let sql = "SELECT id FROM plugin_version WHERE plugin_id = $1 ORDER BY id DESC";
    let kept = rows(on, sql, vec![old.id.as_str().into()]).await?;
    for row in kept.iter().skip(KEPT_VERSIONS) {
        drop_version(on, parsed(row, "id")?).await?;
    }
    Ok(())
}

pub(super) async fn drop_version(on: &impl ConnectionTrait, version: Id) -> Result<()> {
    execute(on, "DELETE FROM plugin_version WHERE id = $1", vec![version.as_str().into()]).await
}

/// A version that was replaced, with all it needs to run again.
pub(super) struct OldVersion {
    pub id: Id,
    pub version: String,
    pub package: Vec<u8>,
    pub manifest: Inspection,
    pub grants: Grants,
    pub config: String,
    pub source: String,
}

/// The version that was replaced last, or the latest of this number.
pub(super) async fn old_version(
    on: &impl ConnectionTrait,
    plugin: Id,
    version: Option<&str>,
) -> Result<Option<OldVersion>> {
    let sql = "SELECT id, version, component, manifest, grants, config, source FROM plugin_version \
               WHERE plugin_id = $1 AND ($2 = '' OR version = $2) ORDER BY id DESC LIMIT 1";
    let found = rows(on, sql, vec![plugin.as_str().into(), version.unwrap_or_default().into()]).await?;
    let Some(row) = found.first() else { return Ok(None) };
    Ok(Some(OldVersion {
        id: parsed(row, "id")?,
        version: text(row, "version")?,
        package: row.try_get("", "component").map_err(failed)?,
        manifest: json(row, "manifest")?,
        grants: json(row, "grants")?,
        config: text(row, "config")?,
        source: text(row, "source")?,
    }))
}

/// What can be gone back to, the latest first.
pub(super) async fn kept_versions(on: &impl ConnectionTrait, plugin: Id) -> Result<Vec<KeptVersion>> {
    let sql = "SELECT version, replaced_at FROM plugin_version WHERE plugin_id = $1 ORDER BY id DESC";
    let found = rows(on, sql, vec![plugin.as_str().into()]).await?;
    found
        .iter()
        .map(|row| Ok(KeptVersion { version: text(row, "version")?, replaced_at: parsed(row, "replaced_at")? }))
        .collect()
}

/// An update that waits for consent, with its package.
pub(super) struct Staged {
    pub package: Vec<u8>,
    pub manifest: Inspection,
    pub config: Option<String>,
    pub source: String,
}

/// Puts an update aside, in the place of one that waits already.
pub(super) async fn stage(on: &impl ConnectionTrait, plugin: Id, staged: &Staged, now: Timestamp) -> Result<()> {
    let sql = "INSERT INTO plugin_staged (plugin_id, version, component, manifest, config, source, staged_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (plugin_id) DO UPDATE SET version = excluded.version, \
               component = excluded.component, manifest = excluded.manifest, config = excluded.config, \
               source = excluded.source, staged_at = excluded.staged_at";
    let values: Vec<Value> = vec![
        plugin.as_str().into(),
        staged.manifest.version.as_str().into(),
        staged.package.clone().into(),
        json_text(&staged.manifest)?.into(),
        staged.config.clone().into(),
        staged.source.as_str().into(),
        now.to_string().into(),
    ];
    execute(on, sql, values).await
}

pub(super) async fn staged(on: &impl ConnectionTrait, plugin: Id) -> Result<Option<Staged>> {
    let sql = "SELECT component, manifest, config, source FROM plugin_staged WHERE plugin_id = $1";
    let found = rows(on, sql, vec![plugin.as_str().into()]).await?;
    let Some(row) = found.first() else { return Ok(None) };
    let package = row.try_get("", "component").map_err(failed)?;
    let config = row.try_get("", "config").map_err(failed)?;
    Ok(Some(Staged { package, manifest: json(row, "manifest")?, config, source: text(row, "source")? }))
}

/// The update that waits, without its package.
pub(super) async fn staged_update(on: &impl ConnectionTrait, old: &InstalledPlugin) -> Result<Option<StagedUpdate>> {
    let sql = "SELECT version, manifest, source, staged_at FROM plugin_staged WHERE plugin_id = $1";
    let found = rows(on, sql, vec![old.id.as_str().into()]).await?;
    let Some(row) = found.first() else { return Ok(None) };
    let manifest: Inspection = json(row, "manifest")?;
    let diff = AskDiff::between(&old.manifest, &manifest);
    let (version, source) = (text(row, "version")?, text(row, "source")?);
    Ok(Some(StagedUpdate { version, manifest, source, staged_at: parsed(row, "staged_at")?, diff }))
}

/// Whether there was one.
pub(super) async fn unstage(on: &impl ConnectionTrait, plugin: Id) -> Result<bool> {
    Ok(delete(on, "DELETE FROM plugin_staged WHERE plugin_id = $1", plugin.as_str()).await? > 0)
}

/// How many rows went.
pub(super) async fn delete(on: &impl ConnectionTrait, sql: &str, key: &str) -> Result<u64> {
    let statement = Statement::from_sql_and_values(on.get_database_backend(), sql, [key.into()]);
    Ok(on.execute_raw(statement).await.map_err(failed)?.rows_affected())
}

/// The number that a statement gives as `n`.
pub(super) async fn count(on: &impl ConnectionTrait, sql: &str, key: &str) -> Result<u64> {
    let found = rows(on, sql, vec![key.into()]).await?;
    let n: i64 = found.first().map_or(Ok(0), |row| row.try_get("", "n")).map_err(failed)?;
    Ok(u64::try_from(n).unwrap_or_default())
}

/// Removes a plugin and what belongs to it. What it stored goes by its name,
/// so that it can wait for another installation.
pub(super) async fn remove(on: &impl ConnectionTrait, is: &InstalledPlugin, data: PluginData) -> Result<Uninstalled> {
    let secrets = "SELECT count(*) AS n FROM plugin_secret WHERE plugin_id = $1";
    let mut done = Uninstalled { secrets_deleted: count(on, secrets, is.id.as_str()).await?, ..Uninstalled::default() };
    delete(on, "DELETE FROM plugin WHERE id = $1", is.id.as_str()).await?;
    for table in ["active", "shadow"] {
        delete(on, &format!("DELETE FROM plugin_shadow WHERE {table} = $1"), &is.name).await?;
    }
    leave_data(on, is, data, &mut done).await?;
    Ok(done)
}

async fn leave_data(
    on: &impl ConnectionTrait,
    is: &InstalledPlugin,
    data: PluginData,
    done: &mut Uninstalled,
) -> Result<()> {
    let values = count(on, "SELECT count(*) AS n FROM plugin_kv WHERE plugin = $1", &is.name).await?;
    done.entries_kept = count(on, "SELECT count(*) AS n FROM plugin_entry WHERE plugin = $1", &is.name).await?;
    if data == PluginData::Keep {
        done.values_kept = values;
        return Ok(());
    }
    done.values_deleted = values;
    for table in OWN_TABLES {
        delete(on, &format!("DELETE FROM {table} WHERE plugin = $1"), &is.name).await?;
    }
    Ok(())
}

/// Ends what a plugin was still to be told and to do, its dead letters too. How
/// its runs ended stays.
pub(super) async fn end_its_work(on: &impl ConnectionTrait, name: &str, now: Timestamp) -> Result<()> {
    delete(on, "DELETE FROM plugin_delivery WHERE plugin = $1", name).await?;
    let sql = "UPDATE plugin_job_run SET state = 'cancelled', claim = NULL, claimed_until = NULL, finished_at = $2 \
               WHERE plugin = $1 AND state IN ('waiting', 'running')";
    execute(on, sql, vec![name.into(), now.to_string().into()]).await
}

/// Adds a comparison to what is written down of the two. The row is locked
/// before it is read: two servers add at once.
pub(super) async fn add_shadow(write: &Write, pair: &Pair, tally: &Tally) -> Result<()> {
    let (on, now) = (write.connection(), write.now().to_string());
    let key: Vec<Value> = vec![pair.active.as_str().into(), pair.shadow.as_str().into(), tally.kind().into()];
    let with =
        |whole: &Tally| Ok::<_, Failure>([key.clone(), vec![json_text(whole)?.into(), now.as_str().into()]].concat());
    let sql = "INSERT INTO plugin_shadow (active, shadow, kind, report, since, updated_at) VALUES ($1, $2, $3, $4, $5, $5) \
               ON CONFLICT (active, shadow, kind) DO NOTHING";
    let first = Statement::from_sql_and_values(on.get_database_backend(), sql, with(tally)?);
    if on.execute_raw(first).await.map_err(failed)?.rows_affected() > 0 {
        return Ok(());
    }
    let sql = "SELECT report FROM plugin_shadow WHERE active = $1 AND shadow = $2 AND kind = $3";
    let known = rows(on, &format!("{sql}{}", write.dialect().for_update()), key.clone()).await?;
    let mut whole = tally.clone();
    if let Some(row) = known.first() {
        whole.merge(json(row, "report")?);
    }
    let sql = "UPDATE plugin_shadow SET report = $4, updated_at = $5 WHERE active = $1 AND shadow = $2 AND kind = $3";
    execute(on, sql, with(&whole)?).await
}

/// The comparisons of a plugin in the shadow, by the active one's name.
pub(super) async fn shadow_reports(on: &impl ConnectionTrait, shadow: &str) -> Result<Vec<ShadowReport>> {
    let sql = "SELECT active, shadow, kind, report, since, updated_at FROM plugin_shadow \
               WHERE shadow = $1 ORDER BY kind, active";
    let found = rows(on, sql, vec![shadow.into()]).await?;
    let report = |row: &QueryResult| {
        Ok(ShadowReport {
            active: text(row, "active")?,
            shadow: text(row, "shadow")?,
            kind: text(row, "kind")?,
            since: parsed(row, "since")?,
            updated_at: parsed(row, "updated_at")?,
            report: json::<Tally>(row, "report")?.report(),
        })
    };
    found.iter().map(report).collect()
}

/// Payments and refunds that only this provider can be asked about.
pub(super) async fn open_payments(on: &impl ConnectionTrait, provider: &str) -> Result<u64> {
    let sql = "SELECT (SELECT count(*) FROM payment WHERE provider = $1 AND next_query_at IS NOT NULL) \
               + (SELECT count(*) FROM refund r JOIN payment p ON p.id = r.payment_id \
                  WHERE p.provider = $1 AND r.next_query_at IS NOT NULL) AS n";
    count(on, sql, provider).await
}

pub(super) async fn consent(
    on: &impl ConnectionTrait,
    is: &InstalledPlugin,
    by: Option<Id>,
    at: Timestamp,
) -> Result<()> {
    let sql =
        "UPDATE plugin SET consent_by = $2, consent_at = $3, permission_hash = $4, consent_key = $5 WHERE id = $1";
    let values: Vec<Value> = vec![
        is.id.as_str().into(),
        by.map(|id| id.to_string()).into(),
        at.to_string().into(),
        is.manifest.permission_hash.as_str().into(),
        is.manifest.signer.as_ref().map(|signer| signer.key_id.clone()).into(),
    ];
    execute(on, sql, values).await
}

/// The consent that there is holds for another version of the plugin now.
pub(super) async fn consent_to_another(on: &impl ConnectionTrait, is: &InstalledPlugin) -> Result<()> {
    let sql = "UPDATE plugin SET permission_hash = $2, consent_key = $3 WHERE id = $1 AND consent_at IS NOT NULL";
    let values: Vec<Value> = vec![
        is.id.as_str().into(),
        is.manifest.permission_hash.as_str().into(),
        is.manifest.signer.as_ref().map(|signer| signer.key_id.clone()).into(),
    ];
    execute(on, sql, values).await
}

pub(super) async fn consent_of(on: &impl ConnectionTrait, id: Id) -> Result<Option<ConsentRecord>> {
    let sql = "SELECT consent_by, consent_at, permission_hash, consent_key FROM plugin \
               WHERE id = $1 AND consent_at IS NOT NULL";
    let found = rows(on, sql, vec![id.as_str().into()]).await?;
    let Some(row) = found.first() else { return Ok(None) };
    let by: Option<String> = row.try_get("", "consent_by").map_err(failed)?;
    Ok(Some(ConsentRecord {
        by: by.map(|id| id.parse()).transpose().map_err(Failure::internal)?,
        at: parsed(row, "consent_at")?,
        permission_hash: text(row, "permission_hash")?,
        key_id: row.try_get("", "consent_key").map_err(failed)?,
    }))
}

/// Writes the state alone. Returns the revision that the row has now.
///
/// # Errors
/// CONFLICT as of [`save`].
pub(super) async fn set_state(
    on: &impl ConnectionTrait,
    is: &InstalledPlugin,
    state: PluginState,
    error: Option<&str>,
    now: Timestamp,
) -> Result<i64> {
    let sql = "UPDATE plugin SET state = $2, last_error = $3, updated_at = $4, revision = revision + 1 \
               WHERE id = $1 AND revision = $5";
    let values: Vec<Value> = vec![
        is.id.as_str().into(),
        state.to_string().into(),
        error.map(str::to_owned).into(),
        now.to_string().into(),
        is.revision.into(),
    ];
    changed(on, sql, values, is).await
}

fn plugin(row: &QueryResult) -> Result<InstalledPlugin> {
    Ok(InstalledPlugin {
        id: parsed(row, "id")?,
        name: text(row, "name")?,
        version: text(row, "version")?,
        state: parsed(row, "state")?,
        shadow: row.try_get("", "shadow").map_err(failed)?,
        digest: text(row, "digest")?,
        manifest: json(row, "manifest")?,
        grants: json(row, "grants")?,
        config: text(row, "config")?,
        source: text(row, "source")?,
        last_error: row.try_get("", "last_error").map_err(failed)?,
        installed_at: parsed(row, "installed_at")?,
        updated_at: parsed(row, "updated_at")?,
        revision: row.try_get("", "revision").map_err(failed)?,
    })
}

fn json<T: DeserializeOwned>(row: &QueryResult, column: &str) -> Result<T> {
    serde_json::from_str(&text(row, column)?).map_err(Failure::internal)
}

fn json_text(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(Failure::internal)
}

fn text(row: &QueryResult, column: &str) -> Result<String> {
    row.try_get("", column).map_err(failed)
}

fn parsed<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(row: &QueryResult, column: &str) -> Result<T> {
    text(row, column)?.parse().map_err(Failure::internal)
}
