//! The one place that trusts compiled code from a file.

use wasmtime::{Engine, component::Component};

/// Loads compiled code that this installation wrote.
///
/// # Errors
/// The engine refuses it: another version or other settings.
#[allow(unsafe_code)]
pub(crate) fn load(engine: &Engine, verified: &Verified) -> wasmtime::Result<Component> {
    // SAFETY: the bytes carry an HMAC under a key that only this installation
    // has, checked by `Verified`, over exactly the bytes passed here; so they
    // are what `Component::serialize` gave to this installation. They are in
    // memory: nobody can change them between the check and the use.
    unsafe { Component::deserialize(engine, verified.bytes()) }
}

/// Bytes whose HMAC was right.
pub(crate) use crate::cache::Verified;
