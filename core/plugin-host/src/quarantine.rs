//! Inputs that a plugin fails on again and again are not given to it any more.
//!
//! The second failure on the same input within an hour shuts it out for an
//! hour. While no input is shut out, a call pays one atomic read.
//!
//! **Invariant:** an input is known by a hash; nothing of it is kept.

use std::{
    collections::HashMap,
    fmt::{self, Write as _},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use lyceum_kernel::{Clock, Timestamp};
use sha2::{Digest, Sha256};

/// Failures on one input that shut it out.
pub const FAILURES: u32 = 2;
/// How long an input is remembered after its last failure.
pub const REMEMBERED: Duration = Duration::from_secs(3600);
/// Inputs that are remembered for one plugin; the oldest go first.
const MOST: usize = 256;

/// The inputs that one version of a plugin failed on.
#[derive(Default)]
pub(crate) struct Quarantine {
    /// When the last input that is shut out comes in again, in milliseconds.
    until: AtomicI64,
    suspects: Mutex<HashMap<InputDigest, Suspect>>,
}

/// SHA-256 over world, function and input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct InputDigest([u8; 32]);

#[derive(Clone, Copy)]
struct Suspect {
    failures: u32,
    last: Timestamp,
}

impl InputDigest {
    /// What an input looks like, hashed: its `Debug` text says all of it.
    pub fn of(world: &str, function: &str, input: &dyn fmt::Debug) -> Self {
        let mut hashing = Hashing(Sha256::new());
        // Hashing takes every text.
        let _ = write!(hashing, "{world}\0{function}\0{input:?}");
        Self(hashing.0.finalize().into())
    }
}

impl fmt::Display for InputDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0[..8]))
    }
}

struct Hashing(Sha256);

impl fmt::Write for Hashing {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text);
        Ok(())
    }
}

impl Quarantine {
    /// Whether this input is shut out. The clock is read and the digest made only
    /// when there is anything to compare it with; what has none is exempt.
    pub fn holds(&self, clock: &dyn Clock, digest: impl FnOnce() -> Option<InputDigest>) -> Option<InputDigest> {
        let until = self.until.load(Ordering::Relaxed);
        if until == 0 {
            return None;
        }
        let now = clock.now();
        if now.as_millis() >= until {
            return None;
        }
        let digest = digest()?;
        let suspects = self.suspects.lock().unwrap_or_else(PoisonError::into_inner);
        let held = suspects.get(&digest).is_some_and(|known| known.failures >= FAILURES && !known.is_over(now));
        held.then_some(digest)
    }

    /// Notes a failure; whether the input is shut out by it.
    pub fn failed(&self, digest: InputDigest, now: Timestamp) -> bool {
        let mut suspects = self.suspects.lock().unwrap_or_else(PoisonError::into_inner);
        suspects.retain(|_, known| !known.is_over(now));
        if suspects.len() >= MOST
            && let Some(oldest) = suspects.iter().min_by_key(|(_, known)| known.last).map(|(digest, _)| *digest)
        {
            suspects.remove(&oldest);
        }
        let suspect = suspects.entry(digest).or_insert(Suspect { failures: 0, last: now });
        *suspect = Suspect { failures: suspect.failures + 1, last: now };
        let failures = suspect.failures;
        if failures >= FAILURES {
            self.until.fetch_max(now.plus(REMEMBERED).as_millis(), Ordering::Relaxed);
        }
        failures == FAILURES
    }
}

impl Suspect {
    fn is_over(self, now: Timestamp) -> bool {
        self.last.plus(REMEMBERED) <= now
    }
}

#[cfg(test)]
mod tests {
    use lyceum_kernel::ManualClock;

    use super::*;

    fn digest(input: &str) -> InputDigest {
        InputDigest::of("moderation", "review", &input)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn clock(seconds: i64) -> ManualClock {
        ManualClock::at(at(seconds))
    }

    #[test]
    fn the_second_failure_shuts_an_input_out_for_an_hour() {
        let quarantine = Quarantine::default();
        assert!(quarantine.holds(&clock(0), || unreachable!("nothing is known")).is_none());
        assert!(!quarantine.failed(digest("a"), at(0)));
        assert!(quarantine.holds(&clock(1), || Some(digest("a"))).is_none());
        assert!(quarantine.failed(digest("a"), at(1)));
        assert!(quarantine.holds(&clock(3600), || Some(digest("a"))).is_some());
        assert!(quarantine.holds(&clock(3600), || Some(digest("b"))).is_none());
        assert!(quarantine.holds(&clock(3601), || Some(digest("a"))).is_none());
    }

    #[test]
    fn failures_an_hour_apart_are_two_first_ones() {
        let quarantine = Quarantine::default();
        assert!(!quarantine.failed(digest("a"), at(0)));
        assert!(!quarantine.failed(digest("a"), at(3600)));
    }

    #[test]
    fn the_oldest_is_forgotten_when_there_are_too_many() {
        let quarantine = Quarantine::default();
        for n in 0..=MOST {
            assert!(!quarantine.failed(digest(&n.to_string()), at(i64::try_from(n).expect("few"))));
        }
        assert!(!quarantine.failed(digest("0"), at(300)), "it was forgotten, so this is its first");
        assert!(quarantine.failed(digest("256"), at(301)));
    }
}
