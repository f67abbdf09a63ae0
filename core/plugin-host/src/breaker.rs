//! Stops calling a plugin where it keeps failing: each world has its own breaker,
//! so that nobody stops refunds by sending webhooks that a plugin traps on.
//!
//! Five failures within a minute open the breaker for 30 s, and so do more than
//! half of the last twenty calls. Then one call is let through: it closes the
//! breaker, or opens it for twice as long, up to half an hour.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lyceum_kernel::{Clock, Timestamp};

/// Failures within [`WINDOW`] that open the breaker.
pub const FAILURES: usize = 5;
pub const WINDOW: Duration = Duration::from_secs(60);
/// Calls that are looked back at; more than half of them failed open it too.
pub const LAST_CALLS: u32 = 20;
/// How long it stays open at first and at most.
pub const OPEN_FIRST: Duration = Duration::from_secs(30);
pub const OPEN_MOST: Duration = Duration::from_secs(30 * 60);

/// The breaker of one world of a plugin.
pub(crate) struct Breaker {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    failures: VecDeque<Timestamp>,
    last: LastCalls,
    open: Option<Open>,
}

/// How the last calls ended: one bit each, the latest lowest, 1 for a failure.
#[derive(Default, Clone, Copy)]
struct LastCalls {
    bits: u32,
    count: u32,
}

impl LastCalls {
    fn push(&mut self, failed: bool) {
        self.bits = ((self.bits << 1) | u32::from(failed)) & ((1 << LAST_CALLS) - 1);
        self.count = (self.count + 1).min(LAST_CALLS);
    }

    fn mostly_failed(self) -> bool {
        self.count == LAST_CALLS && self.bits.count_ones() > LAST_CALLS / 2
    }
}

#[derive(Clone, Copy)]
struct Open {
    until: Timestamp,
    length: Duration,
    probing: bool,
}

impl Breaker {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// A permit for one call.
    ///
    /// # Errors
    /// The breaker is open; when the next call is let through.
    pub fn admit(&self) -> Result<Permit<'_>, Timestamp> {
        let mut state = self.lock();
        let Some(open) = &mut state.open else { return Ok(Permit { breaker: self, probe: false, told: false }) };
        if open.probing || self.clock.now() < open.until {
            return Err(open.until);
        }
        open.probing = true;
        Ok(Permit { breaker: self, probe: true, told: false })
    }

    pub fn is_open(&self) -> bool {
        self.lock().open.is_some()
    }

    /// Whether it opened now.
    fn failed(&self, probe: bool) -> bool {
        let now = self.clock.now();
        let mut state = self.lock();
        if probe {
            let length = state.open.map_or(OPEN_FIRST, |open| (open.length * 2).min(OPEN_MOST));
            state.open = Some(Open { until: now.plus(length), length, probing: false });
            return false;
        }
        state.last.push(true);
        state.failures.push_back(now);
        let start = now.minus(WINDOW);
        while state.failures.front().is_some_and(|moment| *moment <= start) {
            state.failures.pop_front();
        }
        let opens = state.open.is_none() && (state.failures.len() >= FAILURES || state.last.mostly_failed());
        if opens {
            let open = Open { until: now.plus(OPEN_FIRST), length: OPEN_FIRST, probing: false };
            *state = State { open: Some(open), ..State::default() };
        }
        opens
    }

    fn succeeded(&self, probe: bool) {
        let mut state = self.lock();
        if probe {
            *state = State::default();
        }
        state.last.push(false);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leave for one call. Dropped without a word, it says nothing about the
/// plugin: the caller went away.
pub(crate) struct Permit<'a> {
    breaker: &'a Breaker,
    probe: bool,
    told: bool,
}

impl Permit<'_> {
    pub fn succeeded(&mut self) {
        self.told = true;
        self.breaker.succeeded(self.probe);
    }

    /// Whether the breaker opened by it.
    pub fn failed(&mut self) -> bool {
        self.told = true;
        self.breaker.failed(self.probe)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.probe
            && !self.told
            && let Some(open) = &mut self.breaker.lock().open
        {
            open.probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use lyceum_kernel::ManualClock;

    use super::*;

    fn breaker() -> (Arc<ManualClock>, Breaker) {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(0)));
        (Arc::clone(&clock), Breaker::new(clock))
    }

    fn fail(breaker: &Breaker) {
        let _opened = breaker.admit().expect("admitted").failed();
    }

    #[test]
    fn more_than_half_of_twenty_calls_open_it_however_slowly_they_come() {
        let (clock, breaker) = breaker();
        let call = |fails: bool| {
            clock.advance(Duration::from_secs(16));
            let mut permit = breaker.admit().expect("admitted");
            if fails {
                return permit.failed();
            }
            permit.succeeded();
            false
        };
        (0..10).for_each(|_| assert!(!call(true) && !call(false), "half is not more than half"));
        assert!(!call(true), "a success fell out, a failure came in: ten of twenty");
        assert!(call(true));
        assert!(breaker.is_open());
    }

    #[test]
    fn five_failures_in_a_minute_open_it_and_one_success_closes_it() {
        let (clock, breaker) = breaker();
        (0..4).for_each(|_| fail(&breaker));
        assert!(!breaker.is_open());
        fail(&breaker);
        assert!(breaker.admit().is_err());
        clock.advance(OPEN_FIRST);
        let mut probe = breaker.admit().expect("half open");
        assert!(breaker.admit().is_err(), "only one call is let through");
        probe.succeeded();
        assert!(breaker.admit().is_ok());
    }

    #[test]
    fn failures_far_apart_among_as_many_successes_do_not_open_it() {
        let (clock, breaker) = breaker();
        for _ in 0..40 {
            fail(&breaker);
            breaker.admit().expect("admitted").succeeded();
            clock.advance(Duration::from_secs(16));
        }
        assert!(!breaker.is_open());
    }

    #[test]
    fn each_failed_probe_doubles_the_time_up_to_half_an_hour() {
        let (clock, breaker) = breaker();
        (0..5).for_each(|_| fail(&breaker));
        let mut length = OPEN_FIRST;
        for _ in 0..8 {
            clock.advance(length);
            fail(&breaker);
            length = (length * 2).min(OPEN_MOST);
            clock.advance(length - Duration::from_millis(1));
            assert!(breaker.admit().is_err());
        }
        assert_eq!(length, OPEN_MOST);
    }

    #[test]
    fn a_probe_whose_caller_went_away_lets_the_next_one_try() {
        let (clock, breaker) = breaker();
        (0..5).for_each(|_| fail(&breaker));
        clock.advance(OPEN_FIRST);
        drop(breaker.admit().expect("half open"));
        assert!(breaker.admit().is_ok());
    }
}
