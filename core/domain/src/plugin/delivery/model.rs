//! What is delivered, and who does it.

use std::time::Duration;

use async_trait::async_trait;
use lyceum_kernel::Id;
use serde_json::Value as Json;

use super::worker::SLOTS;
use crate::plugin::FailedAttempt;

/// What a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryKind {
    AfterHook,
    Notify,
}

impl DeliveryKind {
    pub const ALL: [Self; 2] = [Self::AfterHook, Self::Notify];

    /// As in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AfterHook => "after_hook",
            Self::Notify => "notify",
        }
    }
}

/// Something to be delivered.
#[derive(Debug, Clone, PartialEq)]
pub struct NewItem {
    /// The plugin's id.
    pub plugin: String,
    pub kind: DeliveryKind,
    /// What it is about; deliveries with one subject keep their order.
    pub subject: String,
    /// The place in the outbox; 0 for what did not come from there.
    pub position: i64,
    pub payload: Json,
}

/// An item in the hands of a worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    pub id: Id,
    pub plugin: String,
    pub kind: DeliveryKind,
    pub subject: String,
    pub position: i64,
    pub payload: Json,
    /// 1 for the first try.
    pub attempt: u32,
    /// Of this lease. Who has another one no longer holds the item.
    pub(super) claim: String,
}

/// Why an item was not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    pub attempt: FailedAttempt,
    /// The pause before the next try that the plugin asks for. It gets no less
    /// than five seconds and no more than a day.
    pub pause: Option<Duration>,
}

impl From<FailedAttempt> for Undelivered {
    fn from(attempt: FailedAttempt) -> Self {
        Self { attempt, pause: None }
    }
}

/// Delivers one kind.
#[async_trait]
pub trait DeliveryHandler: Send + Sync {
    fn kind(&self) -> DeliveryKind;

    /// The plugins that can take something now. What is for others waits.
    fn plugins(&self) -> Vec<String>;

    /// So many of its items are under way at once in one process.
    fn slots(&self) -> usize {
        SLOTS
    }

    /// Called again after a failure, and after a crash: at least once.
    ///
    /// # Errors
    /// It failed; whether the same may succeed later.
    async fn deliver(&self, item: &Item) -> Result<(), Undelivered>;
}
