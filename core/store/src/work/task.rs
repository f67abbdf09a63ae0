//! Tasks: what is done again and again.
//!
//! **Invariant:** a task of one node runs on one node at a time: it holds a
//! lease. When that node dies, another one takes over after [`super::LEASE`].
//! **Invariant:** a task runs when its process starts, at its interval, and at
//! once while there is a backlog.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use lyceum_kernel::Result;

use super::{
    Backoff, Next, StopSignal, hold,
    lease::{Claim, TaskLease},
};
use crate::Database;

/// Between two runs over a backlog: others write too.
const BREATH: Duration = Duration::from_millis(100);

/// After a failure; one that comes oftener than this is tried again this soon.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// Where a task runs when there are several nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nodes {
    /// On one at a time: it works on what they share.
    One,
    /// On each: it works on its own memory or files.
    Each,
}

/// Work that comes again.
#[async_trait]
pub trait Task: Send + Sync {
    /// The name of its lease. Never another one's.
    fn name(&self) -> &str;

    /// From the end of a run to the next one.
    fn every(&self) -> Duration;

    fn nodes(&self) -> Nodes {
        Nodes::One
    }

    /// Does a batch. Whether there is more to do. It may be dropped at any
    /// point, when the node has lost its lease.
    ///
    /// # Errors
    /// Then it is run again after a pause.
    async fn run(&self) -> Result<bool>;

    /// The process stops: what is only in its memory is to be written.
    ///
    /// # Errors
    /// They are logged.
    async fn stop(&self) -> Result<()> {
        Ok(())
    }
}

/// Runs a task, on one node.
pub struct TaskRunner {
    database: Database,
    task: Arc<dyn Task>,
    /// This process has run it.
    has_run: bool,
}

impl TaskRunner {
    #[must_use]
    pub fn new(database: Database, task: Arc<dyn Task>) -> Self {
        Self { database, task, has_run: false }
    }

    /// Runs the task once, when it is due and no other node runs it.
    ///
    /// # Errors
    /// As [`Task::run`], and internal.
    pub async fn pass(&mut self) -> Result<Next> {
        let more = match self.task.nodes() {
            Nodes::Each => self.task.run().await?,
            Nodes::One => match self.claim().await? {
                Claim::Wait(pause) => return Ok(Next::After(pause)),
                Claim::Held(lease) => self.run_under(lease).await?,
            },
        };
        self.has_run = true;
        Ok(if more { Next::AtOnce } else { Next::After(self.task.every()) })
    }

    /// The first time, it is due whenever others have run it.
    async fn claim(&self) -> Result<Claim> {
        let (now, every) = (self.database.now(), self.task.every());
        let before = if self.has_run { now.minus(every) } else { now };
        TaskLease::claim(&self.database, self.task.name(), before, every).await
    }

    async fn run_under(&self, lease: TaskLease) -> Result<bool> {
        let Some(ran) = hold(self.task.run(), || lease.renew(&self.database)).await else {
            tracing::warn!(
                task = self.task.name(),
                "the lease of a task was lost: it was cut off, and is left to who holds it"
            );
            return Ok(true);
        };
        lease.release(&self.database, matches!(ran, Ok(false))).await?;
        ran
    }

    pub(super) async fn run(mut self, stop: StopSignal) {
        let mut backoff = Backoff::default();
        let mut ends = stop.is_requested();
        while !ends {
            let pause = match self.pass().await {
                Ok(next) => {
                    backoff.reset();
                    if let Next::After(pause) = next { pause } else { BREATH }
                }
                Err(failure) => {
                    let pause = backoff.pause().min(self.task.every().max(SHORTEST_PAUSE));
                    tracing::error!(task = self.task.name(), cause = ?failure, retry_in = ?pause, "a task failed");
                    pause
                }
            };
            ends = stop.requested_within(pause).await;
        }
        if let Err(failure) = self.task.stop().await {
            tracing::error!(task = self.task.name(), cause = ?failure, "a task could not end what it has begun");
        }
    }
}
