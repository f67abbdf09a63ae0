//! The loop that keeps the index like the content.
//!
//! It is no [`lyceum_store::work::Consumer`]: the index is not in the database,
//! so that no transaction covers both, it takes documents in batches, and each
//! node with an index of its own reads all events.
//!
//! **Invariant:** safe to run twice: a document is written as the entry is
//! now, not as the event says it was.

use std::time::Duration;

use async_trait::async_trait;
use lyceum_kernel::{ErrorCode, Failure, Id, Result};
use lyceum_store::{
    Delivery,
    work::{Backoff, Loop, StopSignal, Work},
};

use super::{KINDS, Search, SearchError, document, feed};

/// How far a rebuild is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub done: u64,
}

const BATCH: u32 = 200;

/// How long after a write more writes are waited for.
const GATHER: Duration = Duration::from_millis(100);

/// Other processes write too: look so often without being woken.
const POLL: Duration = Duration::from_secs(2);

struct Indexer(Search);

#[async_trait]
impl Loop for Indexer {
    fn name(&self) -> &'static str {
        "search indexer"
    }

    async fn run(&self, stop: StopSignal) {
        let mut backoff = Backoff::default();
        while !stop.is_requested() {
            let woken = self.0.contents().database().outbox().woken();
            let failed = self.0.index_pending().await.err();
            let Some(failure) = failed else {
                backoff.reset();
                tokio::select! {
                    () = stop.requested() => return,
                    // Many writes at once are indexed together.
                    () = async { woken.await; tokio::time::sleep(GATHER).await } => {}
                    () = tokio::time::sleep(POLL) => {}
                }
                continue;
            };
            let pause = backoff.pause();
            tracing::warn!(cause = ?failure, retry_in = ?pause, "the search index is behind");
            stop.requested_within(pause).await;
        }
    }
}

impl Search {
    /// Indexes in the background.
    #[must_use]
    pub fn work(&self) -> Vec<Work> {
        vec![Work::own(Indexer(self.clone()))]
    }

    /// Indexes what happened since the last time. Returns how many events.
    ///
    /// # Errors
    /// `SEARCH_UNAVAILABLE` or internal; then the same events come again.
    pub async fn index_pending(&self) -> Result<u64> {
        let mut last_sign = self.feeding().await;
        let consumer = self.consumer().await?;
        let mut total = 0;
        loop {
            let database = self.contents().database();
            let deliveries = database.outbox().pending(database, &consumer, u64::from(BATCH)).await?;
            let Some(last) = deliveries.last() else { break };
            self.apply(&deliveries).await?;
            if let Some(own) = self.index().own() {
                own.set_last_event(&feed::mark(last)).map_err(unavailable)?;
            }
            database.outbox().advance(database, &consumer, last.position).await?;
            total += deliveries.len() as u64;
        }
        self.give_sign_of_life(&consumer, &mut last_sign).await?;
        Ok(total)
    }

    async fn apply(&self, deliveries: &[Delivery]) -> Result<()> {
        for kind in KINDS {
            let mut ids: Vec<Id> = Vec::new();
            for delivery in
                deliveries.iter().filter(|d| d.event.subject_type == *kind && concerns_readers(&d.event.name))
            {
                if !ids.contains(&delivery.event.subject_id) {
                    ids.push(delivery.event.subject_id);
                }
            }
            self.refresh(kind, &ids).await?;
            if *kind == "course" {
                // A lesson is shown and found as its course allows.
                for id in ids {
                    self.refresh_lessons(id).await?;
                }
            }
        }
        Ok(())
    }

    async fn refresh_lessons(&self, course: Id) -> Result<()> {
        let mut after = None;
        loop {
            let ids = document::lessons_of(self.contents(), course, after, BATCH).await?;
            let Some(last) = ids.last() else { return Ok(()) };
            after = Some(*last);
            self.refresh("lesson", &ids).await?;
        }
    }

    /// Makes the index hold these entries as they are, or not at all.
    async fn refresh(&self, kind: &str, ids: &[Id]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let documents = document::load(self.contents(), kind, ids).await?;
        let gone = ids.iter().copied().filter(|id| documents.iter().all(|d| d.id != *id)).collect::<Vec<_>>();
        if !gone.is_empty() {
            self.index().remove(gone).await.map_err(unavailable)?;
        }
        if documents.is_empty() { Ok(()) } else { self.index().put(documents).await.map_err(unavailable) }
    }

    /// Empties the index and fills it from the database.
    ///
    /// # Errors
    /// `SEARCH_UNAVAILABLE` or internal.
    pub async fn reindex(&self, progress: impl FnMut(Progress)) -> Result<u64> {
        let _feeding = self.feeding().await;
        match self.index().own() {
            Some(own) => self.fill(own, progress).await,
            None => {
                self.index().clear().await.map_err(unavailable)?;
                self.put_all(progress).await
            }
        }
    }

    /// Puts everything that is published into the index.
    pub(super) async fn put_all(&self, mut progress: impl FnMut(Progress)) -> Result<u64> {
        let mut done = 0;
        for kind in KINDS {
            let mut after = None;
            loop {
                let ids = document::page_of_ids(self.contents(), kind, after, BATCH).await?;
                let Some(last) = ids.last() else { break };
                after = Some(*last);
                self.refresh(kind, &ids).await?;
                done += ids.len() as u64;
                progress(Progress { done });
            }
        }
        Ok(done)
    }
}

/// Whether what readers see changed. A saved draft changes nothing for them.
fn concerns_readers(event: &str) -> bool {
    [".published", ".unpublished", ".deleted"].iter().any(|what| event.ends_with(what))
}

pub(super) fn unavailable(error: SearchError) -> Failure {
    Failure::new(ErrorCode::SearchUnavailable, "Search is down. Content can still be read.").caused_by(error)
}
