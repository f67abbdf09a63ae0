//! Events that a consumer could not handle, and leases of periodic tasks.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, UP).await
    }
}

// A failed event is stored whole: the outbox may forget it after its consumer
// has gone on.
const UP: &[&str] = &[
    "CREATE TABLE outbox_failure (
        consumer TEXT NOT NULL,
        position BIGINT NOT NULL,
        name TEXT NOT NULL,
        subject_type TEXT NOT NULL,
        subject_id TEXT NOT NULL,
        actor_id TEXT,
        data TEXT NOT NULL,
        occurred_at TEXT NOT NULL,
        tries BIGINT NOT NULL,
        error TEXT NOT NULL,
        next_at TEXT NOT NULL,
        died_at TEXT,
        PRIMARY KEY (consumer, position)
    )",
    "CREATE TABLE task_lease (
        name TEXT PRIMARY KEY,
        token TEXT NOT NULL,
        held_until TEXT,
        finished_at TEXT
    )",
];
