//! The provider: its description (OpenID Connect Discovery 1.0), its keys and
//! its token endpoint.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use lyceum_sdk::host::{Error, HeaderValue, Host, HttpFailure, Request};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    config::{Algorithm, ClientAuth, Config},
    short,
};

/// How long description and keys are remembered.
const REMEMBERED_MS: u64 = 3_600_000;
/// How long a client assertion is good, in seconds.
const ASSERTION_S: u64 = 60;

/// What is used of the provider's description.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Provider {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub jwks_uri: String,
}

/// Public keys, as they came.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Keys {
    pub keys: Vec<Value>,
}

/// An answer of the token endpoint.
#[derive(Debug, Deserialize)]
pub(crate) struct Tokens {
    id_token: Option<String>,
    pub refresh_token: Option<String>,
}

/// A remembered answer.
#[derive(Serialize, Deserialize)]
struct Remembered<T> {
    until_ms: u64,
    value: T,
}

impl Provider {
    /// The provider of the configuration, remembered or asked.
    pub fn find(host: &impl Host, config: &Config) -> Result<Self, Error> {
        let url = format!("{}/.well-known/openid-configuration", config.issuer.trim_end_matches('/'));
        let provider: Self = remembered(host, &url, false)?;
        // Discovery, 4.3: otherwise anybody could describe this issuer.
        if provider.issuer != config.issuer {
            return Err(Error::invalid(format!("the description is of another issuer, {}", short(&provider.issuer))));
        }
        Ok(provider)
    }

    /// The keys; `afresh` when a token names one that is not known.
    pub fn keys(&self, host: &impl Host, afresh: bool) -> Result<Keys, Error> {
        remembered(host, &self.jwks_uri, afresh)
    }

    /// Asks the token endpoint.
    pub fn tokens(&self, host: &impl Host, config: &Config, form: &[(&str, &str)]) -> Result<Tokens, Error> {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form).append_pair("client_id", &config.client_id);
        let mut headers = vec![
            ("content-type".to_owned(), HeaderValue::Plain("application/x-www-form-urlencoded".into())),
            ("accept".to_owned(), HeaderValue::Plain("application/json".into())),
        ];
        match config.client_auth {
            ClientAuth::None => {}
            ClientAuth::ClientSecretBasic => {
                headers.push(("authorization".into(), HeaderValue::Secret(("Basic ".into(), "client_basic".into()))));
            }
            ClientAuth::ClientSecretJwt | ClientAuth::PrivateKeyJwt => {
                body.append_pair("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
                    .append_pair("client_assertion", &self.assertion(host, config)?);
            }
        }
        let body = body.finish().into_bytes();
        let request = Request { method: "POST".into(), url: self.token_endpoint.clone(), headers, body };
        let (status, body) = answer(host, &request)?;
        if status != 200 {
            return Err(refused(status, &body));
        }
        read(&body, "the token endpoint")
    }

    /// Says who the client is, signed by the host (RFC 7523).
    fn assertion(&self, host: &impl Host, config: &Config) -> Result<String, Error> {
        let (key, name, algorithm) = match config.client_auth {
            ClientAuth::PrivateKeyJwt => {
                ("client_key", config.key_algorithm.jose_name(), Algorithm::host_name(config.key_algorithm))
            }
            _ => ("client_secret", "HS256", "hmac-sha256"),
        };
        let now = host.now_ms() / 1000;
        let claims = json!({
            "iss": config.client_id, "sub": config.client_id, "aud": self.token_endpoint,
            "iat": now, "exp": now + ASSERTION_S, "jti": URL_SAFE_NO_PAD.encode(host.random(16)),
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&json!({ "alg": name, "typ": "JWT" })), part(&claims));
        let signature = host
            .sign(key, algorithm, signed.as_bytes())
            .map_err(|why| Error::invalid(format!("the secret {key} cannot sign: {why:?}")))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl Tokens {
    pub fn id_token(&self) -> Result<String, Error> {
        self.id_token.clone().ok_or_else(|| Error::invalid("the answer has no identity token"))
    }
}

fn remembered<T: Serialize + DeserializeOwned>(host: &impl Host, url: &str, afresh: bool) -> Result<T, Error> {
    let now = host.now_ms();
    // Without a store everything is asked anew.
    let known = host.kv_get(url).ok().flatten().filter(|_| !afresh);
    let known = known.and_then(|bytes| serde_json::from_slice::<Remembered<T>>(&bytes).ok());
    if let Some(known) = known.filter(|known| known.until_ms > now && known.until_ms <= now + REMEMBERED_MS) {
        return Ok(known.value);
    }
    let headers = vec![("accept".to_owned(), HeaderValue::Plain("application/json".into()))];
    let request = Request { method: "GET".into(), url: url.to_owned(), headers, body: Vec::new() };
    let (status, body) = answer(host, &request)?;
    if status != 200 {
        return Err(Error::unavailable(format!("{url} answered {status}")));
    }
    let value = Remembered { until_ms: now + REMEMBERED_MS, value: read(&body, url)? };
    if let Ok(bytes) = serde_json::to_vec(&value) {
        // A full store only costs a request the next time.
        let _full = host.kv_set(url, &bytes);
    }
    Ok(value.value)
}

fn answer(host: &impl Host, request: &Request) -> Result<(u16, Vec<u8>), Error> {
    match host.send(request) {
        Ok(response) => Ok((response.status, response.body)),
        Err(HttpFailure::Denied) => Err(Error::denied(format!("the host of {} is not granted", request.url))),
        Err(HttpFailure::NotSent(why) | HttpFailure::MaybeSent(why) | HttpFailure::Other(why)) => {
            Err(Error::unavailable(format!("the provider does not answer: {}", short(&why))))
        }
    }
}

fn read<T: DeserializeOwned>(body: &[u8], from: &str) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|_| Error::invalid(format!("{from} answered with something else")))
}

/// RFC 6749, 5.2: the error's name, and nothing of what may be secret.
fn refused(status: u16, body: &[u8]) -> Error {
    let name = serde_json::from_slice::<Value>(body).ok().and_then(|v| v["error"].as_str().map(short));
    match name.as_deref() {
        Some("invalid_grant") => Error {
            code: "gone".into(),
            message: "the code or the session is not good any more".into(),
            retryable: false,
        },
        Some(name) => Error::invalid(format!("the provider refused: {name}")),
        None if status >= 500 => Error::unavailable(format!("the provider answered {status}")),
        None => Error::invalid(format!("the provider answered {status}")),
    }
}
