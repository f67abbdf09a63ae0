//! Whether the database takes writes.

use std::time::Duration;

use lyceum_kernel::{Failure, Result};
use sea_orm::{ConnectionTrait, Statement};
use tokio::{sync::Mutex, time::Instant};

use crate::{Database, failed};

/// A write that succeeded is good for so long.
const FRESH: Duration = Duration::from_secs(3);
/// A write that takes longer waits for another one.
const PATIENCE: Duration = Duration::from_secs(2);
/// So long may others keep the writer before it counts as a fault.
const BUSY: Duration = Duration::from_secs(60);

/// When a trial write succeeded last.
#[derive(Debug, Default)]
pub(crate) struct WriteCheck(Mutex<Option<Instant>>);

impl WriteCheck {
    /// Writes one small row and commits it, at most once in [`FRESH`].
    pub(crate) async fn run(&self, database: &Database) -> bool {
        let mut succeeded = self.0.lock().await;
        let since = succeeded.map(|at| at.elapsed());
        if since.is_some_and(|since| since < FRESH) {
            return true;
        }
        match tokio::time::timeout(PATIENCE, write(database)).await {
            Ok(Ok(())) => {
                *succeeded = Some(Instant::now());
                true
            }
            Ok(Err(_)) => false,
            // A long write of somebody else's is no fault.
            Err(_) => since.is_some_and(|since| since < BUSY),
        }
    }
}

/// The row has to change: a commit without changes proves nothing.
async fn write(database: &Database) -> Result<()> {
    let write = database.write().await?;
    let sql = "UPDATE write_check SET number = number + 1 WHERE id = 1";
    let statement = Statement::from_string(database.dialect().backend(), sql);
    let done = write.connection().execute_raw(statement).await.map_err(failed)?;
    if done.rows_affected() != 1 {
        return Err(Failure::internal("the row of the write check is missing"));
    }
    write.commit().await
}
