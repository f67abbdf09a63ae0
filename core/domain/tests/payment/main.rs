//! Payments and memberships on a real database, with a fake provider. Each
//! story runs on SQLite, and on PostgreSQL when `LYCEUM_TEST_POSTGRES_URL` names one.

#![allow(clippy::unwrap_used, reason = "a test that fails to unwrap has failed")]
#![allow(clippy::result_large_err, reason = "the port's error is made for plugins, not for loops")]

mod ahead;
mod buying;
mod gateway;
mod keeping;
mod owning;
mod refunding;
mod shop;
mod telling;
