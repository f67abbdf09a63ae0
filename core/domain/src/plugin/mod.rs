//! Plugins: what is installed, what the owner allows it, and whether it runs.
//!
//! The manifest asks, the owner grants, the host enforces ([`PluginRuntime`]).
//! This domain keeps the record: component, version, consent, grants,
//! configuration and secrets.
//!
//! **Invariant:** nothing is installed that asks for more than was consented to.
//! **Invariant:** an update that fails or that asks for more leaves the old
//! version running and recorded.
//! **Invariant:** a secret is written and handed to the host; nothing reads it
//! back.
//!
//! Absent on purpose: signatures and packages (PLUGINS §9), and other servers
//! of the same database; they see a change when they start again.

mod consent;
mod error;
mod model;
mod port;
mod service;
mod store;

pub use model::{Activated, InstallPlugin, Installed, InstalledPlugin, PluginState};
pub use port::*;
pub use service::Plugins;

/// The largest component that can be installed, in bytes (PLUGINS §5).
pub const COMPONENT_MAX_BYTES: usize = 8 << 20;
