//! The written forms of a key: PEM, DER, the bare base64 of a DER (as Alipay
//! hands out), and plain bytes.
//!
//! PEM is read with any line length, or on one line: owners paste keys into a
//! form, and line ends get lost. That is why the PEM crates, which insist on
//! lines, do not serve.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::pkcs8::{
    ObjectIdentifier, PrivateKeyInfo,
    spki::{SubjectPublicKeyInfoRef, der::Encode as _},
};
use rsa::pkcs1::{DecodeRsaPrivateKey as _, DecodeRsaPublicKey as _};
use x509_cert::{
    Certificate,
    der::{AnyRef, Decode as _, Tag, Tagged as _},
};

use super::{
    Failure,
    key::{Key, PublicKey},
    malformed, rsa as own,
};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// The shortest key in DER, an Ed25519 public key. Fewer bytes are no DER,
/// however they begin: a random AES key may begin like one.
const DER_BYTES: usize = 44;

/// Reads the key in a secret.
///
/// Bytes are a symmetric key if they are nothing else; `base64:` and base64 is
/// the way to write one that is not text.
///
/// # Errors
/// `malformed`: a key of a kind that is not used here, or a broken one. It is
/// never taken for a symmetric key.
pub(super) fn read(secret: &[u8]) -> Result<Key, Failure> {
    let text = std::str::from_utf8(secret).unwrap_or_default().trim();
    if secret.is_empty() {
        Err(malformed("the secret is empty"))
    } else if text.contains("-----BEGIN ") {
        pem(text)
    } else if let Some(encoded) = text.strip_prefix("base64:") {
        symmetric(encoded)
    } else if let Some(der) = bare_der(secret, text) {
        key(&der)
    } else {
        Ok(Key::Symmetric(secret.to_vec()))
    }
}

/// The certificates in PEM, or the one in DER or in base64 of it.
pub(super) fn certificates(bytes: &[u8]) -> Vec<Vec<u8>> {
    let text = std::str::from_utf8(bytes).unwrap_or_default().trim();
    match text.contains("-----BEGIN ") {
        true => sections(text).filter(|(label, _)| label.ends_with("CERTIFICATE")).filter_map(|(_, der)| der).collect(),
        false => bare_der(bytes, text).into_iter().collect(),
    }
}

/// Reads a SubjectPublicKeyInfo.
///
/// # Errors
/// `malformed`: it is none, or of a kind that is not used here.
pub(super) fn public(der: &[u8]) -> Result<PublicKey, Failure> {
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| malformed("this is no public key in DER"))?;
    match info.algorithm.oid {
        RSA => own::Public::new(info.try_into().map_err(|_| broken())?).map(PublicKey::Rsa),
        EC => p256::ecdsa::VerifyingKey::try_from(info).map(PublicKey::P256).map_err(|_| not_p256()),
        ED25519 => ed25519_dalek::VerifyingKey::try_from(info).map(PublicKey::Ed25519).map_err(|_| broken()),
        other => Err(unused(other)),
    }
}

/// The base64 of anything, without its white space.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.split_ascii_whitespace().collect::<String>()).ok()
}

fn symmetric(encoded: &str) -> Result<Key, Failure> {
    let bytes = base64(encoded).filter(|bytes| !bytes.is_empty());
    bytes.map(Key::Symmetric).ok_or_else(|| malformed("what follows `base64:` is not base64"))
}

/// The sections of a PEM: their labels, and their bytes if these are base64.
fn sections(text: &str) -> impl Iterator<Item = (&str, Option<Vec<u8>>)> {
    text.split("-----BEGIN ").skip(1).filter_map(|section| {
        let (label, rest) = section.split_once("-----")?;
        let (body, end) = rest.split_once("-----END ")?;
        end.starts_with(label).then(|| (label, base64(body)))
    })
}

/// The first section that is a key or a certificate. `EC PARAMETERS` is neither.
fn pem(text: &str) -> Result<Key, Failure> {
    let mut sections = sections(text);
    let found = sections.find(|(label, _)| label.ends_with("KEY") || label.ends_with("CERTIFICATE"));
    let (_, der) = found.ok_or_else(|| malformed("the PEM has neither a key nor a certificate"))?;
    key(&der.ok_or_else(broken)?)
}

/// The bytes of a DER that stands alone or in base64.
fn bare_der(bytes: &[u8], text: &str) -> Option<Vec<u8>> {
    match is_der(bytes) {
        true => Some(bytes.to_vec()),
        false => base64(text).filter(|der| is_der(der)),
    }
}

/// Whether this is one SEQUENCE that begins as keys and certificates do.
fn is_der(bytes: &[u8]) -> bool {
    let sequence = AnyRef::from_der(bytes).ok().filter(|any| any.tag() == Tag::Sequence);
    bytes.len() >= DER_BYTES && sequence.is_some_and(|any| matches!(any.value().first(), Some(0x02 | 0x30)))
}

/// A key in any DER: PKCS#8, PKCS#1, SEC 1, SubjectPublicKeyInfo, X.509. No two
/// of them can be taken for each other.
fn key(der: &[u8]) -> Result<Key, Failure> {
    if let Ok(info) = PrivateKeyInfo::try_from(der) {
        private(info)
    } else if let Ok(key) = rsa::RsaPrivateKey::from_pkcs1_der(der) {
        own::pair(key)
    } else if let Ok(key) = p256::SecretKey::from_sec1_der(der) {
        Ok(Key::p256(key))
    } else if let Ok(certificate) = Certificate::from_der(der) {
        certified(&certificate)
    } else if let Ok(key) = rsa::RsaPublicKey::from_pkcs1_der(der) {
        Ok(Key::Public(PublicKey::Rsa(own::Public::new(key)?)))
    } else {
        public(der).map(Key::Public)
    }
}

fn private(info: PrivateKeyInfo<'_>) -> Result<Key, Failure> {
    match info.algorithm.oid {
        RSA => own::pair(info.try_into().map_err(|_| broken())?),
        EC => p256::SecretKey::try_from(info).map(Key::p256).map_err(|_| not_p256()),
        ED25519 => ed25519_dalek::SigningKey::try_from(info).map(Key::ed25519).map_err(|_| broken()),
        other => Err(unused(other)),
    }
}

/// The public key of a certificate. Nothing else of it is looked at: who pins
/// the certificate itself trusts it.
pub(super) fn certified(certificate: &Certificate) -> Result<Key, Failure> {
    let der = certificate.tbs_certificate.subject_public_key_info.to_der().map_err(|_| broken())?;
    public(&der).map(Key::Public)
}

fn broken() -> Failure {
    malformed("the key is broken")
}

fn not_p256() -> Failure {
    malformed("the elliptic-curve key is broken or not on P-256")
}

fn unused(algorithm: ObjectIdentifier) -> Failure {
    malformed(format!("keys of the algorithm {algorithm} are not used here"))
}
