//! Hashing passwords: Argon2id (RFC 9106), off the async threads, a few at once.

use std::{sync::Arc, time::Duration};

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::{self, SaltString},
};
use lyceum_kernel::{ErrorCode, Failure, Result};
use tokio::sync::Semaphore;

use super::secret::{Password, PasswordHash};

/// What one hash costs. The default is the OWASP minimum for Argon2id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashingCost {
    /// Memory of one hash in KiB.
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
    /// How many are hashed at once; the others wait.
    pub at_once: usize,
    /// How long one waits for its turn before it is UNAVAILABLE.
    pub max_wait: Duration,
}

impl Default for HashingCost {
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2, lanes: 1, at_once: 2, max_wait: Duration::from_secs(5) }
    }
}

pub(super) struct Hasher {
    argon: Argon2<'static>,
    gate: Arc<Semaphore>,
    max_wait: Duration,
    /// The hash of nobody's password: what sign-in compares with when there
    /// is no such account, so that both ways take the same time.
    nobody: PasswordHash,
}

impl Hasher {
    pub(super) fn new(cost: &HashingCost) -> Result<Self> {
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, None)
            .map_err(|e| Failure::internal(e.to_string()))?;
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = hash_now(&argon, &rand::random::<[u8; 16]>()).map_err(|e| Failure::internal(e.to_string()))?;
        Ok(Self { argon, gate: Arc::new(Semaphore::new(cost.at_once.max(1))), max_wait: cost.max_wait, nobody })
    }

    /// # Errors
    /// UNAVAILABLE when too many wait.
    pub(super) async fn hash(&self, password: &Password) -> Result<PasswordHash> {
        let password = password.clone();
        let hash = self.run(move |argon| hash_now(argon, password.expose().as_bytes())).await?;
        hash.map_err(|e| Failure::internal(e.to_string()))
    }

    /// Whether this is the password of `account`. Does the same work without one.
    ///
    /// # Errors
    /// UNAVAILABLE when too many wait.
    pub(super) async fn verify(&self, password: &Password, account: Option<&PasswordHash>) -> Result<bool> {
        let password = password.clone();
        let stored = account.unwrap_or(&self.nobody).clone();
        let same = self.run(move |argon| is_password_of(argon, &password, &stored)).await?;
        Ok(same && account.is_some())
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&Argon2<'static>) -> T + Send + 'static) -> Result<T> {
        let turn = tokio::time::timeout(self.max_wait, self.gate.clone().acquire_owned());
        let permit = turn.await.map_err(busy)?.map_err(Failure::internal)?;
        let argon = self.argon.clone();
        // The permit goes along: the work goes on when the caller has left.
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work(&argon)
        });
        task.await.map_err(Failure::internal)
    }
}

fn busy(waited: tokio::time::error::Elapsed) -> Failure {
    Failure::new(ErrorCode::Unavailable, "Too many people sign in at this moment. Try again.").caused_by(waited)
}

fn hash_now(argon: &Argon2<'_>, password: &[u8]) -> password_hash::Result<PasswordHash> {
    let salt = SaltString::encode_b64(&rand::random::<[u8; 16]>())?;
    Ok(PasswordHash::new(argon.hash_password(password, &salt)?.to_string()))
}

fn is_password_of(argon: &Argon2<'_>, password: &Password, stored: &PasswordHash) -> bool {
    password_hash::PasswordHash::new(stored.expose())
        .is_ok_and(|hash| argon.verify_password(password.expose().as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn hashes_with_argon2id_at_the_configured_cost() {
        let hasher = Hasher::new(&HashingCost::default()).expect("a valid cost");
        let password = Password::new("correct horse");
        let hash = hasher.hash(&password).await.expect("hashed");
        assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(hasher.verify(&password, Some(&hash)).await.expect("verified"));
        assert!(!hasher.verify(&Password::new("wrong horse"), Some(&hash)).await.expect("verified"));
        assert!(!hasher.verify(&password, None).await.expect("verified"));
    }

    #[tokio::test]
    async fn who_waits_too_long_is_told_to_try_again() {
        let cost =
            HashingCost { memory_kib: 8, passes: 1, at_once: 1, max_wait: Duration::ZERO, ..HashingCost::default() };
        let hasher = Hasher::new(&cost).expect("a valid cost");
        let _busy = hasher.gate.clone().acquire_owned().await;
        let refused = hasher.hash(&Password::new("correct horse")).await.expect_err("no turn");
        assert_eq!(refused.code(), ErrorCode::Unavailable);
    }
}
