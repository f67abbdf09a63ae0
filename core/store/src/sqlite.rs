//! What SQLite itself has to be asked, below sqlx: to end a statement that
//! runs too long, whether a transaction is open, and to know a function of ours.
//!
//! **Invariant:** a connection that was returned by [`is_at_rest`] as at rest
//! has no transaction, neither for SQLite nor for sqlx.

use std::{
    ffi::{CString, c_int, c_uint, c_void},
    ptr, slice, str,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use libsqlite3_sys::{
    SQLITE_DETERMINISTIC, SQLITE_INNOCUOUS, SQLITE_OK, SQLITE_TRACE_PROFILE, SQLITE_TRACE_STMT, SQLITE_TRANSIENT,
    SQLITE_UTF8, sqlite3_context, sqlite3_create_function_v2, sqlite3_get_autocommit, sqlite3_result_error_nomem,
    sqlite3_result_null, sqlite3_result_text64, sqlite3_trace_v2, sqlite3_value, sqlite3_value_bytes,
    sqlite3_value_text,
};
use sea_orm::sqlx::{
    self, Connection as _,
    sqlite::{LockedSqliteHandle, SqliteConnection},
};

use crate::folding;

/// How many steps of SQLite's machine pass between two looks at the clock:
/// some tenths of a millisecond.
const STEPS: i32 = 10_000;

/// No statement runs.
const NONE: u64 = u64::MAX;

/// When the statement of one connection began.
struct StatementClock {
    base: Instant,
    /// Microseconds after `base`, or [`NONE`].
    began: AtomicU64,
}

impl StatementClock {
    fn new() -> Self {
        Self { base: Instant::now(), began: AtomicU64::new(NONE) }
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_micros()).unwrap_or(NONE - 1)
    }

    fn begin(&self) {
        self.began.store(self.micros(), Ordering::Relaxed);
    }

    fn end(&self) {
        self.began.store(NONE, Ordering::Relaxed);
    }

    /// How long the statement has run. SQLite asks while it prepares one too:
    /// that is timed from the first time it asks.
    fn elapsed(&self) -> Duration {
        match self.began.load(Ordering::Relaxed) {
            NONE => {
                self.begin();
                Duration::ZERO
            }
            began => Duration::from_micros(self.micros().saturating_sub(began)),
        }
    }
}

/// Ends every statement of this connection that runs longer than `limit`, with
/// SQLITE_INTERRUPT, whether or not anybody still waits for it.
///
/// # Errors
/// When the connection is broken.
pub(crate) async fn limit_statements(connection: &mut SqliteConnection, limit: Duration) -> Result<(), sqlx::Error> {
    let clock = Arc::new(StatementClock::new());
    let mut handle = connection.lock_handle().await?;
    trace(&mut handle, &clock)?;
    handle.set_progress_handler(STEPS, move || clock.elapsed() < limit);
    Ok(())
}

/// Has the clock told when a statement begins and ends.
#[expect(unsafe_code, reason = "sqlx has no call for sqlite3_trace_v2")]
fn trace(handle: &mut LockedSqliteHandle<'_>, clock: &Arc<StatementClock>) -> Result<(), sqlx::Error> {
    let context = Arc::as_ptr(clock).cast_mut().cast::<c_void>();
    // SAFETY: the handle is locked, so nobody else uses it now. The context is
    // used only while a statement runs; the progress handler, which the caller
    // sets next, owns the clock, and sqlx frees it when the connection is
    // dropped, after its statements. If the caller does not get that far, the
    // connection has run no statement since and is closed.
    let answer = unsafe {
        sqlite3_trace_v2(
            handle.as_raw_handle().as_ptr(),
            SQLITE_TRACE_STMT | SQLITE_TRACE_PROFILE,
            Some(traced),
            context,
        )
    };
    if answer == SQLITE_OK { Ok(()) } else { Err(sqlx::Error::Protocol("SQLite refused to trace statements".into())) }
}

#[expect(unsafe_code, reason = "called by SQLite")]
unsafe extern "C" fn traced(event: c_uint, context: *mut c_void, _: *mut c_void, _: *mut c_void) -> c_int {
    debug_assert!(!ptr::eq(context, ptr::null()), "the context is the clock");
    // SAFETY: see `trace`: the context is a clock that outlives all statements.
    let clock = unsafe { &*context.cast::<StatementClock>() };
    if event == SQLITE_TRACE_STMT {
        clock.begin()
    } else {
        clock.end()
    }
    0
}

/// Whether no transaction is open, after what was queued (a rollback) is done.
/// SQLite ends a transaction by itself when the disk is full, and sqlx does not
/// notice: what is then "committed" never is.
///
/// Call it once for each use of the connection, not in a loop: fifty locks that
/// the worker of sqlx has not yet noticed fill its channel, and both wait.
///
/// # Errors
/// When the connection is broken.
#[expect(unsafe_code, reason = "sqlx has no call for sqlite3_get_autocommit")]
pub(crate) async fn is_at_rest(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let mut handle = connection.lock_handle().await?;
    // SAFETY: the handle is locked, so nobody else uses it now.
    let autocommit = unsafe { sqlite3_get_autocommit(handle.as_raw_handle().as_ptr()) } != 0;
    drop(handle);
    Ok(autocommit && !connection.is_in_transaction())
}

/// Adds the function of [`folding`] to this connection.
///
/// # Errors
/// When the connection is broken.
#[expect(unsafe_code, reason = "sqlx has no call for sqlite3_create_function_v2")]
pub(crate) async fn add_folding(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let refused = || sqlx::Error::Protocol("SQLite refused a function".into());
    let name = CString::new(folding::FUNCTION).map_err(|_| refused())?;
    let mut handle = connection.lock_handle().await?;
    // SAFETY: the handle is locked, so nobody else uses it now. SQLite copies
    // the name, and the function has no data of its own.
    let answer = unsafe {
        sqlite3_create_function_v2(
            handle.as_raw_handle().as_ptr(),
            name.as_ptr(),
            1,
            SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
            ptr::null_mut(),
            Some(fold),
            None,
            None,
            None,
        )
    };
    if answer == SQLITE_OK { Ok(()) } else { Err(refused()) }
}

/// The one argument, folded; null for null and for what is not UTF-8.
#[expect(unsafe_code, reason = "called by SQLite")]
unsafe extern "C" fn fold(context: *mut sqlite3_context, count: c_int, values: *mut *mut sqlite3_value) {
    debug_assert_eq!(count, 1, "it was added with one argument");
    // SAFETY: SQLite calls with as many values as the function was added with,
    // and the text of a value stands until this returns; it is asked for before
    // its length, as SQLite wants it.
    let given = unsafe {
        let value = *values;
        let text = sqlite3_value_text(value);
        let length = usize::try_from(sqlite3_value_bytes(value)).unwrap_or_default();
        if text.is_null() { None } else { str::from_utf8(slice::from_raw_parts(text, length)).ok() }
    };
    let Some(text) = given.map(folding::folded) else {
        // SAFETY: the context is that of this call.
        return unsafe { sqlite3_result_null(context) };
    };
    let Ok(length) = u64::try_from(text.len()) else {
        // SAFETY: as above.
        return unsafe { sqlite3_result_error_nomem(context) };
    };
    // SAFETY: as above, and SQLite copies the text.
    unsafe { sqlite3_result_text64(context, text.as_ptr().cast(), length, SQLITE_TRANSIENT(), SQLITE_UTF8 as u8) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_between_two_statements_does_not_count() {
        // An hour after the connection was opened.
        let base = Instant::now().checked_sub(Duration::from_secs(3600)).unwrap_or_else(Instant::now);
        let clock = StatementClock { base, began: AtomicU64::new(0) };
        clock.end();
        // SQLite prepares a statement and asks for the first time.
        assert_eq!(clock.elapsed(), Duration::ZERO);
        assert_ne!(clock.began.load(Ordering::Relaxed), NONE);
    }
}
