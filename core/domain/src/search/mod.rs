//! Search over published entries.
//!
//! The index finds ids; what is shown of a hit is read again through the
//! viewer. The index is fed from the outbox, so a crash between publishing and
//! indexing loses nothing.
//!
//! **Invariant:** a stale index can leak nothing: an entry that the viewer may
//! not read is dropped, and so is a hit in gated text without the entitlement.

mod document;
mod indexer;
mod port;
mod service;
mod snippet;

pub use indexer::Progress;
pub use port::*;
pub use service::{Asked, Found, Search, SearchHit};
pub use snippet::{Snippet, highlight};

/// The types that search covers.
pub const KINDS: &[&str] = &["course", "lesson"];

/// The outbox consumer that feeds the index.
pub const CONSUMER: &str = "search";
