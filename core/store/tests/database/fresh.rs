//! A database of its own for each test.

use std::sync::Arc;

use lyceum_kernel::{Id, ManualClock, Timestamp};
use lyceum_store::{Database, Dialect, Options};
use sea_orm::{ConnectionTrait, Statement};

pub struct Fresh {
    pub options: Options,
    pub dialect: Dialect,
    /// The same for every connection: nodes agree on the time.
    pub clock: Arc<ManualClock>,
    _directory: tempfile::TempDir,
}

impl Fresh {
    /// One of each kind that can be had here.
    pub async fn all() -> Vec<Self> {
        let mut all = vec![Self::sqlite()];
        all.extend(Self::postgres().await);
        all
    }

    pub fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = Options::sqlite(&directory.path().join("test.db"));
        Self { options, dialect: Dialect::Sqlite, clock: clock(), _directory: directory }
    }

    pub async fn postgres() -> Option<Self> {
        let Ok(url) = std::env::var("LYCEUM_TEST_POSTGRES_URL") else {
            assert!(std::env::var_os("LYCEUM_TEST_STRICT").is_none(), "PostgreSQL is missing");
            return None;
        };
        let name = format!("lyceum_store_{}", Id::new());
        let server = sea_orm::Database::connect(&url).await.unwrap();
        server.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
        let (base, _) = url.rsplit_once('/').unwrap();
        let options = Options::new(format!("{base}/{name}"));
        let directory = tempfile::tempdir().unwrap();
        Some(Self { options, dialect: Dialect::Postgres, clock: clock(), _directory: directory })
    }

    /// Connects, without migrating.
    pub async fn connect(&self) -> Database {
        Database::connect(&self.options, self.clock.clone()).await.unwrap()
    }

    /// A plain connection, without migrating.
    pub async fn connection(&self) -> sea_orm::DatabaseConnection {
        sea_orm::Database::connect(&self.options.url).await.unwrap()
    }

    /// Connects and migrates.
    pub async fn open(&self) -> Database {
        let database = self.connect().await;
        database.migrate().await.unwrap();
        database
    }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)))
}

/// Runs a statement in a transaction of its own.
pub async fn run(database: &Database, sql: &str) -> lyceum_kernel::Result<()> {
    let write = database.write().await?;
    write.connection().execute_unprepared(sql).await.map_err(lyceum_store::failed)?;
    write.commit().await
}

/// The number that a query of one column `n` answers, seen by a reader.
pub async fn number(database: &Database, sql: &str) -> i64 {
    let statement = Statement::from_string(database.dialect().backend(), sql);
    let row = database.reader().query_one_raw(statement).await.unwrap().unwrap();
    row.try_get::<i64>("", "n").unwrap()
}
