//! Refunds and comments that are asked for again under the same key.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, UP).await
    }
}

// Both databases take any number of rows without a key.
const UP: &[&str] = &[
    "ALTER TABLE refund ADD COLUMN idempotency_key TEXT",
    "ALTER TABLE refund ADD COLUMN request_hash TEXT",
    "CREATE UNIQUE INDEX refund_idempotency ON refund (requested_by, idempotency_key)",
    "ALTER TABLE comment ADD COLUMN idempotency_key TEXT",
    "ALTER TABLE comment ADD COLUMN request_hash TEXT",
    "CREATE UNIQUE INDEX comment_idempotency ON comment (author_id, idempotency_key)",
];
