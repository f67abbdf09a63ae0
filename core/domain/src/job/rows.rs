//! The SQL of runs.

use std::time::Duration;

use lyceum_kernel::{Failure, Id, Result, Timestamp};
use lyceum_store::{Database, Dialect, Write, failed};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};

use super::{Ended, Run};

fn statement(dialect: Dialect, sql: impl Into<String>, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(dialect.backend(), sql, values)
}

async fn execute(write: &Write, sql: &str, values: Vec<Value>) -> Result<u64> {
    let done = write.connection().execute_raw(statement(write.dialect(), sql, values)).await;
    done.map(|done| done.rows_affected()).map_err(failed)
}

pub(super) struct NewRun<'r> {
    pub plugin: &'r str,
    pub job: &'r str,
    /// `schedule` or `queue`.
    pub origin: &'r str,
    pub payload: String,
    pub due: Timestamp,
    pub by: Option<Id>,
}

/// Puts a run in. None when it is a scheduled one and another one waits.
pub(super) async fn insert(write: &Write, run: NewRun<'_>) -> Result<Option<Id>> {
    let id = Id::new();
    let sql = "INSERT INTO plugin_job_run \
               (id, plugin, job, origin, payload, state, attempt, due_at, next_at, queued_by, created_at) \
               VALUES ($1, $2, $3, $4, $5, 'waiting', 0, $6, $6, $7, $8) ON CONFLICT DO NOTHING";
    let values = vec![
        id.as_str().into(),
        run.plugin.into(),
        run.job.into(),
        run.origin.into(),
        run.payload.into(),
        run.due.to_string().into(),
        run.by.map(|by| by.to_string()).into(),
        write.now().to_string().into(),
    ];
    Ok((execute(write, sql, values).await? == 1).then_some(id))
}

/// A schedule's latest run.
pub(super) struct Latest {
    pub due: Timestamp,
    pub unfinished: bool,
    /// Nothing of it was done yet.
    pub untouched: bool,
}

pub(super) async fn latest_scheduled(database: &Database, plugin: &str, job: &str) -> Result<Option<Latest>> {
    let sql = "SELECT due_at, state, attempt, resume FROM plugin_job_run \
               WHERE plugin = $1 AND job = $2 AND origin = 'schedule' ORDER BY due_at DESC, id DESC LIMIT 1";
    let statement = statement(database.dialect(), sql, vec![plugin.into(), job.into()]);
    let row = database.reader().query_one_raw(statement).await.map_err(failed)?;
    row.map(|row| {
        let state: String = row.try_get("", "state").map_err(failed)?;
        let attempt: i32 = row.try_get("", "attempt").map_err(failed)?;
        let resume: Option<String> = row.try_get("", "resume").map_err(failed)?;
        let waiting = state == "waiting";
        Ok(Latest {
            due: moment(&row, "due_at")?,
            unfinished: waiting || state == "running",
            untouched: waiting && attempt == 0 && resume.is_none(),
        })
    })
    .transpose()
}

/// Moves a scheduled run that has not begun: its schedule has changed.
pub(super) async fn move_scheduled(write: &Write, plugin: &str, job: &str, due: Timestamp) -> Result<()> {
    let sql = "UPDATE plugin_job_run SET due_at = $3, next_at = $3 WHERE plugin = $1 AND job = $2 \
               AND origin = 'schedule' AND state = 'waiting' AND attempt = 0 AND resume IS NULL";
    execute(write, sql, vec![plugin.into(), job.into(), due.to_string().into()]).await.map(drop)
}

/// Removes what ended before `before`, however it did.
pub(super) async fn prune(write: &Write, before: Timestamp) -> Result<()> {
    let sql = "DELETE FROM plugin_job_run WHERE finished_at < $1";
    execute(write, sql, vec![before.to_string().into()]).await.map(drop)
}

/// `r.plugin IN (…)` with places from `$first` on.
fn of_plugins(plugins: &[String], first: usize) -> String {
    let places: Vec<String> = (first..first + plugins.len()).map(|n| format!("${n}")).collect();
    format!("r.plugin IN ({})", places.join(", "))
}

fn with_plugins(mut values: Vec<Value>, plugins: &[String]) -> Vec<Value> {
    values.extend(plugins.iter().map(|plugin| Value::from(plugin.as_str())));
    values
}

/// Takes runs whose next step is due, or whose worker has died.
pub(super) async fn claim(write: &Write, plugins: &[String], limit: usize, lease: Duration) -> Result<Vec<Run>> {
    let lock = match write.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => " FOR UPDATE OF r SKIP LOCKED",
    };
    let sql = format!(
        "UPDATE plugin_job_run SET state = 'running', claim = $2, claimed_until = $3, attempt = attempt + 1 WHERE id IN (\
         SELECT r.id FROM plugin_job_run r WHERE ((r.state = 'waiting' AND r.next_at <= $1) \
         OR (r.state = 'running' AND r.claimed_until <= $1)) AND {} \
         ORDER BY r.next_at, r.id LIMIT $4{lock}) \
         RETURNING id, plugin, job, payload, resume, attempt, due_at, claim",
        of_plugins(plugins, 5)
    );
    let values: Vec<Value> = vec![
        write.now().to_string().into(),
        Id::new().to_string().into(),
        write.now().plus(lease).to_string().into(),
        i64::try_from(limit).unwrap_or(i64::MAX).into(),
    ];
    let statement = statement(write.dialect(), sql, with_plugins(values, plugins));
    let rows = write.connection().query_all_raw(statement).await.map_err(failed)?;
    let mut runs = rows.iter().map(run).collect::<Result<Vec<_>>>()?;
    runs.sort_by_key(|run| (run.due, run.id));
    Ok(runs)
}

fn run(row: &QueryResult) -> Result<Run> {
    let text = |name: &str| row.try_get::<String>("", name).map_err(failed);
    Ok(Run {
        id: text("id")?.parse().map_err(Failure::internal)?,
        plugin: text("plugin")?,
        job: text("job")?,
        payload: text("payload")?,
        resume: row.try_get("", "resume").map_err(failed)?,
        attempt: u32::try_from(row.try_get::<i32>("", "attempt").map_err(failed)?).unwrap_or_default(),
        due: moment(row, "due_at")?,
        claim: text("claim")?,
    })
}

fn moment(row: &QueryResult, name: &str) -> Result<Timestamp> {
    row.try_get::<String>("", name).map_err(failed)?.parse().map_err(Failure::internal)
}

/// When the next step is due or the next lease ends; none when nothing waits.
pub(super) async fn next_due(database: &Database, plugins: &[String]) -> Result<Option<Timestamp>> {
    let sql = format!(
        "SELECT MIN(CASE WHEN r.state = 'running' THEN r.claimed_until ELSE r.next_at END) AS due \
         FROM plugin_job_run r WHERE r.state IN ('waiting', 'running') AND {}",
        of_plugins(plugins, 1)
    );
    let statement = statement(database.dialect(), sql, with_plugins(Vec::new(), plugins));
    let row = database.reader().query_one_raw(statement).await.map_err(failed)?;
    let due = row.map(|row| row.try_get::<Option<String>>("", "due").map_err(failed)).transpose()?.flatten();
    due.map(|due| due.parse().map_err(Failure::internal)).transpose()
}

/// Holds a run longer. False: it was cancelled, or somebody else has it.
pub(super) async fn renew(write: &Write, run: &Run, lease: Duration) -> Result<bool> {
    let sql = "UPDATE plugin_job_run SET claimed_until = $3 WHERE id = $1 AND claim = $2 AND state = 'running'";
    let until = write.now().plus(lease).to_string();
    Ok(execute(write, sql, vec![run.id.as_str().into(), run.claim.as_str().into(), until.into()]).await? == 1)
}

/// Puts a run back whose step was cut off.
pub(super) async fn release(write: &Write, run: &Run) -> Result<()> {
    let sql = "UPDATE plugin_job_run SET state = 'waiting', attempt = attempt - 1, claim = NULL, claimed_until = NULL \
               WHERE id = $1 AND claim = $2 AND state = 'running'";
    execute(write, sql, vec![run.id.as_str().into(), run.claim.as_str().into()]).await.map(drop)
}

/// Notes how a step ended, in one statement. False: the run is no longer ours.
pub(super) async fn end(write: &Write, run: &Run, ended: &Ended) -> Result<bool> {
    let now = write.now();
    let (set, mut rest): (&str, Vec<Value>) = match ended {
        Ended::Step(outcome) => {
            let progress = outcome.progress.map(percent);
            let (state, finished) = match outcome.resume {
                Some(_) => ("waiting", None),
                None => ("done", Some(now.to_string())),
            };
            let values = vec![
                state.into(),
                outcome.resume.clone().into(),
                now.plus(outcome.wait).to_string().into(),
                progress.into(),
                outcome.report.clone().into(),
                finished.into(),
            ];
            let set = "state = $3, resume = $4, next_at = $5, attempt = 0, last_error = NULL, \
                       progress = COALESCE($6, progress), report = COALESCE($7, report), finished_at = $8";
            (set, values)
        }
        Ended::Failed { next, error } => {
            let set = "state = 'waiting', next_at = $3, last_error = $4";
            (set, vec![next.to_string().into(), error.as_str().into()])
        }
        Ended::Dead { error } => {
            let set = "state = 'dead', last_error = $3, finished_at = $4";
            (set, vec![error.as_str().into(), now.to_string().into()])
        }
    };
    let sql = format!(
        "UPDATE plugin_job_run SET {set}, claim = NULL, claimed_until = NULL \
         WHERE id = $1 AND claim = $2 AND state = 'running'"
    );
    let mut values: Vec<Value> = vec![run.id.as_str().into(), run.claim.as_str().into()];
    values.append(&mut rest);
    Ok(execute(write, &sql, values).await? == 1)
}

/// A part of one as whole percent.
#[allow(clippy::cast_possible_truncation, reason = "from 0 to 100")]
fn percent(part: f32) -> i32 {
    (part.clamp(0.0, 1.0) * 100.0).round() as i32
}

/// Ends a run that is not finished. Tells whether there was one.
pub(super) async fn cancel(write: &Write, id: Id) -> Result<bool> {
    let sql = "UPDATE plugin_job_run SET state = 'cancelled', claim = NULL, claimed_until = NULL, finished_at = $2 \
               WHERE id = $1 AND state IN ('waiting', 'running')";
    Ok(execute(write, sql, vec![id.as_str().into(), write.now().to_string().into()]).await? == 1)
}

pub(super) async fn exists(write: &Write, id: Id) -> Result<bool> {
    let sql = "SELECT id FROM plugin_job_run WHERE id = $1";
    let found = write.connection().query_one_raw(statement(write.dialect(), sql, vec![id.as_str().into()])).await;
    found.map(|row| row.is_some()).map_err(failed)
}
