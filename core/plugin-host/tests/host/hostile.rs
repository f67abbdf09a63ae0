//! Guests that misbehave: each call ends with the right kind of failure, and the
//! next one is healthy.

use std::time::Duration;

use lyceum_domain::{
    moderation::Decision,
    plugin::{Extensions, FailureKind, PluginRuntime},
};
use lyceum_plugin_host::{BREAKER_FAILURES, BREAKER_OPEN_FIRST, LimitTable, Limits, PluginHost, World};

use crate::support::{
    activation, active, columns, component, context, generous, host, host_at, item, patient, with_manifest,
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

pub async fn reviewed(host: &PluginHost, text: &str) -> Result<Vec<Decision>, FailureKind> {
    let verdicts = host.moderators().remove(0).review(&[item(text)]).await;
    verdicts.map(|v| v.iter().map(|verdict| verdict.decision).collect()).map_err(|failure| failure.kind)
}

/// Each misdeed and how it ends.
const RANKING: &[(&str, FailureKind)] = &[
    ("loop", FailureKind::Timeout),
    ("memory", FailureKind::Memory),
    ("trap", FailureKind::Trap),
    ("giant", FailureKind::InvalidOutput),
    ("short", FailureKind::InvalidOutput),
    ("nan", FailureKind::InvalidOutput),
    ("refuse", FailureKind::Refused),
];

const MODERATION: &[(&str, FailureKind)] = &[
    ("loop", FailureKind::Timeout),
    ("trap", FailureKind::Trap),
    ("giant", FailureKind::InvalidOutput),
    ("nonsense", FailureKind::InvalidOutput),
    ("unsure", FailureKind::InvalidOutput),
    ("short", FailureKind::InvalidOutput),
];

#[tokio::test]
async fn each_misdeed_of_a_ranker_ends_and_the_next_call_is_healthy() {
    for (surface, kind) in RANKING {
        let host = host(limits_for(surface));
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
    for (surface, kind) in RANKING {
        let host = host(limits_for(surface));
        host.activate(activation(with_manifest(&component("hostile/ranking"), stateless))).await.unwrap();
        assert_eq!(ranked(&host, "fine").await.map(|scores| scores.len()), Ok(3));
        assert_eq!(ranked(&host, surface).await, Err(*kind), "{surface}");
        assert_eq!(ranked(&host, "fine").await.map(|scores| scores.len()), Ok(3), "after {surface}");
    }
}

#[tokio::test]
async fn each_misdeed_of_a_moderator_ends_and_the_next_call_is_healthy() {
    for (text, kind) in MODERATION {
        let host = host(limits_for(text));
        active(&host, "hostile/moderation").await;
        assert_eq!(reviewed(&host, text).await, Err(*kind), "{text}");
        assert_eq!(reviewed(&host, "fine").await, Ok(vec![Decision::Allow]), "after {text}");
    }
}

#[tokio::test]
async fn the_wall_ends_a_call_that_has_cpu_time_left() {
    let limits = World::Moderation.limits();
    let short = Limits { wall: Duration::from_millis(50), cpu_ticks: u32::MAX, ..limits };
    let host = host(patient().with(World::Moderation, short));
    active(&host, "hostile/moderation").await;
    assert_eq!(reviewed(&host, "loop").await, Err(FailureKind::Timeout));
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
    assert_eq!(reviewed(&host, &"x".repeat(600 << 10)).await, Err(FailureKind::InvalidInput));
    assert_eq!(host.usage("hostile/moderation").calls, 1, "only the call at activation");
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
