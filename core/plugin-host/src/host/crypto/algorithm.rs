//! The names of the algorithms, as tables.

use super::Failure;

/// For `sign` and `verify`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signing {
    HmacSha256,
    HmacSha512,
    RsaSha256,
    RsaPssSha256,
    EcdsaP256Sha256,
    EcdsaP256Sha256Der,
    Ed25519,
}

/// For `open` and `seal`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sealing {
    Aes256Gcm,
    Aes128Cbc,
    RsaOaepSha1,
    RsaOaepSha256,
}

/// For `hash`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hashing {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

pub(super) type Table<T> = [(&'static str, T)];

pub(super) const SIGNING: &Table<Signing> = &[
    ("hmac-sha256", Signing::HmacSha256),
    ("hmac-sha512", Signing::HmacSha512),
    ("rsa-sha256", Signing::RsaSha256),
    ("rsa-pss-sha256", Signing::RsaPssSha256),
    ("ecdsa-p256-sha256", Signing::EcdsaP256Sha256),
    ("ecdsa-p256-sha256-der", Signing::EcdsaP256Sha256Der),
    ("ed25519", Signing::Ed25519),
];

pub(super) const OPENING: &Table<Sealing> = &[
    ("aes-256-gcm", Sealing::Aes256Gcm),
    ("aes-128-cbc", Sealing::Aes128Cbc),
    ("rsa-oaep-sha1", Sealing::RsaOaepSha1),
    ("rsa-oaep-sha256", Sealing::RsaOaepSha256),
];

/// Without `aes-128-cbc`: nothing new is written in it.
pub(super) const SEALING: &Table<Sealing> = &[
    ("aes-256-gcm", Sealing::Aes256Gcm),
    ("rsa-oaep-sha1", Sealing::RsaOaepSha1),
    ("rsa-oaep-sha256", Sealing::RsaOaepSha256),
];

pub(super) const HASHING: &Table<Hashing> =
    &[("sha1", Hashing::Sha1), ("sha256", Hashing::Sha256), ("sha384", Hashing::Sha384), ("sha512", Hashing::Sha512)];

/// # Errors
/// The table has no such name; the message lists those it has.
pub(super) fn named<T: Copy>(table: &Table<T>, name: &str) -> Result<T, Failure> {
    let found = table.iter().find(|(known, _)| *known == name);
    found.map(|(_, algorithm)| *algorithm).ok_or_else(|| unknown(table, name))
}

fn unknown<T>(table: &Table<T>, name: &str) -> Failure {
    let known: Vec<_> = table.iter().map(|(known, _)| format!("`{known}`")).collect();
    Failure::Other(format!("unknown algorithm `{name}`; there are {}", known.join(", ")))
}
