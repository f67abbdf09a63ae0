//! What one person, or one network of visitors, may spend on queries in a
//! minute: a bucket of cost that fills evenly.
//!
//! It is counted in the memory of this server. The machine itself is not
//! counted: whoever stands before the server as a proxy has to be named in
//! `server.trusted_proxies`, or all its clients are this machine.
//!
//! **Invariant:** a request is refused before it runs when the bucket is empty;
//! what it cost is taken out afterwards, so a bucket may owe one request.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use lyceum_domain::identity::Peer;
use lyceum_kernel::{ErrorCode, Failure, Result, Viewer};
use quick_cache::sync::Cache;

/// Buckets that are kept. One that is forgotten is full again; who wants that
/// needs as many networks.
const BUCKETS: usize = 100_000;
/// Seconds in which an empty bucket is full.
const WINDOW: u32 = 60;

/// The buckets of one server.
pub struct Budgets {
    per_minute: u64,
    buckets: Cache<String, Arc<Mutex<Bucket>>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

/// The bucket of one request.
pub struct Budget {
    per_minute: u64,
    bucket: Arc<Mutex<Bucket>>,
}

/// What a client is told of its bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remaining {
    pub per_minute: u64,
    pub left: u64,
    /// Until it is full again.
    pub seconds: u64,
}

impl Budgets {
    pub fn new(per_minute: u64) -> Self {
        Self { per_minute, buckets: Cache::new(BUCKETS) }
    }

    /// The bucket of this request; `None` where nothing is counted.
    pub fn of(&self, viewer: &Viewer, peer: &Peer) -> Option<Budget> {
        let local = peer.address.is_none_or(|address| address.to_canonical().is_loopback());
        if self.per_minute == 0 || local {
            return None;
        }
        let key = viewer.user.map(|user| format!("user:{user}")).or_else(|| peer.network())?;
        let full = || Arc::new(Mutex::new(Bucket { left: self.per_minute as f64, at: Instant::now() }));
        let bucket = self.buckets.get_or_insert_with(&key, || Ok::<_, std::convert::Infallible>(full()));
        Some(Budget { per_minute: self.per_minute, bucket: bucket.unwrap_or_else(|never| match never {}) })
    }
}

impl Budget {
    /// # Errors
    /// RATE_LIMITED when it is empty.
    pub fn check(&self) -> Result<()> {
        let bucket = self.filled(Instant::now());
        if bucket.left > 0.0 {
            return Ok(());
        }
        let seconds = self.seconds(-bucket.left).max(1);
        let message = format!("Your queries cost more than {} a minute. Wait {seconds} seconds.", self.per_minute);
        let failure = Failure::new(ErrorCode::RateLimited, message).with("retryAfterSeconds", seconds);
        Err(failure.with("limit", self.per_minute).with("remaining", 0))
    }

    /// Takes out what a request cost.
    pub fn spend(&self, cost: u64) -> Remaining {
        let mut bucket = self.filled(Instant::now());
        bucket.left -= cost.max(1) as f64;
        if let Ok(mut kept) = self.bucket.lock() {
            *kept = bucket;
        }
        let missing = self.per_minute as f64 - bucket.left;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to the limit")]
        let left = bucket.left.max(0.0) as u64;
        Remaining { per_minute: self.per_minute, left, seconds: self.seconds(missing) }
    }

    fn filled(&self, now: Instant) -> Bucket {
        let kept = self.bucket.lock().map_or(Bucket { left: 0.0, at: now }, |bucket| *bucket);
        let seconds = now.saturating_duration_since(kept.at).as_secs_f64();
        let most = self.per_minute as f64;
        Bucket { left: (kept.left + seconds * most / f64::from(WINDOW)).min(most), at: now }
    }

    /// How long so much takes to flow in.
    fn seconds(&self, cost: f64) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and a few minutes")]
        let seconds = (cost * f64::from(WINDOW) / self.per_minute as f64).ceil().max(0.0) as u64;
        seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Peer {
        Peer { address: address.parse().ok(), ..Peer::default() }
    }

    #[test]
    fn an_empty_bucket_refuses_its_own_network_only() {
        let budgets = Budgets::new(100);
        let of = |address: &str| budgets.of(&Viewer::default(), &peer(address)).expect("it is counted");
        assert!(of("192.0.2.1").check().is_ok());
        assert_eq!(of("192.0.2.1").spend(40).left, 60);
        assert_eq!(of("192.0.2.1").spend(300).left, 0);
        let refused = of("192.0.2.1").check().expect_err("it owes");
        assert_eq!(refused.code(), ErrorCode::RateLimited);
        assert!(of("192.0.2.2").check().is_ok());
        assert!(of("2001:db8::1").spend(500).left == 0 && of("2001:db8::2").check().is_err(), "one /64 is one network");
    }

    #[test]
    fn the_machine_itself_is_not_counted() {
        let budgets = Budgets::new(100);
        for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(budgets.of(&Viewer::default(), &peer(address)).is_none(), "{address}");
        }
        assert!(Budgets::new(0).of(&Viewer::default(), &peer("192.0.2.1")).is_none(), "0 is no limit");
    }
}
