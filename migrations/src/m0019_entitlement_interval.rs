//! How long a period lasts, beside its dates: when it moves, it is counted
//! anew from the calendar. NULL for given days and for courses.

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
    "ALTER TABLE entitlement ADD COLUMN interval TEXT CHECK (interval IN ('month', 'year', 'once'))",
    "UPDATE entitlement SET interval = (SELECT p.interval FROM customer_order o JOIN plan p ON p.id = o.plan_id
        WHERE o.id = entitlement.order_id AND o.trial_tier_id IS NULL) WHERE kind = 'tier'",
];
