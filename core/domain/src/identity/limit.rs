//! Limits on tries, kept in the database, so that all servers share them.
//!
//! **Invariant:** a try is counted *before* it is made. Tries made at the same
//! time cannot slip through together.
//!
//! There are two rules. A [`Limit`] refuses when a window is full. [`Pauses`]
//! never lock for good: after some free tries each one more has to wait longer
//! after the one before.

use std::time::Duration;

use lyceum_kernel::{ErrorCode, Failure, Id, Result, Timestamp};
use lyceum_store::{Database, Dialect, Write, failed};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};

/// So many tries in so much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub tries: u32,
    pub window: Duration,
}

/// Free tries, then pauses of 1, 2, 4, 8 … seconds between tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pauses {
    pub free: u32,
    pub longest: Duration,
    /// How long after the last try all are forgotten.
    pub remembered: Duration,
}

impl Pauses {
    /// How long to wait after the last of so many tries.
    fn after(&self, tries: u32) -> Duration {
        match tries.checked_sub(self.free) {
            None => Duration::ZERO,
            Some(beyond) => Duration::from_secs(1 << beyond.min(30)).min(self.longest),
        }
    }
}

/// How tries of one key are limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LimitRule {
    Window(Limit),
    Pauses(Pauses),
}

impl From<Limit> for LimitRule {
    fn from(limit: Limit) -> Self {
        Self::Window(limit)
    }
}

/// One try that was counted.
enum Counted {
    Window(Id),
    Run(String),
}

/// Tries that were counted.
#[must_use]
pub(crate) struct CountedTries {
    tries: Vec<Counted>,
    /// What they are counted by, in the order in which it is locked.
    keys: Vec<String>,
}

/// Counts one try for each key, or none when one of them is used up.
///
/// # Errors
/// RATE_LIMITED with `retryAfterSeconds`, `limit` and `remaining`.
pub(crate) async fn take(database: &Database, mut limits: Vec<(String, LimitRule)>) -> Result<CountedTries> {
    let write = database.write().await?;
    // In one order everywhere, so that two servers cannot wait for each other.
    limits.sort_by(|a, b| a.0.cmp(&b.0));
    let mut counted = Vec::with_capacity(limits.len());
    for (key, rule) in &limits {
        counted.push(match rule {
            LimitRule::Window(limit) => Counted::Window(take_one(&write, key, *limit).await?),
            LimitRule::Pauses(pauses) => take_after_pause(&write, key, *pauses).await?,
        });
    }
    forget_expired(&write).await?;
    write.commit().await?;
    Ok(CountedTries { tries: counted, keys: limits.into_iter().map(|(key, _)| key).collect() })
}

/// Counts a try in the caller's transaction: it counts when that commits.
///
/// # Errors
/// As [`take`].
pub(crate) async fn take_within(write: &Write, key: &str, limit: Limit) -> Result<()> {
    take_one(write, key, limit).await.map(drop)
}

async fn take_one(write: &Write, key: &str, limit: Limit) -> Result<Id> {
    lock(write, key).await?;
    let id = Id::new();
    let sql = "INSERT INTO attempt (id, key, expires_at) SELECT $1, $2, $3 \
               WHERE (SELECT COUNT(*) FROM attempt WHERE key = $2 AND expires_at > $4) < $5";
    let expires = write.now().plus(limit.window).to_string();
    let values: [Value; 5] =
        [id.as_str().into(), key.into(), expires.into(), write.now().to_string().into(), i64::from(limit.tries).into()];
    let done = write.connection().execute_raw(statement(write, sql, values)).await.map_err(failed)?;
    if done.rows_affected() == 1 { Ok(id) } else { Err(refusal(write, free_at(write, key).await?, limit.tries)) }
}

async fn take_after_pause(write: &Write, key: &str, pauses: Pauses) -> Result<Counted> {
    lock(write, key).await?;
    let (tries, last) = run(write, key).await?.unwrap_or((0, Timestamp::from_millis(0)));
    let free_at = last.plus(pauses.after(tries));
    if write.now() < free_at {
        return Err(refusal(write, free_at, pauses.free));
    }
    let sql = "INSERT INTO attempt_run (key, tries, last_at, expires_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (key) DO UPDATE SET tries = excluded.tries, last_at = excluded.last_at, \
               expires_at = excluded.expires_at";
    let expires = write.now().plus(pauses.remembered).to_string();
    let values: [Value; 4] =
        [key.into(), i64::from(tries.saturating_add(1)).into(), write.now().to_string().into(), expires.into()];
    write.connection().execute_raw(statement(write, sql, values)).await.map_err(failed)?;
    Ok(Counted::Run(key.to_owned()))
}

/// The tries of a key in a row, and when the last one was.
async fn run(write: &Write, key: &str) -> Result<Option<(u32, Timestamp)>> {
    let sql = "SELECT tries, last_at FROM attempt_run WHERE key = $1 AND expires_at > $2";
    let values: [Value; 2] = [key.into(), write.now().to_string().into()];
    let row = write.connection().query_one_raw(statement(write, sql, values)).await.map_err(failed)?;
    let read = |row: QueryResult| -> Result<_> {
        let tries: i64 = row.try_get("", "tries").map_err(failed)?;
        let last: String = row.try_get("", "last_at").map_err(failed)?;
        Ok((u32::try_from(tries).unwrap_or(u32::MAX), last.parse().map_err(Failure::internal)?))
    };
    row.map(read).transpose()
}

/// SQLite has one writer; on PostgreSQL two transactions would not see each
/// other's tries.
async fn lock(write: &Write, key: &str) -> Result<()> {
    if write.dialect() == Dialect::Postgres {
        let sql = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
        write.connection().execute_raw(statement(write, sql, [key.into()])).await.map_err(failed)?;
    }
    Ok(())
}

async fn free_at(write: &Write, key: &str) -> Result<Timestamp> {
    let sql = "SELECT MIN(expires_at) AS free_at FROM attempt WHERE key = $1 AND expires_at > $2";
    let values: [Value; 2] = [key.into(), write.now().to_string().into()];
    let row = write.connection().query_one_raw(statement(write, sql, values)).await.map_err(failed)?;
    let free_at: Option<String> = row.map(|row| row.try_get("", "free_at")).transpose().map_err(failed)?.flatten();
    Ok(free_at.and_then(|text| text.parse().ok()).unwrap_or(write.now()))
}

fn refusal(write: &Write, free_at: Timestamp, limit: u32) -> Failure {
    let seconds = (free_at.as_millis() - write.now().as_millis() + 999).max(1000) / 1000;
    let message = format!("Too many tries. Wait {seconds} seconds.");
    let failure = Failure::new(ErrorCode::RateLimited, message).with("retryAfterSeconds", seconds);
    failure.with("limit", limit).with("remaining", 0)
}

async fn forget_expired(write: &Write) -> Result<()> {
    for (table, id) in [("attempt", "id"), ("attempt_run", "key")] {
        // Rows that somebody else forgets at this moment are not waited for.
        let sql = match write.dialect() {
            Dialect::Sqlite => format!("DELETE FROM {table} WHERE expires_at <= $1"),
            Dialect::Postgres => format!(
                "DELETE FROM {table} WHERE {id} IN (SELECT {id} FROM {table} WHERE expires_at <= $1 FOR UPDATE SKIP LOCKED)"
            ),
        };
        let values: [Value; 1] = [write.now().to_string().into()];
        write.connection().execute_raw(statement(write, &sql, values)).await.map_err(failed)?;
    }
    Ok(())
}

/// Gives tries back that turned out to be none.
pub(crate) async fn give_back(write: &Write, tries: CountedTries) -> Result<()> {
    // Sign-ins of one person at once would wait for each other's rows.
    for key in &tries.keys {
        lock(write, key).await?;
    }
    for counted in tries.tries {
        let (sql, key) = match counted {
            Counted::Window(id) => ("DELETE FROM attempt WHERE id = $1", id.to_string()),
            Counted::Run(key) => ("UPDATE attempt_run SET tries = tries - 1 WHERE key = $1 AND tries > 0", key),
        };
        write.connection().execute_raw(statement(write, sql, [key.into()])).await.map_err(failed)?;
    }
    Ok(())
}

/// Forgets all tries of one key.
pub(crate) async fn forgive(write: &Write, key: &str) -> Result<()> {
    for sql in ["DELETE FROM attempt WHERE key = $1", "DELETE FROM attempt_run WHERE key = $1"] {
        write.connection().execute_raw(statement(write, sql, [key.into()])).await.map_err(failed)?;
    }
    Ok(())
}

fn statement<const N: usize>(write: &Write, sql: &str, values: [Value; N]) -> Statement {
    Statement::from_sql_and_values(write.dialect().backend(), sql, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_begin_after_the_free_tries_and_double_up_to_the_longest() {
        let pauses = Pauses { free: 3, longest: Duration::from_secs(60), remembered: Duration::from_secs(3600) };
        let seconds: Vec<u64> = (0..12).map(|tries| pauses.after(tries).as_secs()).collect();
        assert_eq!(seconds, [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(pauses.after(u32::MAX), pauses.longest);
    }
}
