//! Places in the outbox in the order of the commits, and the row that shows
//! whether the database takes writes.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, WRITE_CHECK).await?;
        crate::run_on(manager, DbBackend::Postgres, OUTBOX_ORDER).await
    }
}

const WRITE_CHECK: &[&str] = &[
    "CREATE TABLE write_check (id INTEGER PRIMARY KEY CHECK (id = 1), number BIGINT NOT NULL)",
    "INSERT INTO write_check (id, number) VALUES (1, 0)",
];

// A sequence gives out its numbers before the commit, so a lower one can become
// visible after a higher one, and who has read the higher one never sees it.
// Here the final number is taken at the commit, under a lock that is held until
// others see what was committed: who sees a position sees all before it. SQLite
// has one writer, so its order is that of the commits anyway.
//
// The lock belongs to this database: transactions of others do not matter, nor
// do those that are still open in this one. Creating the trigger waits for the
// transactions that have written to the outbox without it.
const OUTBOX_ORDER: &[&str] = &[
    "CREATE FUNCTION outbox_order() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_advisory_xact_lock(5920, 2);
        UPDATE outbox SET position = nextval('outbox_position_seq') WHERE position = NEW.position;
        RETURN NULL;
    END $$",
    "CREATE CONSTRAINT TRIGGER outbox_order AFTER INSERT ON outbox
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION outbox_order()",
];
