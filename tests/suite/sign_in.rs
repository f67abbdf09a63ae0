//! Sign-in through the real `auth-oidc` component, over HTTP.
//!
//! The provider is a stand-in of ours that speaks the published protocol
//! (OpenID Connect Core and Discovery 1.0, RFC 6749, RFC 7636) on a port of
//! its own, and signs with a key made for the test. No product stands behind it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json as Body, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer as _, SigningKey};
use lyceum_kernel::{Clock as _, ManualClock};
use lyceum_tests::{Person, Place, TestApp, component, each_database};
use reqwest::Url;
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use tokio::{net::TcpListener, task::JoinHandle};

const CLIENT: &str = "lyceum-test";
const BACK: &str = "http://127.0.0.1:3000/back";
const BEGIN: &str = "mutation ($to: String!) { beginSignIn(input: { provider: \"oidc\", redirectUri: $to, locale: \"zh\" }) { url attempt } }";
const COMPLETE: &str = "mutation ($params: [SignInParam!]!, $state: String!, $attempt: String!) {
    completeSignIn(input: { provider: \"oidc\", params: $params, state: $state, attempt: $attempt }) {
        accessToken refreshToken user { id name email emailVerifiedAt locale } } }";
const REFRESH: &str = "mutation ($token: String!) { refreshSession(input: { refreshToken: $token }) { refreshToken } }";

/// Who signs in at the provider.
#[derive(Clone)]
struct Someone {
    subject: String,
    email: String,
    verified: bool,
}

fn someone(subject: &str, email: &str, verified: bool) -> Someone {
    Someone { subject: subject.to_owned(), email: email.to_owned(), verified }
}

/// A code that was given out, with what the request had said.
struct Grant {
    who: Someone,
    nonce: String,
    challenge: String,
    redirect_uri: String,
}

/// The provider.
struct Provider {
    origin: String,
    key: SigningKey,
    clock: Arc<ManualClock>,
    codes: Mutex<BTreeMap<String, Grant>>,
    /// By refresh token.
    known: Mutex<BTreeMap<String, Someone>>,
    /// Written into tokens in place of the right nonce.
    other_nonce: Mutex<Option<String>>,
}

/// A provider that runs as long as the test.
struct Running {
    provider: Arc<Provider>,
    serving: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn provider(place: &Place) -> Running {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let provider = Arc::new(Provider {
        origin: format!("http://{}", listener.local_addr().unwrap()),
        key: SigningKey::from_bytes(&[42; 32]),
        clock: place.clock.clone(),
        codes: Mutex::default(),
        known: Mutex::default(),
        other_nonce: Mutex::default(),
    });
    let router = Router::new()
        .route("/.well-known/openid-configuration", get(describe))
        .route("/keys", get(keys))
        .route("/token", post(token))
        .with_state(provider.clone());
    Running { provider, serving: tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }) }
}

async fn describe(State(provider): State<Arc<Provider>>) -> Body<Json> {
    let origin = &provider.origin;
    Body(json!({
        "issuer": origin,
        // Only a browser goes there, and in this test nobody does.
        "authorization_endpoint": "https://id.example/authorize",
        "token_endpoint": format!("{origin}/token"),
        "jwks_uri": format!("{origin}/keys"),
    }))
}

async fn keys(State(provider): State<Arc<Provider>>) -> Body<Json> {
    let public = URL_SAFE_NO_PAD.encode(provider.key.verifying_key().as_bytes());
    Body(
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "k1", "x": public }] }),
    )
}

fn pairs(query: &str) -> BTreeMap<String, String> {
    Url::parse(&format!("http://a.example/?{query}")).unwrap().query_pairs().into_owned().collect()
}

async fn token(State(provider): State<Arc<Provider>>, body: String) -> (StatusCode, Body<Json>) {
    let form = pairs(&body);
    let answer = match form["grant_type"].as_str() {
        "authorization_code" => provider.exchanged(&form),
        _ => provider.refreshed(&form),
    };
    match answer {
        Some(answer) => (StatusCode::OK, Body(answer)),
        // RFC 6749, 5.2.
        None => (StatusCode::BAD_REQUEST, Body(json!({ "error": "invalid_grant" }))),
    }
}

impl Provider {
    /// The person agrees on the provider's page; what the browser brings back.
    fn agrees(&self, page: &str, who: &Someone) -> Vec<(String, String)> {
        let page = Url::parse(page).unwrap();
        let asked = pairs(page.query().unwrap());
        assert_eq!((page.host_str(), page.path()), (Some("id.example"), "/authorize"));
        assert_eq!((asked["response_type"].as_str(), asked["client_id"].as_str()), ("code", CLIENT));
        assert_eq!((asked["code_challenge_method"].as_str(), asked["ui_locales"].as_str()), ("S256", "zh-CN"));
        assert!(asked["scope"].split(' ').any(|scope| scope == "openid"));
        let mut codes = self.codes.lock().unwrap();
        let code = format!("code-{}-{}", who.subject, asked["state"]);
        let grant = Grant {
            who: who.clone(),
            nonce: asked["nonce"].clone(),
            challenge: asked["code_challenge"].clone(),
            redirect_uri: asked["redirect_uri"].clone(),
        };
        codes.insert(code.clone(), grant);
        let back = [("code", code), ("state", asked["state"].clone()), ("iss", self.origin.clone())];
        back.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// A code is good once, for the client, the address and the verifier.
    fn exchanged(&self, form: &BTreeMap<String, String>) -> Option<Json> {
        let grant = self.codes.lock().unwrap().remove(&form["code"])?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(form["code_verifier"].as_bytes()));
        let right =
            challenge == grant.challenge && form["redirect_uri"] == grant.redirect_uri && form["client_id"] == CLIENT;
        let nonce = self.other_nonce.lock().unwrap().clone().unwrap_or(grant.nonce);
        right.then(|| self.tokens(&grant.who, Some(&nonce)))
    }

    fn refreshed(&self, form: &BTreeMap<String, String>) -> Option<Json> {
        let who = self.known.lock().unwrap().remove(&form["refresh_token"])?;
        Some(self.tokens(&who, None))
    }

    fn tokens(&self, who: &Someone, nonce: Option<&str>) -> Json {
        let now = self.clock.now().as_millis() / 1000;
        let claims = json!({
            "iss": self.origin, "aud": CLIENT, "sub": who.subject, "iat": now, "exp": now + 300, "nonce": nonce,
            "email": who.email, "email_verified": who.verified, "name": "安娜",
        });
        let part = |value: &Json| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&json!({ "alg": "EdDSA", "kid": "k1", "typ": "JWT" })), part(&claims));
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes()).to_bytes());
        let refresh_token = format!("refresh-{}-{now}", who.subject);
        self.known.lock().unwrap().insert(refresh_token.clone(), who.clone());
        json!({ "token_type": "Bearer", "access_token": "a", "id_token": format!("{signed}.{signature}"), "refresh_token": refresh_token })
    }
}

/// A school with the plugin in it.
async fn school(place: &Place, provider: &Provider) -> TestApp {
    let app = place.app().start().await;
    let install = "mutation ($component: String!, $grants: JSON, $config: JSON) {
        installPlugin(input: { component: $component, grants: $grants, config: $config }) { plugin { state } } }";
    let grants = json!({ "http": { "hosts": [provider.origin] }, "crypto": {}, "kv": { "quotaBytes": 262_144 } });
    let config = json!({ "issuer": provider.origin, "clientId": CLIENT });
    let given = json!({ "component": component("auth-oidc"), "grants": grants, "config": config });
    app.admin.data(install, given).await;
    app.admin.enables("lyceum/auth-oidc").await;
    app
}

/// A sign-in under way: what the browser keeps and what it brought back.
#[derive(Clone)]
struct Way {
    attempt: String,
    params: Vec<(String, String)>,
}

impl Way {
    async fn begun(browser: &Person, provider: &Provider, who: &Someone) -> Self {
        let begun = browser.data(BEGIN, json!({ "to": BACK })).await["beginSignIn"].clone();
        let params = provider.agrees(begun["url"].as_str().unwrap(), who);
        Self { attempt: begun["attempt"].as_str().unwrap().to_owned(), params }
    }

    fn param(&self, name: &str) -> String {
        self.params.iter().find(|(known, _)| known == name).unwrap().1.clone()
    }

    fn variables(&self) -> Json {
        let params: Vec<Json> =
            self.params.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        json!({ "params": params, "state": self.param("state"), "attempt": self.attempt })
    }

    async fn completed(&self, browser: &Person) -> Json {
        browser.data(COMPLETE, self.variables()).await["completeSignIn"].clone()
    }

    async fn refused(&self, browser: &Person) -> String {
        browser.code(COMPLETE, self.variables()).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_through_an_openid_provider_and_is_known_again() {
    each_database(async |place| {
        let running = provider(place).await;
        let (provider, app) = (&running.provider, school(place, &running.provider).await);
        let browser = app.visitor();
        let buttons = browser.data("{ signInProviders { nodes { key labels } } }", json!({})).await;
        let button = &buttons["signInProviders"]["nodes"][0];
        assert_eq!(button["key"], "oidc");
        assert!(button["labels"]["en"].is_string() && button["labels"]["zh"].is_string(), "{button}");

        let ana = someone("248289761001", "ana@example.org", true);
        let first = Way::begun(&browser, provider, &ana).await.completed(&browser).await;
        let user = &first["user"];
        assert_eq!((&user["name"], &user["email"]), (&json!("安娜"), &json!("ana@example.org")));
        assert!(user["emailVerifiedAt"].is_string() && user["locale"] == "zh-CN", "{user}");
        let me = app.visitor().with_token(first["accessToken"].as_str().unwrap());
        assert_eq!(me.data("{ me { id } }", json!({})).await["me"]["id"], user["id"]);
        let again = Way::begun(&browser, provider, &ana).await.completed(&browser).await;
        assert_eq!(again["user"]["id"], user["id"]);

        let sign_in = "mutation { signIn(input: { email: \"ana@example.org\", password: \"\" }) { expiresAt } }";
        assert_eq!(browser.code(sign_in, json!({})).await, "INVALID_CREDENTIALS");
        let evil = browser.code(BEGIN, json!({ "to": "https://evil.example/" })).await;
        assert_eq!(evil, "BAD_USER_INPUT");
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_belong_together_signs_nobody_in() {
    each_database(async |place| {
        let running = provider(place).await;
        let (provider, app) = (&running.provider, school(place, &running.provider).await);
        let (browser, ana) = (app.visitor(), someone("1", "ana@example.org", true));

        let right = Way::begun(&browser, provider, &ana).await;
        let other = Way::begun(&browser, provider, &ana).await;
        let mut wrong_state = right.clone();
        wrong_state.params[1].1 = "x".repeat(43);
        assert_eq!(wrong_state.refused(&browser).await, "INVALID_CREDENTIALS");
        // A callback address that was stolen, opened in another browser.
        let stolen = Way { attempt: other.attempt.clone(), ..right.clone() };
        assert_eq!(stolen.refused(&browser).await, "INVALID_CREDENTIALS");
        right.completed(&browser).await;
        assert_eq!(right.refused(&browser).await, "INVALID_CREDENTIALS", "the state was used");

        // The code of one sign-in in another: the provider has given it out already.
        let mut replayed = other.clone();
        replayed.params[0].1 = right.param("code");
        assert_eq!(replayed.refused(&browser).await, "INVALID_CREDENTIALS");
        // A code that was made for another verifier.
        let (one, two) = (
            Way::begun(&browser, provider, &ana).await,
            Way::begun(&browser, provider, &someone("2", "eve@example.org", true)).await,
        );
        let mut crossed = one.clone();
        crossed.params[0].1 = two.param("code");
        assert_eq!(crossed.refused(&browser).await, "INVALID_CREDENTIALS");

        let way = Way::begun(&browser, provider, &ana).await;
        *provider.other_nonce.lock().unwrap() = Some("of another sign-in".to_owned());
        let error = browser.error(COMPLETE, way.variables()).await;
        assert_eq!(error["extensions"]["code"], "INVALID_CREDENTIALS");
        assert!(error["message"].as_str().unwrap().contains("another sign-in"), "{error}");
        *provider.other_nonce.lock().unwrap() = None;

        let mut declined = Way::begun(&browser, provider, &ana).await;
        declined.params[0] = ("error".to_owned(), "access_denied".to_owned());
        assert_eq!(declined.refused(&browser).await, "INVALID_CREDENTIALS");
        let late = Way::begun(&browser, provider, &ana).await;
        app.clock.advance(Duration::from_secs(600));
        assert_eq!(late.refused(&browser).await, "INVALID_CREDENTIALS");
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_proven_gives_no_way_into_an_account() {
    each_database(async |place| {
        let running = provider(place).await;
        let (provider, app) = (&running.provider, school(place, &running.provider).await);
        let browser = app.visitor();
        let member = app.member("ana").await;
        for verified in [false, true] {
            let way = Way::begun(&browser, provider, &someone("1", "ana@example.com", verified)).await;
            assert_eq!(way.refused(&browser).await, "CONFLICT", "{verified}");
        }
        let fresh = Way::begun(&browser, provider, &someone("2", "bo@example.com", false)).await;
        let made = fresh.completed(&browser).await;
        assert_ne!(made["user"]["id"], member.id.as_str());
        assert_eq!(made["user"]["emailVerifiedAt"], Json::Null);
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_gone_at_the_provider_is_signed_out_within_the_hour() {
    each_database(async |place| {
        let running = provider(place).await;
        let (provider, app) = (&running.provider, school(place, &running.provider).await);
        let browser = app.visitor();
        let way = Way::begun(&browser, provider, &someone("1", "ana@example.org", true)).await;
        let mut token = way.completed(&browser).await["refreshToken"].clone();
        for _ in 0..2 {
            app.clock.advance(Duration::from_secs(3600));
            token = browser.data(REFRESH, json!({ "token": token })).await["refreshSession"]["refreshToken"].clone();
        }
        provider.known.lock().unwrap().clear();
        app.clock.advance(Duration::from_secs(3599));
        token = browser.data(REFRESH, json!({ "token": token })).await["refreshSession"]["refreshToken"].clone();
        app.clock.advance(Duration::from_secs(1));
        assert_eq!(browser.code(REFRESH, json!({ "token": token })).await, "SESSION_REVOKED");
        app.stop().await;
    })
    .await;
}
