//! The one test binary: stories over HTTP, on SQLite and on PostgreSQL. The
//! files mirror the parts of the product that they are about.

#![allow(clippy::unwrap_used)]

mod binary;
mod components;
mod docs;
mod gating;
mod http;
mod import;
mod matrix;
mod nodes;
mod odd;
mod owner;
mod payments;
mod people;
mod plugins;
mod readme;
mod search;
mod sign_in;
mod transport;
