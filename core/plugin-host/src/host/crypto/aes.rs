//! AES-256-GCM both ways, AES-128-CBC to open what old providers send.
//!
//! GCM is ring's, which is here already for TLS. ring has no CBC.

use aes::Aes128;
use cbc::{
    Decryptor,
    cipher::{BlockDecryptMut as _, KeyIvInit as _, block_padding::Pkcs7},
};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom as _, SystemRandom},
};

use super::{Failure, format, malformed};

/// Checks and decrypts; the tag of 16 bytes stands at the end.
///
/// # Errors
/// `malformed`: the key has not 32 bytes, the nonce not 12; `mismatch`.
pub(super) fn open_gcm(key: &[u8], nonce: &[u8], aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Failure> {
    let cipher = gcm(key)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce)
        .map_err(|_| malformed(format!("the nonce has {} bytes; it needs {NONCE_LEN}", nonce.len())))?;
    let mut text = sealed.to_vec();
    let plain = cipher.open_in_place(nonce, Aad::from(aad), &mut text).map_err(|_| Failure::Mismatch)?;
    Ok(plain.to_vec())
}

/// Encrypts with a new random nonce, which stands in front of the result: 12
/// bytes, then the ciphertext, then the tag of 16. To open it, the guest gives
/// the first 12 bytes as the nonce and the rest as the sealed text.
///
/// # Errors
/// `malformed`: the key has not 32 bytes.
pub(super) fn seal_gcm(key: &[u8], plain: &[u8]) -> Result<Vec<u8>, Failure> {
    let (cipher, mut nonce) = (gcm(key)?, [0; NONCE_LEN]);
    let failed = |_| Failure::Other("the text was not sealed".into());
    SystemRandom::new().fill(&mut nonce).map_err(failed)?;
    let mut text = plain.to_vec();
    let unique = Nonce::assume_unique_for_key(nonce);
    cipher.seal_in_place_append_tag(unique, Aad::empty(), &mut text).map_err(failed)?;
    Ok([&nonce[..], &text].concat())
}

/// Decrypts, with PKCS#7 padding. The nonce is the initialisation vector.
///
/// **Danger:** CBC does not tell a changed text from a right one. A guest that
/// shows whether a text of a stranger opened is a padding oracle: it must check
/// a signature over the sealed text first.
///
/// # Errors
/// `malformed`: the key or the vector has not 16 bytes; `mismatch` for
/// everything that is wrong with the text.
pub(super) fn open_cbc(key: &[u8], vector: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Failure> {
    let key = key_of::<16>(key)?;
    let vector: &[u8; 16] = vector
        .try_into()
        .map_err(|_| malformed(format!("the initialisation vector has {} bytes; it needs 16", vector.len())))?;
    let cipher = Decryptor::<Aes128>::new(&key.into(), vector.into());
    cipher.decrypt_padded_vec_mut::<Pkcs7>(sealed).map_err(|_| Failure::Mismatch)
}

fn gcm(key: &[u8]) -> Result<LessSafeKey, Failure> {
    let key = UnboundKey::new(&AES_256_GCM, &key_of::<32>(key)?).expect("a key of this length");
    Ok(LessSafeKey::new(key))
}

/// The bytes of a key: themselves, or the base64 of them (as Alipay hands out).
fn key_of<const BYTES: usize>(key: &[u8]) -> Result<[u8; BYTES], Failure> {
    let wrong = || malformed(format!("the key has {} bytes; it needs {BYTES}, or their base64", key.len()));
    if let Ok(key) = key.try_into() {
        return Ok(key);
    }
    let text = std::str::from_utf8(key).map_err(|_| wrong())?.trim();
    let decoded = || format::base64(text).and_then(|bytes| bytes.try_into().ok());
    text.as_bytes().try_into().ok().or_else(decoded).ok_or_else(wrong)
}
