//! What is found by its age, to be forgotten.

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
    "CREATE INDEX webhook_inbox_stored ON webhook_inbox (received_at) WHERE request <> ''",
    "CREATE INDEX webhook_refusal_sample_age ON webhook_refusal_sample (received_at)",
    "CREATE INDEX refresh_token_expiry ON refresh_token (expires_at)",
    "CREATE INDEX session_expiry ON session (expires_at)",
];
