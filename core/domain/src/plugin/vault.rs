//! Secrets at rest: AES-256-GCM under a key that is not in the database.
//!
//! **Invariant:** a sealed secret opens only for the plugin and the name it was
//! sealed for; both are authenticated with it.
//!
//! ring does the cryptography: it is here already for TLS and for plugins.

use std::fmt;

use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
};

use super::port::Secret;

/// The key of all plugin secrets of one installation. It cannot be printed.
#[derive(Clone)]
pub struct SecretKey([u8; 32]);

/// Why a secret cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    #[error("a secret key has 32 bytes")]
    Key,
    #[error(
        "the stored secret was sealed with another key: set `plugins.secret_key` to that key, or set the secret again"
    )]
    Sealed,
}

impl SecretKey {
    /// # Errors
    /// Not 32 bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, VaultError> {
        bytes.try_into().map(Self).map_err(|_| VaultError::Key)
    }

    /// A random nonce, the ciphertext, the tag.
    pub(crate) fn seal(&self, plugin: &str, name: &str, secret: &Secret) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut text = secret.expose().to_vec();
        let (unique, about) = (Nonce::assume_unique_for_key(nonce), Aad::from(about(plugin, name)));
        self.cipher()
            .seal_in_place_append_tag(unique, about, &mut text)
            .expect("a secret is far below the limit of GCM");
        [nonce.as_slice(), &text].concat()
    }

    pub(crate) fn open(&self, plugin: &str, name: &str, sealed: &[u8]) -> Result<Secret, VaultError> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(VaultError::Sealed)?;
        let (nonce, about) = (Nonce::assume_unique_for_key(*nonce), Aad::from(about(plugin, name)));
        let mut text = text.to_vec();
        let plain = self.cipher().open_in_place(nonce, about, &mut text).map_err(|_| VaultError::Sealed)?;
        Ok(Secret::new(&*plain))
    }

    /// A hash of a text for one purpose that nobody makes without the key.
    pub(crate) fn fingerprint(&self, purpose: &str, text: &str) -> String {
        // Another key for each purpose, and none that encrypts.
        let derived =
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.0), format!("fingerprint:{purpose}").as_bytes());
        let key = hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref());
        hex::encode(hmac::sign(&key, text.as_bytes()))
    }

    fn cipher(&self) -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &self.0).expect("the key has 32 bytes"))
    }
}

/// A plugin's id holds no NUL.
fn about(plugin: &str, name: &str) -> Vec<u8> {
    [plugin.as_bytes(), name.as_bytes()].join(&0)
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_of_its_key_its_purpose_and_its_text() {
        let key = |byte| SecretKey::new(&[byte; 32]).expect("32 bytes");
        let known = key(7).fingerprint("trial", "ana@example.org");
        assert_eq!((known.len(), &known), (64, &key(7).fingerprint("trial", "ana@example.org")));
        for other in [key(8).fingerprint("trial", "ana@example.org"), key(7).fingerprint("x", "ana@example.org")] {
            assert_ne!(known, other);
        }
        assert_ne!(known, key(7).fingerprint("trial", "bob@example.org"));
    }

    #[test]
    fn a_secret_opens_only_for_its_plugin_its_name_and_its_key() {
        let key = SecretKey::new(&[7; 32]).expect("32 bytes");
        let sealed = key.seal("acme/pay", "api_key", &Secret::new("s3cret"));
        assert!(!sealed.windows(6).any(|window| window == b"s3cret"));
        assert_eq!(key.open("acme/pay", "api_key", &sealed), Ok(Secret::new("s3cret")));
        assert_eq!(key.open("acme/pay", "other", &sealed), Err(VaultError::Sealed));
        assert_eq!(key.open("acme/rank", "api_key", &sealed), Err(VaultError::Sealed));
        let other = SecretKey::new(&[8; 32]).expect("32 bytes");
        assert_eq!(other.open("acme/pay", "api_key", &sealed), Err(VaultError::Sealed));
        let mut changed = sealed.clone();
        changed[15] ^= 1;
        assert_eq!(key.open("acme/pay", "api_key", &changed), Err(VaultError::Sealed));
        assert_eq!(key.open("acme/pay", "api_key", b"short"), Err(VaultError::Sealed));
    }

    #[test]
    fn the_same_secret_is_sealed_differently_each_time() {
        let key = SecretKey::new(&[7; 32]).expect("32 bytes");
        let secret = Secret::new("s3cret");
        assert_ne!(key.seal("a/b", "n", &secret), key.seal("a/b", "n", &secret));
        assert_eq!(SecretKey::new(&[0; 31]).err(), Some(VaultError::Key));
    }
}
