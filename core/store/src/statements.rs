//! Every statement of a request goes through here: it is counted, and a long
//! one is not kept by its connection.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement, Value};

use crate::once::{self, Connection};

tokio::task_local! {
    static LOG: Arc<StatementLog>;
}

/// The statements that one request ran.
#[derive(Debug, Default)]
pub struct StatementLog(Mutex<Vec<String>>);

impl StatementLog {
    /// Runs `work` and notes every statement it runs.
    pub async fn record<F: Future>(self: Arc<Self>, work: F) -> F::Output {
        LOG.scope(self, work).await
    }

    #[must_use]
    pub fn statements(&self) -> Vec<String> {
        self.0.lock().map(|list| list.clone()).unwrap_or_default()
    }
}

/// Runs `work` in a task of its own, which goes on when nobody waits for it any
/// more. Its statements are noted in the log of this request.
pub(crate) fn spawn<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> tokio::task::JoinHandle<T> {
    match LOG.try_with(Arc::clone) {
        Ok(log) => tokio::spawn(log.record(work)),
        Err(_) => tokio::spawn(work),
    }
}

/// Notes a statement in the log of the running request, if it keeps one.
pub(crate) fn note(sql: &str) {
    // Outside of a recorded request there is nothing to note.
    let _ = LOG.try_with(|log| {
        if let Ok(mut list) = log.0.lock() {
            list.push(sql.to_owned());
        }
    });
}

/// What [`refuse_nul`] answers.
pub(crate) const NUL: &str = "a text with U+0000 was to be sent";

/// Refuses a text that PostgreSQL does not hold, on SQLite too. Every door has
/// its own check, which knows the path; here none is missed.
fn refuse_nul(statement: &Statement) -> Result<(), DbErr> {
    let values = statement.values.as_ref().map(|values| values.0.as_slice()).unwrap_or_default();
    let has_nul = |value: &Value| matches!(value, Value::String(Some(text)) if text.contains('\0'));
    if values.iter().any(has_nul) { Err(DbErr::Custom(NUL.to_owned())) } else { Ok(()) }
}

/// A connection or transaction whose statements are counted.
#[derive(Debug, Clone)]
pub struct Statements<C>(pub(crate) C);

#[cfg(test)]
impl Statements<sea_orm::DatabaseConnection> {
    pub(crate) fn pool(&self) -> &sea_orm::DatabaseConnection {
        &self.0
    }
}

#[async_trait]
impl<C: ConnectionTrait + Connection + Send> ConnectionTrait for Statements<C> {
    fn get_database_backend(&self) -> DbBackend {
        self.0.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        note(&statement.sql);
        refuse_nul(&statement)?;
        self.0.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        note(sql);
        self.0.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        note(&statement.sql);
        refuse_nul(&statement)?;
        match self.0.pool() {
            Some(pool) if once::is_long(&statement) => Ok(once::query_all(pool, statement).await?.into_iter().next()),
            _ => self.0.query_one_raw(statement).await,
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        note(&statement.sql);
        refuse_nul(&statement)?;
        match self.0.pool() {
            Some(pool) if once::is_long(&statement) => once::query_all(pool, statement).await,
            _ => self.0.query_all_raw(statement).await,
        }
    }
}
