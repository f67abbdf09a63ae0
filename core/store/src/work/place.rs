//! The SQL of consumers: where each is, and what has failed.
//!
//! **Invariant:** of one consumer one event at most is failing: the first that
//! it has not handled. All others in `outbox_failure` are dead letters.

use std::time::Duration;

use lyceum_kernel::{Failure, Result, Timestamp};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};

use super::until;
use crate::{Database, Delivery, Write, failed};

/// The longest text of a failure that is stored, in characters.
const ERROR_CHARACTERS: usize = 2000;

/// Where a consumer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    position: i64,
    /// When the next event is tried again, if it has failed.
    retry_at: Option<Timestamp>,
}

impl Place {
    pub fn is_failing(&self) -> bool {
        self.retry_at.is_some()
    }

    /// How long the consumer waits until it tries again.
    pub fn pause(&self, now: Timestamp) -> Option<Duration> {
        self.retry_at.filter(|at| *at > now).map(|at| until(now, at))
    }
}

async fn execute<const N: usize>(write: &Write, sql: &str, values: [Value; N]) -> Result<()> {
    let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, values);
    write.connection().execute_raw(statement).await.map(drop).map_err(failed)
}

pub(super) async fn find(database: &Database, consumer: &str) -> Result<Option<Place>> {
    let sql = "SELECT c.position, f.next_at FROM outbox_consumer c LEFT JOIN outbox_failure f \
               ON f.consumer = c.name AND f.died_at IS NULL AND f.position > c.position WHERE c.name = $1";
    let statement = Statement::from_sql_and_values(database.dialect().backend(), sql, [consumer.into()]);
    let row = database.reader().query_one_raw(statement).await.map_err(failed)?;
    row.map(|row| read(&row)).transpose()
}

fn read(row: &QueryResult) -> Result<Place> {
    let retry_at: Option<String> = row.try_get("", "next_at").map_err(failed)?;
    let retry_at = retry_at.map(|at| at.parse()).transpose().map_err(Failure::internal)?;
    Ok(Place { position: row.try_get("", "position").map_err(failed)?, retry_at })
}

/// Gives a consumer a place, unless it has one.
pub(super) async fn put(write: &Write, consumer: &str, position: i64) -> Result<()> {
    let sql = "INSERT INTO outbox_consumer (name, position, updated_at) VALUES ($1, $2, $3) \
               ON CONFLICT (name) DO NOTHING";
    execute(write, sql, [consumer.into(), position.into(), write.now().to_string().into()]).await
}

/// Whether the consumer is where it was found. It stays there until the end of
/// the transaction.
pub(super) async fn is_still(write: &Write, consumer: &str, place: &Place) -> Result<bool> {
    let lock = write.dialect().for_update();
    let sql = format!("SELECT position FROM outbox_consumer WHERE name = $1 AND position = $2{lock}");
    let values: [Value; 2] = [consumer.into(), place.position.into()];
    let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, values);
    write.connection().query_one_raw(statement).await.map(|row| row.is_some()).map_err(failed)
}

pub(super) async fn move_to(write: &Write, consumer: &str, position: i64) -> Result<()> {
    let sql = "UPDATE outbox_consumer SET position = $2, updated_at = $3 WHERE name = $1";
    execute(write, sql, [consumer.into(), position.into(), write.now().to_string().into()]).await
}

/// Stores that the event has failed once more. Returns how often it has now.
pub(super) async fn count_failure(write: &Write, consumer: &str, delivery: &Delivery, why: &Failure) -> Result<u32> {
    let sql = "INSERT INTO outbox_failure (consumer, position, name, subject_type, subject_id, actor_id, data, \
               occurred_at, tries, error, next_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10) \
               ON CONFLICT (consumer, position) DO UPDATE SET tries = outbox_failure.tries + 1, error = excluded.error \
               RETURNING tries";
    let event = &delivery.event;
    let error: String = format!("{why:?}").chars().filter(|c| *c != '\0').take(ERROR_CHARACTERS).collect();
    let values: [Value; 10] = [
        consumer.into(),
        delivery.position.into(),
        event.name.as_str().into(),
        event.subject_type.as_str().into(),
        event.subject_id.as_str().into(),
        event.actor.map(|id| id.to_string()).into(),
        event.data.to_string().into(),
        delivery.at.to_string().into(),
        error.into(),
        write.now().to_string().into(),
    ];
    let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, values);
    let row = write.connection().query_one_raw(statement).await.map_err(failed)?;
    let row = row.ok_or_else(|| Failure::internal("a failed event was not stored"))?;
    let tries: i64 = row.try_get("", "tries").map_err(failed)?;
    u32::try_from(tries).map_err(Failure::internal)
}

pub(super) async fn pause_until(write: &Write, consumer: &str, position: i64, at: Timestamp) -> Result<()> {
    let sql = "UPDATE outbox_failure SET next_at = $3 WHERE consumer = $1 AND position = $2";
    execute(write, sql, [consumer.into(), position.into(), at.to_string().into()]).await
}

/// Makes the event a dead letter.
pub(super) async fn bury(write: &Write, consumer: &str, position: i64) -> Result<()> {
    let sql = "UPDATE outbox_failure SET died_at = $3 WHERE consumer = $1 AND position = $2";
    execute(write, sql, [consumer.into(), position.into(), write.now().to_string().into()]).await
}

/// What has failed was handled after all.
pub(super) async fn recovered(write: &Write, consumer: &str) -> Result<()> {
    let sql = "DELETE FROM outbox_failure WHERE consumer = $1 AND died_at IS NULL";
    execute(write, sql, [consumer.into()]).await
}

/// Forgets a consumer that will not come back, with its dead letters.
///
/// # Errors
/// Internal.
pub async fn forget(write: &Write, consumer: &str) -> Result<()> {
    execute(write, "DELETE FROM outbox_failure WHERE consumer = $1", [consumer.into()]).await?;
    execute(write, "DELETE FROM outbox_consumer WHERE name = $1", [consumer.into()]).await
}
