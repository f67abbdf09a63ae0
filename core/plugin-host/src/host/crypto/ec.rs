//! ECDSA on P-256 with SHA-256, with nonces after RFC 6979.
//!
//! A signature is 64 bytes (IEEE P1363, as JOSE has it) or ASN.1 DER.

use p256::ecdsa::{
    Signature, SigningKey, VerifyingKey,
    signature::{Signer as _, Verifier as _},
};

use super::Failure;

pub(super) fn sign_fixed(key: &SigningKey, message: &[u8]) -> Vec<u8> {
    sign(key, message).to_bytes().to_vec()
}

pub(super) fn sign_der(key: &SigningKey, message: &[u8]) -> Vec<u8> {
    sign(key, message).to_der().as_bytes().to_vec()
}

pub(super) fn verify_fixed(key: &VerifyingKey, message: &[u8], signature: &[u8]) -> Result<(), Failure> {
    verify(key, message, Signature::from_slice(signature).ok())
}

pub(super) fn verify_der(key: &VerifyingKey, message: &[u8], signature: &[u8]) -> Result<(), Failure> {
    verify(key, message, Signature::from_der(signature).ok())
}

fn sign(key: &SigningKey, message: &[u8]) -> Signature {
    key.sign(message)
}

fn verify(key: &VerifyingKey, message: &[u8], signature: Option<Signature>) -> Result<(), Failure> {
    let signature = signature.ok_or(Failure::Mismatch)?;
    key.verify(message, &signature).map_err(|_| Failure::Mismatch)
}
