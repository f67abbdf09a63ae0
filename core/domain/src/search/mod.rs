//! Search over published entries.
//!
//! The index finds ids; what is shown of a hit is read again through the
//! viewer. The index is fed from the outbox, so a crash between publishing and
//! indexing loses nothing. An index that belongs to one node is fed from a place
//! of its own, and filled again until that was done to the end once.
//!
//! **Invariant:** a stale index can leak nothing: an entry that the viewer may
//! not read is dropped, and so is a hit in gated text without the entitlement.
//! **Invariant:** the index holds ids of what an entry refers to, never names.

mod document;
mod feed;
mod indexer;
mod port;
mod question;
mod service;
mod snippet;

pub use indexer::Progress;
pub use port::*;
pub use service::{Asked, Found, Search, SearchHit};
pub use snippet::{Snippet, highlight};

/// The types that search covers.
pub const KINDS: &[&str] = &["course", "lesson"];

/// The outbox consumer that feeds the index. With an index of its own each node
/// is a consumer: the first is `search`, others are `search:` and an id.
pub const CONSUMER: &str = "search";
