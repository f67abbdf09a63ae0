//! Tables of the plugin domain.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, UP).await?;
        let bytes = match manager.get_database_backend() {
            DbBackend::Postgres => "BYTEA",
            _ => "BLOB",
        };
        for table in WITH_BYTES {
            crate::run(manager, &[&table.replace("$bytes", bytes)]).await?;
        }
        Ok(())
    }
}

// `permission_hash` is what the owner consented to; without consent it is null.
const UP: &[&str] = &["CREATE TABLE plugin (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        version TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('installed', 'enabled', 'disabled', 'failed')),
        digest TEXT NOT NULL,
        manifest TEXT NOT NULL,
        grants TEXT NOT NULL,
        config TEXT NOT NULL,
        consent_by TEXT REFERENCES user_account (id) ON DELETE SET NULL,
        consent_at TEXT,
        permission_hash TEXT,
        last_error TEXT,
        installed_at TEXT NOT NULL,
        updated_at TEXT NOT NULL
    )"];

// A component is megabytes: it stands apart, so that a list of plugins does
// not read it.
const WITH_BYTES: [&str; 2] = [
    "CREATE TABLE plugin_component (
        plugin_id TEXT PRIMARY KEY REFERENCES plugin (id) ON DELETE CASCADE,
        component $bytes NOT NULL
    )",
    "CREATE TABLE plugin_secret (
        plugin_id TEXT NOT NULL REFERENCES plugin (id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        value $bytes NOT NULL,
        PRIMARY KEY (plugin_id, name)
    )",
];
