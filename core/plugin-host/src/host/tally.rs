//! What host functions count for a plugin, over its versions.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use lyceum_kernel::Timestamp;

use super::{Measures, events::EVENTS_PER_HOUR, window::Window};
use crate::interface::Capability;

/// Refusals, dropped lines and the plugin's own figures.
#[derive(Default)]
pub(crate) struct Tally {
    denials: Mutex<BTreeMap<Capability, u64>>,
    dropped_log_lines: AtomicU64,
    events: Mutex<Window>,
    pub measures: Measures,
}

impl Tally {
    pub fn denied(&self, capability: Capability) {
        *self.denials.lock().unwrap_or_else(PoisonError::into_inner).entry(capability).or_default() += 1;
    }

    /// Refusals by permission.
    pub fn denials(&self) -> BTreeMap<String, u64> {
        let denials = self.denials.lock().unwrap_or_else(PoisonError::into_inner);
        denials.iter().map(|(capability, count)| (capability.name().to_owned(), *count)).collect()
    }

    /// Counts an event of the plugin's own; whether it fits into this hour.
    pub fn may_emit(&self, now: Timestamp) -> bool {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.has_room(now, Duration::from_secs(3_600), EVENTS_PER_HOUR)
    }

    pub fn dropped_line(&self) {
        self.dropped_log_lines.fetch_add(1, Ordering::Relaxed);
    }

    pub fn dropped_log_lines(&self) -> u64 {
        self.dropped_log_lines.load(Ordering::Relaxed)
    }
}
