//! Every algorithm there and back, and with every key that is not for it.

use super::*;
use crate::host::crypto::algorithm::{OPENING, SEALING, SIGNING};

/// A key of every kind: its name, what it is, and its value.
const KEYS: &[(&str, &str, &str)] = &[
    ("bytes", "a symmetric key", "0123456789abcdef0123456789abcdef"),
    ("rsa", "an RSA private key", fixture!("rsa.pem")),
    ("rsa public", "an RSA public key", fixture!("rsa_public.pem")),
    ("p256", "a P-256 private key", fixture!("p256.pem")),
    ("p256 public", "a P-256 public key", fixture!("p256_public.pem")),
    ("ed25519", "an Ed25519 private key", fixture!("ed25519.pem")),
    ("ed25519 public", "an Ed25519 public key", fixture!("ed25519_public.pem")),
];

fn with_all_keys() -> Plugin {
    Plugin::with(KEYS.iter().map(|(name, _, value)| (*name, value.as_bytes())))
}

/// The private key that an algorithm is for.
fn key_of(algorithm: &str) -> &'static str {
    ["rsa", "p256", "ed25519"].into_iter().find(|kind| algorithm.contains(kind)).unwrap_or("bytes")
}

/// The public half of a key, or the key itself if it is symmetric.
fn public_of(key: &str) -> String {
    if key == "bytes" { key.to_owned() } else { format!("{key} public") }
}

#[test]
fn what_is_signed_is_verified_by_both_halves_and_nothing_else_is() {
    let mut plugin = with_all_keys();
    for (algorithm, _) in SIGNING {
        let key = key_of(algorithm);
        let signature = plugin.sign(key, algorithm, MESSAGE).expect(algorithm);
        let mut changed = signature.clone();
        changed[20] ^= 1;
        for key in [key.to_owned(), public_of(key)] {
            let mut verify = |message: &[u8], signature: &[u8]| plugin.verify(&key, algorithm, message, signature);
            assert_eq!(verify(MESSAGE, &signature), Ok(()), "{algorithm}");
            assert_eq!(verify(b"another message", &signature), refused("mismatch"), "{algorithm}");
            assert_eq!(verify(MESSAGE, &changed), refused("mismatch"), "{algorithm}");
            assert_eq!(verify(MESSAGE, &signature[1..]), refused("mismatch"), "{algorithm}, one byte short");
            assert_eq!(verify(MESSAGE, b""), refused("mismatch"), "{algorithm}, no signature");
        }
    }
}

#[test]
fn an_ecdsa_signature_in_the_other_form_is_none() {
    let mut plugin = with_all_keys();
    let fixed = plugin.sign("p256", "ecdsa-p256-sha256", MESSAGE).expect("signed");
    let der = plugin.sign("p256", "ecdsa-p256-sha256-der", MESSAGE).expect("signed");
    assert_eq!(fixed.len(), 64);
    assert_eq!(plugin.verify("p256", "ecdsa-p256-sha256-der", MESSAGE, &fixed), refused("mismatch"));
    assert_eq!(plugin.verify("p256", "ecdsa-p256-sha256", MESSAGE, &der), refused("mismatch"));
}

#[test]
fn what_is_sealed_opens_again() {
    let mut plugin = with_all_keys();
    for (algorithm, _) in SEALING {
        let key = key_of(algorithm);
        let sealed = plugin.seal(&public_of(key), algorithm, MESSAGE).expect(algorithm);
        assert_ne!(
            plugin.seal(&public_of(key), algorithm, MESSAGE),
            Ok(sealed.clone()),
            "{algorithm} never twice the same"
        );
        // The nonce of AES-GCM stands in front.
        let (nonce, rest) = sealed.split_at(if key == "bytes" { 12 } else { 0 });
        assert_eq!(plugin.open(key, algorithm, nonce, b"", rest), Ok(MESSAGE.to_vec()), "{algorithm}");
        let mut changed = rest.to_vec();
        changed[3] ^= 1;
        assert_eq!(plugin.open(key, algorithm, nonce, b"", &changed), refused("mismatch"), "{algorithm}");
    }
}

#[test]
fn a_key_serves_only_the_algorithms_of_its_kind() {
    let mut plugin = with_all_keys();
    for (name, kind, _) in KEYS {
        let unfit = |algorithm: &str, action: &str| format!("malformed: `{algorithm}` cannot {action} with {kind}");
        for (algorithm, _) in SIGNING {
            let fit = key_of(algorithm);
            if *name != fit {
                assert_eq!(plugin.sign(name, algorithm, MESSAGE), Err(unfit(algorithm, "sign")));
            }
            if *name != fit && *name != public_of(fit) {
                assert_eq!(plugin.verify(name, algorithm, MESSAGE, b"?"), Err(unfit(algorithm, "verify")));
            }
        }
        for (algorithm, _) in OPENING.iter().filter(|(algorithm, _)| *name != key_of(algorithm)) {
            assert_eq!(plugin.open(name, algorithm, b"", b"", b"?"), Err(unfit(algorithm, "open")));
        }
        for (algorithm, _) in SEALING {
            if *name != key_of(algorithm) && *name != public_of(key_of(algorithm)) {
                assert_eq!(plugin.seal(name, algorithm, MESSAGE), Err(unfit(algorithm, "seal")));
            }
        }
    }
}

#[test]
fn a_public_key_is_shown_and_a_symmetric_one_is_not() {
    let mut plugin = with_all_keys();
    for kind in ["rsa", "p256", "ed25519"] {
        let (_, _, pem) = KEYS.iter().find(|(name, ..)| *name == public_of(kind)).expect("a public half");
        let der = unbase64(&bare(pem));
        assert_eq!(plugin.public_key(kind), Ok(der.clone()));
        assert_eq!(plugin.public_key(&public_of(kind)), Ok(der));
    }
    assert_eq!(plugin.public_key("bytes"), refused("malformed: a symmetric key has no public half"));
    assert_eq!(plugin.public_key("another"), refused("no such key"));
}

#[test]
fn what_an_algorithm_does_not_take_is_not_ignored() {
    let mut plugin = with_all_keys();
    let no_nonce = refused("malformed: `rsa-oaep-sha1` takes no nonce");
    assert_eq!(plugin.open("rsa", "rsa-oaep-sha1", b"1", b"", b"?"), no_nonce);
    let no_aad = refused("malformed: `aes-128-cbc` takes no additional data");
    assert_eq!(plugin.open("bytes", "aes-128-cbc", &[0; 16], b"1", b"?"), no_aad);
}

#[test]
fn an_unknown_algorithm_is_told_which_there_are() {
    let mut plugin = with_all_keys();
    let signing = "other: unknown algorithm `hmac-md5`; there are `hmac-sha256`, `hmac-sha512`, `rsa-sha256`, \
                   `rsa-pss-sha256`, `ecdsa-p256-sha256`, `ecdsa-p256-sha256-der`, `ed25519`";
    assert_eq!(plugin.sign("bytes", "hmac-md5", MESSAGE), refused(signing));
    assert_eq!(plugin.verify("bytes", "hmac-md5", MESSAGE, b""), refused(signing));
    let opening =
        "other: unknown algorithm `des`; there are `aes-256-gcm`, `aes-128-cbc`, `rsa-oaep-sha1`, `rsa-oaep-sha256`";
    assert_eq!(plugin.open("bytes", "des", b"", b"", MESSAGE), refused(opening));
    let sealing = "other: unknown algorithm `aes-128-cbc`; there are `aes-256-gcm`, `rsa-oaep-sha1`, `rsa-oaep-sha256`";
    assert_eq!(plugin.seal("bytes", "aes-128-cbc", MESSAGE), refused(sealing));
    let hashing = "other: unknown algorithm `md5`; there are `sha1`, `sha256`, `sha384`, `sha512`";
    assert_eq!(plugin.hash("md5", MESSAGE), refused(hashing));
}

#[test]
fn a_key_that_is_not_granted_is_no_key() {
    let mut plugin = with_all_keys();
    assert_eq!(plugin.sign("none", "hmac-sha256", MESSAGE), refused("no such key"));
    assert_eq!(plugin.verify("none", "ed25519", MESSAGE, b""), refused("no such key"));
    assert_eq!(plugin.open("none", "aes-128-cbc", b"", b"", MESSAGE), refused("no such key"));
    assert_eq!(plugin.seal("none", "rsa-oaep-sha1", MESSAGE), refused("no such key"));
}
