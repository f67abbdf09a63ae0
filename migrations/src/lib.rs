//! The migrations of the system tables, for SQLite and PostgreSQL alike.
//!
//! Tables of content types are not here: they follow the type model
//! (`lyceum schema plan | apply`).
//!
//! **Invariant:** a migration that was released is never edited.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

mod m0001_core;
mod m0002_identity;
mod m0003_payment;
mod m0004_community;
mod m0005_plugin;
mod m0006_plugin_trust;
mod m0007_plugin_services;
mod m0008_plugin_work;
mod m0009_plugin_owner;
mod m0010_people_sign_in;
mod m0011_enrolment_index;
mod m0012_plugin_pruning;
mod m0013_sign_in_pauses;
mod m0014_trials;
mod m0015_idempotency_keys;
mod m0016_retention;
mod m0017_outbox_order;
mod m0018_orphans;
mod m0019_entitlement_interval;
mod m0020_tier_rank;
mod m0021_own_account;
mod m0022_background_work;

/// All migrations, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_core::Migration),
            Box::new(m0002_identity::Migration),
            Box::new(m0003_payment::Migration),
            Box::new(m0004_community::Migration),
            Box::new(m0005_plugin::Migration),
            Box::new(m0006_plugin_trust::Migration),
            Box::new(m0007_plugin_services::Migration),
            Box::new(m0008_plugin_work::Migration),
            Box::new(m0009_plugin_owner::Migration),
            Box::new(m0010_people_sign_in::Migration),
            Box::new(m0011_enrolment_index::Migration),
            Box::new(m0012_plugin_pruning::Migration),
            Box::new(m0013_sign_in_pauses::Migration),
            Box::new(m0014_trials::Migration),
            Box::new(m0015_idempotency_keys::Migration),
            Box::new(m0016_retention::Migration),
            Box::new(m0017_outbox_order::Migration),
            Box::new(m0018_orphans::Migration),
            Box::new(m0019_entitlement_interval::Migration),
            Box::new(m0020_tier_rank::Migration),
            Box::new(m0021_own_account::Migration),
            Box::new(m0022_background_work::Migration),
        ]
    }
}

/// Runs statements that both databases understand, one after the other.
async fn run(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    for statement in statements {
        manager.get_connection().execute_unprepared(statement).await?;
    }
    Ok(())
}

/// Runs the statements of one database only.
async fn run_on(manager: &SchemaManager<'_>, backend: DbBackend, statements: &[&str]) -> Result<(), DbErr> {
    if manager.get_database_backend() == backend { run(manager, statements).await } else { Ok(()) }
}

/// Makes a table refuse `UPDATE` and `DELETE` in the database itself.
async fn make_append_only(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    let sqlite = ["UPDATE", "DELETE"].map(|verb| {
        format!(
            "CREATE TRIGGER {table}_no_{} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END",
            verb.to_lowercase()
        )
    });
    let function = format!(
        "CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
    );
    let trigger = format!(
        "CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_refuse()"
    );
    run_on(manager, DbBackend::Sqlite, &[&sqlite[0], &sqlite[1]]).await?;
    run_on(manager, DbBackend::Postgres, &[&function, &trigger]).await
}
