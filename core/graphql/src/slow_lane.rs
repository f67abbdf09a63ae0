//! Reads that may take long run few at a time, so that those that do not find
//! a connection.
//!
//! **Invariant:** a place is free again when its statement has ended in the
//! database, not when its client has gone.

use std::{num::NonZero, sync::Arc, thread::available_parallelism, time::Duration};

use lyceum_kernel::{ErrorCode, Failure, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a read waits for a place.
const PATIENCE: Duration = Duration::from_secs(5);

/// The places of one server.
pub struct SlowLane {
    places: Arc<Semaphore>,
    patience: Duration,
}

impl SlowLane {
    /// Half of the connections, and half of the cores; at least one.
    pub fn new(connections: u32) -> Self {
        let cores = available_parallelism().map_or(1, NonZero::get);
        let places = (connections as usize / 2).min(cores / 2).max(1);
        Self { places: Arc::new(Semaphore::new(places)), patience: PATIENCE }
    }

    /// # Errors
    /// UNAVAILABLE when no place was free in time.
    pub async fn place(&self) -> Result<OwnedSemaphorePermit> {
        match tokio::time::timeout(self.patience, self.places.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => {
                let message = "Too many expensive queries run at this moment. Ask for less, or try again.";
                Err(Failure::new(ErrorCode::Unavailable, message).with("retryAfterSeconds", 1))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_finds_no_place_in_time_is_asked_to_come_again() {
        let lane = SlowLane { patience: Duration::from_millis(1), ..SlowLane::new(1) };
        let place = lane.place().await.expect("the only one");
        let refused = lane.place().await.expect_err("it is taken");
        assert_eq!(refused.code(), ErrorCode::Unavailable);
        drop(place);
        assert!(lane.place().await.is_ok());
    }
}
