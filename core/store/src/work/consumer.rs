//! Consumers: each handles every event once, in order.
//!
//! **Invariant:** what a consumer writes and its position are committed
//! together. After a crash, and with several nodes at work, each event has had
//! its effects exactly once.
//! **Invariant:** an event that fails is tried [`TRIES`] times, with growing
//! pauses; then it is a dead letter, and the next one is handled.
//! **Invariant:** what a consumer does not want costs it one transaction a
//! minute at most.
//!
//! A consumer that writes elsewhere than in the database, such as to a search
//! index, cannot have this: it is a [`super::Loop`] over [`crate::Outbox`].

use std::{panic::AssertUnwindSafe, time::Duration};

use async_trait::async_trait;
use futures::FutureExt as _;
use lyceum_kernel::{Event, Failure, Result};

use super::{
    Backoff, Next, StopSignal,
    place::{self, Place},
};
use crate::{Database, Delivery, Write};

/// An event is tried so often before it is a dead letter: for eight minutes.
pub const TRIES: u32 = 10;

/// So many events are handled in one transaction at most.
const BATCH: usize = 200;

/// A position after which nothing is wanted moves after this time at the latest.
const UNMOVED: Duration = Duration::from_secs(60);

/// How often the outbox is looked at without being woken: other processes
/// write too.
const POLL: Duration = Duration::from_secs(2);

/// Who handles events.
#[async_trait]
pub trait Consumer: Send + Sync {
    /// The name of its position. Never another one's, and never changed.
    fn name(&self) -> &str;

    /// Whether the event is for this consumer. Others only move its position.
    fn wants(&self, event: &Event) -> bool;

    /// Does in the transaction what the event asks for. It must not wait for
    /// anything outside: over SQLite nobody else writes meanwhile.
    ///
    /// # Errors
    /// Then nothing of it is kept, and the event comes again.
    async fn handle(&self, write: &mut Write, delivery: &Delivery) -> Result<()>;

    /// Gives the consumer its first position: before the oldest event there is,
    /// unless it says otherwise. Without a position it is given no events.
    ///
    /// # Errors
    /// Internal.
    async fn begin(&self, write: &Write) -> Result<()> {
        place::put(write, self.name(), 0).await
    }
}

/// How the events of a batch came out.
enum Outcome {
    Done,
    /// Another node has handled them meanwhile.
    Taken,
    /// All before this one could be handled.
    Failed(usize, Failure),
}

/// Handles the next batch of events.
///
/// # Errors
/// Internal, when the database does not answer. What the consumer itself could
/// not do is no error: it is stored, and tried again when that is due.
pub async fn pass(database: &Database, consumer: &dyn Consumer) -> Result<Next> {
    let Some(place) = place::find(database, consumer.name()).await? else {
        return begin(database, consumer).await;
    };
    if let Some(pause) = place.pause(database.now()) {
        return Ok(Next::After(pause));
    }
    let limit = u64::try_from(BATCH).unwrap_or(u64::MAX);
    let events = database.outbox().pending(database, consumer.name(), limit).await?;
    let full = events.len() == BATCH;
    let Some(first) = events.first() else { return Ok(Next::AtCommit) };
    let unwanted = !events.iter().any(|delivery| consumer.wants(&delivery.event));
    if unwanted && !full && database.now() < first.at.plus(UNMOVED) {
        return Ok(Next::AtCommit);
    }
    let mut batch = events.as_slice();
    loop {
        match handle(database, consumer, &place, batch).await? {
            Outcome::Done if !full && batch.len() == events.len() => return Ok(Next::AtCommit),
            Outcome::Done | Outcome::Taken => return Ok(Next::AtOnce),
            Outcome::Failed(0, failure) => return note(database, consumer, &place, &batch[0], &failure).await,
            // What came before it is handled without it.
            Outcome::Failed(number, _) => batch = &batch[..number],
        }
    }
}

async fn begin(database: &Database, consumer: &dyn Consumer) -> Result<Next> {
    let write = database.write().await?;
    consumer.begin(&write).await?;
    write.commit().await?;
    let begun = place::find(database, consumer.name()).await?.is_some();
    Ok(if begun { Next::AtOnce } else { Next::AtCommit })
}

/// All events of the batch, or none.
async fn handle(database: &Database, consumer: &dyn Consumer, place: &Place, batch: &[Delivery]) -> Result<Outcome> {
    let mut write = database.write().await?;
    if !place::is_still(&write, consumer.name(), place).await? {
        return Ok(Outcome::Taken);
    }
    for (number, delivery) in batch.iter().enumerate() {
        if consumer.wants(&delivery.event)
            && let Err(failure) = attempt(consumer, &mut write, delivery).await
        {
            return Ok(Outcome::Failed(number, failure));
        }
    }
    if let Some(last) = batch.last() {
        place::move_to(&write, consumer.name(), last.position).await?;
    }
    if place.is_failing() {
        place::recovered(&write, consumer.name()).await?;
    }
    write.commit().await?;
    Ok(Outcome::Done)
}

/// A panic is a failure of this event, not of the consumer.
async fn attempt(consumer: &dyn Consumer, write: &mut Write, delivery: &Delivery) -> Result<()> {
    let handled = AssertUnwindSafe(consumer.handle(write, delivery)).catch_unwind().await;
    handled.unwrap_or_else(|_| Err(Failure::internal("the consumer panicked")))
}

/// Counts a failed try; after the last one the position moves on.
async fn note(
    database: &Database,
    consumer: &dyn Consumer,
    place: &Place,
    delivery: &Delivery,
    failure: &Failure,
) -> Result<Next> {
    let name = consumer.name();
    let (event, position) = (delivery.event.name.as_str(), delivery.position);
    let write = database.write().await?;
    if !place::is_still(&write, name, place).await? {
        return Ok(Next::AtOnce);
    }
    let tries = place::count_failure(&write, name, delivery, failure).await?;
    if tries >= TRIES {
        place::bury(&write, name, position).await?;
        place::move_to(&write, name, position).await?;
        write.commit().await?;
        tracing::error!(
            consumer = name,
            event,
            position,
            tries,
            cause = ?failure,
            "an event could not be handled and is a dead letter in outbox_failure; the consumer goes on after it"
        );
        return Ok(Next::AtOnce);
    }
    let pause = pause_after(tries);
    place::pause_until(&write, name, position, write.now().plus(pause)).await?;
    write.commit().await?;
    tracing::warn!(consumer = name, event, position, tries, retry_in = ?pause, cause = ?failure, "an event could not be handled");
    Ok(Next::After(pause))
}

/// 1, 2, 4 … seconds.
fn pause_after(tries: u32) -> Duration {
    Duration::from_secs(1 << tries.saturating_sub(1).min(TRIES))
}

/// Handles events until the stop.
pub(super) async fn run(database: &Database, consumer: &dyn Consumer, stop: StopSignal) {
    let mut backoff = Backoff::default();
    while !stop.is_requested() {
        let committed = database.outbox().woken();
        let next = match pass(database, consumer).await {
            Ok(next) => {
                backoff.reset();
                next
            }
            Err(failure) => {
                let pause = backoff.pause();
                tracing::warn!(consumer = consumer.name(), cause = ?failure, retry_in = ?pause, "a consumer is behind");
                Next::After(pause)
            }
        };
        match next {
            Next::AtOnce => tokio::task::yield_now().await,
            Next::After(pause) => drop(stop.requested_within(pause).await),
            Next::AtCommit => tokio::select! {
                () = stop.requested() => {}
                () = committed => {}
                () = tokio::time::sleep(POLL) => {}
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_tried_for_eight_minutes() {
        let seconds: Vec<u64> = (1..TRIES).map(|tries| pause_after(tries).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256]);
    }
}
