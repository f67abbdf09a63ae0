//! The engines through the port. Meilisearch is played by a small fake server
//! that speaks its HTTP protocol (see `fake`): the real engine is not needed
//! and its ranking is not tested.
#![allow(clippy::unwrap_used)]

mod build;
mod embedded;
mod fake;
mod gating;
mod meilisearch;
