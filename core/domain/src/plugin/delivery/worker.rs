//! The loop that works the queue off.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use lyceum_kernel::{Result, Timestamp};
use tokio::task::{JoinError, JoinSet};

use super::{Deliveries, DeliveryHandler, Item};
use crate::plugin::Extensions;

/// So many deliveries are under way at once in one process.
pub const SLOTS: usize = 8;

/// How often the count of plugin changes is looked at; this asks no database.
const GLANCE: Duration = Duration::from_secs(1);

/// How often the database is looked at while a plugin may be told something:
/// other processes write too.
const POLL: Duration = Duration::from_secs(2);

/// Fills the queue from somewhere, such as the outbox.
#[async_trait]
pub trait Feed: Send + Sync {
    /// Whether there is anybody to feed.
    fn wanted(&self) -> bool;

    /// Puts in what has come since the last time.
    ///
    /// # Errors
    /// Internal; then the same comes again.
    async fn feed(&self) -> Result<()>;
}

/// Works until `stop` resolves. Without plugins that could take anything it
/// asks no database: it waits for [`Extensions::generation`] to change.
pub async fn run(
    queue: &Deliveries,
    extensions: &dyn Extensions,
    feeds: &[Arc<dyn Feed>],
    handlers: &[Arc<dyn DeliveryHandler>],
    stop: impl Future<Output = ()>,
) {
    tokio::pin!(stop);
    let handlers: Arc<[Arc<dyn DeliveryHandler>]> = handlers.into();
    // Each try is a task of its own: it may hold the one writer of SQLite, and
    // this loop must not keep it from going on.
    let mut tries = JoinSet::new();
    let mut pause = Duration::from_secs(1);
    loop {
        let generation = extensions.generation();
        let idle = handlers.iter().all(|handler| handler.plugins().is_empty());
        let written = queue.database().outbox().woken();
        let mut wait = None;
        if !idle {
            wait = Some(match next(queue, feeds, &handlers, SLOTS - tries.len()).await {
                Ok((items, due)) => {
                    pause = Duration::from_secs(1);
                    for item in items {
                        tries.spawn(attempt(queue.clone(), handlers.clone(), item));
                    }
                    if tries.len() == SLOTS { POLL } else { until(queue.database().now(), due).min(POLL) }
                }
                Err(failure) => {
                    tracing::warn!(cause = ?failure, retry_in = ?pause, "deliveries to plugins are behind");
                    pause = (pause * 2).min(Duration::from_secs(60));
                    pause
                }
            });
        }
        tokio::select! {
            () = &mut stop => break,
            Some(ended) = tries.join_next(), if !tries.is_empty() => note_panic(ended),
            () = written, if !idle => {}
            () = queue.woken(), if !idle => {}
            () = sleep_until_change(extensions, generation, wait) => {}
        }
    }
    // What was begun is ended.
    while let Some(ended) = tries.join_next().await {
        note_panic(ended);
    }
}

async fn attempt(queue: Deliveries, handlers: Arc<[Arc<dyn DeliveryHandler>]>, item: Item) {
    if let Err(failure) = queue.attempt(&handlers, &item).await {
        tracing::warn!(cause = ?failure, plugin = item.plugin, "a delivery could not be noted");
    }
}

fn note_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a delivery panicked; it is tried again when its lease ends");
    }
}

type Next = (Vec<Item>, Option<Timestamp>);

async fn next(
    queue: &Deliveries,
    feeds: &[Arc<dyn Feed>],
    handlers: &[Arc<dyn DeliveryHandler>],
    free: usize,
) -> Result<Next> {
    for feed in feeds.iter().filter(|feed| feed.wanted()) {
        feed.feed().await?;
    }
    let items = queue.claim(handlers, free).await?;
    Ok((items, queue.next_due(handlers).await?))
}

fn until(now: Timestamp, due: Option<Timestamp>) -> Duration {
    let millis = due.map_or(i64::MAX, |due| due.as_millis().saturating_sub(now.as_millis()));
    Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}

/// Resolves after `wait`, or when a plugin came or went.
pub(crate) async fn sleep_until_change(extensions: &dyn Extensions, generation: u64, wait: Option<Duration>) {
    let end = wait.map(|wait| tokio::time::Instant::now() + wait);
    while extensions.generation() == generation {
        let left = end.map(|end| end.saturating_duration_since(tokio::time::Instant::now()));
        match left {
            Some(Duration::ZERO) => return,
            Some(left) => tokio::time::sleep(left.min(GLANCE)).await,
            None => tokio::time::sleep(GLANCE).await,
        }
    }
}
