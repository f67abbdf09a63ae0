//! Work that no request waits for, and the loops that do it.
//!
//! A domain states what is to be done, in one of three forms: a [`Consumer`]
//! handles events in their order, a [`Task`] is run again and again, a [`Loop`]
//! waits in its own way. Waiting, pauses after a failure, positions, leases and
//! the stop are written here and nowhere else.
//!
//! **Invariant:** work never ends silently: when a loop ends or panics, that is
//! logged and it is started again, after a pause that grows up to a minute.
//! **Invariant:** a stop cuts nothing off here: what was begun is finished.

mod backoff;
mod consumer;
mod lag;
mod lease;
mod place;
mod stop;
mod task;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::FutureExt as _;
use lyceum_kernel::Timestamp;

pub use self::{
    backoff::Backoff,
    consumer::{Consumer, TRIES, pass},
    lag::{Lag, lags},
    lease::{LEASE, RENEWAL, hold},
    place::forget,
    stop::StopSignal,
    task::{Nodes, Task, TaskRunner},
};
use crate::Database;

/// Something to do in the background.
#[derive(Clone)]
pub enum Work {
    Consumer(Arc<dyn Consumer>),
    Task(Arc<dyn Task>),
    Loop(Arc<dyn Loop>),
}

/// Work that waits in a way of its own, such as a queue.
#[async_trait]
pub trait Loop: Send + Sync {
    fn name(&self) -> &str;

    /// Works until the stop.
    async fn run(&self, stop: StopSignal);
}

/// When there is something to do again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// There is a backlog.
    AtOnce,
    /// When something is committed.
    AtCommit,
    After(Duration),
}

impl Work {
    pub fn consumer(consumer: impl Consumer + 'static) -> Self {
        Self::Consumer(Arc::new(consumer))
    }

    pub fn task(task: impl Task + 'static) -> Self {
        Self::Task(Arc::new(task))
    }

    /// Work that waits in its own way.
    pub fn own(own: impl Loop + 'static) -> Self {
        Self::Loop(Arc::new(own))
    }

    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Consumer(consumer) => consumer.name(),
            Self::Task(task) => task.name(),
            Self::Loop(own) => own.name(),
        }
    }

    async fn run(&self, database: &Database, stop: StopSignal) {
        match self {
            Self::Consumer(consumer) => consumer::run(database, consumer.as_ref(), stop).await,
            Self::Task(task) => TaskRunner::new(database.clone(), Arc::clone(task)).run(stop).await,
            Self::Loop(own) => own.run(stop).await,
        }
    }

    /// Does the work until the stop, whatever happens.
    pub async fn run_supervised(self, database: Database, stop: StopSignal) {
        let mut backoff = Backoff::default();
        loop {
            let started = tokio::time::Instant::now();
            let ended = AssertUnwindSafe(self.run(&database, stop.clone())).catch_unwind().await;
            if stop.is_requested() {
                return;
            }
            if started.elapsed() > Duration::from_secs(300) {
                backoff.reset();
            }
            let pause = backoff.pause();
            let panicked = ended.is_err();
            tracing::error!(task = self.name(), panicked, restart_in = ?pause, "a background task ended");
            if stop.requested_within(pause).await {
                return;
            }
        }
    }
}

/// How long it is until `due`; nothing when that is past.
#[must_use]
pub fn until(now: Timestamp, due: Timestamp) -> Duration {
    let millis = due.as_millis().saturating_sub(now.as_millis());
    Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}
