//! The loop that runs steps.

use std::{collections::HashMap, time::Duration};

use lyceum_kernel::{Result, Timestamp};
use tokio::task::{Id as Task, JoinSet};

use super::{Jobs, Run};
use crate::plugin::sleep_until_change;

/// So many steps are under way at once in one process.
pub const SLOTS: usize = 2;

/// How often the database is looked at while a plugin has jobs: another
/// process may have queued one.
const POLL: Duration = Duration::from_secs(5);

/// The steps under way. Each is a task of its own: it may hold the one writer
/// of SQLite, and this loop must not keep it from going on.
#[derive(Default)]
struct Steps {
    tasks: JoinSet<()>,
    held: HashMap<Task, Run>,
}

impl Steps {
    fn begin(&mut self, jobs: &Jobs, run: Run) {
        let (jobs, held) = (jobs.clone(), run.clone());
        let task = self.tasks.spawn(async move {
            if let Err(failure) = jobs.step(&run).await {
                tracing::warn!(cause = ?failure, plugin = run.plugin, job = run.job, "a step could not be noted");
            }
        });
        self.held.insert(task.id(), held);
    }

    /// Resolves when a step has ended; never while there is none.
    async fn ended(&mut self) {
        let task = match self.tasks.join_next_with_id().await {
            None => return std::future::pending().await,
            Some(Ok((task, ()))) => task,
            Some(Err(error)) => {
                tracing::error!(%error, "a step of a job panicked; it is tried again when its lease ends");
                error.id()
            }
        };
        self.held.remove(&task);
    }
}

impl Jobs {
    /// Works until `stop` resolves. Without plugins that have jobs it asks no
    /// database. What is under way at the end is cut off, and goes on later.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let mut steps = Steps::default();
        let mut pause = Duration::from_secs(1);
        loop {
            let generation = self.extensions().generation();
            let mut wait = None;
            if !self.extensions().job_runners().is_empty() {
                wait = Some(match self.next(SLOTS - steps.held.len()).await {
                    Ok((runs, due)) => {
                        pause = Duration::from_secs(1);
                        runs.into_iter().for_each(|run| steps.begin(self, run));
                        let full = steps.held.len() == SLOTS;
                        if full { POLL } else { until(self.database().now(), due).min(POLL) }
                    }
                    Err(failure) => {
                        tracing::warn!(cause = ?failure, retry_in = ?pause, "the jobs of plugins are behind");
                        pause = (pause * 2).min(Duration::from_secs(60));
                        pause
                    }
                });
            }
            tokio::select! {
                () = &mut stop => break,
                () = steps.ended() => {}
                () = self.woken(), if wait.is_some() => {}
                () = sleep_until_change(self.extensions(), generation, wait) => {}
            }
        }
        steps.tasks.shutdown().await;
        let held: Vec<Run> = steps.held.into_values().collect();
        if let Err(failure) = self.release(&held).await {
            tracing::warn!(cause = ?failure, "runs under way wait for the end of their leases");
        }
    }

    async fn next(&self, free: usize) -> Result<(Vec<Run>, Option<Timestamp>)> {
        self.schedule().await?;
        let runs = self.claim(free).await?;
        Ok((runs, self.next_due().await?))
    }
}

fn until(now: Timestamp, due: Option<Timestamp>) -> Duration {
    let millis = due.map_or(i64::MAX, |due| due.as_millis().saturating_sub(now.as_millis()));
    Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}
