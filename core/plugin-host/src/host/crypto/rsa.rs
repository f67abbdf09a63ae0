//! RSA of 2048 to 4096 bits: PKCS#1 v1.5 and PSS signatures, OAEP encryption.
//!
//! Signatures are ring's. The `rsa` crate computes with private keys in a time
//! that depends on them (RUSTSEC-2023-0071), and who can ask for signatures can
//! measure it; ring computes in constant time, is here already for TLS, and
//! takes a third of the time (0.9 ms of 2.7 for 2048 bits). ring has no OAEP, so
//! opening stays with `rsa`: blinded, which takes from the caller the choice of
//! the number that is computed with.

use ring::{
    rand::SystemRandom,
    signature::{self as ring_signature, RsaEncoding, RsaKeyPair, RsaParameters, RsaPublicKeyComponents},
};
use rsa::{
    BigUint, Oaep, RsaPrivateKey, RsaPublicKey,
    pkcs1::EncodeRsaPrivateKey as _,
    pkcs8::EncodePublicKey as _,
    rand_core::OsRng,
    traits::{PrivateKeyParts as _, PublicKeyParts as _},
};

use super::{
    Failure,
    key::{Key, PrivateKey, PublicKey},
    malformed,
};

/// Keys that are taken, in bits.
const BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

pub(super) struct Private {
    signing: RsaKeyPair,
    opening: RsaPrivateKey,
}

pub(super) struct Public {
    key: RsaPublicKey,
    /// Modulus and exponent as ring takes them: big-endian, no zeros in front.
    parts: RsaPublicKeyComponents<Vec<u8>>,
}

/// How a message is signed, for both directions.
#[derive(Clone, Copy)]
pub(super) enum Scheme {
    Pkcs1,
    /// With a salt as long as the digest, as JOSE has it.
    Pss,
}

impl Scheme {
    fn signing(self) -> &'static dyn RsaEncoding {
        match self {
            Self::Pkcs1 => &ring_signature::RSA_PKCS1_SHA256,
            Self::Pss => &ring_signature::RSA_PSS_SHA256,
        }
    }

    fn verifying(self) -> &'static RsaParameters {
        match self {
            Self::Pkcs1 => &ring_signature::RSA_PKCS1_2048_8192_SHA256,
            Self::Pss => &ring_signature::RSA_PSS_2048_8192_SHA256,
        }
    }
}

/// # Errors
/// `malformed`: the key is too short or long, or inconsistent.
pub(super) fn pair(key: RsaPrivateKey) -> Result<Key, Failure> {
    let public = Public::new(key.to_public_key())?;
    let opening = larger_prime_first(key)?;
    let der = opening.to_pkcs1_der().map_err(|_| inconsistent())?;
    let signing = RsaKeyPair::from_der(der.as_bytes()).map_err(|_| inconsistent())?;
    Ok(Key::Pair(PrivateKey::Rsa(Box::new(Private { signing, opening })), PublicKey::Rsa(public)))
}

/// ring wants the primes in this order, which is that of most makers of keys.
fn larger_prime_first(key: RsaPrivateKey) -> Result<RsaPrivateKey, Failure> {
    if key.primes().is_sorted_by(|one, next| one > next) {
        return Ok(key);
    }
    let primes = key.primes().iter().rev().cloned().collect();
    RsaPrivateKey::from_components(key.n().clone(), key.e().clone(), key.d().clone(), primes)
        .map_err(|_| inconsistent())
}

impl Private {
    pub fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut signature = vec![0; self.signing.public().modulus_len()];
        let signed = self.signing.sign(scheme.signing(), &SystemRandom::new(), message, &mut signature);
        signed.map(|()| signature).map_err(|_| Failure::Other("the signature was not made".into()))
    }

    pub fn open(&self, padding: Oaep, sealed: &[u8]) -> Result<Vec<u8>, Failure> {
        self.opening.decrypt_blinded(&mut OsRng, padding, sealed).map_err(|_| Failure::Mismatch)
    }
}

impl Public {
    /// # Errors
    /// `malformed`: the key is too short or too long.
    pub fn new(key: RsaPublicKey) -> Result<Self, Failure> {
        let bits = key.n().bits();
        if !BITS.contains(&bits) {
            return Err(malformed(format!("RSA keys have {} to {} bits, not {bits}", BITS.start(), BITS.end())));
        }
        let parts = RsaPublicKeyComponents { n: key.n().to_bytes_be(), e: key.e().to_bytes_be() };
        Ok(Self { key, parts })
    }

    /// # Errors
    /// `malformed`: no such modulus and exponent, both big-endian, make a key.
    pub fn from_parts(modulus: &[u8], exponent: &[u8]) -> Result<Self, Failure> {
        let [n, e] = [modulus, exponent].map(BigUint::from_bytes_be);
        Self::new(RsaPublicKey::new(n, e).map_err(|_| malformed("modulus and exponent make no RSA key"))?)
    }

    pub fn verify(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> Result<(), Failure> {
        self.parts.verify(scheme.verifying(), message, signature).map_err(|_| Failure::Mismatch)
    }

    /// # Errors
    /// `malformed`: the text is longer than one block of the key holds.
    pub fn seal(&self, padding: Oaep, plain: &[u8]) -> Result<Vec<u8>, Failure> {
        let sealed = self.key.encrypt(&mut OsRng, padding, plain);
        sealed.map_err(|_| malformed("the text is longer than this key seals at once"))
    }

    pub fn der(&self) -> Vec<u8> {
        self.key.to_public_key_der().expect("a key that was read can be written").into_vec()
    }
}

fn inconsistent() -> Failure {
    malformed("the parts of the RSA private key do not fit together")
}
