//! Rankers and moderators that misbehave, and plugins at their activation: each
//! call ends with the right kind of failure, and the next one is healthy.

use std::time::Duration;

use lyceum_domain::{
    moderation::Decision,
    plugin::{Activation, Extensions, FailureKind, PluginFailure, PluginRuntime},
};
use lyceum_plugin_host::{BREAKER_FAILURES, BREAKER_OPEN_FIRST, LimitTable, Limits, PluginHost, World};

use crate::{
    hooks,
    lanes::sending_to,
    misdeeds,
    support::{
        activation, active, columns, component, context, generous, host, host_at, host_in, item, patient, put_section,
        with_manifest,
    },
    tables::sections,
};

/// A loop meets the world's own CPU limit; the others get time to reach theirs.
fn limits_for(misdeed: &str) -> LimitTable {
    if misdeed == "loop" { patient() } else { generous() }
}

pub async fn ranked(host: &PluginHost, surface: &str) -> Result<Vec<f32>, FailureKind> {
    let ranker = host.ranker().unwrap();
    let answer = ranker.rank(&context(surface, 3), columns(ranker.columns(), 3)).await;
    answer.map_err(|failure| failure.kind)
}

async fn reviewed_by(host: &PluginHost, plugin: &str, text: &str) -> Result<Vec<Decision>, FailureKind> {
    let moderator = host.moderators().into_iter().find(|moderator| moderator.name() == plugin).unwrap();
    let verdicts = moderator.review(&[item(text)]).await;
    verdicts.map(|v| v.iter().map(|verdict| verdict.decision).collect()).map_err(|failure| failure.kind)
}

pub async fn reviewed(host: &PluginHost, text: &str) -> Result<Vec<Decision>, FailureKind> {
    reviewed_by(host, "hostile/moderation", text).await
}

pub async fn reviewed_with_http(host: &PluginHost, text: &str) -> Result<(), FailureKind> {
    reviewed_by(host, "hostile/moderation-http", text).await.map(drop)
}

/// Each misdeed and how it ends.
const RANKING: &[(&str, FailureKind)] = &[
    ("loop", FailureKind::Timeout),
    ("memory", FailureKind::Memory),
    ("stack", FailureKind::Trap),
    ("trap", FailureKind::Trap),
    ("calls", FailureKind::Denied),
    ("giant", FailureKind::InvalidOutput),
    ("copies", FailureKind::InvalidOutput),
    ("short", FailureKind::InvalidOutput),
    ("nan", FailureKind::InvalidOutput),
    ("refuse", FailureKind::Refused),
];

const MODERATION: &[(&str, FailureKind)] = &[
    ("loop", FailureKind::Timeout),
    ("memory", FailureKind::Memory),
    ("stack", FailureKind::Trap),
    ("trap", FailureKind::Trap),
    ("calls", FailureKind::Denied),
    ("giant", FailureKind::InvalidOutput),
    ("copies", FailureKind::InvalidOutput),
    ("nonsense", FailureKind::InvalidOutput),
    ("unsure", FailureKind::InvalidOutput),
    ("short", FailureKind::InvalidOutput),
];

#[tokio::test]
async fn each_misdeed_of_a_ranker_ends_and_the_next_call_is_healthy() {
    let cache = tempfile::tempdir().unwrap();
    for (surface, kind) in RANKING {
        let host = host_in(cache.path(), limits_for(surface));
        active(&host, "hostile/ranking").await;
        assert_eq!(ranked(&host, surface).await, Err(*kind), "{surface}");
        assert_eq!(ranked(&host, "fine").await.map(|scores| scores.len()), Ok(3), "after {surface}");
        let usage = host.usage("hostile/ranking");
        assert_eq!((usage.failures, usage.last_failure.unwrap().kind), (1, *kind));
    }
}

#[tokio::test]
async fn each_misdeed_in_a_kept_instance_ends_and_the_next_call_is_healthy() {
    let implements = "implements =";
    let stateless = |manifest: &str| manifest.replacen(implements, &format!("state = \"none\"\n{implements}"), 1);
    let cache = tempfile::tempdir().unwrap();
    for (surface, kind) in RANKING {
        let host = host_in(cache.path(), limits_for(surface));
        host.activate(activation(with_manifest(&component("hostile/ranking"), stateless))).await.unwrap();
        assert_eq!(ranked(&host, "fine").await.map(|scores| scores.len()), Ok(3));
        assert_eq!(ranked(&host, surface).await, Err(*kind), "{surface}");
        assert_eq!(ranked(&host, "fine").await.map(|scores| scores.len()), Ok(3), "after {surface}");
    }
}

#[tokio::test]
async fn each_misdeed_of_a_moderator_ends_and_the_next_call_is_healthy() {
    let cache = tempfile::tempdir().unwrap();
    for (text, kind) in MODERATION {
        let host = host_in(cache.path(), limits_for(text));
        active(&host, "hostile/moderation").await;
        assert_eq!(reviewed(&host, text).await, Err(*kind), "{text}");
        assert_eq!(reviewed(&host, "fine").await, Ok(vec![Decision::Allow]), "after {text}");
    }
}

/// A moderator that may send requests has another world, with limits of its own.
#[tokio::test]
async fn each_misdeed_of_a_moderator_with_http_ends() {
    const PLUGIN: &str = "hostile/moderation-http";
    let consented = async |host: &PluginHost, text: &str| {
        // Again each time: the tests activate it without any grant.
        if host.usage(PLUGIN).by_world.iter().all(|world| world.world != World::ModerationHttp.name()) {
            host.activate(sending_to(PLUGIN, &["http://127.0.0.1:9".to_owned()])).await.unwrap();
        }
        reviewed_with_http(host, text).await
    };
    misdeeds::each_misdeed_ends(PLUGIN, World::ModerationHttp, consented).await;
    misdeeds::the_wall_ends_it(PLUGIN, World::ModerationHttp, consented).await;
    misdeeds::the_breaker_opens_and_closes(PLUGIN, consented).await;
    misdeeds::a_flood_of_log_does_no_harm(PLUGIN, consented).await;
}

#[tokio::test]
async fn the_wall_ends_a_call_that_has_cpu_time_left() {
    misdeeds::the_wall_ends_it("hostile/moderation", World::Moderation, async |host, text| {
        reviewed(host, text).await.map(drop)
    })
    .await;
}

#[tokio::test]
async fn the_wall_ends_a_ranking_that_has_cpu_time_left() {
    misdeeds::the_wall_ends_it("hostile/ranking", World::Ranking, async |host, surface| {
        ranked(host, surface).await.map(drop)
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_a_moderators_log_does_no_harm() {
    misdeeds::a_flood_of_log_does_no_harm("hostile/moderation", async |host, text| {
        reviewed(host, text).await.map(drop)
    })
    .await;
}

/// What it says of its configuration is what the word in there makes it do.
async fn configured(host: &PluginHost, word: &str) -> Result<(), PluginFailure> {
    let config = format!(r#"{{"configure":"{word}"}}"#);
    host.activate(Activation { config, ..activation(component("hostile/content")) }).await.map(drop)
}

#[tokio::test]
async fn each_misdeed_at_activation_ends_and_the_old_version_serves() {
    // What it answers there is cut and not refused: see the next test.
    let misdeeds: Vec<_> = misdeeds::MISDEEDS.iter().copied().filter(|(word, _)| *word != "giant").collect();
    let activated = async |host: &PluginHost, word: &str| {
        let answer = configured(host, word).await.map_err(|failure| failure.kind);
        assert_eq!(host.before_hooks().len(), 1, "after {word}");
        answer
    };
    misdeeds::each_of_these_ends("hostile/content", World::Lifecycle, &misdeeds, activated).await;
    misdeeds::a_flood_of_log_does_no_harm("hostile/content", activated).await;
}

#[tokio::test]
async fn the_wall_ends_an_activation_that_has_cpu_time_left() {
    let limits = Limits { wall: Duration::from_millis(500), cpu_ticks: u32::MAX, ..World::Lifecycle.limits() };
    let failure = configured(&host(patient().with(World::Lifecycle, limits)), "loop").await.unwrap_err();
    assert_eq!((failure.kind, failure.function.as_str()), (FailureKind::Timeout, "configure"));
}

#[tokio::test]
async fn what_an_after_hook_or_an_activation_says_is_cut() {
    let host = host(generous());
    let failure = configured(&host, "giant").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused);
    assert!(failure.detail.len() < 1_000, "{} bytes", failure.detail.len());
    active(&host, "hostile/content").await;
    assert_eq!(hooks::noticed(&host, "long").await, Err(FailureKind::Refused));
    let told = host.usage("hostile/content").last_failure.unwrap().detail;
    assert!(told.starts_with("invalid: xxx") && told.len() < 1_000, "{} bytes", told.len());
}

/// The same component, which imports another interface: only its names are looked at here.
fn importing(wasm: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = wasm[..8].to_vec();
    for (id, body) in sections(wasm) {
        let name = [&[from.len() as u8], from].concat();
        match body.windows(name.len()).position(|bytes| id == 10 && bytes == name) {
            None => put_section(&mut out, id, body),
            Some(at) => {
                let renamed = [&body[..at], &[to.len() as u8], to, &body[at + name.len()..]].concat();
                put_section(&mut out, id, &renamed);
            }
        }
    }
    out
}

#[test]
fn a_ranker_that_imports_http_is_refused() {
    const ASK: &str = "\n[permissions.http]\nhosts = [\"https://a.example\"]\nreason = \"To look around\"\n";
    let host = host(generous());
    let asks = with_manifest(&component("hostile/ranking"), |manifest| format!("{manifest}{ASK}"));
    assert!(host.inspect(&asks).is_ok(), "asking alone is no import");
    let imports = importing(&asks, b"lyceum:host/clock@1.0.0", b"lyceum:host/http@1.0.0");
    assert_eq!(host.inspect(&imports).unwrap_err().detail, "a ranker is pure and gets no `http`");
}

#[tokio::test]
async fn a_configuration_that_is_too_large_is_not_sent() {
    let failure = configured(&host(generous()), &"x".repeat(256 << 10)).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::InvalidInput);
}

#[tokio::test]
async fn a_call_whose_caller_goes_away_harms_nobody() {
    let host = host(patient());
    active(&host, "hostile/ranking").await;
    let gone = tokio::time::timeout(Duration::from_millis(3), ranked(&host, "loop")).await;
    assert!(gone.is_err() || gone == Ok(Err(FailureKind::Timeout)));
    assert_eq!(ranked(&host, "fine").await.map(|scores| scores.len()), Ok(3));
}

#[tokio::test]
async fn too_much_input_is_not_sent() {
    let host = host(generous());
    active(&host, "hostile/moderation").await;
    active(&host, "hostile/ranking").await;
    host.activate(sending_to("hostile/moderation-http", &["http://127.0.0.1:9".to_owned()])).await.unwrap();
    let calls =
        || ["moderation", "ranking", "moderation-http"].map(|name| host.usage(&format!("hostile/{name}")).calls);
    let (called, text) = (calls(), "x".repeat(600 << 10));
    assert_eq!(reviewed(&host, &text).await, Err(FailureKind::InvalidInput));
    assert_eq!(reviewed_with_http(&host, &text).await, Err(FailureKind::InvalidInput));
    assert_eq!(ranked(&host, &text).await, Err(FailureKind::InvalidInput));
    assert_eq!(calls(), called);
}

#[tokio::test]
async fn the_breaker_opens_after_five_failures_and_closes_after_a_good_probe() {
    let (host, clock) = host_at(generous(), 1_700_000_000_000);
    active(&host, "hostile/ranking").await;
    // Each twice at most: the same input is not tried more often.
    for surface in ["trap", "trap", "nan", "nan", "short"] {
        assert!(ranked(&host, surface).await.is_err_and(|kind| kind != FailureKind::Tripped));
    }
    let called = host.usage("hostile/ranking").calls;
    assert!(host.usage("hostile/ranking").breaker_open);
    assert_eq!(ranked(&host, "fine").await, Err(FailureKind::Tripped));
    assert_eq!(host.usage("hostile/ranking").calls, called, "the guest was not called");
    clock.advance(BREAKER_OPEN_FIRST);
    assert_eq!(ranked(&host, "fine").await.map(|scores| scores.len()), Ok(3));
    assert!(!host.usage("hostile/ranking").breaker_open);
}

#[tokio::test]
async fn a_refusal_in_the_worlds_own_words_does_not_open_the_breaker() {
    let host = host(generous());
    active(&host, "hostile/ranking").await;
    for _ in 0..2 * BREAKER_FAILURES {
        assert_eq!(ranked(&host, "refuse").await, Err(FailureKind::Refused));
    }
    assert!(!host.usage("hostile/ranking").breaker_open);
}

#[tokio::test]
async fn a_failure_says_where_it_happened() {
    let host = host(generous());
    active(&host, "hostile/ranking").await;
    let ranker = host.ranker().unwrap();
    let failure = ranker.rank(&context("nan", 2), columns(ranker.columns(), 2)).await.unwrap_err();
    assert_eq!((failure.plugin.as_str(), failure.version.as_str()), ("hostile/ranking", "1.0.0"));
    assert_eq!((failure.world.as_str(), failure.function.as_str()), ("ranking", "rank"));
    assert_eq!(failure.detail, "the score of item 0 is NaN");
}
