//! Providers of sign-in.

use lyceum_domain::{
    identity::{AuthCallback, AuthStart},
    plugin::{Extensions, FailedAttempt, FailureKind, PluginRuntime},
};
use lyceum_plugin_host::{PluginHost, World};

use crate::{
    misdeeds,
    support::{activation, active, component, generous, host, with_manifest},
};

const PLUGIN: &str = "hostile/auth";

pub fn start(locale: &str) -> AuthStart {
    AuthStart {
        redirect_uri: "https://a.example/back".into(),
        state: "s".into(),
        nonce: "n".into(),
        code_challenge: "c".into(),
        locale: locale.into(),
    }
}

fn callback(word: &str) -> AuthCallback {
    AuthCallback {
        params: vec![("do".into(), word.into())],
        redirect_uri: "https://a.example/back".into(),
        nonce: "n".into(),
        code_verifier: "v".into(),
        keep: "k".into(),
    }
}

fn kind(attempt: FailedAttempt) -> FailureKind {
    attempt.failure.kind
}

pub async fn begun(host: &PluginHost, word: &str) -> Result<(), FailureKind> {
    host.auth_providers().remove(0).begin(&start(word)).await.map(drop).map_err(kind)
}

async fn completed(host: &PluginHost, word: &str) -> Result<(), FailureKind> {
    host.auth_providers().remove(0).complete(&callback(word)).await.map(drop).map_err(kind)
}

async fn refreshed(host: &PluginHost, word: &str) -> Result<(), FailureKind> {
    host.auth_providers().remove(0).refresh(word).await.map(drop).map_err(kind)
}

#[tokio::test]
async fn a_person_is_sent_away_and_comes_back_as_somebody() {
    let host = host(generous());
    active(&host, PLUGIN).await;
    let provider = host.auth_providers().remove(0);
    assert_eq!((provider.name(), provider.key()), (PLUGIN, "auth"));
    let about = provider.about();
    assert_eq!((about.labels["en"].as_str(), about.refreshes), ("Sign in with Hostile", true));
    let way = provider.begin(&start("en")).await.unwrap();
    assert_eq!((way.url.as_str(), way.keep.as_str()), ("https://id.example/authorize?state=s", "k"));
    let identity = provider.complete(&callback("fine")).await.unwrap();
    assert_eq!((identity.subject.as_str(), identity.email.as_deref()), ("42", Some("li@a.example")));
    assert!(identity.email_verified);
    assert_eq!(provider.refresh("fine").await, Ok(identity));
}

#[tokio::test]
async fn each_misdeed_at_the_beginning_ends() {
    misdeeds::each_misdeed_ends(PLUGIN, World::Auth, begun).await;
    misdeeds::the_wall_ends_it(PLUGIN, World::Auth, begun).await;
    misdeeds::the_breaker_opens_and_closes(PLUGIN, begun).await;
    misdeeds::a_flood_of_log_does_no_harm(PLUGIN, begun).await;
    misdeeds::each_answer_is_refused(PLUGIN, &["keep", "plain", "script", "split"], begun).await;
}

#[tokio::test]
async fn each_misdeed_at_the_end_ends() {
    misdeeds::each_misdeed_ends(PLUGIN, World::Auth, completed).await;
    misdeeds::the_wall_ends_it(PLUGIN, World::Auth, completed).await;
    let wrong = ["keep", "nobody", "mail", "name", "picture"];
    misdeeds::each_answer_is_refused(PLUGIN, &wrong, completed).await;
    misdeeds::each_answer_is_refused(PLUGIN, &wrong, refreshed).await;
}

#[tokio::test]
async fn a_refusal_says_whether_to_try_again() {
    let host = host(generous());
    active(&host, PLUGIN).await;
    let provider = host.auth_providers().remove(0);
    for (word, retryable) in [("later", true), ("never", false)] {
        let attempt = provider.begin(&start(word)).await.unwrap_err();
        assert_eq!((attempt.failure.kind, attempt.retryable), (FailureKind::Refused, retryable));
    }
    let gone = provider.refresh("gone").await.unwrap_err();
    assert_eq!((gone.failure.detail.as_str(), gone.retryable), ("gone: the account was closed", false));
    assert!(!host.usage(PLUGIN).breaker_open);
}

#[tokio::test]
async fn a_callback_that_is_too_large_is_not_sent() {
    let host = host(generous());
    active(&host, PLUGIN).await;
    assert_eq!(completed(&host, &"x".repeat(64 << 10)).await, Err(FailureKind::InvalidInput));
}

#[tokio::test]
async fn two_providers_cannot_have_one_key() {
    let host = host(generous());
    active(&host, PLUGIN).await;
    let named = |id: &'static str| with_manifest(&component(PLUGIN), move |manifest| manifest.replace(PLUGIN, id));
    let failure = host.activate(activation(named("acme/auth-auth"))).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused);
    assert_eq!(failure.detail, "the plugin `hostile/auth` already is the sign-in provider `auth`: disable it first");
    host.activate(activation(named("acme/auth-oidc"))).await.unwrap();
    let keys: Vec<String> = host.auth_providers().iter().map(|provider| provider.key().to_owned()).collect();
    assert_eq!(keys, ["oidc", "auth"]);
}
