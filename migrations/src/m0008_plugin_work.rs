//! What plugins have still to do: deliveries and runs of jobs.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, UP).await
    }
}

// `claim` is made anew with each claim: who lost the lease can no longer
// change the row. `position` is the place in the outbox; 0 for what did not
// come from there.
const UP: &[&str] = &[
    "CREATE TABLE plugin_delivery (
        id TEXT PRIMARY KEY,
        plugin TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('after_hook', 'notify')),
        subject TEXT NOT NULL,
        position BIGINT NOT NULL,
        payload TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'dead')),
        attempts INTEGER NOT NULL,
        next_at TEXT NOT NULL,
        claim TEXT,
        claimed_until TEXT,
        last_error TEXT,
        created_at TEXT NOT NULL
    )",
    "CREATE INDEX plugin_delivery_due ON plugin_delivery (next_at) WHERE state = 'waiting'",
    "CREATE INDEX plugin_delivery_subject ON plugin_delivery (plugin, kind, subject, position, id)",
    "CREATE TABLE plugin_job_run (
        id TEXT PRIMARY KEY,
        plugin TEXT NOT NULL,
        job TEXT NOT NULL,
        origin TEXT NOT NULL CHECK (origin IN ('schedule', 'queue')),
        payload TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'dead', 'cancelled')),
        resume TEXT,
        attempt INTEGER NOT NULL,
        due_at TEXT NOT NULL,
        next_at TEXT NOT NULL,
        claim TEXT,
        claimed_until TEXT,
        progress INTEGER,
        report TEXT,
        last_error TEXT,
        queued_by TEXT REFERENCES user_account (id) ON DELETE SET NULL,
        created_at TEXT NOT NULL,
        finished_at TEXT
    )",
    "CREATE INDEX plugin_job_run_due ON plugin_job_run (next_at) WHERE state IN ('waiting', 'running')",
    "CREATE INDEX plugin_job_run_job ON plugin_job_run (plugin, job, due_at)",
    // A schedule never piles up.
    "CREATE UNIQUE INDEX plugin_job_run_scheduled ON plugin_job_run (plugin, job)
        WHERE origin = 'schedule' AND state IN ('waiting', 'running')",
];
