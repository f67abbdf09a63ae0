//! Ranking: a list of courses ordered by a plugin.
//!
//! **Invariant:** a ranker gets only the columns it asks for, and no ids.
//! **Invariant:** it falls open: whatever goes wrong with a ranker, the list
//! comes in the default order, newest first, with every item.
//! **Invariant:** `affinity` says something about a person; for visitors it is 0.

mod candidates;
mod order;
mod port;
mod recommend;
mod service;

pub use order::RankItem;
pub use port::*;
pub use service::{RankedBy, Ranking};

/// The columns a ranker can ask for.
pub const COLUMNS: &[&str] = &["age-hours", "enrolments", "comments", "price-minor", "lessons", "affinity"];
