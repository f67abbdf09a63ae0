//! `sign` and `verify`: which algorithm goes with which key.

use super::{
    Context, Failure,
    algorithm::{SIGNING, Signing, named},
    ec, ed25519, fits,
    key::{Key, PrivateKey, PublicKey},
    mac,
    rsa::Scheme,
};

/// # Errors
/// `other`: no such algorithm; `no-such-key`; `malformed`: the key does not sign
/// by this algorithm, or the message is too long.
pub(super) fn sign(context: &Context, key: &str, name: &str, message: &[u8]) -> Result<Vec<u8>, Failure> {
    let algorithm = named(SIGNING, name)?;
    fits(message)?;
    let key = context.key(key)?;
    Ok(match (algorithm, &*key) {
        (Signing::HmacSha256, Key::Symmetric(key)) => mac::sign_sha256(key, message),
        (Signing::HmacSha512, Key::Symmetric(key)) => mac::sign_sha512(key, message),
        (Signing::RsaSha256, Key::Pair(PrivateKey::Rsa(key), _)) => key.sign(Scheme::Pkcs1, message)?,
        (Signing::RsaPssSha256, Key::Pair(PrivateKey::Rsa(key), _)) => key.sign(Scheme::Pss, message)?,
        (Signing::EcdsaP256Sha256, Key::Pair(PrivateKey::P256(key), _)) => ec::sign_fixed(key, message),
        (Signing::EcdsaP256Sha256Der, Key::Pair(PrivateKey::P256(key), _)) => ec::sign_der(key, message),
        (Signing::Ed25519, Key::Pair(PrivateKey::Ed25519(key), _)) => ed25519::sign(key, message),
        _ => return Err(key.unfit(name, "sign")),
    })
}

/// # Errors
/// As [`sign`], and `mismatch`: the signature is not right, whatever is wrong
/// with it.
pub(super) fn verify(
    context: &Context,
    key: &str,
    name: &str,
    message: &[u8],
    signature: &[u8],
) -> Result<(), Failure> {
    let algorithm = named(SIGNING, name)?;
    fits(message)?;
    let key = context.key(key)?;
    match (algorithm, &*key, key.public()) {
        (Signing::HmacSha256, Key::Symmetric(key), _) => mac::verify_sha256(key, message, signature),
        (Signing::HmacSha512, Key::Symmetric(key), _) => mac::verify_sha512(key, message, signature),
        (Signing::RsaSha256, _, Some(PublicKey::Rsa(key))) => key.verify(Scheme::Pkcs1, message, signature),
        (Signing::RsaPssSha256, _, Some(PublicKey::Rsa(key))) => key.verify(Scheme::Pss, message, signature),
        (Signing::EcdsaP256Sha256, _, Some(PublicKey::P256(key))) => ec::verify_fixed(key, message, signature),
        (Signing::EcdsaP256Sha256Der, _, Some(PublicKey::P256(key))) => ec::verify_der(key, message, signature),
        (Signing::Ed25519, _, Some(PublicKey::Ed25519(key))) => ed25519::verify(key, message, signature),
        _ => Err(key.unfit(name, "verify")),
    }
}
