//! The database: the handle, transactions with their events, compiled reads,
//! and the tables of content types.
//!
//! **Invariant:** SQLite and PostgreSQL behave alike behind this crate.
//! **Invariant:** a read that leaves this crate went through a viewer's plan.

mod database;
mod outbox;
pub mod read;
pub mod schema;
mod statements;

pub use database::{ConnectError, Database, Dialect, Options, Write};
pub use outbox::{Delivery, Outbox};
pub use statements::{StatementLog, Statements};

use lyceum_kernel::{ErrorCode, Failure};
use sea_orm::{DbErr, SqlErr};

/// A database error as a failure: internal, but for a broken unique constraint.
pub fn failed(error: DbErr) -> Failure {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => {
            Failure::new(ErrorCode::Conflict, "Something else already has this value.").caused_by(error)
        }
        _ => Failure::internal(error),
    }
}
