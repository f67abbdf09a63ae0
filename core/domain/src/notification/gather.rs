//! Messages that are due at the same moment go to their carrier together: a
//! call of a plugin costs more than a message.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::oneshot;

use super::port::{Delivered, Delivery, DeliveryStatus, Notifier};
use crate::plugin::{FailedAttempt, FailureKind, PluginFailure, delivery::Undelivered};

/// So many messages go to a carrier in one call: as many as a call may send
/// requests (PLUGINS §5), since most providers take one message in each.
pub const BATCH: usize = 10;

/// So many are on their way at once: while one batch is with a carrier, the
/// next can be gathered.
pub(super) const SLOTS: usize = 2 * BATCH;

/// How long the first message waits for others.
const WINDOW: Duration = Duration::from_millis(10);

struct Waiting {
    delivery: Delivery,
    tell: oneshot::Sender<Result<(), Undelivered>>,
}

/// What waits for its carrier, by the carrier's name.
#[derive(Default)]
pub(super) struct Gathering(Mutex<BTreeMap<String, Vec<Waiting>>>);

impl Gathering {
    /// Resolves when the carrier has answered for this message.
    pub async fn deliver(self: &Arc<Self>, notifier: Arc<dyn Notifier>, delivery: Delivery) -> Result<(), Undelivered> {
        let name = notifier.name().to_owned();
        let (tell, told) = oneshot::channel();
        if self.add(&name, Waiting { delivery, tell }) {
            // A task of its own: who waits may leave, the others still wait.
            tokio::spawn(self.clone().carry(notifier));
        }
        told.await.unwrap_or_else(|_| Err(unsent(&name, "the carrier's call was given up", true).into()))
    }

    /// Whether it is the first.
    fn add(&self, name: &str, waiting: Waiting) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = all.entry(name.to_owned()).or_default();
        batch.push(waiting);
        batch.len() == 1
    }

    async fn carry(self: Arc<Self>, notifier: Arc<dyn Notifier>) {
        tokio::time::sleep(WINDOW).await;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(notifier.name()).unwrap_or_default();
        while !all.is_empty() {
            let later = all.split_off(all.len().min(BATCH));
            carry_batch(notifier.as_ref(), std::mem::replace(&mut all, later)).await;
        }
    }
}

async fn carry_batch(notifier: &dyn Notifier, batch: Vec<Waiting>) {
    let (deliveries, tell): (Vec<_>, Vec<_>) = batch.into_iter().map(|one| (one.delivery, one.tell)).unzip();
    let answer = notifier.deliver(&deliveries).await;
    for (delivery, tell) in deliveries.iter().zip(tell) {
        let outcome = match &answer {
            Ok(results) => outcome(notifier.name(), results.iter().find(|result| result.id == delivery.id)),
            Err(failure) => Err(FailedAttempt { failure: failure.clone(), retryable: true }.into()),
        };
        // Who does not wait any more tries again later.
        drop(tell.send(outcome));
    }
}

fn outcome(notifier: &str, result: Option<&Delivered>) -> Result<(), Undelivered> {
    let Some(result) = result else {
        return Err(unsent(notifier, "the carrier said nothing of this message", true).into());
    };
    let note = result.note.as_deref().unwrap_or("no reason was given");
    match result.status {
        DeliveryStatus::Sent => Ok(()),
        DeliveryStatus::Retry(pause) => Err(Undelivered { attempt: unsent(notifier, note, true), pause }),
        DeliveryStatus::Failed => Err(unsent(notifier, note, false).into()),
    }
}

pub(super) fn unsent(plugin: &str, why: &str, retryable: bool) -> FailedAttempt {
    let failure = PluginFailure {
        plugin: plugin.to_owned(),
        version: String::new(),
        world: "notify".to_owned(),
        function: "deliver".to_owned(),
        kind: FailureKind::Refused,
        detail: why.to_owned(),
    };
    FailedAttempt { failure, retryable }
}
