//! The outbox, the positions of its consumers, and the revisions of content.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run_on(manager, DbBackend::Sqlite, &[OUTBOX_SQLITE]).await?;
        crate::run_on(manager, DbBackend::Postgres, &[OUTBOX_POSTGRES]).await?;
        crate::run(manager, UP).await
    }
}

const OUTBOX_SQLITE: &str = "CREATE TABLE outbox (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    subject_type TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    actor_id TEXT,
    data TEXT NOT NULL,
    occurred_at TEXT NOT NULL
)";

// `txid` lets a consumer stop before a transaction that is still open: a
// sequence number is taken before the commit, so a lower one can appear later.
const OUTBOX_POSTGRES: &str = "CREATE TABLE outbox (
    position BIGSERIAL PRIMARY KEY,
    txid BIGINT NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    name TEXT NOT NULL,
    subject_type TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    actor_id TEXT,
    data TEXT NOT NULL,
    occurred_at TEXT NOT NULL
)";

const UP: &[&str] = &[
    "CREATE TABLE outbox_consumer (
        name TEXT PRIMARY KEY,
        position BIGINT NOT NULL,
        updated_at TEXT NOT NULL
    )",
    "CREATE TABLE revision (
        id TEXT PRIMARY KEY,
        subject_type TEXT NOT NULL,
        subject_id TEXT NOT NULL,
        number INTEGER NOT NULL,
        state TEXT NOT NULL,
        snapshot TEXT NOT NULL,
        author_id TEXT,
        created_at TEXT NOT NULL,
        UNIQUE (subject_id, number)
    )",
    // The type model that the content tables follow: one row a type, as it was applied.
    "CREATE TABLE content_type (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        definition TEXT NOT NULL,
        applied_at TEXT NOT NULL
    )",
];
