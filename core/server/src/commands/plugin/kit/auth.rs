//! Sign-in: what the host made goes out with the person, and nobody comes in
//! without a code.

use lyceum_domain::{
    identity::{AuthCallback, AuthProvider, AuthStart},
    plugin::Extensions as _,
};
use reqwest::Url;

use super::{Kit, attempted, expect, no_crash};

const WORLD: &str = "auth";

pub(super) async fn run(kit: &mut Kit<'_>) {
    let providers = kit.host().auth_providers();
    let Some(provider) = providers.first().map(AsRef::as_ref) else { return };
    let outcome = sent_away(provider).await;
    kit.note(WORLD, "the address carries state and PKCE challenge, over https", outcome);
    let cancelled = [("error", "access_denied"), ("error_description", "The person said no")];
    for (name, params) in [
        ("an answer with `error` is refused", cancelled.as_slice()),
        ("an answer without a code is refused", [].as_slice()),
        ("an answer with an empty code is refused", [("code", "")].as_slice()),
    ] {
        let outcome = refused(provider, params).await;
        kit.note(WORLD, name, outcome);
    }
}

pub(super) fn start() -> AuthStart {
    AuthStart {
        redirect_uri: "https://community.example/auth/return".into(),
        state: "state-4f1c".into(),
        nonce: "nonce-90ab".into(),
        code_challenge: "challenge-77de".into(),
        locale: "en".into(),
    }
}

async fn sent_away(provider: &dyn AuthProvider) -> Result<(), String> {
    let start = start();
    let way = provider.begin(&start).await.map_err(attempted)?;
    let url = Url::parse(&way.url).map_err(|error| format!("{} is no address: {error}", way.url))?;
    expect(url.scheme() == "https", || format!("{} is not https", way.url))?;
    let values: Vec<String> = url.query_pairs().map(|(_, value)| value.into_owned()).collect();
    let carries = |value: &String| values.contains(value);
    expect(carries(&start.state), || format!("{} does not carry `state`", way.url))?;
    expect(carries(&start.code_challenge), || format!("{} does not carry `code_challenge`", way.url))?;
    // A nonce comes back in an ID token, which only OpenID Connect has.
    let has_token = values.iter().any(|value| value.split(' ').any(|scope| scope == "openid"));
    expect(!has_token || carries(&start.nonce), || format!("{} asks for `openid` and does not carry `nonce`", way.url))
}

async fn refused(provider: &dyn AuthProvider, params: &[(&str, &str)]) -> Result<(), String> {
    let start = start();
    let kept = provider.begin(&start).await.map(|way| way.keep).unwrap_or_default();
    let mut params: Vec<(String, String)> =
        params.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    params.push(("state".into(), start.state));
    let callback = AuthCallback {
        params,
        redirect_uri: start.redirect_uri,
        nonce: start.nonce,
        code_verifier: "verifier-77de".into(),
        keep: kept,
    };
    match provider.complete(&callback).await {
        Ok(identity) => Err(format!("`{}` came in: answer an error when there is no code", identity.subject)),
        Err(attempt) => no_crash(Err(attempt.failure)),
    }
}
