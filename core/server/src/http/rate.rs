//! A rate limit in memory: so many in a window, refilled evenly (GCRA, the
//! "leaky bucket as a meter" of ITU-T I.371).
//!
//! **Invariant:** memory is bounded whatever the keys are.
//! **Invariant:** nobody gets a fresh allowance by bringing many other keys: a
//! key that has used its allowance is forgotten only when it would have been
//! refilled. Keys for which there is no room share one allowance.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Parts with a lock of their own.
const SHARDS: usize = 16;
/// What the keys without room share, in allowances of one key.
const SHARED_ALLOWANCES: u32 = 10;

/// Limits each key to a rate.
pub(crate) struct RateLimiter<K> {
    /// One unit is refilled in this time.
    interval: Duration,
    window: Duration,
    shards: Vec<Mutex<Shard<K>>>,
    keys_per_shard: usize,
    /// With a key of its own for each process: nobody can fill one shard on purpose.
    hasher: RandomState,
}

struct Shard<K> {
    /// When the key would be refilled whole.
    refilled_at: HashMap<K, Instant>,
    shared: Option<Instant>,
    /// Before it, there is nothing to forget.
    next_sweep: Option<Instant>,
}

/// The allowance is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RetryAfter(pub Duration);

impl RetryAfter {
    /// Whole seconds, at least one.
    pub fn seconds(self) -> u64 {
        self.0.as_secs() + u64::from(self.0.subsec_nanos() > 0 || self.0.is_zero())
    }
}

impl<K: Hash + Eq> RateLimiter<K> {
    /// `count` in each `window`, for at most about `keys` keys at once.
    pub fn new(count: u32, window: Duration, keys: usize) -> Self {
        let shard = || Mutex::new(Shard { refilled_at: HashMap::new(), shared: None, next_sweep: None });
        Self {
            interval: window / count.max(1),
            window,
            shards: (0..SHARDS).map(|_| shard()).collect(),
            keys_per_shard: (keys / SHARDS).max(1),
            hasher: RandomState::new(),
        }
    }

    /// Uses one unit of a key's allowance.
    ///
    /// # Errors
    /// [`RetryAfter`] tells when there will be one.
    pub fn take(&self, key: K, now: Instant) -> Result<(), RetryAfter> {
        #[allow(clippy::cast_possible_truncation, reason = "a part of the hash is enough")]
        let index = self.hasher.hash_one(&key) as usize % SHARDS;
        let mut shard = self.shards[index].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(refilled_at) = shard.refilled_at.get_mut(&key) {
            return use_unit(refilled_at, self.interval, self.window, now);
        }
        if shard.has_room(self.keys_per_shard, now) {
            shard.refilled_at.insert(key, now + self.interval);
            return Ok(());
        }
        let interval = self.interval / SHARED_ALLOWANCES;
        use_unit(shard.shared.get_or_insert(now), interval, self.window, now)
    }
}

/// Moves the time of being refilled on by one unit, unless that were beyond the window.
fn use_unit(refilled_at: &mut Instant, interval: Duration, window: Duration, now: Instant) -> Result<(), RetryAfter> {
    let next = (*refilled_at).max(now) + interval;
    match next.checked_duration_since(now + window) {
        Some(wait) if !wait.is_zero() => Err(RetryAfter(wait)),
        _ => {
            *refilled_at = next;
            Ok(())
        }
    }
}

impl<K: Hash + Eq> Shard<K> {
    /// Forgets the keys that are refilled, when there is no room otherwise.
    fn has_room(&mut self, most: usize, now: Instant) -> bool {
        if self.refilled_at.len() >= most && self.next_sweep.is_none_or(|next| next <= now) {
            self.refilled_at.retain(|_, refilled_at| *refilled_at > now);
            self.next_sweep = self.refilled_at.values().min().copied();
        }
        self.refilled_at.len() < most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn allowed(limiter: &RateLimiter<u32>, key: u32, tries: u32, now: Instant) -> usize {
        (0..tries).filter(|_| limiter.take(key, now).is_ok()).count()
    }

    #[test]
    fn a_key_has_its_count_at_once_and_then_its_rate() {
        let (limiter, start) = (RateLimiter::new(10, 10 * SECOND, 1000), Instant::now());
        assert_eq!(allowed(&limiter, 1, 100, start), 10);
        assert_eq!(limiter.take(1, start), Err(RetryAfter(SECOND)));
        assert_eq!(allowed(&limiter, 2, 100, start), 10, "another key has its own");
        assert_eq!(allowed(&limiter, 1, 100, start + 3 * SECOND), 3);
        assert_eq!(allowed(&limiter, 1, 100, start + 60 * SECOND), 10);
    }

    #[test]
    fn the_wait_is_told_in_whole_seconds() {
        assert_eq!(RetryAfter(Duration::from_millis(1)).seconds(), 1);
        assert_eq!(RetryAfter(SECOND).seconds(), 1);
        assert_eq!(RetryAfter(Duration::from_millis(1001)).seconds(), 2);
        assert_eq!(RetryAfter(Duration::ZERO).seconds(), 1);
    }

    #[test]
    fn many_other_keys_do_not_give_a_fresh_allowance() {
        let (limiter, start) = (RateLimiter::new(2, 60 * SECOND, 64), Instant::now());
        assert_eq!(allowed(&limiter, 0, 10, start), 2);
        let passed: usize = (1..10_000).map(|key| allowed(&limiter, key, 1, start)).sum();
        assert_eq!(limiter.take(0, start + SECOND), Err(RetryAfter(29 * SECOND)));
        let most = 64 + SHARDS * 2 * SHARED_ALLOWANCES as usize;
        assert!(passed <= most, "{passed} passed, of at most {most}");
        let kept: usize = limiter.shards.iter().map(|shard| shard.lock().expect("whole").refilled_at.len()).sum();
        assert!(kept <= 64, "{kept} keys are kept");
    }

    #[test]
    fn refilled_keys_make_room() {
        let (limiter, start) = (RateLimiter::new(1, SECOND, 16), Instant::now());
        let refused = (0..1000).filter(|key| limiter.take(*key, start).is_err()).count();
        assert!(refused > 0, "there is no room for so many keys");
        let later = start + 2 * SECOND;
        assert_eq!(limiter.take(5000, later), Ok(()));
        assert_eq!(limiter.take(5000, later), Err(RetryAfter(SECOND)));
    }
}
