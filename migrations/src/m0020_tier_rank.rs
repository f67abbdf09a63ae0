//! A rank belongs to one tier: of two with the same the cheap one would open
//! the other's entries. Equal ranks of before are spread, the older tier keeps
//! its own, and no tier changes places with another.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, UP).await
    }
}

// A rank is moved up only as far as those below it need: the largest, over the
// tiers up to this one, of their rank and the places in between.
const UP: &[&str] = &[
    "CREATE TABLE tier_spread AS
        SELECT id, place + MAX(rank - place) OVER (ORDER BY place) AS rank
        FROM (SELECT id, rank, ROW_NUMBER() OVER (ORDER BY rank, created_at, id) AS place FROM tier) AS placed",
    "UPDATE tier SET rank = (SELECT s.rank FROM tier_spread s WHERE s.id = tier.id)",
    "DROP TABLE tier_spread",
    "CREATE UNIQUE INDEX tier_rank ON tier (rank)",
];
