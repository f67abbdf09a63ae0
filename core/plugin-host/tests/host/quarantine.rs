//! Inputs that a plugin failed on twice do not reach it again.

use std::sync::Arc;

use lyceum_domain::{
    moderation::{Decision, ReviewItem},
    plugin::{Extensions, FailureKind, PluginNotice, PluginRuntime},
};
use lyceum_kernel::ManualClock;
use lyceum_plugin_host::{MemoryServices, PluginHost, QUARANTINE_FAILURES, QUARANTINE_REMEMBERED};

use crate::support::{active, component, generous, host_at, item, with_manifest};

const NOON: i64 = 1_700_000_000_000;

/// A host with the hostile moderator, its clock, and what it told the owner.
async fn bench() -> (PluginHost, Arc<ManualClock>, Arc<MemoryServices>) {
    let (host, clock) = host_at(generous(), NOON);
    let services = Arc::new(MemoryServices::default());
    host.attach(Arc::<MemoryServices>::clone(&services));
    active(&host, "hostile/moderation").await;
    (host, clock, services)
}

async fn reviewed(host: &PluginHost, item: ReviewItem) -> Result<Decision, FailureKind> {
    let verdicts = host.moderators().remove(0).review(&[item]).await;
    verdicts.map(|verdicts| verdicts[0].decision).map_err(|failure| failure.kind)
}

fn calls(host: &PluginHost) -> u64 {
    host.usage("hostile/moderation").calls
}

#[tokio::test]
async fn the_second_failure_on_an_input_keeps_it_from_the_plugin_for_an_hour() {
    let (host, clock, _) = bench().await;
    for _ in 0..QUARANTINE_FAILURES {
        assert_eq!(reviewed(&host, item("trap")).await, Err(FailureKind::Trap));
    }
    let called = calls(&host);
    assert_eq!(reviewed(&host, item("trap")).await, Err(FailureKind::Quarantined));
    assert_eq!(calls(&host), called, "the guest was not called");
    assert_eq!(reviewed(&host, item("fine")).await, Ok(Decision::Allow), "other inputs are served");
    clock.advance(QUARANTINE_REMEMBERED);
    assert_eq!(reviewed(&host, item("trap")).await, Err(FailureKind::Trap), "it may try again");
}

#[tokio::test]
async fn the_same_text_with_another_id_is_the_same_input() {
    let (host, _, _) = bench().await;
    let named = |id: &str| ReviewItem { id: id.into(), ..item("trap") };
    assert_eq!(reviewed(&host, named("1")).await, Err(FailureKind::Trap));
    assert_eq!(reviewed(&host, named("2")).await, Err(FailureKind::Trap));
    assert_eq!(reviewed(&host, named("3")).await, Err(FailureKind::Quarantined));
}

#[tokio::test]
async fn what_is_shut_out_does_not_count_for_the_breaker() {
    let (host, _, _) = bench().await;
    for _ in 0..40 {
        let _ = reviewed(&host, item("trap")).await;
    }
    let usage = host.usage("hostile/moderation");
    assert!(!usage.breaker_open);
    assert_eq!(usage.failures, u64::from(QUARANTINE_FAILURES));
}

#[tokio::test]
async fn the_owner_is_told_once_and_finds_nothing_of_the_input() {
    let (host, _, services) = bench().await;
    for _ in 0..5 {
        let _ = reviewed(&host, item("nonsense")).await;
    }
    let notices = services.notices();
    let [PluginNotice::Quarantined { plugin, world, function, input_digest, failure }] = notices.as_slice() else {
        panic!("{notices:?}");
    };
    assert_eq!((plugin.as_str(), world.as_str(), function.as_str()), ("hostile/moderation", "moderation", "review"));
    assert_eq!(failure.kind, FailureKind::InvalidOutput);
    assert!(input_digest.len() == 16 && input_digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
}

#[tokio::test]
async fn a_new_version_gets_what_the_old_one_failed_on() {
    let (host, _, _) = bench().await;
    for _ in 0..QUARANTINE_FAILURES {
        let _ = reviewed(&host, item("trap")).await;
    }
    let newer = with_manifest(&component("hostile/moderation"), |text| text.replace("\"1.0.0\"", "\"1.0.1\""));
    host.activate(crate::support::activation(newer)).await.unwrap();
    assert_eq!(reviewed(&host, item("trap")).await, Err(FailureKind::Trap));
}
