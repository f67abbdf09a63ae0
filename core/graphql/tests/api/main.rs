//! The API over a real database: reads, content, limits. Every story is told
//! on SQLite, and on PostgreSQL when `LYCEUM_TEST_POSTGRES_URL` is set.
#![allow(clippy::unwrap_used)]

mod added_fields;
mod bed;
mod content;
mod documented;
mod life;
mod limits;
mod names;
mod own_account;
mod reads;
mod schema;
mod specification;
