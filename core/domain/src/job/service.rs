//! Queueing, scheduling, cancelling, and one step of a run.

use std::{sync::Arc, time::Duration};

use lyceum_kernel::{ErrorCode, Event, Failure, Id, Result, Timestamp, Viewer};
use lyceum_store::{
    Database,
    work::{LEASE, hold},
};
use serde_json::json;
use tokio::sync::Notify;

use super::{Ended, JobOutcome, JobRunner, QueueJob, Run, rows};
use crate::plugin::{
    Extensions, FailedAttempt,
    delivery::{TRIES, pause_after},
    may_manage,
};

/// The largest payload of a queued run, in bytes of JSON.
const PAYLOAD_BYTES: usize = 64 << 10;

/// How long a finished run is kept.
const KEPT: Duration = Duration::from_secs(30 * 86_400);

/// The jobs of all plugins. Cheap to clone.
#[derive(Clone)]
pub struct Jobs {
    database: Database,
    extensions: Arc<dyn Extensions>,
    woken: Arc<Notify>,
}

impl Jobs {
    #[must_use]
    pub fn new(database: Database, extensions: Arc<dyn Extensions>) -> Self {
        Self { database, extensions, woken: Arc::new(Notify::new()) }
    }

    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    pub(super) fn extensions(&self) -> &dyn Extensions {
        self.extensions.as_ref()
    }

    pub(super) async fn woken(&self) {
        self.woken.notified().await;
    }

    /// Queues a run of a job of an active plugin.
    ///
    /// # Errors
    /// UNAUTHENTICATED, FORBIDDEN; NOT_FOUND for a job that no active plugin
    /// has; BAD_USER_INPUT for a payload above 64 KiB.
    pub async fn enqueue(&self, viewer: &Viewer, job: &QueueJob) -> Result<Id> {
        may_manage(viewer)?;
        let runner = self.runner(&job.plugin);
        if !runner.is_some_and(|runner| runner.jobs().iter().any(|spec| spec.name == job.job)) {
            return Err(Failure::not_found("job of an active plugin"));
        }
        let payload = job.payload.to_string();
        if payload.len() > PAYLOAD_BYTES {
            return Err(Failure::input("input.payload", "At most 64 KiB of JSON fit here."));
        }
        let mut write = self.database.write().await?;
        let (plugin, name, due) = (job.plugin.as_str(), job.job.as_str(), write.now());
        rows::prune(&write, write.now().minus(KEPT)).await?;
        let run = rows::NewRun { plugin, job: name, origin: "queue", payload, due, by: viewer.user };
        let id = rows::insert(&write, run).await?.ok_or_else(|| Failure::internal("a run has no id of its own"))?;
        let facts = json!({ "plugin": plugin, "job": name });
        write.emit(&Event::new("pluginJobRun", "queued", id).by(viewer.user).with(facts)).await?;
        write.commit().await?;
        self.woken.notify_one();
        Ok(id)
    }

    /// Ends a run that is not finished. A step under way is cut off.
    ///
    /// # Errors
    /// UNAUTHENTICATED, FORBIDDEN; NOT_FOUND; INVALID_STATE when it is finished.
    pub async fn cancel(&self, viewer: &Viewer, id: Id) -> Result<()> {
        may_manage(viewer)?;
        let mut write = self.database.write().await?;
        if !rows::cancel(&write, id).await? {
            return Err(match rows::exists(&write, id).await? {
                true => Failure::new(ErrorCode::InvalidState, "This run is finished."),
                false => Failure::not_found("run"),
            });
        }
        write.emit(&Event::new("pluginJobRun", "cancelled", id).by(viewer.user)).await?;
        write.commit().await?;
        self.woken.notify_one();
        Ok(())
    }

    /// Gives every schedule its next run.
    ///
    /// # Errors
    /// Internal.
    pub async fn schedule(&self) -> Result<()> {
        for runner in self.extensions.job_runners() {
            for spec in runner.jobs() {
                if let Some(every) = spec.every {
                    self.schedule_one(runner.name(), &spec.name, every).await?;
                }
            }
        }
        Ok(())
    }

    async fn schedule_one(&self, plugin: &str, job: &str, every: Duration) -> Result<()> {
        let now = self.database.now();
        let due = match rows::latest_scheduled(&self.database, plugin, job).await? {
            // A new job shows at once that it works.
            None => now,
            // A shorter interval brings the next run forward.
            Some(latest) if latest.untouched && latest.due > now.plus(every) => {
                let write = self.database.write().await?;
                rows::move_scheduled(&write, plugin, job, now.plus(every)).await?;
                return write.commit().await;
            }
            Some(latest) if latest.unfinished => return Ok(()),
            Some(latest) => next_on_grid(latest.due, every, now),
        };
        let write = self.database.write().await?;
        rows::prune(&write, write.now().minus(KEPT)).await?;
        let payload = "{}".to_owned();
        rows::insert(&write, rows::NewRun { plugin, job, origin: "schedule", payload, due, by: None }).await?;
        write.commit().await
    }

    /// Takes runs of active plugins that can go on, at most `limit`.
    ///
    /// # Errors
    /// Internal.
    pub async fn claim(&self, limit: usize) -> Result<Vec<Run>> {
        let due = self.next_due().await?;
        if limit == 0 || due.is_none_or(|due| due > self.database.now()) {
            return Ok(Vec::new());
        }
        let write = self.database.write().await?;
        let runs = rows::claim(&write, &self.plugins(), limit, LEASE).await?;
        write.commit().await?;
        Ok(runs)
    }

    /// When there may be something to do next.
    ///
    /// # Errors
    /// Internal.
    pub async fn next_due(&self) -> Result<Option<Timestamp>> {
        match self.plugins() {
            plugins if plugins.is_empty() => Ok(None),
            plugins => rows::next_due(&self.database, &plugins).await,
        }
    }

    fn plugins(&self) -> Vec<String> {
        self.extensions.job_runners().iter().map(|runner| runner.name().to_owned()).collect()
    }

    fn runner(&self, plugin: &str) -> Option<Arc<dyn JobRunner>> {
        self.extensions.job_runners().into_iter().find(|runner| runner.name() == plugin)
    }

    /// Does the next step of a run and notes its end. Dropped in the middle,
    /// the step is done again when the lease has ended.
    ///
    /// # Errors
    /// Internal.
    pub async fn step(&self, run: &Run) -> Result<()> {
        let step = async {
            match self.runner(&run.plugin) {
                _ if run.attempt > TRIES => Err(dead("the server stopped while the job was at work")),
                None => Err(again(run, self.database.now(), "the plugin has just stopped")),
                Some(runner) if runner.jobs().iter().all(|spec| spec.name != run.job) => {
                    Err(dead("this version of the plugin has no such job"))
                }
                Some(runner) => runner.run(&run.step()).await.map_err(|failed| self.failed(run, failed)),
            }
        };
        match hold(step, || self.renew(run)).await {
            Some(ended) => self.end(run, ended.map_or_else(|ended| ended, Ended::Step)).await,
            None => {
                tracing::info!(plugin = run.plugin, job = run.job, run = %run.id, "a run was cancelled under way");
                Ok(())
            }
        }
    }

    /// Gives a sign of life. False: the run was cancelled, or is another's.
    ///
    /// # Errors
    /// Internal.
    pub async fn renew(&self, run: &Run) -> Result<bool> {
        let write = self.database.write().await?;
        let ours = rows::renew(&write, run, LEASE).await?;
        write.commit().await?;
        Ok(ours)
    }

    /// Puts back runs whose step was cut off because the server stops: this
    /// was no attempt.
    ///
    /// # Errors
    /// Internal; then their leases run out.
    pub async fn release(&self, runs: &[Run]) -> Result<()> {
        if runs.is_empty() {
            return Ok(());
        }
        let write = self.database.write().await?;
        for run in runs {
            rows::release(&write, run).await?;
        }
        write.commit().await
    }

    fn failed(&self, run: &Run, failed: FailedAttempt) -> Ended {
        let error = failed.failure.to_string();
        match failed.retryable && run.attempt < TRIES {
            true => again(run, self.database.now(), &error),
            false => dead(&error),
        }
    }

    async fn end(&self, run: &Run, ended: Ended) -> Result<()> {
        let mut write = self.database.write().await?;
        let ours = rows::end(&write, run, &ended).await?;
        let over = match &ended {
            Ended::Step(JobOutcome { resume: None, .. }) => Some("done"),
            Ended::Dead { error } => {
                tracing::warn!(plugin = run.plugin, job = run.job, run = %run.id, error, "a run is dead");
                Some("died")
            }
            Ended::Step(_) | Ended::Failed { .. } => None,
        };
        if let Some(what) = over.filter(|_| ours) {
            let facts = json!({ "plugin": run.plugin, "job": run.job });
            write.emit(&Event::new("pluginJobRun", what, run.id).with(facts)).await?;
        }
        write.commit().await
    }
}

/// The first moment after `now` that is a whole number of intervals after `last`.
fn next_on_grid(last: Timestamp, every: Duration, now: Timestamp) -> Timestamp {
    let every = i64::try_from(every.as_millis()).unwrap_or(i64::MAX).max(1);
    let passed = now.as_millis().saturating_sub(last.as_millis()).max(0);
    Timestamp::from_millis(last.as_millis().saturating_add((passed / every + 1).saturating_mul(every)))
}

fn again(run: &Run, now: Timestamp, error: &str) -> Ended {
    Ended::Failed { next: now.plus(pause_after(run.attempt)), error: error.to_owned() }
}

fn dead(error: &str) -> Ended {
    Ended::Dead { error: error.to_owned() }
}
