//! The SQL of deliveries.

use std::time::Duration;

use lyceum_kernel::{Failure, Id, Result, Timestamp};
use lyceum_store::{Database, Dialect, Write, failed};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};

use super::{DeliveryKind, Item, NewItem};

fn statement(dialect: Dialect, sql: impl Into<String>, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(dialect.backend(), sql, values)
}

async fn execute(write: &Write, sql: &str, values: Vec<Value>) -> Result<u64> {
    let done = write.connection().execute_raw(statement(write.dialect(), sql, values)).await;
    done.map(|done| done.rows_affected()).map_err(failed)
}

pub(super) async fn insert(write: &Write, item: &NewItem) -> Result<Id> {
    let id = Id::new();
    let now = write.now().to_string();
    let sql = "INSERT INTO plugin_delivery \
               (id, plugin, kind, subject, position, payload, state, attempts, next_at, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, 'waiting', 0, $7, $7)";
    let values = vec![
        id.as_str().into(),
        item.plugin.as_str().into(),
        item.kind.name().into(),
        item.subject.as_str().into(),
        item.position.into(),
        item.payload.to_string().into(),
        now.into(),
    ];
    execute(write, sql, values).await?;
    Ok(id)
}

/// Whom items are for: a kind and the plugins that can take it.
pub(super) struct Takers {
    pub kind: DeliveryKind,
    pub plugins: Vec<String>,
}

/// `(d.kind = $n AND d.plugin IN (…)) OR …`, with its values from `$first` on.
fn for_takers(takers: &[Takers], first: usize) -> (String, Vec<Value>) {
    let mut values: Vec<Value> = Vec::new();
    let mut place = |value: &str| {
        values.push(value.into());
        format!("${}", first + values.len() - 1)
    };
    let parts: Vec<String> = takers
        .iter()
        .map(|takers| {
            let kind = place(takers.kind.name());
            let plugins: Vec<String> = takers.plugins.iter().map(|plugin| place(plugin)).collect();
            format!("(d.kind = {kind} AND d.plugin IN ({}))", plugins.join(", "))
        })
        .collect();
    (parts.join(" OR "), values)
}

// Waiting, in no one's hands, and nothing of its subject before it or in
// somebody's hands. A dead letter holds up nothing.
const FREE: &str = "d.state = 'waiting' AND (d.claimed_until IS NULL OR d.claimed_until <= $1) \
    AND NOT EXISTS (SELECT 1 FROM plugin_delivery e \
        WHERE e.plugin = d.plugin AND e.kind = d.kind AND e.subject = d.subject AND e.state = 'waiting' AND e.id <> d.id \
        AND ((e.position, e.id) < (d.position, d.id) OR e.claimed_until > $1))";

/// Takes items that are due, at most `limit`, until `lease` is over. This
/// counts as a try of each.
pub(super) async fn claim(write: &Write, takers: &[Takers], limit: usize, lease: Duration) -> Result<Vec<Item>> {
    let (whose, whom) = for_takers(takers, 5);
    let lock = match write.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => " FOR UPDATE OF d SKIP LOCKED",
    };
    let sql = format!(
        "UPDATE plugin_delivery SET claim = $2, claimed_until = $3, attempts = attempts + 1 WHERE id IN (\
         SELECT d.id FROM plugin_delivery d WHERE {FREE} AND d.next_at <= $1 AND ({whose}) \
         ORDER BY d.position, d.id LIMIT $4{lock}) \
         RETURNING id, plugin, kind, subject, position, payload, attempts, claim"
    );
    let mut values: Vec<Value> = vec![
        write.now().to_string().into(),
        Id::new().to_string().into(),
        write.now().plus(lease).to_string().into(),
        i64::try_from(limit).unwrap_or(i64::MAX).into(),
    ];
    values.extend(whom);
    let rows = write.connection().query_all_raw(statement(write.dialect(), sql, values)).await.map_err(failed)?;
    let mut items = rows.iter().map(delivery).collect::<Result<Vec<_>>>()?;
    items.sort_by_key(|item| (item.position, item.id));
    Ok(items)
}

fn delivery(row: &QueryResult) -> Result<Item> {
    let text = |name: &str| row.try_get::<String>("", name).map_err(failed);
    let kind = text("kind")?;
    let known = DeliveryKind::ALL.into_iter().find(|known| known.name() == kind);
    Ok(Item {
        id: text("id")?.parse().map_err(Failure::internal)?,
        plugin: text("plugin")?,
        kind: known.ok_or_else(|| Failure::internal(format!("\"{kind}\" is no kind of a delivery")))?,
        subject: text("subject")?,
        position: row.try_get("", "position").map_err(failed)?,
        payload: serde_json::from_str(&text("payload")?).map_err(Failure::internal)?,
        attempt: u32::try_from(row.try_get::<i32>("", "attempts").map_err(failed)?).unwrap_or_default(),
        claim: text("claim")?,
    })
}

/// When the next item may be due; none when nothing waits.
pub(super) async fn next_due(database: &Database, takers: &[Takers]) -> Result<Option<Timestamp>> {
    let (whose, whom) = for_takers(takers, 2);
    let sql = format!("SELECT MIN(d.next_at) AS due FROM plugin_delivery d WHERE {FREE} AND ({whose})");
    let mut values: Vec<Value> = vec![database.now().to_string().into()];
    values.extend(whom);
    earliest(database, sql, values).await
}

/// When the next lease runs out; none when nothing is in anyone's hands.
pub(super) async fn next_lease_end(database: &Database, takers: &[Takers]) -> Result<Option<Timestamp>> {
    let (whose, whom) = for_takers(takers, 2);
    let sql = format!(
        "SELECT MIN(d.claimed_until) AS due FROM plugin_delivery d \
         WHERE d.state = 'waiting' AND d.claimed_until > $1 AND ({whose})"
    );
    let mut values: Vec<Value> = vec![database.now().to_string().into()];
    values.extend(whom);
    earliest(database, sql, values).await
}

async fn earliest(database: &Database, sql: String, values: Vec<Value>) -> Result<Option<Timestamp>> {
    let row = database.reader().query_one_raw(statement(database.dialect(), sql, values)).await.map_err(failed)?;
    let due = row.map(|row| row.try_get::<Option<String>>("", "due").map_err(failed)).transpose()?.flatten();
    due.map(|due| due.parse().map_err(Failure::internal)).transpose()
}

/// Prolongs the lease of an item. False: somebody else has it by now.
pub(super) async fn renew(write: &Write, item: &Item, lease: Duration) -> Result<bool> {
    let sql = "UPDATE plugin_delivery SET claimed_until = $3 WHERE id = $1 AND claim = $2";
    let until = write.now().plus(lease).to_string();
    Ok(execute(write, sql, vec![item.id.as_str().into(), item.claim.as_str().into(), until.into()]).await? == 1)
}

/// Takes a delivered item out.
pub(super) async fn done(write: &Write, item: &Item) -> Result<()> {
    let sql = "DELETE FROM plugin_delivery WHERE id = $1 AND claim = $2";
    execute(write, sql, vec![item.id.as_str().into(), item.claim.as_str().into()]).await.map(drop)
}

/// Puts an item back, to be tried at a later moment.
pub(super) async fn put_back(write: &Write, item: &Item, next: Timestamp, error: &str) -> Result<()> {
    let sql = "UPDATE plugin_delivery SET next_at = $3, last_error = $4, claim = NULL, claimed_until = NULL \
               WHERE id = $1 AND claim = $2";
    let values = vec![item.id.as_str().into(), item.claim.as_str().into(), next.to_string().into(), error.into()];
    execute(write, sql, values).await.map(drop)
}

/// Makes an item a dead letter.
pub(super) async fn bury(write: &Write, item: &Item, error: &str) -> Result<()> {
    let sql = "UPDATE plugin_delivery SET state = 'dead', last_error = COALESCE($3, last_error), \
               claim = NULL, claimed_until = NULL WHERE id = $1 AND claim = $2";
    execute(write, sql, vec![item.id.as_str().into(), item.claim.as_str().into(), error.into()]).await.map(drop)
}

/// Removes what has waited since before `before` and is in no one's hands.
pub(super) async fn drop_waiting(write: &Write, kind: DeliveryKind, plugin: &str, before: Timestamp) -> Result<()> {
    let sql = "DELETE FROM plugin_delivery WHERE plugin = $1 AND kind = $2 AND state = 'waiting' \
               AND created_at < $3 AND (claimed_until IS NULL OR claimed_until <= $4)";
    let values = vec![plugin.into(), kind.name().into(), before.to_string().into(), write.now().to_string().into()];
    execute(write, sql, values).await.map(drop)
}

/// Removes dead letters whose last try was due before `before`.
pub(super) async fn prune(write: &Write, before: Timestamp) -> Result<()> {
    let sql = "DELETE FROM plugin_delivery WHERE state = 'dead' AND next_at < $1";
    execute(write, sql, vec![before.to_string().into()]).await.map(drop)
}

/// Lets a dead letter wait again, with all its tries. Tells whether it was dead.
pub(super) async fn revive(write: &Write, id: Id) -> Result<bool> {
    let sql = "UPDATE plugin_delivery SET state = 'waiting', attempts = 0, next_at = $2 \
               WHERE id = $1 AND state = 'dead'";
    Ok(execute(write, sql, vec![id.as_str().into(), write.now().to_string().into()]).await? == 1)
}

/// Takes a dead letter out. Tells whether it was dead.
pub(super) async fn discard(write: &Write, id: Id) -> Result<bool> {
    let sql = "DELETE FROM plugin_delivery WHERE id = $1 AND state = 'dead'";
    Ok(execute(write, sql, vec![id.as_str().into()]).await? == 1)
}

pub(super) async fn exists(write: &Write, id: Id) -> Result<bool> {
    let sql = "SELECT id FROM plugin_delivery WHERE id = $1";
    let found = write.connection().query_one_raw(statement(write.dialect(), sql, vec![id.as_str().into()])).await;
    found.map(|row| row.is_some()).map_err(failed)
}

pub(super) async fn forget(write: &Write, plugin: &str) -> Result<()> {
    execute(write, "DELETE FROM plugin_delivery WHERE plugin = $1", vec![plugin.into()]).await.map(drop)
}
