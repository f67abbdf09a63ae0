//! Keys in every form in which owners have them.

use super::*;

/// Signs and is checked as the key of `fixtures/rsa.pem`.
fn is_the_rsa_key(secret: &[u8], form: &str) {
    let mut plugin = Plugin::with_key(secret);
    assert_eq!(plugin.sign("key", "rsa-sha256", MESSAGE), Ok(unbase64(fixture!("rsa.sig"))), "{form}");
}

#[test]
fn an_rsa_private_key_is_read_in_every_form() {
    let (pkcs8, pkcs1) = (fixture!("rsa.pem"), fixture!("rsa_pkcs1.pem"));
    is_the_rsa_key(pkcs8.as_bytes(), "PKCS#8");
    is_the_rsa_key(pkcs1.as_bytes(), "PKCS#1");
    is_the_rsa_key(pkcs8.replace('\n', "\r\n").as_bytes(), "PEM with the line ends of Windows");
    is_the_rsa_key(pkcs8.replace('\n', " ").as_bytes(), "PEM on one line");
    is_the_rsa_key(format!("Bag Attributes\n  {pkcs8}").as_bytes(), "PEM after other text");
    for (pem, form) in [(pkcs8, "PKCS#8"), (pkcs1, "PKCS#1")] {
        is_the_rsa_key(bare(pem).as_bytes(), &format!("bare base64 of {form}"));
        is_the_rsa_key(format!("{}\n", bare(pem)).as_bytes(), &format!("a line of base64 of {form}"));
        is_the_rsa_key(&unbase64(&bare(pem)), &format!("DER of {form}"));
    }
}

#[test]
fn an_rsa_public_key_is_read_in_every_form() {
    let spki = fixture!("rsa_public.pem");
    let certificate = fixture!("leaf.pem");
    let pkcs1 = unbase64(&bare(spki)).split_off(24);
    let forms: [(&[u8], &str); 7] = [
        (spki.as_bytes(), "SPKI"),
        (&bare(spki).into_bytes(), "bare base64 of SPKI"),
        (&unbase64(&bare(spki)), "DER of SPKI"),
        (certificate.as_bytes(), "certificate"),
        (&bare(certificate).into_bytes(), "bare base64 of a certificate"),
        (&pkcs1, "DER of PKCS#1"),
        (&[certificate, fixture!("root.pem")].concat().into_bytes(), "the first of several certificates"),
    ];
    for (secret, form) in forms {
        let mut plugin = Plugin::with_key(secret);
        let verified = plugin.verify("key", "rsa-sha256", MESSAGE, &unbase64(fixture!("rsa.sig")));
        assert_eq!(verified, Ok(()), "{form}");
    }
}

#[test]
fn keys_on_curves_are_read_in_every_form() {
    let public = unbase64(&bare(fixture!("p256_public.pem")));
    let sec1 = fixture!("p256_sec1.pem");
    let parameters_first = sec1.split_once("-----BEGIN EC PRIVATE").expect("both sections").1;
    let alone = format!("-----BEGIN EC PRIVATE{parameters_first}");
    for secret in [sec1, &alone, &bare(&alone), fixture!("p256.pem"), &bare(fixture!("p256.pem"))] {
        assert_eq!(Plugin::with_key(secret).public_key("key"), Ok(public.clone()));
    }
    let public = unbase64(&bare(fixture!("ed25519_public.pem")));
    for secret in [fixture!("ed25519.pem"), fixture!("ed25519_public.pem"), &bare(fixture!("ed25519.pem"))] {
        assert_eq!(Plugin::with_key(secret).public_key("key"), Ok(public.clone()));
    }
}

/// Half of the makers of keys put the smaller prime first; ring wants the larger.
#[test]
fn the_order_of_the_primes_is_free() {
    use rsa::{
        pkcs1::{DecodeRsaPrivateKey as _, EncodeRsaPrivateKey as _},
        traits::{PrivateKeyParts as _, PublicKeyParts as _},
    };
    let key = rsa::RsaPrivateKey::from_pkcs1_der(&unbase64(&bare(fixture!("rsa_pkcs1.pem")))).expect("a key");
    let turned = key.primes().iter().rev().cloned().collect();
    let turned = rsa::RsaPrivateKey::from_components(key.n().clone(), key.e().clone(), key.d().clone(), turned);
    let der = turned.expect("a key").to_pkcs1_der().expect("DER");
    is_the_rsa_key(der.as_bytes(), "primes the other way round");
}

#[test]
fn an_hmac_key_is_its_bytes_and_nothing_is_cut_off() {
    let mut plugin = Plugin::with([
        ("plain", &b"secret"[..]),
        ("line", b"secret\n"),
        ("base64", b"base64:c2VjcmV0"),
        ("prefixed", b"whsec_c2VjcmV0"),
        ("looks like base64", b"c2VjcmV0"),
    ]);
    let mut tag = |key| plugin.sign(key, "hmac-sha256", MESSAGE).expect("signed");
    assert_eq!(tag("plain"), tag("base64"));
    let different: std::collections::BTreeSet<_> =
        ["plain", "line", "prefixed", "looks like base64"].map(&mut tag).into_iter().collect();
    assert_eq!(different.len(), 4);
}

#[test]
fn an_aes_key_is_bytes_or_their_base64() {
    let key = *b"0123456789abcdef0123456789abcdef";
    let mut plugin = Plugin::with([
        ("ascii", &key[..]),
        ("base64", STANDARD.encode(key).as_bytes()),
        ("line", format!("{}\n", str::from_utf8(&key).expect("ASCII")).as_bytes()),
        ("marked", format!("base64:{}", STANDARD.encode(key)).as_bytes()),
        ("short", &key[1..]),
    ]);
    let sealed = plugin.seal("ascii", "aes-256-gcm", MESSAGE).expect("sealed");
    for name in ["ascii", "base64", "line", "marked"] {
        assert_eq!(plugin.open(name, "aes-256-gcm", &sealed[..12], b"", &sealed[12..]), Ok(MESSAGE.to_vec()), "{name}");
    }
    let short = refused("malformed: the key has 31 bytes; it needs 32, or their base64");
    assert_eq!(plugin.seal("short", "aes-256-gcm", MESSAGE), short);
}

/// It begins like DER, of just this length, and is a key for AES.
#[test]
fn random_bytes_that_begin_like_der_are_still_bytes() {
    let mut key = [7; 32];
    key[..3].copy_from_slice(&[0x30, 30, 0x02]);
    assert!(Plugin::with_key(key).seal("key", "aes-256-gcm", MESSAGE).is_ok());
}

#[test]
fn a_key_that_cannot_be_used_is_refused_and_never_taken_for_bytes() {
    let pem = fixture!("rsa.pem");
    let cut = &pem[..pem.len() / 2];
    let broken = pem.replacen("MII", "MIJ", 1);
    let cases = [
        ("", "the secret is empty"),
        (fixture!("rsa_1024.pem"), "RSA keys have 2048 to 4096 bits, not 1024"),
        (&bare(fixture!("rsa_1024.pem")), "RSA keys have 2048 to 4096 bits, not 1024"),
        (fixture!("p384.pem"), "the elliptic-curve key is broken or not on P-256"),
        (cut, "the PEM has neither a key nor a certificate"),
        (&broken, "this is no public key in DER"),
        ("base64:%", "what follows `base64:` is not base64"),
        ("base64:", "what follows `base64:` is not base64"),
    ];
    for (secret, why) in cases {
        let mut plugin = Plugin::with_key(secret);
        assert_eq!(plugin.sign("key", "hmac-sha256", MESSAGE), Err(format!("malformed: {why}")));
    }
}

#[test]
fn parts_of_two_rsa_keys_make_none() {
    let mut der = unbase64(&bare(fixture!("rsa_pkcs1.pem")));
    // In the middle of the second prime.
    let prime = der.len() - 500;
    der[prime] ^= 1;
    let told = Plugin::with_key(der).sign("key", "rsa-sha256", MESSAGE);
    assert!(told.clone().is_err_and(|why| why.starts_with("malformed: ")), "{told:?}");
}
