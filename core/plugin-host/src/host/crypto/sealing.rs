//! `open` and `seal`: which algorithm goes with which key.

use rsa::Oaep;
use sha1::Sha1;
use sha2::Sha256;

use super::{
    Context, Failure, aes,
    algorithm::{OPENING, SEALING, Sealing, named},
    fits,
    key::{Key, PrivateKey, PublicKey},
    malformed,
};

/// # Errors
/// `other`: no such algorithm; `no-such-key`; `malformed`: the key, the nonce or
/// the additional data does not go with the algorithm; `mismatch`: the text is
/// not right, whatever is wrong with it.
pub(super) fn open(
    context: &Context,
    key: &str,
    name: &str,
    nonce: &[u8],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, Failure> {
    let algorithm = named(OPENING, name)?;
    fits(sealed)?;
    takes(algorithm, name, nonce, aad)?;
    let key = context.key(key)?;
    match (algorithm, &*key) {
        (Sealing::Aes256Gcm, Key::Symmetric(key)) => aes::open_gcm(key, nonce, aad, sealed),
        (Sealing::Aes128Cbc, Key::Symmetric(key)) => aes::open_cbc(key, nonce, sealed),
        (Sealing::RsaOaepSha1, Key::Pair(PrivateKey::Rsa(key), _)) => key.open(Oaep::new::<Sha1>(), sealed),
        (Sealing::RsaOaepSha256, Key::Pair(PrivateKey::Rsa(key), _)) => key.open(Oaep::new::<Sha256>(), sealed),
        _ => Err(key.unfit(name, "open")),
    }
}

/// # Errors
/// As [`open`], without `mismatch`.
pub(super) fn seal(context: &Context, key: &str, name: &str, plain: &[u8]) -> Result<Vec<u8>, Failure> {
    let algorithm = named(SEALING, name)?;
    fits(plain)?;
    let key = context.key(key)?;
    match (algorithm, &*key, key.public()) {
        (Sealing::Aes256Gcm, Key::Symmetric(key), _) => aes::seal_gcm(key, plain),
        (Sealing::RsaOaepSha1, _, Some(PublicKey::Rsa(key))) => key.seal(Oaep::new::<Sha1>(), plain),
        (Sealing::RsaOaepSha256, _, Some(PublicKey::Rsa(key))) => key.seal(Oaep::new::<Sha256>(), plain),
        _ => Err(key.unfit(name, "seal")),
    }
}

/// A guest that gives what the algorithm ignores believes in a check that is not made.
fn takes(algorithm: Sealing, name: &str, nonce: &[u8], aad: &[u8]) -> Result<(), Failure> {
    let (nonce_taken, aad_taken) = match algorithm {
        Sealing::Aes256Gcm => (true, true),
        Sealing::Aes128Cbc => (true, false),
        Sealing::RsaOaepSha1 | Sealing::RsaOaepSha256 => (false, false),
    };
    match () {
        () if !nonce_taken && !nonce.is_empty() => Err(malformed(format!("`{name}` takes no nonce"))),
        () if !aad_taken && !aad.is_empty() => Err(malformed(format!("`{name}` takes no additional data"))),
        () => Ok(()),
    }
}
