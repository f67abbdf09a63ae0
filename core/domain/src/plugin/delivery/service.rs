//! Putting in, trying, replaying.

use std::{sync::Arc, time::Duration};

use lyceum_kernel::{ErrorCode, Event, Failure, Id, Result, Timestamp, Viewer};
use lyceum_store::{
    Database, Write,
    work::{LEASE, hold},
};
use serde_json::json;
use tokio::sync::Notify;

use super::{
    DeliveryHandler, DeliveryKind, Item, NewItem, TRIES, Undelivered,
    pauses::pause_with,
    rows::{self, Takers},
};
use crate::plugin::may_manage;

/// A delivery that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long a dead letter can be replayed.
const KEPT: Duration = Duration::from_secs(30 * 86_400);

/// What a worker that died leaves behind, after its last try.
const LOST: &str = "the server stopped while the plugin was at work";

/// The queue of everything that plugins are to be told. Cheap to clone.
#[derive(Clone)]
pub struct Deliveries {
    database: Database,
    woken: Arc<Notify>,
}

impl Deliveries {
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database, woken: Arc::new(Notify::new()) }
    }

    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Puts an item in, in the transaction of the caller's. Call
    /// [`Self::wake`] after the commit.
    ///
    /// # Errors
    /// Internal.
    pub async fn enqueue(&self, write: &Write, item: &NewItem) -> Result<Id> {
        rows::insert(write, item).await
    }

    /// Takes out what has waited for this plugin since before `before`, in the
    /// transaction of the caller's.
    ///
    /// # Errors
    /// Internal.
    pub async fn drop_waiting(&self, write: &Write, kind: DeliveryKind, plugin: &str, before: Timestamp) -> Result<()> {
        rows::drop_waiting(write, kind, plugin, before).await
    }

    /// Tells the workers of this process to look.
    pub fn wake(&self) {
        self.woken.notify_one();
    }

    pub(super) fn woken(&self) -> impl Future<Output = ()> {
        let woken = self.woken.clone();
        async move { woken.notified().await }
    }

    /// Lets a dead letter be tried again, eight times as at first.
    ///
    /// # Errors
    /// UNAUTHENTICATED, FORBIDDEN; NOT_FOUND; INVALID_STATE when it is not dead.
    pub async fn replay(&self, viewer: &Viewer, id: Id) -> Result<()> {
        may_manage(viewer)?;
        let mut write = self.database.write().await?;
        let revived = rows::revive(&write, id).await?;
        self.settled(&mut write, viewer, id, revived, "replayed").await?;
        write.commit().await?;
        self.wake();
        Ok(())
    }

    /// Takes a dead letter out for good.
    ///
    /// # Errors
    /// UNAUTHENTICATED, FORBIDDEN; NOT_FOUND; INVALID_STATE when it is not dead.
    pub async fn discard(&self, viewer: &Viewer, id: Id) -> Result<()> {
        may_manage(viewer)?;
        let mut write = self.database.write().await?;
        let gone = rows::discard(&write, id).await?;
        self.settled(&mut write, viewer, id, gone, "discarded").await?;
        write.commit().await
    }

    async fn settled(&self, write: &mut Write, viewer: &Viewer, id: Id, was_dead: bool, what: &str) -> Result<()> {
        if was_dead {
            return write.emit(&Event::new("pluginDelivery", what, id).by_viewer(viewer)).await;
        }
        match rows::exists(write, id).await? {
            true => Err(Failure::new(ErrorCode::InvalidState, "This delivery still waits; it is no dead letter.")),
            false => Err(Failure::not_found("delivery")),
        }
    }

    /// Takes out everything that is for a plugin: it is gone.
    ///
    /// # Errors
    /// Internal.
    pub async fn forget(&self, write: &Write, plugin: &str) -> Result<()> {
        rows::forget(write, plugin).await
    }

    /// Takes items that are due and that one of the handlers can deliver.
    ///
    /// # Errors
    /// Internal.
    pub async fn claim(&self, handlers: &[Arc<dyn DeliveryHandler>], limit: usize) -> Result<Vec<Item>> {
        let takers = takers(handlers);
        if takers.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        // Looking first keeps the one writer of SQLite free.
        let due = rows::next_due(&self.database, &takers).await?;
        if due.is_none_or(|due| due > self.database.now()) {
            return Ok(Vec::new());
        }
        let write = self.database.write().await?;
        let items = rows::claim(&write, &takers, limit, LEASE).await?;
        write.commit().await?;
        Ok(items)
    }

    /// When there may be something to do next.
    ///
    /// # Errors
    /// Internal.
    pub async fn next_due(&self, handlers: &[Arc<dyn DeliveryHandler>]) -> Result<Option<Timestamp>> {
        let takers = takers(handlers);
        if takers.is_empty() {
            return Ok(None);
        }
        let due = rows::next_due(&self.database, &takers).await?;
        let lease_end = rows::next_lease_end(&self.database, &takers).await?;
        Ok(due.into_iter().chain(lease_end).min())
    }

    /// Tries one item and notes the outcome.
    ///
    /// # Errors
    /// Internal; then the item is tried again when its lease is over.
    pub async fn attempt(&self, handlers: &[Arc<dyn DeliveryHandler>], item: &Item) -> Result<()> {
        let Some(handler) = handlers.iter().find(|handler| handler.kind() == item.kind) else { return Ok(()) };
        if item.attempt > TRIES {
            return self.bury(item, LOST).await;
        }
        match tokio::time::timeout(PATIENCE, hold(handler.deliver(item), || self.renew(item))).await {
            Ok(Some(Ok(()))) => {
                let write = self.database.write().await?;
                rows::done(&write, item).await?;
                write.commit().await
            }
            Ok(Some(Err(Undelivered { attempt, pause }))) => {
                let error = attempt.failure.to_string();
                match attempt.retryable {
                    true => self.failed(item, &error, pause).await,
                    false => self.bury(item, &error).await,
                }
            }
            Ok(None) => {
                tracing::info!(plugin = item.plugin, subject = item.subject, "a delivery is another worker's by now");
                Ok(())
            }
            Err(_) => self.failed(item, "the plugin did not end", None).await,
        }
    }

    async fn renew(&self, item: &Item) -> Result<bool> {
        let write = self.database.write().await?;
        let ours = rows::renew(&write, item, LEASE).await?;
        write.commit().await?;
        Ok(ours)
    }

    async fn failed(&self, item: &Item, error: &str, wished: Option<Duration>) -> Result<()> {
        if item.attempt >= TRIES {
            return self.bury(item, error).await;
        }
        let write = self.database.write().await?;
        rows::put_back(&write, item, write.now().plus(pause_with(wished, item.attempt)), error).await?;
        write.commit().await
    }

    async fn bury(&self, item: &Item, error: &str) -> Result<()> {
        tracing::warn!(
            plugin = item.plugin,
            kind = item.kind.name(),
            subject = item.subject,
            attempts = item.attempt.min(TRIES),
            error,
            "a delivery is a dead letter now"
        );
        let mut write = self.database.write().await?;
        rows::prune(&write, write.now().minus(KEPT)).await?;
        rows::bury(&write, item, error).await?;
        let facts = json!({ "plugin": item.plugin, "kind": item.kind.name(), "subject": item.subject });
        write.emit(&Event::new("pluginDelivery", "died", item.id).with(facts)).await?;
        write.commit().await
    }
}

fn takers(handlers: &[Arc<dyn DeliveryHandler>]) -> Vec<Takers> {
    let takers = handlers.iter().map(|handler| Takers { kind: handler.kind(), plugins: handler.plugins() });
    takers.filter(|takers| !takers.plugins.is_empty()).collect()
}
