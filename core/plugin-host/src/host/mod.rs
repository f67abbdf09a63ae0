//! What a guest can call: `lyceum:host`, one file an interface or two.
//!
//! **Invariants:** every function counts as a host call before it does anything;
//! an interface that is not granted is linked to [`Denied`], whose functions can
//! do nothing but refuse.

mod baseline;
mod crypto;
mod denied;
mod http;
mod kv;
mod linker;
mod secret_ref;
mod state;

pub(crate) use denied::Denied;
pub(crate) use kv::KvStore;
pub(crate) use linker::linker;
pub(crate) use state::{CallState, Context, ContextParts, Ended};
