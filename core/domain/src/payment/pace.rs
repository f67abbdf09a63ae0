//! What strangers can cause, at most once in a while: a question to a provider,
//! a write. Counted in memory, by each server for itself.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lyceum_kernel::Timestamp;

use crate::limits::RateLimit;

/// Beyond so many keys those whose time is over are forgotten.
const KEYS: usize = 1000;

/// Lets something happen once in an interval for each key.
pub(super) struct Pace {
    interval: Duration,
    last: Mutex<HashMap<String, Timestamp>>,
}

impl Pace {
    pub(super) fn new(limit: &RateLimit) -> Self {
        Self { interval: Duration::from_secs(limit.seconds), last: Mutex::default() }
    }

    /// Whether it may happen now. Then it may not for the interval.
    pub(super) fn claim(&self, key: &str, now: Timestamp) -> bool {
        let mut last = self.last();
        if last.get(key).is_some_and(|at| now < at.plus(self.interval)) {
            return false;
        }
        if last.len() >= KEYS {
            last.retain(|_, at| now < at.plus(self.interval));
        }
        last.insert(key.to_owned(), now);
        true
    }

    fn last(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::RETURN_QUERY;

    #[test]
    fn each_key_has_its_turn_once_an_interval_and_old_ones_are_forgotten() {
        let (pace, start) = (Pace::new(&RETURN_QUERY), Timestamp::from_millis(0));
        assert!(pace.claim("a", start) && pace.claim("b", start) && !pace.claim("a", start));
        let late = start.plus(Duration::from_secs(10));
        assert!(pace.claim("a", late) && !pace.claim("a", late));
        for n in 0..KEYS {
            pace.claim(&n.to_string(), late);
        }
        assert!(pace.claim("c", late.plus(Duration::from_secs(10))));
        assert_eq!(pace.last().len(), 1);
    }
}
