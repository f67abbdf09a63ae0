//! Access tokens: JSON Web Tokens (RFC 7519) signed with HMAC-SHA-256.

use std::{fmt, time::Duration};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use lyceum_kernel::{ErrorCode, Failure, Id, Result, Timestamp};
use serde::{Deserialize, Serialize};

use super::secret::AccessToken;

const ISSUER: &str = "lyceum";
const AUDIENCE: &str = "lyceum-api";

/// The secret that access tokens are signed with.
pub struct TokenKey {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key for access tokens needs at least 32 bytes")]
pub struct TokenKeyError;

/// Whom a token speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bearer {
    pub user: Id,
    pub session: Id,
}

/// The claims; times in seconds since 1970.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Id,
    sid: Id,
    iat: i64,
    exp: i64,
}

impl TokenKey {
    /// # Errors
    /// When it has less than 32 bytes, the size of the hash (RFC 7518, 3.2).
    pub fn new(secret: &[u8]) -> Result<Self, TokenKeyError> {
        if secret.len() < 32 {
            return Err(TokenKeyError);
        }
        Ok(Self { encoding: EncodingKey::from_secret(secret), decoding: DecodingKey::from_secret(secret) })
    }

    /// A token and the moment it expires, in whole seconds.
    pub(super) fn sign(&self, bearer: Bearer, now: Timestamp, ttl: Duration) -> Result<(AccessToken, Timestamp)> {
        let (iat, exp) = (now.as_millis() / 1000, now.plus(ttl).as_millis() / 1000);
        let claims =
            Claims { iss: ISSUER.into(), aud: AUDIENCE.into(), sub: bearer.user, sid: bearer.session, iat, exp };
        let signed = encode(&Header::new(Algorithm::HS256), &claims, &self.encoding).map_err(Failure::internal)?;
        Ok((AccessToken::new(signed), Timestamp::from_millis(exp * 1000)))
    }

    /// # Errors
    /// TOKEN_EXPIRED, or UNAUTHENTICATED when it is not one of ours.
    pub(super) fn verify(&self, token: &str, now: Timestamp) -> Result<Bearer> {
        let data = decode::<Claims>(token, &self.decoding, &validation()).map_err(not_ours)?;
        if now.as_millis() >= data.claims.exp.saturating_mul(1000) {
            return Err(Failure::new(ErrorCode::TokenExpired, "The access token has expired."));
        }
        Ok(Bearer { user: data.claims.sub, session: data.claims.sid })
    }
}

fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // The library reads the machine's clock; ours is injected.
    validation.validate_exp = false;
    validation
}

fn not_ours(error: jsonwebtoken::errors::Error) -> Failure {
    Failure::new(ErrorCode::Unauthenticated, "The access token is not valid.").caused_by(error)
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn key(byte: u8) -> TokenKey {
        TokenKey::new(&[byte; 32]).expect("long enough")
    }

    fn bearer() -> Bearer {
        Bearer { user: Id::new(), session: Id::new() }
    }

    fn forged(claims: &serde_json::Value, header: &Header) -> String {
        encode(header, claims, &key(1).encoding).expect("encodes")
    }

    #[test]
    fn a_token_names_its_bearer_until_the_second_it_expires() {
        let (bearer, ttl) = (bearer(), Duration::from_secs(900));
        let (token, expires) = key(1).sign(bearer, NOW, ttl).expect("signs");
        assert_eq!(expires, NOW.plus(ttl));
        assert_eq!(key(1).verify(token.expose(), NOW).ok(), Some(bearer));
        assert!(key(1).verify(token.expose(), expires.minus(Duration::from_millis(1))).is_ok());
        let late = key(1).verify(token.expose(), expires).expect_err("expired");
        assert_eq!(late.code(), ErrorCode::TokenExpired);
    }

    #[test]
    fn a_token_of_another_key_issuer_audience_or_algorithm_is_refused() {
        let (other, _) = key(2).sign(bearer(), NOW, Duration::from_secs(900)).expect("signs");
        let (id, exp) = (Id::new(), 4_000_000_000_i64);
        let claims = |iss: &str, aud: &str| serde_json::json!({ "iss": iss, "aud": aud, "sub": id, "sid": id, "iat": 0, "exp": exp });
        let hs256 = Header::new(Algorithm::HS256);
        assert!(key(1).verify(&forged(&claims(ISSUER, AUDIENCE), &hs256), NOW).is_ok());
        // {"alg":"none"} and no signature.
        let payload = forged(&claims(ISSUER, AUDIENCE), &hs256).split('.').nth(1).map(str::to_owned);
        let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", payload.unwrap_or_default());
        let refused = [
            other.expose().to_owned(),
            forged(&claims("someone", AUDIENCE), &hs256),
            forged(&claims(ISSUER, "another-api"), &hs256),
            forged(&claims(ISSUER, AUDIENCE), &Header::new(Algorithm::HS512)),
            unsigned,
            "not.a.token".to_owned(),
            String::new(),
        ];
        for token in refused {
            let failure = key(1).verify(&token, NOW).expect_err("not ours");
            assert_eq!(failure.code(), ErrorCode::Unauthenticated, "{token}");
        }
    }

    #[test]
    fn a_short_key_is_refused() {
        assert_eq!(TokenKey::new(&[7; 31]).err(), Some(TokenKeyError));
    }
}
