//! What a database error means for the one who asked.

use std::error::Error as _;

use lyceum_kernel::{ErrorCode, Failure, text::TextError};
use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

use crate::statements::NUL;

/// What went wrong, as far as a client has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    /// The statement ran longer than it may.
    TimedOut,
    /// The database is away, cannot write or is too busy: later it may work.
    Unavailable,
    /// Our fault.
    Internal,
}

/// A database error as a failure: BAD_USER_INPUT for a text that no database
/// takes, CONFLICT for a broken unique constraint,
/// QUERY_TIMEOUT for a statement that was ended, UNAVAILABLE when the database
/// is away, full or too busy, else INTERNAL.
pub fn failed(error: DbErr) -> Failure {
    if let Some(SqlErr::UniqueConstraintViolation(_)) = error.sql_err() {
        return Failure::new(ErrorCode::Conflict, "Something else already has this value.").caused_by(error);
    }
    if matches!(&error, DbErr::Custom(text) if text == NUL) {
        return Failure::input("", TextError::Nul.to_string()).caused_by(error);
    }
    match condition(&error) {
        Condition::TimedOut => {
            tracing::warn!("a statement was ended at its time limit");
            let message = "This took longer than allowed and was ended. Ask for less, or try again.";
            Failure::new(ErrorCode::QueryTimeout, message).caused_by(error)
        }
        Condition::Unavailable => {
            tracing::warn!(cause = %error, "the database is not available");
            Failure::new(ErrorCode::Unavailable, "The database is not available now. Try again.").caused_by(error)
        }
        Condition::Internal => Failure::internal(error),
    }
}

/// Whether the database ended a transaction because it and another one waited
/// for each other. Nothing of it was written; done again it may succeed.
#[must_use]
pub fn is_deadlock(failure: &Failure) -> bool {
    match failure.source().and_then(|cause| cause.downcast_ref::<DbErr>()) {
        Some(DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) => {
            let code = error.as_database_error().and_then(|error| error.code());
            // serialization_failure, deadlock_detected
            matches!(code.as_deref(), Some("40001" | "40P01"))
        }
        _ => false,
    }
}

/// Whether a row was not written or not deleted because of a foreign key.
///
/// SQLite has a code of its own for `ON DELETE RESTRICT` (1811,
/// SQLITE_CONSTRAINT_TRIGGER), which [`DbErr::sql_err`] does not know.
#[must_use]
pub fn is_foreign_key_violation(error: &DbErr) -> bool {
    match error {
        _ if matches!(error.sql_err(), Some(SqlErr::ForeignKeyConstraintViolation(_))) => true,
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            let code = error.as_database_error().and_then(|error| error.code());
            // A trigger of ours that refuses has the same code and its own words.
            code.as_deref() == Some("1811") && error.to_string().contains("FOREIGN KEY constraint failed")
        }
        _ => false,
    }
}

fn condition(error: &DbErr) -> Condition {
    match error {
        DbErr::ConnectionAcquire(_) => Condition::Unavailable,
        DbErr::Conn(RuntimeErr::SqlxError(_)) => Condition::Unavailable,
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => of_driver(error),
        _ => Condition::Internal,
    }
}

fn of_driver(error: &sqlx::Error) -> Condition {
    use sqlx::Error;
    match error {
        Error::Database(error) => error.code().map_or(Condition::Internal, |code| of_code(&code)),
        Error::Io(_) | Error::Tls(_) | Error::PoolTimedOut | Error::PoolClosed => Condition::Unavailable,
        Error::WorkerCrashed | Error::BeginFailed => Condition::Unavailable,
        _ => Condition::Internal,
    }
}

/// The five characters of PostgreSQL (SQLSTATE) or the number of SQLite.
fn of_code(code: &str) -> Condition {
    match (code.len(), code.parse::<u32>()) {
        (5, _) => of_sqlstate(code),
        // The low byte is the primary code.
        (_, Ok(number)) => of_sqlite(number & 0xFF),
        _ => Condition::Internal,
    }
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn of_sqlstate(code: &str) -> Condition {
    match code {
        // query_canceled
        "57014" => Condition::TimedOut,
        // read_only_sql_transaction, idle_in_transaction_session_timeout
        "25006" | "25P03" => Condition::Unavailable,
        // serialization_failure, deadlock_detected, lock_not_available
        "40001" | "40P01" | "55P03" => Condition::Unavailable,
        // connection exceptions, lack of resources, operator intervention
        _ if ["08", "53", "57P"].iter().any(|class| code.starts_with(class)) => Condition::Unavailable,
        _ => Condition::Internal,
    }
}

/// <https://www.sqlite.org/rescode.html>
fn of_sqlite(primary: u32) -> Condition {
    match primary {
        // SQLITE_INTERRUPT
        9 => Condition::TimedOut,
        // SQLITE_BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN
        5 | 6 | 8 | 10 | 13 | 14 => Condition::Unavailable,
        _ => Condition::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_both_databases_say_what_happened() {
        for (code, condition) in [
            ("57014", Condition::TimedOut),
            ("57P01", Condition::Unavailable),
            ("57P03", Condition::Unavailable),
            ("53300", Condition::Unavailable),
            ("08006", Condition::Unavailable),
            ("55P03", Condition::Unavailable),
            ("42P01", Condition::Internal),
            ("22001", Condition::Internal),
            ("9", Condition::TimedOut),
            ("13", Condition::Unavailable),
            // SQLITE_IOERR_WRITE, SQLITE_BUSY_SNAPSHOT
            ("778", Condition::Unavailable),
            ("517", Condition::Unavailable),
            // SQLITE_ERROR, SQLITE_CONSTRAINT_NOTNULL
            ("1", Condition::Internal),
            ("1299", Condition::Internal),
        ] {
            assert_eq!(of_code(code), condition, "{code}");
        }
    }

    #[test]
    fn waiting_for_a_connection_in_vain_is_no_fault_of_ours() {
        let failure = failed(DbErr::ConnectionAcquire(sea_orm::ConnAcquireErr::Timeout));
        assert_eq!(failure.code(), ErrorCode::Unavailable);
        assert_eq!(failed(DbErr::Custom("x".to_owned())).code(), ErrorCode::Internal);
    }
}
