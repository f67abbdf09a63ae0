//! Public keys as JSON Web Keys (RFC 7517, 7518, 8037).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use p256::EncodedPoint;
use serde::Deserialize;

use super::{
    Failure,
    key::{Key, PublicKey},
    malformed, rsa,
};

/// What is read of a JWK. Its `use`, `alg` and `kid` are for the guest to look at.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(default)]
    crv: String,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<serde::de::IgnoredAny>,
}

/// # Errors
/// `malformed`: it is no public key, or of a kind that is not used here.
pub(super) fn read(json: &str) -> Result<Key, Failure> {
    let jwk: Jwk = serde_json::from_str(json).map_err(|_| malformed("the JWK is not JSON of a key"))?;
    if jwk.d.is_some() {
        return Err(malformed("the JWK is a private key; those are secrets of the owner"));
    }
    let key = match (&*jwk.kty, &*jwk.crv) {
        ("RSA", _) => PublicKey::Rsa(rsa::Public::from_parts(&field(&jwk.n, "n")?, &field(&jwk.e, "e")?)?),
        ("EC", "P-256") => p256(&field(&jwk.x, "x")?, &field(&jwk.y, "y")?)?,
        ("OKP", "Ed25519") => ed25519(&field(&jwk.x, "x")?)?,
        (kind, curve) => return Err(malformed(format!("JWKs of the kind `{kind}` `{curve}` are not used here"))),
    };
    Ok(Key::Public(key))
}

fn field(value: &Option<String>, name: &str) -> Result<Vec<u8>, Failure> {
    let decoded = value.as_ref().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    decoded.ok_or_else(|| malformed(format!("the JWK has no `{name}` in base64url")))
}

fn p256(x: &[u8], y: &[u8]) -> Result<PublicKey, Failure> {
    let no_point = || malformed("`x` and `y` are no point on P-256");
    let (Ok(x), Ok(y)) = (<[u8; 32]>::try_from(x), <[u8; 32]>::try_from(y)) else { return Err(no_point()) };
    let point = EncodedPoint::from_affine_coordinates(&x.into(), &y.into(), false);
    p256::ecdsa::VerifyingKey::from_encoded_point(&point).map(PublicKey::P256).map_err(|_| no_point())
}

fn ed25519(x: &[u8]) -> Result<PublicKey, Failure> {
    let key = x.try_into().ok().and_then(|x| ed25519_dalek::VerifyingKey::from_bytes(x).ok());
    key.map(PublicKey::Ed25519).ok_or_else(|| malformed("`x` is no point on Ed25519"))
}
