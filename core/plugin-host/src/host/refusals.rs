//! Which refusals of a plugin are told. A guest can be refused a thousand times
//! in a call, so those of one function in one second are told a few times and
//! then counted.
//!
//! **Invariant:** a function that was not refused in the last second is told.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use lyceum_kernel::Timestamp;

use super::window::Window;
use crate::interface::Capability;

/// Refusals of one function that are told in a second.
pub(crate) const TOLD_PER_SECOND: u32 = 5;
/// Characters of a reason that are told. Names and addresses of guests are in it.
pub(crate) const REASON: usize = 300;

/// The refusals of a plugin, by permission and function.
#[derive(Default)]
pub(crate) struct Refusals(Mutex<BTreeMap<(Capability, &'static str), Refused>>);

#[derive(Default)]
struct Refused {
    told: Window,
    untold: u64,
}

impl Refusals {
    /// Takes note of one. When it is to be told: how many before it were not.
    pub fn note(&self, capability: Capability, function: &'static str, now: Timestamp) -> Option<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = all.entry((capability, function)).or_default();
        if refused.told.has_room(now, Duration::from_secs(1), TOLD_PER_SECOND) {
            return Some(std::mem::take(&mut refused.untold));
        }
        refused.untold += 1;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_function_is_told_a_few_times_a_second_and_hides_no_other() {
        let refusals = Refusals::default();
        let note = |function, millis| refusals.note(Capability::Kv, function, Timestamp::from_millis(millis));
        let told: Vec<Option<u64>> = (0..100).map(|_| note("get", 1_000)).collect();
        assert_eq!(told.iter().filter(|told| **told == Some(0)).count(), 5);
        assert_eq!(told.iter().filter(|told| told.is_none()).count(), 95);
        assert_eq!(note("set", 1_000), Some(0));
        assert_eq!([note("get", 2_000), note("get", 2_000)], [Some(95), Some(0)]);
    }
}
