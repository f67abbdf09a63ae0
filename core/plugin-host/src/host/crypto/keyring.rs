//! Finds the key of a name.
//!
//! - `inline:` and the standard base64 of a SubjectPublicKeyInfo in DER, or
//!   `inline-jwk:` and a JWK in JSON, is a public key that the guest brings. No
//!   secret is involved, so it is there whenever `crypto` is granted: a sign-in
//!   provider checks tokens with the keys that it fetched.
//! - Else it is a granted secret.
//! - Else it is a key that [`trust`](super::trust) let in, until its certificate ends.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lyceum_kernel::Timestamp;

use super::{Context, Failure, format, jwk, key::Key, malformed, trust};

const INLINE: &str = "inline:";
const INLINE_JWK: &str = "inline-jwk:";

/// Longest name of a key, in bytes. A JWK may carry its certificates, which are not read.
const NAME_BYTES: usize = 16 << 10;
/// Keys of certificates that a plugin has at once; the oldest makes room.
const TRUSTED_KEYS: usize = 32;

/// The keys of a plugin, each read once.
#[derive(Default)]
pub(crate) struct Keyring {
    /// Of secrets. These do not change while a plugin is active.
    read: Mutex<BTreeMap<String, Arc<Key>>>,
    /// Of certificates, the oldest first.
    trusted: Mutex<Vec<Trusted>>,
}

struct Trusted {
    name: String,
    key: Arc<Key>,
    until: Timestamp,
}

impl Context {
    /// # Errors
    /// `no-such-key`; `malformed`: there is one, and it cannot be read.
    pub(super) fn key(&self, name: &str) -> Result<Arc<Key>, Failure> {
        if name.len() > NAME_BYTES {
            Err(malformed(format!("the name of a key has at most {NAME_BYTES} bytes")))
        } else if let Some(encoded) = name.strip_prefix(INLINE) {
            let der = format::base64(encoded).ok_or_else(|| malformed("what follows `inline:` is not base64"))?;
            Ok(Arc::new(Key::Public(format::public(&der)?)))
        } else if let Some(json) = name.strip_prefix(INLINE_JWK) {
            jwk::read(json).map(Arc::new)
        } else if let Some(secret) = self.secrets.key(name) {
            self.keys.read(name, secret)
        } else {
            self.keys.trusted(name, self.clock.now()).ok_or(Failure::NoSuchKey)
        }
    }

    /// Lets in the key of a certificate under a name, for this and later calls,
    /// and answers the serial number. The rule stands in [`trust`].
    ///
    /// # Errors
    /// `no-such-key`: no roots are granted for the name; `malformed`: the name is
    /// that of a secret, or something is no certificate; `mismatch`.
    pub(super) fn trust(&self, name: &str, certificate: &[u8]) -> Result<String, Failure> {
        if name.starts_with(INLINE) || name.starts_with(INLINE_JWK) || name.len() > NAME_BYTES {
            return Err(malformed("a key cannot have this name"));
        }
        if self.secrets.key(name).is_some() {
            return Err(malformed(format!("`{name}` is the name of a secret")));
        }
        let roots = self.secrets.key(&trust::roots_of(name)).ok_or(Failure::NoSuchKey)?;
        let trust::Certified { serial, key, until } = trust::check(roots, certificate, self.clock.now())?;
        self.keys.trust(Trusted { name: name.to_owned(), key: Arc::new(key), until });
        Ok(serial)
    }
}

impl Keyring {
    fn read(&self, name: &str, secret: &[u8]) -> Result<Arc<Key>, Failure> {
        if let Some(key) = locked(&self.read).get(name) {
            return Ok(Arc::clone(key));
        }
        let key = Arc::new(format::read(secret)?);
        locked(&self.read).insert(name.to_owned(), Arc::clone(&key));
        Ok(key)
    }

    fn trusted(&self, name: &str, now: Timestamp) -> Option<Arc<Key>> {
        let trusted = locked(&self.trusted);
        let found = trusted.iter().find(|trusted| trusted.name == name && now <= trusted.until)?;
        Some(Arc::clone(&found.key))
    }

    fn trust(&self, new: Trusted) {
        let mut trusted = locked(&self.trusted);
        trusted.retain(|old| old.name != new.name);
        if trusted.len() == TRUSTED_KEYS {
            trusted.remove(0);
        }
        trusted.push(new);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
