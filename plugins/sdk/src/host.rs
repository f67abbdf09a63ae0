//! What the host offers, as a trait: [`Wasm`] is the real one, tests bring
//! their own. Secrets are named, never seen.

use crate::payment::bindings::lyceum::host as imports;

pub use imports::{
    crypto::Failure as CryptoFailure,
    http::{Failure as HttpFailure, HeaderValue, Request, Response},
    log::Level,
};

/// The host interfaces of the payment world.
pub trait Host {
    /// Makes one attempt at a request. Follows no redirect.
    ///
    /// # Errors
    /// Whether the request may have had its effect.
    fn send(&self, request: &Request) -> Result<Response, HttpFailure>;

    /// Signs with the key of this name.
    ///
    /// # Errors
    /// No such key, or the algorithm does not fit it.
    fn sign(&self, key: &str, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, CryptoFailure>;

    /// Checks a signature with the key of this name, in constant time.
    ///
    /// # Errors
    /// `Mismatch` when the signature is not right.
    fn verify(&self, key: &str, algorithm: &str, message: &[u8], signature: &[u8]) -> Result<(), CryptoFailure>;

    /// Milliseconds since 1970.
    fn now_ms(&self) -> u64;

    /// Random bytes, at most 4096.
    fn random(&self, length: u32) -> Vec<u8>;

    /// One line in the server's log.
    fn log(&self, level: Level, message: &str);

    /// The plugin's configuration as JSON text.
    fn config(&self) -> String;
}

/// The host around a running component.
#[derive(Debug, Clone, Copy)]
pub struct Wasm;

impl Host for Wasm {
    fn send(&self, request: &Request) -> Result<Response, HttpFailure> {
        imports::http::send(request)
    }

    fn sign(&self, key: &str, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        imports::crypto::sign(key, algorithm, message)
    }

    fn verify(&self, key: &str, algorithm: &str, message: &[u8], signature: &[u8]) -> Result<(), CryptoFailure> {
        imports::crypto::verify(key, algorithm, message, signature)
    }

    fn now_ms(&self) -> u64 {
        imports::clock::now_ms()
    }

    fn random(&self, length: u32) -> Vec<u8> {
        imports::random::bytes(length)
    }

    fn log(&self, level: Level, message: &str) {
        imports::log::write(level, message, &[]);
    }

    fn config(&self) -> String {
        imports::config::get()
    }
}
