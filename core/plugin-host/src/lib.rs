//! The plugin host: the only crate that knows how a plugin runs.
//!
//! A plugin is a WASM component with a manifest in it. The manifest asks, the
//! owner grants, the host enforces: [`PluginHost`] implements the domain's
//! [`PluginRuntime`](lyceum_domain::plugin::PluginRuntime) and
//! [`Extensions`](lyceum_domain::plugin::Extensions).
//!
//! **Invariants**
//! - No other crate sees the engine; the domain sees traits and `PluginFailure`.
//! - A component's imports are its permissions; what is not granted is linked to
//!   a refusal, never missing.
//! - Guest code always runs under limits on time, memory and host calls
//!   ([`limits`]), and every answer is checked before it is used.
//! - A secret never enters a guest's memory.
//!
//! **Absent on purpose:** WASI, files, environment and sockets for guests;
//! compiled code from anywhere but this installation's own cache.

mod bindings;
mod breaker;
mod cache;
mod call;
mod compile;
mod cwasm;
mod egress;
mod engine;
mod extends;
mod extension;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod grants;
mod host;
mod interface;
pub mod limits;
mod manifest;
mod memory_services;
mod metrics_text;
pub mod package;
mod places;
mod quantities;
mod quarantine;
mod record;
mod recording;
mod runtime;
mod slots;
mod wishes;
mod worlds;

pub use breaker::{FAILURES as BREAKER_FAILURES, OPEN_FIRST as BREAKER_OPEN_FIRST, WINDOW as BREAKER_WINDOW};
pub use cache::CompileCounts;
pub use compile::{Compiler, compile_child, memory_allowed};
pub use egress::{Exchange, Lookup, MailServer, Origin, OriginPattern, Reach, System, reach};
pub use interface::InterfaceName;
pub use limits::{LimitTable, Limits, World, limits_markdown};
pub use manifest::{Manifest, SECTION as MANIFEST_SECTION};
pub use memory_services::MemoryServices;
pub use places::TRIAL as UPDATE_TRIAL;
pub use quarantine::{FAILURES as QUARANTINE_FAILURES, REMEMBERED as QUARANTINE_REMEMBERED};
pub use recording::{CALLS_KEPT, Call, Recorder, Recording, Replayed};
pub use runtime::{HostError, PluginHost, PluginHostConfig};
pub use wishes::{COMPONENT_CEILING, MEMORY_CEILING, Wishes};
