//! Identity tokens: signature and claims (OpenID Connect Core, 3.1.3.7).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use lyceum_sdk::{
    auth::Identity,
    host::{CryptoFailure, Error, Host},
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    config::{Algorithm, Config},
    provider::{Keys, Provider},
    short,
};

/// How far clocks may differ, in seconds.
const SKEW_S: u64 = 60;
/// How old a token may be, in seconds.
const AGE_S: u64 = 600;

#[derive(Deserialize)]
struct Header {
    alg: Algorithm,
    kid: Option<String>,
}

/// The claims that are used.
#[derive(Debug, Deserialize)]
pub(crate) struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: u64,
    iat: u64,
    nonce: Option<String>,
    email: Option<String>,
    #[serde(default)]
    email_verified: Value,
    name: Option<String>,
    preferred_username: Option<String>,
    picture: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn is(&self, client: &str) -> bool {
        match self {
            Self::One(one) => one == client,
            Self::Many(many) => many.iter().any(|one| one == client),
        }
    }

    fn is_shared(&self) -> bool {
        matches!(self, Self::Many(many) if many.len() > 1)
    }
}

/// The claims of a token that is right in every way.
pub(crate) fn checked(
    host: &impl Host,
    config: &Config,
    provider: &Provider,
    token: &str,
    nonce: Option<&str>,
) -> Result<Claims, Error> {
    let (signed, signature) = token.rsplit_once('.').ok_or_else(misshapen)?;
    let (header, payload) = signed.split_once('.').ok_or_else(misshapen)?;
    // An algorithm that is not in the list, such as `none`, is not read at all.
    let header: Header = part(header).ok_or_else(|| Error::invalid("the identity token has an unknown algorithm"))?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| misshapen())?;
    check_signature(host, provider, &header, signed.as_bytes(), &signature)?;
    let claims: Claims = part(payload).ok_or_else(misshapen)?;
    claims.check(config, host.now_ms() / 1000, nonce)?;
    Ok(claims)
}

fn misshapen() -> Error {
    Error::invalid("the identity token cannot be read")
}

fn part<T: for<'a> Deserialize<'a>>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// Against the provider's keys; once more with fresh ones when none is right,
/// since providers change them.
fn check_signature(
    host: &impl Host,
    provider: &Provider,
    header: &Header,
    signed: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    for afresh in [false, true] {
        if fits(host, &provider.keys(host, afresh)?, header, signed, signature)? {
            return Ok(());
        }
    }
    Err(Error::invalid("the identity token is not signed by the provider"))
}

fn fits(host: &impl Host, keys: &Keys, header: &Header, signed: &[u8], signature: &[u8]) -> Result<bool, Error> {
    for key in keys.keys.iter().filter(|key| may_have_signed(key, header)) {
        match host.verify(&format!("inline-jwk:{key}"), header.alg.host_name(), signed, signature) {
            Ok(()) => return Ok(true),
            Err(why) if is_denied(&why) => return Err(not_granted()),
            Err(_) => {}
        }
    }
    Ok(false)
}

fn is_denied(why: &CryptoFailure) -> bool {
    matches!(why, CryptoFailure::Other(why) if why == "denied")
}

fn not_granted() -> Error {
    Error::denied("crypto is not granted")
}

fn may_have_signed(key: &Value, header: &Header) -> bool {
    let kind = match header.alg {
        Algorithm::RS256 | Algorithm::PS256 => "RSA",
        Algorithm::ES256 => "EC",
        Algorithm::EdDsa => "OKP",
    };
    let for_signing = key["use"].as_str().is_none_or(|purpose| purpose == "sig");
    let named = header.kid.as_deref().is_none_or(|kid| key["kid"].as_str() == Some(kid));
    let same = key["alg"].as_str().is_none_or(|alg| alg == header.alg.jose_name());
    key["kty"].as_str() == Some(kind) && for_signing && named && same
}

impl Claims {
    fn check(&self, config: &Config, now: u64, nonce: Option<&str>) -> Result<(), Error> {
        let wrong = |what: &str| Err(Error::invalid(format!("the identity token {what}")));
        if self.iss != config.issuer {
            return wrong(&format!("is of another issuer, {}", short(&self.iss)));
        }
        if !self.aud.is(&config.client_id) {
            return wrong("is for another client");
        }
        let party = self.azp.as_deref();
        if party.is_some_and(|party| party != config.client_id) || (self.aud.is_shared() && party.is_none()) {
            return wrong("was asked for by another client");
        }
        if self.exp.saturating_add(SKEW_S) <= now {
            return wrong("has ended");
        }
        if self.iat > now + SKEW_S || self.iat.saturating_add(AGE_S) < now {
            return wrong("was made at another time");
        }
        if nonce.is_some_and(|nonce| self.nonce.as_deref() != Some(nonce)) {
            return wrong("is for another sign-in");
        }
        if self.sub.is_empty() || self.sub.len() > 255 {
            return wrong("names nobody");
        }
        Ok(())
    }

    /// Who it is. A provider's subject means somebody at its issuer only
    /// (OpenID Connect Core, 5.7), so ours is made of both.
    pub fn identity(self, host: &impl Host, keep: String) -> Result<Identity, Error> {
        let whole = format!("{}\n{}", self.iss, self.sub);
        let digest = host.hash("sha256", whole.as_bytes()).map_err(|why| match is_denied(&why) {
            true => not_granted(),
            false => Error::unavailable(format!("the subject was not hashed: {why:?}")),
        })?;
        // Some providers say `"true"`.
        let verified = self.email_verified == Value::Bool(true) || self.email_verified == "true";
        Ok(Identity {
            subject: URL_SAFE_NO_PAD.encode(digest),
            email: self.email,
            email_verified: verified,
            name: self.name.or(self.preferred_username),
            picture: self.picture.filter(|url| url.starts_with("https://")),
            keep,
            ext: Vec::new(),
        })
    }
}
