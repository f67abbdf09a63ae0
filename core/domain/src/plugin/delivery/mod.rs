//! Deliveries: what a plugin is to be told, again and again until it heard.
//!
//! One table for everything that is handed to plugins behind the scenes:
//! after-hooks and messages today. Each kind has a handler; waiting, order,
//! leases, retries and dead letters are the same for all and stand here.
//!
//! **Invariant:** an item is in the hands of one worker at a time, of however
//! many processes. A worker that dies loses its lease, and the item is tried
//! again.
//! **Invariant:** items of one plugin, kind and subject are delivered in their
//! order, one after the other. What fails holds up its own subject only.
//! **Invariant:** an item is tried at most [`TRIES`] times; then it is a dead
//! letter, which holds up nothing and can be replayed for thirty days.

mod model;
mod pauses;
mod rows;
mod service;
mod worker;

pub use model::{DeliveryHandler, DeliveryKind, Item, NewItem, Undelivered};
pub use pauses::{TRIES, pause_after};
pub use service::Deliveries;
pub(crate) use worker::sleep_until_change;
pub use worker::{Feed, SLOTS, run};
