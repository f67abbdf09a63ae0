//! Wrong passwords that are answered by pauses, and the devices that people
//! have signed in from.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, UP).await
    }
}

const UP: &[&str] = &[
    // How many tries in a row, and when the last one was; shared by all servers.
    "CREATE TABLE attempt_run (
        key TEXT PRIMARY KEY,
        tries BIGINT NOT NULL,
        last_at TEXT NOT NULL,
        expires_at TEXT NOT NULL
    )",
    "CREATE INDEX attempt_run_expiry ON attempt_run (expires_at)",
    // The token itself is never stored, only its SHA-256.
    "CREATE TABLE known_device (
        hash TEXT PRIMARY KEY,
        user_id TEXT NOT NULL REFERENCES user_account (id) ON DELETE CASCADE,
        used_at TEXT NOT NULL,
        expires_at TEXT NOT NULL
    )",
    "CREATE INDEX known_device_user ON known_device (user_id, used_at)",
    "CREATE INDEX known_device_expiry ON known_device (expires_at)",
];
