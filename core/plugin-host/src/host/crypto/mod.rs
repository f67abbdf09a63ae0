//! `crypto`: signs, checks, opens and seals with keys that stay here.
//!
//! - A key is the name of a granted secret, a name that [`trust`] gave to the
//!   key of a certificate, or a public key that the guest brings along
//!   (`inline:…`, `inline-jwk:…`). [`keyring`] finds it, [`format`] reads it.
//! - [`algorithm`] has the names. `docs/plugins/crypto.md` lists them for
//!   authors; a test compares the two.
//!
//! **Invariant:** no byte of a secret goes to the guest, nor into a message.
//! **Invariant:** a key serves only the algorithms of its kind, so the text of a
//! public key is never an HMAC key, whatever a forged token says.
//! **Invariant:** what was opened or checked and is not right is `mismatch`, and
//! nothing tells why.
//!
//! Time spent here is time of the host. It is charged to the call as CPU ticks,
//! and messages are limited to [`MESSAGE_BYTES`].

mod aes;
mod algorithm;
mod ec;
mod ed25519;
mod format;
mod hash;
mod jwk;
mod key;
mod keyring;
mod mac;
mod rsa;
mod sealing;
mod signing;
#[cfg(test)]
mod tests;
mod trust;

use wasmtime::Result;

pub(crate) use self::keyring::Keyring;
use super::{CallState, Context};
use crate::bindings::host::crypto::{self, Failure};

/// Largest message that is signed, checked, opened, sealed or hashed, in bytes.
const MESSAGE_BYTES: usize = crate::limits::CRYPTO_MESSAGE_BYTES;

impl crypto::Host for CallState {
    fn sign(&mut self, key: String, alg: String, message: Vec<u8>) -> Result<Result<Vec<u8>, Failure>> {
        self.enter()?;
        Ok(self.charged(|context| signing::sign(context, &key, &alg, &message)))
    }

    fn verify(&mut self, key: String, alg: String, message: Vec<u8>, sig: Vec<u8>) -> Result<Result<(), Failure>> {
        self.enter()?;
        Ok(self.charged(|context| signing::verify(context, &key, &alg, &message, &sig)))
    }

    fn open(
        &mut self,
        key: String,
        alg: String,
        nonce: Vec<u8>,
        aad: Vec<u8>,
        sealed: Vec<u8>,
    ) -> Result<Result<Vec<u8>, Failure>> {
        self.enter()?;
        Ok(self.charged(|context| sealing::open(context, &key, &alg, &nonce, &aad, &sealed)))
    }

    fn seal(&mut self, key: String, alg: String, plain: Vec<u8>) -> Result<Result<Vec<u8>, Failure>> {
        self.enter()?;
        Ok(self.charged(|context| sealing::seal(context, &key, &alg, &plain)))
    }

    fn trust(&mut self, name: String, certificate: Vec<u8>) -> Result<Result<String, Failure>> {
        self.enter()?;
        Ok(self.charged(|context| context.trust(&name, &certificate)))
    }

    fn hash(&mut self, alg: String, message: Vec<u8>) -> Result<Result<Vec<u8>, Failure>> {
        self.enter()?;
        Ok(self.charged(|_| hash::hash(&alg, &message)))
    }

    fn public_key(&mut self, key: String) -> Result<Result<Vec<u8>, Failure>> {
        self.enter()?;
        Ok(self.charged(|context| context.key(&key)?.public_der()))
    }
}

/// # Errors
/// The message is larger than [`MESSAGE_BYTES`].
fn fits(message: &[u8]) -> Result<(), Failure> {
    match message.len() {
        0..=MESSAGE_BYTES => Ok(()),
        long => Err(malformed(format!("{long} bytes are too many; at most {MESSAGE_BYTES} are taken"))),
    }
}

fn malformed(why: impl Into<String>) -> Failure {
    Failure::Malformed(why.into())
}
