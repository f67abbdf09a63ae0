//! The pinned keys of plugin publishers.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, UP).await
    }
}

// `pinned_by` is null when the operator at the machine did it.
const UP: &[&str] = &["CREATE TABLE plugin_publisher (
        publisher TEXT PRIMARY KEY,
        public_key TEXT NOT NULL,
        key_id TEXT NOT NULL,
        pinned_at TEXT NOT NULL,
        pinned_by TEXT REFERENCES user_account (id) ON DELETE SET NULL
    )"];
