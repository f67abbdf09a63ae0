//! A fresh database of each kind, a clock turned by hand, and people in it.
//!
//! PostgreSQL is used when `LYCEUM_TEST_POSTGRES_URL` names a server on which
//! databases can be made.
#![allow(clippy::unwrap_used, dead_code, reason = "each test file uses a part of it")]

pub mod house;

use std::{net::IpAddr, sync::Arc, time::Duration};

use lyceum_domain::identity::{
    Actor, CreateUser, HashingCost, Identity, IdentityConfig, Password, Peer, RegisterInput, SignedIn, TokenKey,
};
use lyceum_kernel::{Id, ManualClock, Result, Timestamp, Viewer};
use lyceum_store::{Database, Options};
use sea_orm::{ConnectionTrait, Statement, Value};
use tempfile::TempDir;

pub const PASSWORD: &str = "correct horse";
pub const MINUTE: Duration = Duration::from_secs(60);
pub const DAY: Duration = Duration::from_secs(86_400);

pub struct Bed {
    pub db: Database,
    pub clock: Arc<ManualClock>,
    pub identity: Arc<Identity>,
}

/// Tells a story once on each database.
pub async fn each_database(story: impl AsyncFn(Bed)) {
    let directory = TempDir::new().unwrap();
    story(bed(&Options::sqlite(&directory.path().join("lyceum.db"))).await).await;
    if let Ok(server) = std::env::var("LYCEUM_TEST_POSTGRES_URL") {
        let name = format!("lyceum_test_{}", Id::new());
        let admin = sea_orm::Database::connect(&server).await.unwrap();
        admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
        story(bed(&Options::new(on_database(&server, &name))).await).await;
        admin.execute_unprepared(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
    }
}

/// The URL of another database of the same server.
fn on_database(server: &str, name: &str) -> String {
    let (base, last) = server.rsplit_once('/').unwrap();
    let query = last.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
    format!("{base}/{name}{query}")
}

async fn bed(options: &Options) -> Bed {
    let clock = Arc::new(ManualClock::at("2026-11-21T09:00:00Z".parse().unwrap()));
    let db = Database::connect(options, clock.clone()).await.unwrap();
    db.migrate().await.unwrap();
    let identity = Arc::new(open(&db).await);
    Bed { db, clock, identity }
}

/// One more server on the same database.
pub async fn open(db: &Database) -> Identity {
    open_with(db, |_| ()).await
}

pub async fn open_with(db: &Database, change: impl FnOnce(&mut IdentityConfig)) -> Identity {
    let hashing = HashingCost { memory_kib: 8, passes: 1, ..HashingCost::default() };
    let mut config = IdentityConfig { hashing, ..IdentityConfig::default() };
    change(&mut config);
    Identity::open(db.clone(), config, TokenKey::new(&[7; 32]).unwrap()).await.unwrap()
}

pub fn input(email: &str) -> RegisterInput {
    RegisterInput {
        email: email.to_owned(),
        password: Password::new(PASSWORD),
        name: "Ana".to_owned(),
        locale: "en".parse().unwrap(),
    }
}

pub fn from(address: &str) -> Peer {
    Peer { address: Some(address.parse::<IpAddr>().unwrap()), user_agent: Some("test".to_owned()) }
}

impl Bed {
    /// One more server with another configuration.
    pub async fn server(&self, change: impl FnOnce(&mut IdentityConfig)) -> Identity {
        open_with(&self.db, change).await
    }

    pub async fn register(&self, email: &str) -> SignedIn {
        self.identity.register(input(email), &Peer::default()).await.unwrap()
    }

    pub async fn sign_in(&self, email: &str, password: &str) -> Result<SignedIn> {
        self.identity.sign_in(email, &Password::new(password), None, &Peer::default()).await
    }

    pub async fn viewer(&self, signed_in: &SignedIn) -> Result<Viewer> {
        self.identity.viewer_for(Some(signed_in.access_token.expose())).await
    }

    /// A person who has just registered.
    pub async fn member(&self, email: &str) -> Viewer {
        let signed_in = self.register(email).await;
        self.viewer(&signed_in).await.unwrap()
    }

    /// A person with these roles.
    pub async fn person(&self, email: &str, roles: &[&str]) -> Viewer {
        self.identity.create_user(Actor::System, created(email, roles)).await.unwrap();
        let signed_in = self.sign_in(email, PASSWORD).await.unwrap();
        self.viewer(&signed_in).await.unwrap()
    }

    pub async fn execute<const N: usize>(&self, sql: &str, values: [Value; N]) {
        let write = self.db.write().await.unwrap();
        let statement = Statement::from_sql_and_values(self.db.dialect().backend(), sql, values);
        write.connection().execute_raw(statement).await.unwrap();
        write.commit().await.unwrap();
    }

    /// The first column of all rows, as text.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let statement = Statement::from_string(self.db.dialect().backend(), sql);
        let rows = self.db.reader().query_all_raw(statement).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index::<String>(0).unwrap()).collect()
    }

    pub async fn events(&self) -> Vec<String> {
        self.texts("SELECT name FROM outbox ORDER BY position").await
    }

    pub fn after(&self, duration: Duration) -> Timestamp {
        self.db.now().plus(duration)
    }
}

pub fn created(email: &str, roles: &[&str]) -> CreateUser {
    let RegisterInput { email, password, name, locale } = input(email);
    CreateUser { email, password, name, locale, roles: roles.iter().map(|&role| role.to_owned()).collect() }
}
