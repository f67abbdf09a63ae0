//! The whole flow against a stand-in for the host: it answers as a provider
//! would and checks signatures by comparing with an expected value, since the
//! host's own cryptography is tested in the host.

use std::cell::{Cell, RefCell};

use auth_oidc::Oidc;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use lyceum_sdk::{
    auth::{AuthProvider, Callback, Start},
    host::{CryptoFailure, Error, HeaderValue, Host, HttpFailure, Request, Response},
};
use serde_json::{Value, json};

const NOW_MS: u64 = 1_800_000_000_000;
const NOW: u64 = NOW_MS / 1000;
const GOOD: &[u8] = b"good";

struct Double {
    issuer: &'static str,
    config: Value,
    token: RefCell<Value>,
    header: RefCell<Value>,
    signature: Cell<&'static [u8]>,
    sent: RefCell<Vec<(String, String, bool)>>,
    token_status: Cell<u16>,
}

impl Double {
    fn new() -> Self {
        Self {
            issuer: "https://id.example.com",
            config: json!({ "issuer": "https://id.example.com", "clientId": "lyceum" }),
            token: RefCell::new(json!({
                "iss": "https://id.example.com", "sub": "u-1", "aud": "lyceum", "exp": NOW + 300, "iat": NOW,
                "nonce": "the-nonce", "email": "mei@example.com", "email_verified": true, "name": "梅",
            })),
            header: RefCell::new(json!({ "alg": "RS256", "kid": "k1" })),
            signature: Cell::new(GOOD),
            sent: RefCell::default(),
            token_status: Cell::new(200),
        }
    }

    fn id_token(&self) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signature = URL_SAFE_NO_PAD.encode(self.signature.get());
        format!("{}.{}.{signature}", part(&self.header.borrow()), part(&self.token.borrow()))
    }
}

impl Host for Double {
    fn config(&self) -> String {
        self.config.to_string()
    }

    fn now_ms(&self) -> u64 {
        NOW_MS
    }

    fn send(&self, request: &Request) -> Result<Response, HttpFailure> {
        let secret = request.headers.iter().any(|(_, value)| matches!(value, HeaderValue::Secret(_)));
        let body = String::from_utf8(request.body.clone()).expect("a form");
        self.sent.borrow_mut().push((request.url.clone(), body, secret));
        let (status, answer) = match request.url.as_str() {
            url if url == format!("{}/.well-known/openid-configuration", self.issuer) => (
                200,
                json!({
                    "issuer": self.issuer,
                    "authorization_endpoint": "https://id.example.com/auth",
                    "token_endpoint": "https://id.example.com/token",
                    "jwks_uri": "https://id.example.com/keys",
                }),
            ),
            "https://id.example.com/keys" => {
                (200, json!({ "keys": [{ "kty": "RSA", "kid": "k1", "n": "AQAB", "e": "AQAB" }] }))
            }
            "https://id.example.com/token" => (
                self.token_status.get(),
                json!({ "id_token": self.id_token(), "refresh_token": "r-1", "error": "invalid_grant" }),
            ),
            _ => return Err(HttpFailure::Denied),
        };
        Ok(Response { status, headers: Vec::new(), body: answer.to_string().into_bytes() })
    }

    fn verify(&self, key: &str, algorithm: &str, _: &[u8], signature: &[u8]) -> Result<(), CryptoFailure> {
        assert!(key.starts_with("inline-jwk:{"), "{key}");
        assert_eq!(algorithm, "rsa-sha256");
        if signature == GOOD { Ok(()) } else { Err(CryptoFailure::Mismatch) }
    }

    /// Itself, so that a test sees of what it is the hash.
    fn hash(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        assert_eq!(algorithm, "sha256");
        Ok(message.to_vec())
    }

    fn sign(&self, key: &str, algorithm: &str, _: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        assert_eq!((key, algorithm), ("client_secret", "hmac-sha256"));
        Ok(b"signature".to_vec())
    }
}

fn callback() -> Callback {
    Callback {
        params: vec![("code".into(), "c-1".into())],
        redirect_uri: "https://a.example/back".into(),
        nonce: "the-nonce".into(),
        code_verifier: "v".repeat(43),
        keep: String::new(),
    }
}

/// The subject of somebody at this issuer.
fn subject(sub: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("https://id.example.com\n{sub}"))
}

fn refusal(change: impl FnOnce(&Double)) -> String {
    let host = Double::new();
    change(&host);
    let error: Error = Oidc::complete(&host, &callback()).expect_err("nobody is signed in");
    error.message
}

#[test]
fn the_way_carries_everything_that_the_host_made() {
    let start = Start {
        redirect_uri: "https://a.example/back?x=1".into(),
        state: "s&t".into(),
        nonce: "n".into(),
        code_challenge: "c".into(),
        locale: "zh-CN".into(),
        ext: Vec::new(),
    };
    let way = Oidc::begin(&Double::new(), &start).expect("a way");
    let expected = "https://id.example.com/auth?response_type=code&client_id=lyceum\
        &redirect_uri=https%3A%2F%2Fa.example%2Fback%3Fx%3D1&scope=openid+email+profile&state=s%26t&nonce=n\
        &code_challenge=c&code_challenge_method=S256&ui_locales=zh-CN";
    assert_eq!(way.url, expected);
}

#[test]
fn a_right_token_says_who_it_is() {
    let host = Double::new();
    let identity = Oidc::complete(&host, &callback()).expect("signed in");
    assert_eq!((identity.subject, identity.email.as_deref()), (subject("u-1"), Some("mei@example.com")));
    assert_eq!((identity.email_verified, identity.name.as_deref(), identity.keep.as_str()), (true, Some("梅"), "r-1"));
    let sent = host.sent.borrow();
    let (_, form, secret) = sent.iter().find(|(url, ..)| url.ends_with("/token")).expect("the code was exchanged");
    assert!(form.contains("code=c-1") && form.contains(&format!("code_verifier={}", "v".repeat(43))), "{form}");
    assert!(!secret, "PKCE alone");
}

#[test]
fn the_same_subject_is_somebody_else_at_another_issuer_and_the_same_when_asked_again() {
    let subject_at = |issuer: &'static str| {
        let mut host = Double::new();
        host.issuer = issuer;
        host.config["issuer"] = issuer.into();
        host.token.borrow_mut()["iss"] = issuer.into();
        let first = Oidc::complete(&host, &callback()).expect("signed in").subject;
        assert_eq!(Oidc::refresh(&host, "r-0").expect("asked again").subject, first);
        first
    };
    assert_eq!(subject_at("https://id.example.com"), subject("u-1"));
    assert_ne!(subject_at("https://id.example.com/other"), subject("u-1"));
}

#[test]
fn a_token_that_is_wrong_in_one_way_signs_nobody_in() {
    let claim = |name: &'static str, value: Value| refusal(move |host| host.token.borrow_mut()[name] = value);
    assert!(refusal(|host| host.signature.set(b"bad")).contains("not signed by the provider"));
    assert!(refusal(|host| host.header.borrow_mut()["alg"] = "none".into()).contains("algorithm"));
    assert!(refusal(|host| host.header.borrow_mut()["alg"] = "HS256".into()).contains("algorithm"));
    assert!(refusal(|host| host.header.borrow_mut()["kid"] = "k2".into()).contains("not signed by the provider"));
    assert!(claim("iss", "https://evil.example".into()).contains("another issuer"));
    assert!(claim("aud", "other".into()).contains("another client"));
    assert!(claim("aud", json!(["lyceum", "other"])).contains("another client"));
    assert!(claim("azp", "other".into()).contains("another client"));
    assert!(claim("exp", (NOW - 61).into()).contains("has ended"));
    assert!(claim("iat", (NOW + 61).into()).contains("another time"));
    assert!(claim("iat", (NOW - 601).into()).contains("another time"));
    assert!(claim("nonce", "stolen".into()).contains("another sign-in"));
    assert!(claim("nonce", Value::Null).contains("another sign-in"));
    assert!(claim("sub", "".into()).contains("nobody"));
}

#[test]
fn the_providers_refusals_are_told_without_secrets() {
    let mut back = callback();
    back.params = vec![("error".into(), "access_denied".into())];
    let refused = Oidc::complete(&Double::new(), &back).expect_err("refused");
    assert!(refused.message.contains("access_denied"));
    back.params = vec![("code".into(), "c".into()), ("iss".into(), "https://evil.example".into())];
    assert!(Oidc::complete(&Double::new(), &back).expect_err("mixed up").message.contains("another issuer"));
    let host = Double::new();
    host.token_status.set(400);
    assert_eq!(Oidc::refresh(&host, "r-0").expect_err("gone").code, "gone");
}

#[test]
fn a_client_secret_is_a_name_in_a_header_or_a_signature() {
    let with = |auth: &str| {
        let mut host = Double::new();
        host.config["clientAuth"] = auth.into();
        Oidc::complete(&host, &callback()).expect("signed in");
        let sent = host.sent.borrow();
        sent.iter().find(|(url, ..)| url.ends_with("/token")).map(|(_, form, secret)| (form.clone(), *secret))
    };
    assert!(with("client_secret_basic").expect("sent").1);
    let (form, secret) = with("client_secret_jwt").expect("sent");
    assert!(form.contains("client_assertion=") && !secret, "{form}");
}
