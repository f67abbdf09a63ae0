//! Long statements, which are prepared, run once and forgotten.
//!
//! sea-orm has every statement kept by the connection, and the shape of a long
//! one is the client's: hundreds of kilobytes of text and megabytes of byte code
//! each, which nobody runs twice.

use std::sync::Arc;

use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, QueryResult, RuntimeErr, Statement,
    sqlx::{self, AssertSqlSafe},
};
use sea_query_sqlx::SqlxValues;

/// The longest text, in bytes, of a statement that a connection keeps.
const KEPT_BYTES: usize = 32 * 1024;

/// Whether the statement is too long to be kept.
pub(crate) fn is_long(statement: &Statement) -> bool {
    statement.sql.len() > KEPT_BYTES
}

/// Where statements run: in a pool, or in a transaction.
pub trait Connection {
    /// The pool, where a statement can be run without being kept.
    fn pool(&self) -> Option<&DatabaseConnection>;
}

impl Connection for DatabaseConnection {
    fn pool(&self) -> Option<&DatabaseConnection> {
        Some(self)
    }
}

impl Connection for DatabaseTransaction {
    fn pool(&self) -> Option<&DatabaseConnection> {
        None
    }
}

pub(crate) async fn query_all(pool: &DatabaseConnection, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
    let values = SqlxValues(statement.values.unwrap_or_else(|| sea_orm::Values(Vec::new())));
    let sql = AssertSqlSafe(statement.sql);
    let rows = match pool.get_database_backend() {
        DbBackend::Postgres => {
            let query = sqlx::query_with::<sqlx::Postgres, _>(sql, values).persistent(false);
            let rows = query.fetch_all(pool.get_postgres_connection_pool()).await;
            rows.map(|rows| rows.into_iter().map(QueryResult::from).collect())
        }
        _ => {
            let query = sqlx::query_with::<sqlx::Sqlite, _>(sql, values).persistent(false);
            let rows = query.fetch_all(pool.get_sqlite_connection_pool()).await;
            rows.map(|rows| rows.into_iter().map(QueryResult::from).collect())
        }
    };
    rows.map_err(|error| DbErr::Query(RuntimeErr::SqlxError(Arc::new(error))))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use lyceum_kernel::SystemClock;
    use sea_orm::{ConnectionTrait as _, sqlx::Connection as _};

    use super::*;
    use crate::{Database, Dialect, Options};

    async fn kept(database: &Database) -> usize {
        let pool = database.reader().pool();
        match database.dialect() {
            Dialect::Sqlite => pool.get_sqlite_connection_pool().acquire().await.unwrap().cached_statements_size(),
            Dialect::Postgres => pool.get_postgres_connection_pool().acquire().await.unwrap().cached_statements_size(),
        }
    }

    /// A statement of its own for each number, at least `bytes` long.
    async fn run(database: &Database, number: usize, bytes: usize) {
        let sql = format!("SELECT CAST($1 AS BIGINT) + {number} /* {} */ AS n", "x".repeat(bytes));
        let statement = Statement::from_sql_and_values(database.dialect().backend(), sql, [5_i64.into()]);
        let row = database.reader().query_one_raw(statement.clone()).await.unwrap().unwrap();
        assert_eq!(row.try_get::<i64>("", "n").unwrap(), 5 + i64::try_from(number).unwrap());
        assert_eq!(database.reader().query_all_raw(statement).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn long_statements_are_not_kept_and_short_ones_up_to_a_number() {
        let directory = tempfile::tempdir().unwrap();
        let mut all = vec![Options::sqlite(&directory.path().join("test.db"))];
        all.extend(std::env::var("LYCEUM_TEST_POSTGRES_URL").ok().map(Options::new));
        for mut options in all {
            options.read_connections = 1;
            let database = Database::connect(&options, Arc::new(SystemClock)).await.unwrap();
            let before = kept(&database).await;
            for number in 0..50 {
                run(&database, number, KEPT_BYTES).await;
            }
            assert_eq!(kept(&database).await, before);
            for number in 0..200 {
                run(&database, number, 0).await;
            }
            assert_eq!(kept(&database).await, 128);
        }
    }
}
