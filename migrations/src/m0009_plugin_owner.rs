//! The owner's side of plugins: where a plugin came from, updates that wait
//! for consent, versions to go back to, secrets under a key, and shadows.

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
        crate::run(manager, LAST).await
    }
}

// `revision` counts the changes of a row: other servers see by it that they
// are behind. A secret is plain until it is sealed: `sealed` tells.
const UP: &[&str] = &[
    "ALTER TABLE plugin ADD COLUMN source TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE plugin ADD COLUMN consent_key TEXT",
    "ALTER TABLE plugin ADD COLUMN shadow BOOLEAN NOT NULL DEFAULT FALSE",
    "ALTER TABLE plugin ADD COLUMN revision BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE plugin_secret ADD COLUMN sealed BOOLEAN NOT NULL DEFAULT FALSE",
    "ALTER TABLE plugin_secret ADD COLUMN set_at TEXT NOT NULL DEFAULT ''",
    "CREATE TABLE plugin_shadow (
        active TEXT NOT NULL,
        shadow TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('ranking', 'moderation')),
        report TEXT NOT NULL,
        since TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        PRIMARY KEY (active, shadow, kind)
    )",
];

const WITH_BYTES: [&str; 2] = [
    "CREATE TABLE plugin_staged (
        plugin_id TEXT PRIMARY KEY REFERENCES plugin (id) ON DELETE CASCADE,
        version TEXT NOT NULL,
        component $bytes NOT NULL,
        manifest TEXT NOT NULL,
        config TEXT,
        source TEXT NOT NULL,
        staged_at TEXT NOT NULL
    )",
    "CREATE TABLE plugin_version (
        id TEXT PRIMARY KEY,
        plugin_id TEXT NOT NULL REFERENCES plugin (id) ON DELETE CASCADE,
        version TEXT NOT NULL,
        component $bytes NOT NULL,
        manifest TEXT NOT NULL,
        grants TEXT NOT NULL,
        config TEXT NOT NULL,
        source TEXT NOT NULL,
        replaced_at TEXT NOT NULL
    )",
];

const LAST: &[&str] = &["CREATE INDEX plugin_version_of ON plugin_version (plugin_id, id)"];
