//! The database handle under faults, on SQLite and, when
//! `LYCEUM_TEST_POSTGRES_URL` is set, on PostgreSQL.

#![allow(clippy::unwrap_used)]

mod consumers;
mod folding;
mod fresh;
mod limits;
mod migrations;
mod outbox;
mod tasks;
mod writer;
