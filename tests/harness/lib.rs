//! The test harness: a whole Lyceum on a real listener, told in English.
//!
//! **Invariant:** no fixed port and no fixed wait: listeners take a free port,
//! and what has to happen is polled for with a deadline.
//! **Invariant:** the clock stands still until a test turns it.
//! **Invariant:** set-up goes through the public API; only the first
//! administrator is made beside it, as `lyceum user create` does.

#![allow(clippy::unwrap_used)]

mod app;
mod gateway;
mod person;
mod place;
mod plugins;
mod shop;

pub use app::TestApp;
pub use gateway::Gateway;
pub use person::{PASSWORD, Person, code_of};
pub use place::{Place, each_database, skipped};
pub use plugins::component;
pub use shop::{entry, publish};

use std::{path::PathBuf, time::Duration};

/// How long anything may take that is polled for.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A path from the root of the repository.
#[must_use]
pub fn at_root(path: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the root").to_owned();
    root.join(path)
}

/// Polls until there is an answer.
///
/// # Panics
/// After [`DEADLINE`].
pub async fn until<T>(what: &str, check: impl AsyncFn() -> Option<T>) -> T {
    let started = std::time::Instant::now();
    loop {
        if let Some(answer) = check().await {
            return answer;
        }
        assert!(started.elapsed() < DEADLINE, "{what} did not happen in {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
