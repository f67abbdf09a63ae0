//! The loop that runs steps.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use lyceum_kernel::{Result, Timestamp};
use lyceum_store::work::{Backoff, Loop, StopSignal, Work, until};
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

#[async_trait]
impl Loop for Jobs {
    fn name(&self) -> &'static str {
        "plugin jobs"
    }

    async fn run(&self, stop: StopSignal) {
        self.run_until(stop.requested()).await;
    }
}

impl Jobs {
    /// Runs what is due, in the background.
    #[must_use]
    pub fn work(&self) -> Vec<Work> {
        vec![Work::own(self.clone())]
    }

    /// Works until `stop` resolves. Without plugins that have jobs it asks no
    /// database. What is under way at the end is cut off, and goes on later.
    pub async fn run_until(&self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let mut steps = Steps::default();
        let mut backoff = Backoff::default();
        loop {
            let generation = self.extensions().generation();
            let mut wait = None;
            if !self.extensions().job_runners().is_empty() {
                wait = Some(match self.next(SLOTS - steps.held.len()).await {
                    Ok((runs, due)) => {
                        backoff.reset();
                        runs.into_iter().for_each(|run| steps.begin(self, run));
                        let full = steps.held.len() == SLOTS;
                        let due = due.filter(|_| !full).map(|due| until(self.database().now(), due));
                        due.map_or(POLL, |due| due.min(POLL))
                    }
                    Err(failure) => {
                        let pause = backoff.pause();
                        tracing::warn!(cause = ?failure, retry_in = ?pause, "the jobs of plugins are behind");
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
