//! From which place in the outbox the index is fed, and when it is filled from
//! the database instead.
//!
//! **Invariant:** an index that belongs to one node has a place of its own in
//! the outbox: what another node has read is not lost to it.
//! **Invariant:** it is fed from there only after it was filled to the end; an
//! interrupted filling begins again.
//! **Invariant:** it is not fed on from a database that has never had what it
//! holds, as after an older one was restored: then it is filled again.

use std::time::Duration;

use lyceum_kernel::{Id, Result, Timestamp};
use lyceum_store::{Delivery, Dialect};

use super::{CONSUMER, OwnIndex, Progress, Search, indexer::unavailable};

/// How often a consumer shows that it lives.
const SIGN_OF_LIFE: Duration = Duration::from_secs(3600);

/// A node that was silent for so long loses its place, so that events need not
/// be held for it; should it come back, it fills its index again.
const SILENT: Duration = Duration::from_secs(7 * 86_400);

impl Search {
    /// The consumer that feeds the index here; fills the index first where that
    /// was never done to the end, or its place is gone.
    pub(super) async fn consumer(&self) -> Result<String> {
        let Some(own) = self.index().own() else { return Ok(CONSUMER.to_owned()) };
        let database = self.contents().database();
        let consumer = self.name(own).await?;
        let place = database.outbox().place(database, &consumer).await?;
        let is_fed_on = match place {
            Some(place) => own.is_filled() && self.has_had(own, place.position).await?,
            None => false,
        };
        if !is_fed_on {
            tracing::info!("the search index is filled from the database");
            let entries = self.fill(own, |_| ()).await?;
            tracing::info!(entries, "the search index was filled");
        }
        Ok(consumer)
    }

    /// Whether the database has had the event up to which the index was fed. One
    /// that was removed since is older than the consumer's place.
    async fn has_had(&self, own: &dyn OwnIndex, place: i64) -> Result<bool> {
        let Some(last) = own.last_event() else { return Ok(true) };
        let Some(position) = last.split_once(' ').and_then(|(position, _)| position.parse().ok()) else {
            return Ok(false);
        };
        let database = self.contents().database();
        let there = database.outbox().at(database, position).await?;
        Ok(there.map_or(position <= place, |there| mark(&there) == last))
    }

    /// The name of this node's consumer. Over SQLite there is one node.
    async fn name(&self, own: &dyn OwnIndex) -> Result<String> {
        let database = self.contents().database();
        if database.dialect() == Dialect::Sqlite {
            return Ok(CONSUMER.to_owned());
        }
        if let Some(name) = own.consumer() {
            return Ok(name);
        }
        let first = database.outbox().claim(database, CONSUMER).await?;
        let name = if first { CONSUMER.to_owned() } else { format!("{CONSUMER}:{}", Id::new()) };
        own.set_consumer(&name).map_err(unavailable)?;
        Ok(name)
    }

    /// Empties the index and fills it. The mark comes last: whatever happens
    /// before is repeated at the next start.
    pub(super) async fn fill(&self, own: &dyn OwnIndex, progress: impl FnMut(Progress)) -> Result<u64> {
        let database = self.contents().database();
        let consumer = self.name(own).await?;
        self.index().clear().await.map_err(unavailable)?;
        // What happens from here on is read from the outbox afterwards.
        database.outbox().restart(database, &consumer).await?;
        let entries = self.put_all(progress).await?;
        // That was of what the index held before.
        own.set_last_event("0 ").map_err(unavailable)?;
        own.mark_filled().map_err(unavailable)?;
        Ok(entries)
    }

    /// Once an hour, also when nothing happens; and drops those who do no more.
    pub(super) async fn give_sign_of_life(&self, consumer: &str, last: &mut Option<Timestamp>) -> Result<()> {
        let database = self.contents().database();
        let (outbox, now) = (database.outbox(), database.now());
        if last.is_some_and(|last| last.plus(SIGN_OF_LIFE) > now) {
            return Ok(());
        }
        let Some(place) = outbox.place(database, consumer).await? else { return Ok(()) };
        outbox.advance(database, consumer, place.position).await?;
        let dropped = outbox.drop_silent(database, CONSUMER, consumer, now.minus(SILENT)).await?;
        *last = Some(now);
        if dropped > 0 {
            tracing::warn!(dropped, "nodes were silent for seven days; should they come back, they fill their index");
        }
        Ok(())
    }
}

/// What tells an event from every other one that may have had its position.
pub(super) fn mark(delivery: &Delivery) -> String {
    let Delivery { position, event, at } = delivery;
    format!("{position} {at} {} {}", event.name, event.subject_id)
}
