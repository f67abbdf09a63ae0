//! The database: the handle, transactions with their events, compiled reads,
//! and the tables of content types.
//!
//! **Invariant:** SQLite and PostgreSQL behave alike behind this crate.
//! **Invariant:** a read that leaves this crate went through a viewer's plan.

mod connect;
mod database;
mod failed;
pub mod folding;
mod health;
mod once;
mod outbox;
pub mod read;
pub mod schema;
mod sqlite;
mod statements;
pub mod work;

pub use database::{ConnectError, Database, Dialect, Options, Synchronous, Write};
pub use failed::{failed, is_deadlock, is_foreign_key_violation};
pub use outbox::{Delivery, Outbox, Place};
pub use statements::{StatementLog, Statements};
