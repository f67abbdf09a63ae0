//! Limits on tries, kept in the database, so that all servers share them.
//!
//! **Invariant:** a try is counted *before* it is made. Tries made at the same
//! time cannot slip through together.

use std::time::Duration;

use lyceum_kernel::{ErrorCode, Failure, Id, Result, Timestamp};
use lyceum_store::{Database, Dialect, Write, failed};
use sea_orm::{ConnectionTrait, Statement, Value};

/// So many tries in so much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub tries: u32,
    pub window: Duration,
}

/// Tries that were counted.
#[must_use]
pub(crate) struct Taken(Vec<Id>);

/// Counts one try for each key, or none when one of them is used up.
///
/// # Errors
/// RATE_LIMITED with `retryAfterSeconds`.
pub(crate) async fn take(database: &Database, mut asked: Vec<(String, Limit)>) -> Result<Taken> {
    let write = database.write().await?;
    // In one order everywhere, so that two servers cannot wait for each other.
    asked.sort_by(|a, b| a.0.cmp(&b.0));
    let mut taken = Vec::with_capacity(asked.len());
    for (key, limit) in &asked {
        taken.push(take_one(&write, key, *limit).await?);
    }
    forget_expired(&write).await?;
    write.commit().await?;
    Ok(Taken(taken))
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
    if done.rows_affected() == 1 { Ok(id) } else { Err(refusal(write, key).await?) }
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

async fn refusal(write: &Write, key: &str) -> Result<Failure> {
    let sql = "SELECT MIN(expires_at) AS free_at FROM attempt WHERE key = $1 AND expires_at > $2";
    let values: [Value; 2] = [key.into(), write.now().to_string().into()];
    let row = write.connection().query_one_raw(statement(write, sql, values)).await.map_err(failed)?;
    let free_at: Option<String> = row.map(|row| row.try_get("", "free_at")).transpose().map_err(failed)?.flatten();
    let free_at: Timestamp = free_at.and_then(|text| text.parse().ok()).unwrap_or(write.now());
    let seconds = (free_at.as_millis() - write.now().as_millis() + 999).max(1000) / 1000;
    let message = format!("Too many tries. Wait {seconds} seconds.");
    Ok(Failure::new(ErrorCode::RateLimited, message).with("retryAfterSeconds", seconds))
}

async fn forget_expired(write: &Write) -> Result<()> {
    let sql = "DELETE FROM attempt WHERE expires_at <= $1";
    let values: [Value; 1] = [write.now().to_string().into()];
    write.connection().execute_raw(statement(write, sql, values)).await.map_err(failed)?;
    Ok(())
}

/// Gives tries back that turned out to be none.
pub(crate) async fn give_back(write: &Write, taken: Taken) -> Result<()> {
    for id in taken.0 {
        let sql = "DELETE FROM attempt WHERE id = $1";
        write.connection().execute_raw(statement(write, sql, [id.as_str().into()])).await.map_err(failed)?;
    }
    Ok(())
}

/// Forgets all tries of one key.
pub(crate) async fn forgive(write: &Write, key: &str) -> Result<()> {
    let sql = "DELETE FROM attempt WHERE key = $1";
    write.connection().execute_raw(statement(write, sql, [key.into()])).await.map_err(failed)?;
    Ok(())
}

fn statement<const N: usize>(write: &Write, sql: &str, values: [Value; N]) -> Statement {
    Statement::from_sql_and_values(write.dialect().backend(), sql, values)
}
