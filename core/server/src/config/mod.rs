//! Configuration: one table of keys, read once from file, environment and
//! flags, checked as a whole.
//!
//! **Invariant:** every key stands in [`KEYS`] with its default; the page
//! `docs/configuration.md` is made from the same table.
//! **Invariant:** unknown keys are refused, and all problems are told at once.

mod document;
mod keys;
mod parts;
mod secret;
mod server;
mod values;

pub use document::markdown;
pub use keys::{KEYS, Key};
pub use parts::{
    Config, Content, Database, Engine, GraphqlApi, Identity, Log, LogFormat, Metrics, PaymentAccount, Payments, Search,
};
pub use secret::Secret;
pub use server::{Capacity, Limits, Server, Timeouts, TlsFiles};
pub use values::{ConfigError, Sources};
