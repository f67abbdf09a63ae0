//! Instances that are kept between calls, for plugins that promise to hold no
//! state.
//!
//! **Invariant:** an instance is taken out of the pool before a call and put
//! back only after a good one. A call that traps, times out or is dropped takes
//! its instance with it: after any of these an instance is dead for good.

use std::{
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use wasmtime::Store;

use crate::{call::Call, host::CallState};

/// Kept instances of one plugin, at most one a core.
const INSTANCES: usize = 4;
/// Calls after which an instance is retired, and seconds without one.
const CALLS: u32 = 1_000;
const IDLE: Duration = Duration::from_secs(60);

/// A store and the instance in it. The instance is absent before its first
/// call, and while a call is under way.
pub(crate) struct Warm<G> {
    pub store: Store<CallState>,
    pub guest: Option<G>,
    calls: u32,
    used: Instant,
}

impl<G> Warm<G> {
    fn new(store: Store<CallState>) -> Self {
        Self { store, guest: None, calls: 0, used: Instant::now() }
    }

    /// Whether it has worked enough: memory that only grows is given back then.
    fn is_worn(&self) -> bool {
        let meter = &self.store.data().meter;
        self.calls >= CALLS || meter.used() > meter.allowed() / 2
    }
}

/// The kept instances of one plugin.
struct WarmPool<G> {
    idle: Mutex<Vec<Warm<G>>>,
    size: usize,
}

impl<G> WarmPool<G> {
    fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self { idle: Mutex::default(), size: cores.min(INSTANCES) }
    }

    /// An instance for one call, if one is free and fresh.
    fn take(&self) -> Option<Warm<G>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let warm = idle.pop()?;
        if warm.used.elapsed() < IDLE {
            return Some(warm);
        }
        // The last one put back is too old, so all are.
        idle.clear();
        None
    }

    /// After a good call.
    fn give_back(&self, mut warm: Warm<G>) {
        warm.calls += 1;
        warm.used = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if !warm.is_worn() && idle.len() < self.size {
            idle.push(warm);
        }
    }
}

/// Kept instances for a plugin that promises to hold no state, none for others.
pub(crate) struct Kept<G>(Option<WarmPool<G>>);

impl<G> Kept<G> {
    pub fn new(stateless: bool) -> Self {
        Self(stateless.then(WarmPool::new))
    }

    /// A kept instance, or a store for a fresh one.
    pub fn take(&self, call: &Call<'_>) -> Warm<G> {
        match self.0.as_ref().and_then(WarmPool::take) {
            Some(mut warm) => {
                call.renew(&mut warm.store);
                warm
            }
            None => Warm::new(call.store()),
        }
    }

    /// After a good call.
    pub fn give_back(&self, warm: Warm<G>) {
        if let Some(pool) = &self.0 {
            pool.give_back(warm);
        }
    }
}
