//! Ed25519 (RFC 8032).

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use super::Failure;

pub(super) fn sign(key: &SigningKey, message: &[u8]) -> Vec<u8> {
    key.sign(message).to_vec()
}

/// Strictly: a key of small order, which any signature fits, fits none.
pub(super) fn verify(key: &VerifyingKey, message: &[u8], signature: &[u8]) -> Result<(), Failure> {
    let signature = Signature::from_slice(signature).map_err(|_| Failure::Mismatch)?;
    key.verify_strict(message, &signature).map_err(|_| Failure::Mismatch)
}
