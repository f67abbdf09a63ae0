//! The handle: one pool for reads, one for writes, one way to write.

use std::{path::Path, sync::Arc, time::Duration};

use lyceum_kernel::{Clock, Event, Result, Timestamp};
use lyceum_migrations::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectOptions, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};

use crate::{
    failed,
    outbox::{self, Outbox},
    statements::Statements,
};

/// Which SQL is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

/// How to connect.
#[derive(Debug, Clone)]
pub struct Options {
    /// `sqlite:FILE` or `postgres://…`.
    pub url: String,
    /// Connections for reads; on PostgreSQL for writes too.
    pub read_connections: u32,
}

impl Options {
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), read_connections: 4 }
    }

    /// SQLite in a file, which is made when it is missing.
    #[must_use]
    pub fn sqlite(file: &Path) -> Self {
        Self::new(format!("sqlite:{}?mode=rwc", file.display()))
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("the database URL begins with neither \"sqlite:\" nor \"postgres://\"")]
    Scheme,
    #[error("the database cannot be reached: {0}")]
    Unreachable(#[source] DbErr),
    #[error("the tables cannot be brought up to date: {0}")]
    Migration(#[source] DbErr),
    #[error("the database was written by a newer Lyceum (migration {0} is unknown here)")]
    Newer(String),
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    reader: Statements<DatabaseConnection>,
    writer: DatabaseConnection,
    dialect: Dialect,
    clock: Arc<dyn Clock>,
    outbox: Outbox,
}

impl Database {
    /// Connects. Nothing is changed in the database.
    ///
    /// # Errors
    /// When the URL is of no known kind or nothing answers.
    pub async fn connect(options: &Options, clock: Arc<dyn Clock>) -> Result<Self, ConnectError> {
        let dialect = match options.url.as_str() {
            url if url.starts_with("sqlite:") => Dialect::Sqlite,
            url if url.starts_with("postgres:") || url.starts_with("postgresql:") => Dialect::Postgres,
            _ => return Err(ConnectError::Scheme),
        };
        let connect = async |connections| {
            sea_orm::Database::connect(connect_options(options, dialect, connections))
                .await
                .map_err(ConnectError::Unreachable)
        };
        // SQLite has one writer. The queue for it stands in the pool, where it
        // is fair, and not in the file lock, where it is not.
        let writer = match dialect {
            Dialect::Sqlite => connect(1).await?,
            Dialect::Postgres => connect(options.read_connections).await?,
        };
        let reader = match dialect {
            Dialect::Sqlite => connect(options.read_connections).await?,
            Dialect::Postgres => writer.clone(),
        };
        let outbox = Outbox::new(dialect);
        Ok(Self { reader: Statements(reader), writer, dialect, clock, outbox })
    }

    /// Brings the system tables up to date.
    ///
    /// # Errors
    /// When a newer version wrote the database, or a migration fails.
    pub async fn migrate(&self) -> Result<(), ConnectError> {
        self.refuse_newer().await?;
        Migrator::up(&self.writer, None).await.map_err(ConnectError::Migration)
    }

    async fn refuse_newer(&self) -> Result<(), ConnectError> {
        match Migrator::get_pending_migrations(&self.writer).await {
            Ok(_) => Ok(()),
            // The only way the migrator says so is this text.
            Err(DbErr::Custom(text)) if text.contains("Migration file of version") => {
                let version = text.split('\'').nth(1).unwrap_or(&text).to_owned();
                Err(ConnectError::Newer(version))
            }
            Err(other) => Err(ConnectError::Migration(other)),
        }
    }

    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The events, for their consumers.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// For reads.
    #[must_use]
    pub fn reader(&self) -> &Statements<DatabaseConnection> {
        &self.reader
    }

    /// Begins a transaction that will write. On SQLite it holds the write lock
    /// from the start, so what it reads cannot change under it.
    ///
    /// # Errors
    /// Internal, when the database does not answer.
    pub async fn write(&self) -> Result<Write> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        let transaction = self.writer.begin_with_options(options).await.map_err(failed)?;
        Ok(Write {
            transaction: Statements(transaction),
            dialect: self.dialect,
            now: self.clock.now(),
            outbox: self.outbox.clone(),
            emitted: false,
        })
    }

    /// Closes all connections.
    ///
    /// # Errors
    /// When a connection does not close.
    pub async fn close(self) -> Result<()> {
        self.reader.0.close().await.map_err(failed)?;
        self.writer.close().await.map_err(failed)
    }
}

fn connect_options(options: &Options, dialect: Dialect, connections: u32) -> ConnectOptions {
    let mut connect = ConnectOptions::new(options.url.clone());
    connect
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(10))
        .test_before_acquire(false)
        .sqlx_logging(false);
    if dialect == Dialect::Sqlite {
        connect.map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .journal_mode(sea_orm::sqlx::sqlite::SqliteJournalMode::Wal)
                .synchronous(sea_orm::sqlx::sqlite::SqliteSynchronous::Normal)
                .foreign_keys(true)
                .busy_timeout(Duration::from_secs(10))
                .statement_cache_capacity(512)
                .pragma("mmap_size", "268435456")
        });
    } else {
        connect.map_sqlx_postgres_opts(|postgres| postgres.statement_cache_capacity(512));
    }
    connect
}

/// One transaction: rows and the events that tell of them, together or not at
/// all. Dropped without [`Write::commit`], it changes nothing.
pub struct Write {
    transaction: Statements<DatabaseTransaction>,
    dialect: Dialect,
    now: Timestamp,
    outbox: Outbox,
    emitted: bool,
}

impl Write {
    #[must_use]
    pub fn connection(&self) -> &Statements<DatabaseTransaction> {
        &self.transaction
    }

    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The moment this transaction began; every row it writes has this time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Records an event in the outbox of this transaction.
    ///
    /// # Errors
    /// Internal.
    pub async fn emit(&mut self, event: &Event) -> Result<()> {
        outbox::insert(&self.transaction, event, self.now).await.map_err(failed)?;
        self.emitted = true;
        Ok(())
    }

    /// # Errors
    /// Internal; then nothing was written.
    pub async fn commit(self) -> Result<()> {
        self.transaction.0.commit().await.map_err(failed)?;
        if self.emitted {
            self.outbox.wake();
        }
        Ok(())
    }
}

impl Dialect {
    #[must_use]
    pub fn backend(self) -> DbBackend {
        match self {
            Self::Sqlite => DbBackend::Sqlite,
            Self::Postgres => DbBackend::Postgres,
        }
    }

    /// Adds `FOR UPDATE` where rows can be locked one by one. A SQLite write
    /// transaction already holds the only lock.
    #[must_use]
    pub fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE",
        }
    }
}
