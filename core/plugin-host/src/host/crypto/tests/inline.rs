//! Public keys that a guest brings: the keys of a sign-in provider.

use super::*;

/// The payload of RFC 7515, appendix A, behind the header of each example.
const PAYLOAD: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

fn unbase64url(text: &str) -> Vec<u8> {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

/// Checks that the JWK verifies the signed text, and nothing else.
fn verifies(jwk: &str, algorithm: &str, signed: &str, signature: &str) {
    let (mut plugin, key) = (Plugin::with([]), format!("inline-jwk:{jwk}"));
    let signature = unbase64url(signature);
    assert_eq!(plugin.verify(&key, algorithm, signed.as_bytes(), &signature), Ok(()));
    assert_eq!(plugin.verify(&key, algorithm, b"another text", &signature), refused("mismatch"));
    // The same key as SubjectPublicKeyInfo.
    let inline = format!("inline:{}", STANDARD.encode(plugin.public_key(&key).expect("public")));
    assert_eq!(plugin.verify(&inline, algorithm, signed.as_bytes(), &signature), Ok(()));
}

#[test]
fn rs256_of_rfc_7515() {
    let jwk = r#"{"kty":"RSA","kid":"1","use":"sig","alg":"RS256","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#;
    let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    verifies(jwk, "rsa-sha256", &format!("eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}"), signature);
}

#[test]
fn es256_of_rfc_7515() {
    let jwk = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    verifies(jwk, "ecdsa-p256-sha256", &format!("eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}"), signature);
}

#[test]
fn eddsa_of_rfc_8037() {
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    verifies(jwk, "ed25519", "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc", signature);
}

#[test]
fn a_sealed_text_can_be_for_a_key_that_the_guest_brings() {
    let mut plugin = Plugin::with_key(fixture!("rsa.pem"));
    let inline = format!("inline:{}", bare(fixture!("rsa_public.pem")));
    let sealed = plugin.seal(&inline, "rsa-oaep-sha256", MESSAGE).expect("sealed");
    assert_eq!(plugin.open("key", "rsa-oaep-sha256", b"", b"", &sealed), Ok(MESSAGE.to_vec()));
}

/// The forgery of tokens in which an HMAC is made with the text of the public key.
#[test]
fn a_public_key_is_no_hmac_key() {
    let mut plugin = Plugin::with_key(fixture!("rsa_public.pem"));
    let inline = format!("inline:{}", bare(fixture!("rsa_public.pem")));
    let unfit = refused("malformed: `hmac-sha256` cannot verify with an RSA public key");
    for key in ["key", &inline] {
        assert_eq!(plugin.verify(key, "hmac-sha256", MESSAGE, b"tag"), unfit);
    }
}

/// Any signature of the right form fits a key of small order, if one is lenient.
#[test]
fn a_key_of_small_order_verifies_nothing() {
    let mut plugin = Plugin::with([]);
    let jwk = r#"inline-jwk:{"kty":"OKP","crv":"Ed25519","x":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#;
    let mut signature = [0; 64];
    signature[0] = 1;
    assert_eq!(plugin.verify(jwk, "ed25519", MESSAGE, &signature), refused("mismatch"));
}

#[test]
fn what_is_no_public_key_is_refused() {
    let mut plugin = Plugin::with([]);
    let private = format!("inline:{}", bare(fixture!("rsa.pem")));
    let long = format!("inline:{}", "A".repeat(16 << 10));
    let cases = [
        ("inline:%", "what follows `inline:` is not base64"),
        ("inline:", "this is no public key in DER"),
        (&private, "this is no public key in DER"),
        (&long, "the name of a key has at most 16384 bytes"),
        ("inline-jwk:", "the JWK is not JSON of a key"),
        (r#"inline-jwk:{"kty":"oct","k":"AAAA"}"#, "JWKs of the kind `oct` `` are not used here"),
        (r#"inline-jwk:{"kty":"EC","crv":"P-384"}"#, "JWKs of the kind `EC` `P-384` are not used here"),
        (r#"inline-jwk:{"kty":"RSA","n":"AQAB"}"#, "the JWK has no `e` in base64url"),
        (r#"inline-jwk:{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, "modulus and exponent make no RSA key"),
        (r#"inline-jwk:{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}"#, "`x` and `y` are no point on P-256"),
        (r#"inline-jwk:{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#, "`x` is no point on Ed25519"),
        (
            r#"inline-jwk:{"kty":"OKP","crv":"Ed25519","x":"AAAA","d":"AAAA"}"#,
            "the JWK is a private key; those are secrets of the owner",
        ),
    ];
    for (key, why) in cases {
        assert_eq!(plugin.verify(key, "ed25519", MESSAGE, b""), Err(format!("malformed: {why}")));
    }
}
