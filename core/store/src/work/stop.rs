//! The end of background work.

use std::time::Duration;

use tokio::sync::watch;

/// Says when to stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StopSignal(watch::Receiver<bool>);

impl StopSignal {
    /// With the sender that stops: by sending true, or by being dropped.
    #[must_use]
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Resolves when the stop is requested.
    pub async fn requested(&self) {
        // An error means that the sender is gone, which is a stop too.
        drop(self.0.clone().wait_for(|stop| *stop).await);
    }

    /// Waits so long. Whether the stop came meanwhile.
    pub async fn requested_within(&self, wait: Duration) -> bool {
        tokio::time::timeout(wait, self.requested()).await.is_ok()
    }
}
