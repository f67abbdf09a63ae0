//! Digests without a key.

use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::{
    Failure,
    algorithm::{HASHING, Hashing, named},
    fits,
};

/// # Errors
/// `other`: no such algorithm; `malformed`: the message is too long.
pub(super) fn hash(algorithm: &str, message: &[u8]) -> Result<Vec<u8>, Failure> {
    let algorithm = named(HASHING, algorithm)?;
    fits(message)?;
    Ok(match algorithm {
        Hashing::Sha1 => Sha1::digest(message).to_vec(),
        Hashing::Sha256 => Sha256::digest(message).to_vec(),
        Hashing::Sha384 => Sha384::digest(message).to_vec(),
        Hashing::Sha512 => Sha512::digest(message).to_vec(),
    })
}
