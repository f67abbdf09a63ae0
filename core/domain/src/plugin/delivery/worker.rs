//! The loop that works the queue off.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use lyceum_kernel::{Result, Timestamp};
use lyceum_store::work::{Backoff, Loop, StopSignal, Work, until};
use tokio::task::{Id, JoinSet};

use super::{Deliveries, DeliveryHandler, DeliveryKind, Item};
use crate::plugin::Extensions;

/// So many deliveries of one kind are under way at once in one process, unless
/// its handler says otherwise.
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

/// The queue with those who fill it and those who empty it.
struct Worker {
    queue: Deliveries,
    extensions: Arc<dyn Extensions>,
    feeds: Vec<Arc<dyn Feed>>,
    handlers: Vec<Arc<dyn DeliveryHandler>>,
}

impl Deliveries {
    /// Fills the queue from the feeds, and works it off.
    #[must_use]
    pub fn work(
        &self,
        extensions: Arc<dyn Extensions>,
        feeds: Vec<Arc<dyn Feed>>,
        handlers: Vec<Arc<dyn DeliveryHandler>>,
    ) -> Vec<Work> {
        vec![Work::own(Worker { queue: self.clone(), extensions, feeds, handlers })]
    }
}

#[async_trait]
impl Loop for Worker {
    fn name(&self) -> &'static str {
        "plugin deliveries"
    }

    async fn run(&self, stop: StopSignal) {
        let Self { queue, extensions, feeds, handlers } = self;
        run(queue, extensions.as_ref(), feeds, handlers, stop.requested()).await;
    }
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
    let handlers: Handlers = handlers.into();
    let mut tries = Tries::default();
    let mut backoff = Backoff::default();
    loop {
        let generation = extensions.generation();
        let idle = handlers.iter().all(|handler| handler.plugins().is_empty());
        let written = queue.database().outbox().woken();
        let mut wait = None;
        if !idle {
            wait = Some(match next(queue, feeds, &handlers, &mut tries).await {
                Ok(due) => {
                    backoff.reset();
                    due.map_or(POLL, |due| until(queue.database().now(), due).min(POLL))
                }
                Err(failure) => {
                    let pause = backoff.pause();
                    tracing::warn!(cause = ?failure, retry_in = ?pause, "deliveries to plugins are behind");
                    pause
                }
            });
        }
        tokio::select! {
            () = &mut stop => break,
            () = tries.ended(), if !tries.is_empty() => {}
            () = written, if !idle => {}
            () = queue.woken(), if !idle => {}
            () = sleep_until_change(extensions, generation, wait) => {}
        }
    }
    // What was begun is ended.
    while !tries.is_empty() {
        tries.ended().await;
    }
}

type Handlers = Arc<[Arc<dyn DeliveryHandler>]>;

/// The tries under way. Each is a task of its own: it may hold the one writer
/// of SQLite, and the loop must not keep it from going on.
#[derive(Default)]
struct Tries {
    running: JoinSet<()>,
    kinds: HashMap<Id, DeliveryKind>,
}

impl Tries {
    fn begin(&mut self, queue: &Deliveries, handlers: &Handlers, item: Item) {
        let kind = item.kind;
        let task = self.running.spawn(attempt(queue.clone(), Arc::clone(handlers), item));
        self.kinds.insert(task.id(), kind);
    }

    /// How many more of the handler's items may be begun.
    fn room(&self, handler: &dyn DeliveryHandler) -> usize {
        let held = self.kinds.values().filter(|kind| **kind == handler.kind()).count();
        handler.slots().saturating_sub(held)
    }

    fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Resolves when one has ended. Nothing is lost when it is dropped before.
    async fn ended(&mut self) {
        let Some(ended) = self.running.join_next_with_id().await else { return };
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                tracing::error!(%error, "a delivery panicked; it is tried again when its lease ends");
                error.id()
            }
        };
        self.kinds.remove(&id);
    }
}

async fn attempt(queue: Deliveries, handlers: Handlers, item: Item) {
    if let Err(failure) = queue.attempt(&handlers, &item).await {
        tracing::warn!(cause = ?failure, plugin = item.plugin, "a delivery could not be noted");
    }
}

/// Begins what is due, and tells when there is more for those who have room for
/// it: who is full goes on when a try has ended.
async fn next(
    queue: &Deliveries,
    feeds: &[Arc<dyn Feed>],
    handlers: &Handlers,
    tries: &mut Tries,
) -> Result<Option<Timestamp>> {
    for feed in feeds.iter().filter(|feed| feed.wanted()) {
        feed.feed().await?;
    }
    let mut with_room = Vec::new();
    for handler in handlers.iter() {
        for item in queue.claim(std::slice::from_ref(handler), tries.room(handler.as_ref())).await? {
            tries.begin(queue, handlers, item);
        }
        if tries.room(handler.as_ref()) > 0 {
            with_room.push(Arc::clone(handler));
        }
    }
    queue.next_due(&with_room).await
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
