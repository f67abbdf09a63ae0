//! Which addresses have had a trial of a tier. No row belongs to an account:
//! it stays when the account goes.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, UP).await
    }
}

// The address is never stored, only its hash under the installation's key.
const UP: &[&str] = &["CREATE TABLE trial (
        address_hash TEXT NOT NULL,
        tier_id TEXT NOT NULL,
        begun_at TEXT NOT NULL,
        PRIMARY KEY (address_hash, tier_id)
    )"];
