//! Ranking: a list of courses ordered by a plugin.
//!
//! **Invariant:** a ranker gets only the columns it asks for, and no ids.
//! **Invariant:** it falls open: whatever goes wrong with a ranker, the list
//! comes in the default order, newest first, with every item.
//! **Invariant:** `affinity`, `co-enrolment` and `author-affinity` say something
//! about a person; for visitors they are 0.
//! **Invariant:** a column that costs more than a look at the course is computed
//! only for a ranker that asks for it.

mod candidates;
pub mod history;
mod neighbours;
mod order;
mod port;
mod recommend;
mod service;
mod shadow;

pub use order::RankItem;
pub use port::*;
pub use service::{RankedBy, Ranking};

/// The columns a ranker can ask for.
///
/// - `age-hours` (f32): hours since publication.
/// - `enrolments`, `comments`, `lessons` (u32): how many there are.
/// - `price-minor` (u64): the price in minor units, 0 when it is free.
/// - `affinity` (f32, 0 to 1): the share of the item's tags that the viewer's items have.
/// - `recent-enrolments` (u32): enrolments of the last thirty days.
/// - `co-enrolment` (f32, from 0): how strongly the item goes with the viewer's
///   latest items, by what other people took about the same time; see [`history`].
/// - `author-affinity` (f32, 0 to 1): the share of the viewer's latest items that
///   are by the item's author.
pub const COLUMNS: &[&str] = &[
    "age-hours",
    "enrolments",
    "comments",
    "price-minor",
    "lessons",
    "affinity",
    "recent-enrolments",
    "co-enrolment",
    "author-affinity",
];
