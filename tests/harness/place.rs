//! Where an application lives: a data directory, a database and a clock. It
//! outlives the application, so that a test can start it again.

use std::{
    io::Write as _,
    sync::{Arc, Mutex},
};

use lyceum::config::{Config, Database, Identity, Secret, Server};
use lyceum_domain::identity::{HashingCost, IdentityConfig, Limit};
use lyceum_kernel::{Id, ManualClock};
use sea_orm::ConnectionTrait;
use tempfile::TempDir;

use crate::app::Start;

/// A fresh data directory and database.
pub struct Place {
    pub directory: TempDir,
    pub clock: Arc<ManualClock>,
    /// `SQLite` or `PostgreSQL`, for messages.
    pub name: &'static str,
    database_url: Option<String>,
}

/// Tells a story once on each database.
///
/// # Panics
/// When the story does, or when PostgreSQL is missing and
/// `LYCEUM_TEST_STRICT` is set.
pub async fn each_database(story: impl AsyncFn(&Place)) {
    story(&Place::new("SQLite", None)).await;
    match std::env::var("LYCEUM_TEST_POSTGRES_URL") {
        Ok(server) => on_postgres(&server, story).await,
        Err(_) => skipped("on PostgreSQL: LYCEUM_TEST_POSTGRES_URL is not set"),
    }
}

/// Says that something was not tested.
///
/// # Panics
/// When `LYCEUM_TEST_STRICT` is set: then nothing may be left out.
pub fn skipped(why: &str) {
    assert!(
        std::env::var_os("LYCEUM_TEST_STRICT").is_none(),
        "LYCEUM_TEST_STRICT is set, and this would be skipped {why}"
    );
    // Once for each reason, and past the capture of the test runner.
    static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let mut told = TOLD.lock().unwrap();
    if !told.iter().any(|before| before == why) {
        told.push(why.to_owned());
        let mut past_the_capture = std::io::stderr().lock();
        writeln!(past_the_capture, "SKIPPED {why}").unwrap();
    }
}

async fn on_postgres(server: &str, story: impl AsyncFn(&Place)) {
    let name = format!("lyceum_suite_{}", Id::new());
    let admin = sea_orm::Database::connect(server).await.unwrap();
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    story(&Place::new("PostgreSQL", Some(format!("{base}/{name}")))).await;
    admin.execute_unprepared(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
}

impl Place {
    fn new(name: &'static str, database_url: Option<String>) -> Self {
        let clock = Arc::new(ManualClock::at("2026-11-21T09:00:00Z".parse().unwrap()));
        Self { directory: TempDir::new().unwrap(), clock, name, database_url }
    }

    /// An application without plugins.
    pub fn app(&self) -> Start<'_> {
        Start::new(self)
    }

    /// Cheap passwords, many registrations, schema changes at start; the rest
    /// is as it is by default.
    pub(crate) fn config(&self, port: u16) -> Config {
        let hashing = HashingCost { memory_kib: 8, passes: 1, ..HashingCost::default() };
        let default = IdentityConfig::default();
        let often = |limit: Limit| Limit { tries: 10_000, ..limit };
        let identity = IdentityConfig {
            hashing,
            register_per_address: often(default.register_per_address),
            sign_in_per_address: often(default.sign_in_per_address),
            ..default
        };
        let config = Config::default();
        Config {
            data_dir: self.directory.path().to_owned(),
            dev: true,
            server: Server { port, public_url: Some(format!("http://127.0.0.1:{port}")), ..config.server },
            database: Database { url: self.database_url.as_ref().map(Secret::new), ..config.database },
            identity: Identity(identity),
            ..config
        }
    }
}
