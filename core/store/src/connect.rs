//! The pools: how a connection is opened, what its statements may take, and
//! when it is closed instead of used again.
//!
//! **Invariant:** a statement of the reader ends after its time limit, also
//! when the request that began it is gone.
//! **Invariant:** a writer whose transaction state is not what we think is
//! closed: it is never used again.

use std::time::Duration;

use sea_orm::{
    ConnectOptions, DatabaseConnection, DbErr,
    sqlx::{
        Connection as _,
        postgres::{PgConnectOptions, PgPoolOptions},
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
    },
};

use crate::{Dialect, Options, Synchronous, sqlite};

/// Prepared statements that one connection holds.
const STATEMENTS: usize = 128;
/// How long a request waits for a connection.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a write waits for the one writer of SQLite, and for another
/// process that writes to the file.
const WRITER_PATIENCE: Duration = Duration::from_secs(10);
/// How long a write on PostgreSQL waits for a lock, and how long a transaction
/// may do nothing.
const LOCK_PATIENCE: Duration = Duration::from_secs(30);

/// What a pool is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Read,
    Write,
}

pub(crate) async fn connect(options: &Options, dialect: Dialect, role: Role) -> Result<DatabaseConnection, DbErr> {
    let mut connect = ConnectOptions::new(options.url.clone());
    connect
        .max_connections(connections(options, dialect, role))
        .min_connections(1)
        .acquire_timeout(patience(dialect, role))
        .test_before_acquire(false)
        .sqlx_logging(false);
    match dialect {
        Dialect::Sqlite => sqlite_options(&mut connect, options, role),
        Dialect::Postgres => postgres_options(&mut connect, options, role),
    }
    sea_orm::Database::connect(connect).await
}

/// SQLite has one writer. The queue for it stands in the pool, where it is
/// fair, and not in the file lock, where it is not.
fn connections(options: &Options, dialect: Dialect, role: Role) -> u32 {
    match (dialect, role) {
        (Dialect::Sqlite, Role::Write) => 1,
        _ => options.read_connections,
    }
}

fn patience(dialect: Dialect, role: Role) -> Duration {
    match (dialect, role) {
        (Dialect::Sqlite, Role::Write) => WRITER_PATIENCE,
        _ => PATIENCE,
    }
}

fn sqlite_options(connect: &mut ConnectOptions, options: &Options, role: Role) {
    let synchronous = match options.synchronous {
        Synchronous::Full => SqliteSynchronous::Full,
        Synchronous::Normal => SqliteSynchronous::Normal,
    };
    connect.map_sqlx_sqlite_opts(move |sqlite: SqliteConnectOptions| {
        sqlite
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .foreign_keys(true)
            .busy_timeout(WRITER_PATIENCE)
            .statement_cache_capacity(STATEMENTS)
            .pragma("mmap_size", "268435456")
    });
    let limit = options.statement;
    connect.map_sqlx_sqlite_pool_opts(move |pool: SqlitePoolOptions| match role {
        Role::Read => pool.after_connect(move |reader, _| {
            Box::pin(async move {
                sqlite::add_folding(reader).await?;
                sqlite::limit_statements(reader, limit).await
            })
        }),
        Role::Write => pool
            .after_connect(|writer, _| Box::pin(sqlite::add_folding(writer)))
            .after_release(|writer, _| Box::pin(sqlite::is_at_rest(writer))),
    });
}

fn postgres_options(connect: &mut ConnectOptions, options: &Options, role: Role) {
    let millis = |duration: Duration| duration.as_millis().to_string();
    let settings = match role {
        Role::Read => vec![("statement_timeout", millis(options.statement))],
        Role::Write => vec![
            ("lock_timeout", millis(LOCK_PATIENCE)),
            ("idle_in_transaction_session_timeout", millis(LOCK_PATIENCE)),
        ],
    };
    connect.map_sqlx_postgres_opts(move |postgres: PgConnectOptions| {
        let postgres = postgres.statement_cache_capacity(STATEMENTS).options([("client_min_messages", "warning")]);
        postgres.options(settings.iter().map(|(name, value)| (*name, value.as_str())))
    });
    connect.map_sqlx_postgres_pool_opts(|pool: PgPoolOptions| {
        pool.after_release(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
    });
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use lyceum_kernel::SystemClock;
    use sea_orm::{ConnectionTrait as _, Statement};

    use crate::{Database, Options};

    /// Lets SQLite turn the next commits into rollbacks, as it does when the
    /// disk is full or broken.
    async fn refuse_commits(database: &Database, refuse: &Arc<AtomicBool>) {
        let mut writer = database.writer().get_sqlite_connection_pool().acquire().await.unwrap();
        let refuse = Arc::clone(refuse);
        writer.lock_handle().await.unwrap().set_commit_hook(move || !refuse.load(Ordering::SeqCst));
    }

    async fn insert(database: &Database, text: &str) -> lyceum_kernel::Result<()> {
        let write = database.write().await?;
        let sql = format!("INSERT INTO note VALUES ('{text}')");
        write.connection().execute_unprepared(&sql).await.map_err(crate::failed)?;
        write.commit().await
    }

    async fn texts(database: &Database) -> Vec<String> {
        let statement = Statement::from_string(sea_orm::DbBackend::Sqlite, "SELECT text FROM note ORDER BY rowid");
        let rows = database.reader().query_all_raw(statement).await.unwrap();
        rows.iter().map(|row| row.try_get("", "text").unwrap()).collect()
    }

    #[tokio::test]
    async fn after_commits_that_sqlite_rolled_back_writes_are_committed() {
        let directory = tempfile::tempdir().unwrap();
        let options = Options::sqlite(&directory.path().join("test.db"));
        let database = Database::connect(&options, Arc::new(SystemClock)).await.unwrap();
        database.writer().execute_unprepared("CREATE TABLE note (text TEXT)").await.unwrap();
        let refuse = Arc::new(AtomicBool::new(true));
        for text in ["first", "second", "third"] {
            refuse_commits(&database, &refuse).await;
            assert!(insert(&database, text).await.is_err());
        }
        refuse.store(false, Ordering::SeqCst);
        for text in ["fourth", "fifth"] {
            insert(&database, text).await.unwrap();
        }
        // A reader is another connection: it sees what was committed.
        assert_eq!(texts(&database).await, ["fourth", "fifth"]);
        let other = Database::connect(&options, Arc::new(SystemClock)).await.unwrap();
        insert(&other, "another process").await.unwrap();
        assert_eq!(texts(&database).await, ["fourth", "fifth", "another process"]);
    }
}
