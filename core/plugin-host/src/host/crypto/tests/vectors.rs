//! Published vectors: what comes out is what the standards say.

use super::*;

#[test]
fn hmac_of_rfc_4231() {
    let cases = [
        (
            vec![0x0b; 20],
            "Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
        ),
        (
            b"Jefe".to_vec(),
            "what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        ),
        (
            vec![0xaa; 131],
            "Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
        ),
    ];
    for (key, message, sha256, sha512) in cases {
        let mut plugin = Plugin::with_key(key);
        assert_eq!(plugin.sign("key", "hmac-sha256", message.as_bytes()), Ok(unhex(sha256)));
        assert_eq!(plugin.sign("key", "hmac-sha512", message.as_bytes()), Ok(unhex(sha512)));
    }
}

#[test]
fn ed25519_of_rfc_8032() {
    let cases = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
    ];
    for (seed, public, message, signature) in cases {
        let mut plugin = Plugin::with_key(unhex(&format!("302e020100300506032b657004220420{seed}")));
        assert_eq!(plugin.sign("key", "ed25519", &unhex(message)), Ok(unhex(signature)));
        assert_eq!(plugin.verify("key", "ed25519", &unhex(message), &unhex(signature)), Ok(()));
        assert_eq!(plugin.public_key("key"), Ok(unhex(&format!("302a300506032b6570032100{public}"))));
    }
}

#[test]
fn ecdsa_of_rfc_6979() {
    const SCALAR: &str = "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721";
    const R: &str = "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716";
    const S: &str = "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8";
    const POINT: &str = "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6\
                         7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299";
    let pkcs8 = format!("3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420{SCALAR}");
    let mut plugin = Plugin::with_key(unhex(&pkcs8));
    assert_eq!(plugin.sign("key", "ecdsa-p256-sha256", b"sample"), Ok(unhex(&format!("{R}{S}"))));
    let der = unhex(&format!("3046022100{R}022100{S}"));
    assert_eq!(plugin.sign("key", "ecdsa-p256-sha256-der", b"sample"), Ok(der));
    let spki = unhex(&format!("3059301306072a8648ce3d020106082a8648ce3d03010703420004{POINT}"));
    assert_eq!(plugin.public_key("key"), Ok(spki));
}

#[test]
fn aes_256_gcm_of_the_gcm_specification() {
    let mut plugin = Plugin::with_key(unhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"));
    let plain = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
    let sealed = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662\
                  76fc6ece0f4e1768cddf8853bb2d551b";
    let (nonce, aad) = (unhex("cafebabefacedbaddecaf888"), unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2"));
    let mut open = |nonce: &[u8], aad: &[u8], sealed: &[u8]| plugin.open("key", "aes-256-gcm", nonce, aad, sealed);
    assert_eq!(open(&nonce, &aad, &unhex(sealed)), Ok(unhex(plain)));
    assert_eq!(open(&nonce, &aad[1..], &unhex(sealed)), refused("mismatch"));
    assert_eq!(open(&nonce, &aad, &unhex(sealed)[1..]), refused("mismatch"));
    assert_eq!(open(&nonce, &aad, b"short"), refused("mismatch"));
    assert_eq!(open(&[7; 12], &aad, &unhex(sealed)), refused("mismatch"));
    assert_eq!(open(&nonce[1..], &aad, b""), refused("malformed: the nonce has 11 bytes; it needs 12"));
}

/// F.2.1 of NIST SP 800-38A, and the block of padding that follows.
#[test]
fn aes_128_cbc_of_sp_800_38a() {
    let mut plugin = Plugin::with_key(unhex("2b7e151628aed2a6abf7158809cf4f3c"));
    let plain = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
    let sealed = unhex(
        "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b273bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7\
         8cb82807230e1321d3fae00d18cc2012",
    );
    let vector: Vec<u8> = (0..16).collect();
    let mut open = |vector: &[u8], sealed: &[u8]| plugin.open("key", "aes-128-cbc", vector, b"", sealed);
    assert_eq!(open(&vector, &sealed), Ok(unhex(plain)));
    for (wrong, why) in [(0, "nothing"), (15, "part of a block"), (64, "no padding")] {
        assert_eq!(open(&vector, &sealed[..wrong]), refused("mismatch"), "{why}");
    }
    let short = "malformed: the initialisation vector has 12 bytes; it needs 16";
    assert_eq!(open(&vector[..12], &sealed), refused(short));
}

#[test]
fn digests_of_fips_180() {
    let mut plugin = Plugin::with([]);
    let cases = [
        ("sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("sha384", "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"),
        (
            "sha512",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
    ];
    for (algorithm, digest) in cases {
        assert_eq!(plugin.hash(algorithm, b"abc"), Ok(unhex(digest)));
    }
}

/// Made by `openssl dgst -sign` and `openssl pkeyutl` with the keys beside them.
#[test]
fn what_openssl_signed_and_sealed() {
    let mut rsa = Plugin::with_key(fixture!("rsa.pem"));
    let pkcs1 = unbase64(fixture!("rsa.sig"));
    assert_eq!(rsa.sign("key", "rsa-sha256", MESSAGE), Ok(pkcs1.clone()), "PKCS#1 v1.5 has one signature");
    assert_eq!(rsa.verify("key", "rsa-sha256", MESSAGE, &pkcs1), Ok(()));
    assert_eq!(rsa.verify("key", "rsa-pss-sha256", MESSAGE, &unbase64(fixture!("pss.sig"))), Ok(()));
    assert_eq!(rsa.verify("key", "rsa-pss-sha256", MESSAGE, &pkcs1), refused("mismatch"));
    let [sha1, sha256] = [fixture!("oaep_sha1.sealed"), fixture!("oaep_sha256.sealed")].map(unbase64);
    assert_eq!(rsa.open("key", "rsa-oaep-sha1", b"", b"", &sha1), Ok(MESSAGE.to_vec()));
    assert_eq!(rsa.open("key", "rsa-oaep-sha256", b"", b"", &sha256), Ok(MESSAGE.to_vec()));
    for (wrong, why) in
        [(&sha256[..], "another digest"), (&sha1[1..], "short"), (b"", "nothing"), (&[0xff; 256], "large")]
    {
        assert_eq!(rsa.open("key", "rsa-oaep-sha1", b"", b"", wrong), refused("mismatch"), "{why}");
    }
    let mut ec = Plugin::with_key(fixture!("p256.pem"));
    assert_eq!(ec.verify("key", "ecdsa-p256-sha256-der", MESSAGE, &unbase64(fixture!("ec.sig"))), Ok(()));
    let mut ed = Plugin::with_key(fixture!("ed25519.pem"));
    assert_eq!(ed.sign("key", "ed25519", MESSAGE), Ok(unbase64(fixture!("ed.sig"))));
}
