//! Moderation: texts are looked at before they are shown, and people decide
//! what machines hold.
//!
//! **Invariant:** all active moderators are asked and the strictest verdict
//! counts. One that fails counts as `hold`. With none installed, all is allowed.
//! **Invariant:** moderators are asked outside of any transaction.
//! **Invariant:** an item is decided once. Of two people who decide at the same
//! time, one gets INVALID_STATE.
//! **Invariant:** what a moderator says is cut to size before it is stored.
//!
//! What an item is about belongs to another domain, which states how a
//! decision is carried out: [`Moderated`].

mod port;
mod review;
mod service;
mod shadow;
mod store;

pub use port::*;
pub use review::Review;
pub(crate) use service::record;
pub use service::{Moderated, Moderation, Ruling};
