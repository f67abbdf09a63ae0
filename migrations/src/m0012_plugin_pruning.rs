//! What old runs and dead letters are found by, to be removed.

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
    "CREATE INDEX plugin_job_run_finished ON plugin_job_run (finished_at) WHERE finished_at IS NOT NULL",
    "CREATE INDEX plugin_delivery_dead ON plugin_delivery (next_at) WHERE state = 'dead'",
];
