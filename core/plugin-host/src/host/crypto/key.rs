//! A key that is read and ready.

use p256::pkcs8::EncodePublicKey as _;

use super::{Failure, malformed, rsa};

pub(super) enum Key {
    /// Bytes for HMAC and AES.
    Symmetric(Vec<u8>),
    Pair(PrivateKey, PublicKey),
    Public(PublicKey),
}

pub(super) enum PrivateKey {
    Rsa(Box<rsa::Private>),
    P256(Box<p256::ecdsa::SigningKey>),
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

pub(super) enum PublicKey {
    Rsa(rsa::Public),
    P256(p256::ecdsa::VerifyingKey),
    Ed25519(ed25519_dalek::VerifyingKey),
}

impl Key {
    /// The public half, of a private key too.
    pub fn public(&self) -> Option<&PublicKey> {
        match self {
            Self::Symmetric(_) => None,
            Self::Pair(_, public) | Self::Public(public) => Some(public),
        }
    }

    /// The public half as SubjectPublicKeyInfo, in DER.
    ///
    /// # Errors
    /// The key is symmetric: it has no half that may be shown.
    pub fn public_der(&self) -> Result<Vec<u8>, Failure> {
        let der = match self.public() {
            Some(PublicKey::Rsa(key)) => return Ok(key.der()),
            Some(PublicKey::P256(key)) => key.to_public_key_der(),
            Some(PublicKey::Ed25519(key)) => key.to_public_key_der(),
            None => return Err(malformed("a symmetric key has no public half")),
        };
        Ok(der.expect("a key that was read can be written").into_vec())
    }

    pub fn kind(&self) -> &'static str {
        match self {
            Self::Symmetric(_) => "a symmetric key",
            Self::Pair(PrivateKey::Rsa(_), _) => "an RSA private key",
            Self::Pair(PrivateKey::P256(_), _) => "a P-256 private key",
            Self::Pair(PrivateKey::Ed25519(_), _) => "an Ed25519 private key",
            Self::Public(PublicKey::Rsa(_)) => "an RSA public key",
            Self::Public(PublicKey::P256(_)) => "a P-256 public key",
            Self::Public(PublicKey::Ed25519(_)) => "an Ed25519 public key",
        }
    }

    /// The failure of an algorithm that does not do this with such a key.
    pub fn unfit(&self, algorithm: &str, action: &str) -> Failure {
        malformed(format!("`{algorithm}` cannot {action} with {}", self.kind()))
    }

    pub fn p256(secret: p256::SecretKey) -> Self {
        let key = p256::ecdsa::SigningKey::from(secret);
        let public = PublicKey::P256(*key.verifying_key());
        Self::Pair(PrivateKey::P256(Box::new(key)), public)
    }

    pub fn ed25519(key: ed25519_dalek::SigningKey) -> Self {
        let public = PublicKey::Ed25519(key.verifying_key());
        Self::Pair(PrivateKey::Ed25519(Box::new(key)), public)
    }
}
