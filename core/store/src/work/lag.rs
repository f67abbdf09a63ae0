//! How far consumers are behind.

use lyceum_kernel::{Failure, Result, Timestamp};
use sea_orm::{ConnectionTrait, QueryResult, Statement};

use super::until;
use crate::{Database, failed};

/// What a consumer has still to do. Events that it does not want count until
/// its position has moved over them, which takes a minute at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lag {
    pub consumer: String,
    /// Events after its position.
    pub events: i64,
    /// The age of the oldest of them.
    pub seconds: u64,
    /// Events that it has given up.
    pub dead_letters: i64,
}

/// The lag of every consumer, by name.
///
/// # Errors
/// Internal.
pub async fn lags(database: &Database) -> Result<Vec<Lag>> {
    let sql = "SELECT c.name, (SELECT COUNT(*) FROM outbox o WHERE o.position > c.position) AS events, \
               (SELECT o.occurred_at FROM outbox o WHERE o.position > c.position ORDER BY o.position LIMIT 1) AS oldest, \
               (SELECT COUNT(*) FROM outbox_failure f WHERE f.consumer = c.name AND f.died_at IS NOT NULL) AS dead \
               FROM outbox_consumer c ORDER BY c.name";
    let statement = Statement::from_string(database.dialect().backend(), sql);
    let rows = database.reader().query_all_raw(statement).await.map_err(failed)?;
    rows.iter().map(|row| lag(row, database.now())).collect()
}

fn lag(row: &QueryResult, now: Timestamp) -> Result<Lag> {
    let oldest: Option<String> = row.try_get("", "oldest").map_err(failed)?;
    let oldest: Option<Timestamp> = oldest.map(|at| at.parse()).transpose().map_err(Failure::internal)?;
    Ok(Lag {
        consumer: row.try_get("", "name").map_err(failed)?,
        events: row.try_get("", "events").map_err(failed)?,
        seconds: oldest.map_or(0, |at| until(at, now).as_secs()),
        dead_letters: row.try_get("", "dead").map_err(failed)?,
    })
}
