//! What a guest can call: `lyceum:host`, one file an interface or two.
//!
//! **Invariants:** every function counts as a host call before it does anything;
//! an interface that is not granted is linked to [`Denied`], whose functions can
//! do nothing but refuse.

mod baseline;
mod content;
mod crypto;
mod denied;
pub(crate) mod events;
mod http;
pub(crate) mod json;
mod kv;
mod linker;
mod measures;
pub(crate) mod refusals;
mod secret_ref;
mod services;
mod smtp;
mod state;
mod tally;
mod window;

pub(crate) use denied::Denied;
pub(crate) use linker::linker;
pub(crate) use measures::Measures;
pub(crate) use state::{CallState, Context, ContextParts, Ended};
pub(crate) use tally::Tally;
