//! How many calls are under way at once: of one plugin in one world, and of all.
//!
//! **Invariant:** calls of one world never use up another one's slots. What
//! strangers cause (a flood of webhooks to `verify`) leaves a checkout its own.

use std::{sync::Arc, time::Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::limits::{self, TABLE, World};

/// The slots of one plugin, and those that it shares with all.
pub(crate) struct Slots {
    own: [Semaphore; TABLE.len()],
    shared: Arc<Semaphore>,
}

impl Slots {
    pub fn new(shared: Arc<Semaphore>) -> Self {
        Self { own: std::array::from_fn(|_| Semaphore::new(limits::PLUGIN_CALLS)), shared }
    }

    /// A slot of its own and one of all plugins, so that slow calls of one leave
    /// room for the others; none when none became free in time.
    pub async fn take(&self, world: World, deadline: Instant) -> Option<[SemaphorePermit<'_>; 2]> {
        let own = &self.own[world.index()];
        if let (Ok(own), Ok(shared)) = (own.try_acquire(), self.shared.try_acquire()) {
            return Some([own, shared]);
        }
        let both = async { Some([own.acquire().await.ok()?, self.shared.acquire().await.ok()?]) };
        tokio::time::timeout_at(deadline.into(), both).await.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_flood_in_one_world_leaves_the_others_their_slots() {
        let slots = Slots::new(Arc::new(Semaphore::new(limits::CALLS)));
        let now = Instant::now();
        let mut flood = Vec::new();
        while let Some(taken) = slots.take(World::PaymentVerify, now).await {
            flood.push(taken);
        }
        assert_eq!(flood.len(), limits::PLUGIN_CALLS);
        assert!(slots.take(World::Payment, now).await.is_some());
        flood.pop();
        assert!(slots.take(World::PaymentVerify, now).await.is_some());
    }

    #[tokio::test]
    async fn all_plugins_together_have_no_more_than_the_shared_ones() {
        let shared = Arc::new(Semaphore::new(1));
        let (one, other) = (Slots::new(shared.clone()), Slots::new(shared));
        let _taken = one.take(World::Ranking, Instant::now()).await.expect("it is free");
        assert!(other.take(World::Ranking, Instant::now()).await.is_none());
    }
}
