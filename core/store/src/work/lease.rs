//! Leases: who holds one works alone, of however many nodes.
//!
//! **Invariant:** each claim has a token of its own. Who lost the lease changes
//! nothing of it any more.
//! **Invariant:** a holder that gives no sign of life for [`LEASE`] has lost it.

use std::time::Duration;

use lyceum_kernel::{Failure, Id, Result, Timestamp};
use sea_orm::{ConnectionTrait, Statement, Value};
use tokio::time::Instant;

use super::until;
use crate::{Database, Write, failed};

/// How long a lease lasts without a sign of life: so late is work taken over
/// when its node died.
pub const LEASE: Duration = Duration::from_secs(15);

/// How often a holder gives a sign of life. Two may fail.
pub const RENEWAL: Duration = Duration::from_secs(4);

/// Does the work, and renews its lease as long as it takes. None when the lease
/// was lost: the work was dropped where it was. `renew` returns whether the
/// lease is still held.
pub async fn hold<T, F>(work: impl Future<Output = T>, renew: impl Fn() -> F) -> Option<T>
where
    F: Future<Output = Result<bool>>,
{
    tokio::select! {
        done = work => Some(done),
        () = lost(renew) => None,
    }
}

/// Resolves when the lease is lost.
async fn lost<F: Future<Output = Result<bool>>>(renew: impl Fn() -> F) {
    let mut renewed = Instant::now();
    loop {
        tokio::time::sleep(RENEWAL).await;
        match renew().await {
            Ok(true) => renewed = Instant::now(),
            Ok(false) => return,
            Err(failure) => {
                tracing::warn!(cause = ?failure, "a lease was not renewed");
                if renewed.elapsed() >= LEASE {
                    return;
                }
            }
        }
    }
}

/// The lease of a task, in `task_lease`.
#[derive(Debug, Clone)]
pub(super) struct TaskLease {
    name: String,
    token: String,
}

/// What came of asking for a lease.
pub(super) enum Claim {
    Held(TaskLease),
    /// Another node holds it, or the task is not due: there is no use in asking
    /// sooner.
    Wait(Duration),
}

impl TaskLease {
    /// Takes the lease of a task that ended its last run at `before` or earlier.
    pub async fn claim(database: &Database, name: &str, before: Timestamp, every: Duration) -> Result<Claim> {
        let lease = Self { name: name.to_owned(), token: Id::new().to_string() };
        let write = database.write().await?;
        let sql = "INSERT INTO task_lease (name, token, held_until) VALUES ($1, $2, $3) \
                   ON CONFLICT (name) DO UPDATE SET token = excluded.token, held_until = excluded.held_until \
                   WHERE (task_lease.held_until IS NULL OR task_lease.held_until <= $4) \
                   AND (task_lease.finished_at IS NULL OR task_lease.finished_at <= $5)";
        let now = write.now();
        let values: [Value; 5] = [
            name.into(),
            lease.token.as_str().into(),
            now.plus(LEASE).to_string().into(),
            now.to_string().into(),
            before.to_string().into(),
        ];
        let claimed = execute(&write, sql, values).await?;
        write.commit().await?;
        if claimed {
            return Ok(Claim::Held(lease));
        }
        Ok(Claim::Wait(wait(database, name, every).await?))
    }

    /// Whether it is still held.
    pub async fn renew(&self, database: &Database) -> Result<bool> {
        let write = database.write().await?;
        let sql = "UPDATE task_lease SET held_until = $3 WHERE name = $1 AND token = $2";
        let until = write.now().plus(LEASE).to_string();
        let held = execute(&write, sql, [self.name.as_str().into(), self.token.as_str().into(), until.into()]).await?;
        write.commit().await?;
        Ok(held)
    }

    /// Gives it back. The task is due again at once, unless this was the end of
    /// a run.
    pub async fn release(self, database: &Database, finished: bool) -> Result<()> {
        let write = database.write().await?;
        let sql = "UPDATE task_lease SET token = '', held_until = NULL, finished_at = COALESCE($3, finished_at) \
                   WHERE name = $1 AND token = $2";
        let finished = finished.then(|| write.now().to_string());
        execute(&write, sql, [self.name.into(), self.token.into(), finished.into()]).await?;
        write.commit().await
    }
}

async fn execute<const N: usize>(write: &Write, sql: &str, values: [Value; N]) -> Result<bool> {
    let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, values);
    let done = write.connection().execute_raw(statement).await.map_err(failed)?;
    Ok(done.rows_affected() == 1)
}

/// How long a task is another's, or not due.
async fn wait(database: &Database, name: &str, every: Duration) -> Result<Duration> {
    let sql = "SELECT held_until, finished_at FROM task_lease WHERE name = $1";
    let statement = Statement::from_sql_and_values(database.dialect().backend(), sql, [name.into()]);
    let row = database.reader().query_one_raw(statement).await.map_err(failed)?;
    let Some(row) = row else { return Ok(Duration::ZERO) };
    let moment = |column: &str| -> Result<Option<Timestamp>> {
        let text: Option<String> = row.try_get("", column).map_err(failed)?;
        text.map(|text| text.parse()).transpose().map_err(Failure::internal)
    };
    let (held_until, finished_at) = (moment("held_until")?, moment("finished_at")?);
    let now = database.now();
    // A holder that died leaves a moment that has passed.
    let due = held_until.filter(|at| *at > now).or_else(|| finished_at.map(|at| at.plus(every)));
    Ok(due.map_or(Duration::ZERO, |due| until(now, due)))
}
