//! The binary `lyceum` as a library: configuration, wiring, HTTP, commands.
//!
//! **Invariant:** domains receive values, never the configuration.
//! **Invariant:** a bad start says what happened and what to do; it does not panic.

pub mod app;
mod background;
mod cli;
mod commands;
mod compiler;
pub mod config;
mod demo;
mod error;
mod first_party;
mod http;
mod keys;
mod logs;
mod operator;
pub mod plugin_lock;
pub mod plugin_source;
mod plugin_usage;
mod presence;
mod private_files;
mod progress;
mod replace;
mod schema;
mod serve;
mod transport;

pub use cli::main;
pub use error::StartError;
pub use serve::{Stop, serve};
