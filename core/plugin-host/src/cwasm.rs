//! The one place that trusts compiled code.

use wasmtime::{Engine, component::Component};

/// Loads compiled code that this installation made.
///
/// # Errors
/// The engine refuses it: another version or other settings.
#[allow(unsafe_code)]
pub(crate) fn load(engine: &Engine, verified: &Verified) -> wasmtime::Result<Component> {
    // SAFETY: `Verified` has two makers. Bytes from a file carry an HMAC under a
    // key that only this installation has, checked over exactly the bytes passed
    // here. Bytes from a compiler came over a pipe from a child that this process
    // started from its own program and that ended well. So both are what the
    // engine's compiler gave. They are in memory: nobody can change them between
    // the check and the use.
    unsafe { Component::deserialize(engine, verified.bytes()) }
}

/// Code that came from the engine's compiler.
pub(crate) use crate::cache::Verified;
