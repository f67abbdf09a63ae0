//! The handle: one pool for reads, one for writes, one way to write.

use std::{path::Path, sync::Arc, time::Duration};

use lyceum_kernel::{Clock, Event, Result, Timestamp};
use lyceum_migrations::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
};

use crate::{
    connect::{Role, connect},
    failed, folding,
    health::WriteCheck,
    outbox::{self, Outbox},
    statements::Statements,
};

/// Which SQL is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

/// What SQLite does before a write is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Synchronous {
    /// Waits until the disk has it: a power cut loses nothing that was answered.
    #[default]
    Full,
    /// Leaves it to the operating system: a power cut may lose the last writes,
    /// a crash of the process none.
    Normal,
}

/// How to connect.
#[derive(Debug, Clone)]
pub struct Options {
    /// `sqlite:FILE` or `postgres://…`.
    pub url: String,
    /// Connections for reads; on PostgreSQL as many again for writes.
    pub read_connections: u32,
    /// How long one statement of a read may run.
    pub statement: Duration,
    /// For SQLite only.
    pub synchronous: Synchronous,
}

impl Options {
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            read_connections: 4,
            statement: Duration::from_secs(5),
            synchronous: Synchronous::default(),
        }
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
    #[error("the PostgreSQL server has no collation \"und-x-icu\": it needs to be one that was built with ICU")]
    Collation,
    #[error("the PostgreSQL database has the encoding {0}: it needs to be made with ENCODING 'UTF8'")]
    Encoding(String),
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
    write_check: Arc<WriteCheck>,
    read_connections: u32,
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
        let writer = connect(options, dialect, Role::Write).await.map_err(ConnectError::Unreachable)?;
        let reader = connect(options, dialect, Role::Read).await.map_err(ConnectError::Unreachable)?;
        if dialect == Dialect::Postgres {
            refuse_unfit(&reader).await?;
        }
        let outbox = Outbox::new(dialect);
        let (reader, write_check, read_connections) = (Statements(reader), Arc::default(), options.read_connections);
        Ok(Self { reader, writer, dialect, clock, outbox, write_check, read_connections })
    }

    /// How many reads can run at once.
    #[must_use]
    pub fn read_connections(&self) -> u32 {
        self.read_connections
    }

    /// Brings the system tables up to date, in one transaction: a process that
    /// is killed meanwhile has changed nothing, and of several that start at
    /// once one does it and the others wait.
    ///
    /// # Errors
    /// When a newer version wrote the database, or a migration fails.
    pub async fn migrate(&self) -> Result<(), ConnectError> {
        let transaction = self.begin().await.map_err(ConnectError::Migration)?;
        be_quiet(&transaction).await.map_err(ConnectError::Migration)?;
        lock_migrations(&transaction).await.map_err(ConnectError::Migration)?;
        refuse_newer(&transaction).await?;
        Migrator::up(&transaction, None).await.map_err(ConnectError::Migration)?;
        transaction.commit().await.map_err(ConnectError::Migration)
    }

    #[cfg(test)]
    pub(crate) fn writer(&self) -> &DatabaseConnection {
        &self.writer
    }

    async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        self.writer.begin_with_options(options).await
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
        let transaction = self.begin().await.map_err(failed)?;
        Ok(Write {
            transaction: Statements(transaction),
            dialect: self.dialect,
            now: self.clock.now(),
            outbox: self.outbox.clone(),
            emitted: false,
        })
    }

    /// Whether the database takes writes now: one is tried, unless one
    /// succeeded in the last seconds.
    pub async fn takes_writes(&self) -> bool {
        self.write_check.run(self).await
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

/// Refuses a database in which texts would not mean the same as on SQLite.
async fn refuse_unfit(reader: &DatabaseConnection) -> Result<(), ConnectError> {
    let sql = "SELECT current_setting('server_encoding') AS encoding, \
               EXISTS(SELECT 1 FROM pg_collation WHERE collname = $1) AS has_collation";
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, [folding::COLLATION.into()]);
    let row = reader.query_one_raw(statement).await.map_err(ConnectError::Unreachable)?;
    let row = row.ok_or_else(|| ConnectError::Unreachable(DbErr::RecordNotFound("server_encoding".to_owned())))?;
    let encoding: String = row.try_get("", "encoding").map_err(ConnectError::Unreachable)?;
    if encoding != "UTF8" {
        return Err(ConnectError::Encoding(encoding));
    }
    let has_collation = row.try_get("", "has_collation").map_err(ConnectError::Unreachable)?;
    if has_collation { Ok(()) } else { Err(ConnectError::Collation) }
}

/// The migrator makes its own table "if not exists", several times. Each time
/// PostgreSQL would send a notice that it does, which is logged.
async fn be_quiet(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    if transaction.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    transaction.execute_unprepared("SET LOCAL client_min_messages = warning").await.map(drop)
}

/// Waits for another process that migrates this database. A SQLite write
/// transaction already holds the only lock.
async fn lock_migrations(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    if transaction.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    // However long the other one takes.
    transaction.execute_unprepared("SET LOCAL lock_timeout = 0").await?;
    transaction.execute_unprepared("SELECT pg_advisory_xact_lock(5920, 1)").await.map(drop)
}

async fn refuse_newer(transaction: &DatabaseTransaction) -> Result<(), ConnectError> {
    match Migrator::get_pending_migrations(transaction).await {
        Ok(_) => Ok(()),
        // The only way the migrator says so is this text.
        Err(DbErr::Custom(text)) if text.contains("Migration file of version") => {
            let version = text.split('\'').nth(1).unwrap_or(&text).to_owned();
            Err(ConnectError::Newer(version))
        }
        Err(other) => Err(ConnectError::Migration(other)),
    }
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
