//! How far a change is from what set it off. A plugin that is told of a change
//! may make the next one, of which others are told.
//!
//! **Invariant:** changes answer one another at most [`HOPS`] times, so two
//! plugins that undo each other's work come to an end. The one that is refused
//! fails in its delivery, where the owner sees it.
//!
//! The count goes with the task that tells the plugin: what a guest changes
//! meanwhile comes back to us on the same task.

use lyceum_kernel::{ErrorCode, Event, Failure, Result};
use serde_json::Value as Json;

/// So often one plugin's change may answer another.
pub const HOPS: u64 = 5;

/// Under this name an event keeps its count.
const KEPT: &str = "hops";

tokio::task_local! {
    static NOW: u64;
}

/// Does `work`, whose changes answer one that is so far away itself.
pub(super) async fn answering<T>(hops: u64, work: impl Future<Output = T>) -> T {
    NOW.scope(hops.saturating_add(1), work).await
}

/// The count in an event's data; 0 for what answers nothing.
pub(super) fn of(data: &Json) -> u64 {
    data[KEPT].as_u64().unwrap_or_default()
}

/// The event with its count.
///
/// # Errors
/// INVALID_STATE when it is one too many.
pub(super) fn counted(event: Event) -> Result<Event> {
    let Ok(hops) = NOW.try_with(|hops| *hops) else { return Ok(event) };
    if hops > HOPS {
        let text = format!("Plugins have answered each other's changes {HOPS} times. It ends here.");
        return Err(Failure::new(ErrorCode::InvalidState, text));
    }
    Ok(event.noting(KEPT, hops))
}
