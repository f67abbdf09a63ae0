//! What plugins keep, and what their owner is told of them.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Keys are told in byte order, whatever the database's language.
        let (bytes, key) = match manager.get_database_backend() {
            DbBackend::Postgres => ("BYTEA", "TEXT COLLATE \"C\""),
            _ => ("BLOB", "TEXT"),
        };
        crate::run(manager, &[&KV.replace("$bytes", bytes).replace("$key", key)]).await?;
        crate::run(manager, UP).await
    }
}

// `plugin` is the plugin's name (`acme/badges`): what it keeps outlives its row.
const KV: &str = "CREATE TABLE plugin_kv (
        plugin TEXT NOT NULL,
        key $key NOT NULL,
        value $bytes NOT NULL,
        PRIMARY KEY (plugin, key)
    )";

const UP: &[&str] = &[
    // Bytes in use, so that a write does not add up the whole store.
    "CREATE TABLE plugin_kv_size (
        plugin TEXT PRIMARY KEY,
        bytes BIGINT NOT NULL
    )",
    // Which entries a plugin made. Ids of all content types are different.
    "CREATE TABLE plugin_entry (
        entry_id TEXT PRIMARY KEY,
        plugin TEXT NOT NULL,
        type TEXT NOT NULL
    )",
    "CREATE INDEX plugin_entry_own ON plugin_entry (plugin, type, entry_id)",
    "CREATE TABLE plugin_notice (
        id TEXT PRIMARY KEY,
        plugin TEXT NOT NULL,
        kind TEXT NOT NULL,
        at TEXT NOT NULL,
        detail TEXT NOT NULL
    )",
    "CREATE INDEX plugin_notice_latest ON plugin_notice (plugin, id)",
    // A plugin reads events by name.
    "CREATE INDEX outbox_name ON outbox (name, position)",
];
