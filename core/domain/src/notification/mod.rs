//! Messages to people: mail, SMS, push. This domain writes the texts and keeps
//! them in the queue of deliveries; a plugin carries them ([`Notifier`]).
//!
//! **Invariant:** a message is put into the queue in the transaction of what
//! it tells of: both happen or neither does.
//! **Invariant:** what a message says is sealed while it waits, since it may
//! hold a code that opens an account. Who manages plugins sees to whom a
//! message goes and which one it is, never the code.
//! **Invariant:** a message belongs to its channel and to no plugin: it waits
//! when nobody serves the channel, and outlives the carrier that failed.
//! **Invariant:** nobody gets a message whose code is not good any more.
//!
//! In development, when nobody serves the channel, the message is printed to
//! the log instead.
//!
//! Absent on purpose: texts of the owner's own.

mod gather;
mod message;
mod port;
mod service;
mod text;

pub use gather::BATCH;
pub use message::{Channel, Message, Recipient, Template};
pub use port::*;
pub use service::Notifications;
