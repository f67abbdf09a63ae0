//! HMAC (RFC 2104) with SHA-256 and SHA-512.

use hmac::{Hmac, Mac as _};
use sha2::{Sha256, Sha512};

use super::Failure;

pub(super) fn sign_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    sha256(key, message).finalize().into_bytes().to_vec()
}

pub(super) fn sign_sha512(key: &[u8], message: &[u8]) -> Vec<u8> {
    sha512(key, message).finalize().into_bytes().to_vec()
}

/// Takes the same time wherever the first difference is.
pub(super) fn verify_sha256(key: &[u8], message: &[u8], tag: &[u8]) -> Result<(), Failure> {
    sha256(key, message).verify_slice(tag).map_err(|_| Failure::Mismatch)
}

/// Takes the same time wherever the first difference is.
pub(super) fn verify_sha512(key: &[u8], message: &[u8], tag: &[u8]) -> Result<(), Failure> {
    sha512(key, message).verify_slice(tag).map_err(|_| Failure::Mismatch)
}

fn sha256(key: &[u8], message: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length").chain_update(message)
}

fn sha512(key: &[u8], message: &[u8]) -> Hmac<Sha512> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length").chain_update(message)
}
