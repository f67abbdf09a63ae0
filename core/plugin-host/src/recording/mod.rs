//! Calls of plugins, kept so that they can be made again: on a new version of a
//! plugin, on a new version of Lyceum, and in a plugin's own tests.
//!
//! A running server keeps only calls that depend on nothing but their input:
//! ranking, moderation, hooks before a change, and fields of the API. The other
//! functions are for the fixtures of a plugin's tests.
//!
//! **Invariant:** recording never changes an answer and never waits: when it is
//! busy, a call is not kept.

mod call;
mod keeper;
mod replay;
mod wrap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

pub use call::Call;
pub use keeper::{CALLS_KEPT, Recorder};
pub use replay::Replayed;

/// One call with what was answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    pub call: Call,
    /// As JSON, so that an answer of an older version can still be compared.
    pub answer: Json,
}
