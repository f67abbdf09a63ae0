//! An update that fails at once goes back to the version before.

use std::{sync::Arc, time::Duration};

use lyceum_domain::{
    moderation::{Decision, Moderator, ReviewItem},
    plugin::{Extensions, FailureKind, PluginNotice, PluginRuntime},
};
use lyceum_kernel::ManualClock;
use lyceum_plugin_host::{BREAKER_FAILURES, MemoryServices, PluginHost, UPDATE_TRIAL};

use crate::support::{activation, component, generous, host_at, item, with_manifest};

const NOON: i64 = 1_700_000_000_000;
const ID: &str = "acme/moderation";

struct Bench {
    host: PluginHost,
    clock: Arc<ManualClock>,
    services: Arc<MemoryServices>,
}

/// A version of one plugin: from a component that works, or one that does not.
fn version(from: &str, version: &str) -> Vec<u8> {
    with_manifest(&component(from), |manifest| {
        let lines = manifest.lines().map(|line| match line.split_once('=').map(|(key, _)| key.trim()) {
            Some("id") => format!("id = \"{ID}\""),
            Some("version") => format!("version = \"{version}\""),
            _ => line.to_owned(),
        });
        lines.collect::<Vec<_>>().join("\n")
    })
}

const GOOD: &str = "moderation-wordlist";
const BAD: &str = "hostile/moderation";

impl Bench {
    async fn with(versions: &[(&str, &str)]) -> Self {
        let (host, clock) = host_at(generous(), NOON);
        let services = Arc::new(MemoryServices::default());
        host.attach(Arc::<MemoryServices>::clone(&services));
        let bench = Self { host, clock, services };
        for (from, number) in versions {
            bench.put(from, number).await;
        }
        bench
    }

    async fn put(&self, from: &str, number: &str) {
        self.host.activate(activation(version(from, number))).await.unwrap();
    }

    fn moderator(&self) -> Arc<dyn Moderator> {
        self.host.moderators().remove(0)
    }

    /// So many failures on so many inputs, of whichever version is in place.
    async fn fail(&self, times: usize) {
        for n in 0..times {
            let failure = self.moderator().review(&[variant("trap", n)]).await.unwrap_err();
            assert_eq!(failure.kind, FailureKind::Trap);
        }
    }

    fn rolled_back(&self) -> Vec<(String, String)> {
        let notices = self.services.notices().into_iter();
        notices
            .filter_map(|notice| match notice {
                PluginNotice::RolledBack { from, to, .. } => Some((from, to)),
                _ => None,
            })
            .collect()
    }
}

/// The same text under different kinds: different inputs.
fn variant(text: &str, n: usize) -> ReviewItem {
    ReviewItem { kind: format!("kind-{n}"), ..item(text) }
}

#[tokio::test]
async fn the_version_before_serves_again_when_the_breaker_opens_within_a_minute() {
    let bench = Bench::with(&[(GOOD, "1.0.0"), (BAD, "2.0.0")]).await;
    let (failing, generation) = (bench.moderator(), bench.host.generation());
    bench.clock.advance(UPDATE_TRIAL - Duration::from_millis(1));
    bench.fail(BREAKER_FAILURES).await;
    assert_eq!(bench.rolled_back(), [("2.0.0".to_owned(), "1.0.0".to_owned())]);
    assert_eq!(bench.host.generation(), generation + 1);
    assert!(!bench.host.usage(ID).breaker_open);
    let verdicts = bench.moderator().review(&[item("trap")]).await.unwrap();
    assert_eq!(verdicts[0].decision, Decision::Allow, "the good version has nothing against the word");
    // Somebody may still hold the version that was taken back, for ever after.
    bench.clock.advance(Duration::from_secs(24 * 3600));
    let called = bench.host.usage(ID).calls;
    assert_eq!(failing.review(&[item("fine")]).await.unwrap_err().kind, FailureKind::Tripped);
    assert_eq!(bench.host.usage(ID).calls, called, "it was not called");
}

#[tokio::test]
async fn the_owner_is_told_of_the_breaker_first_and_then_of_the_rollback() {
    let bench = Bench::with(&[(GOOD, "1.0.0"), (BAD, "2.0.0")]).await;
    bench.fail(BREAKER_FAILURES).await;
    let notices = bench.services.notices();
    let [PluginNotice::Tripped { plugin, failure }, PluginNotice::RolledBack { plugin: same, failure: why, .. }] =
        notices.as_slice()
    else {
        panic!("{notices:?}");
    };
    assert_eq!((plugin.as_str(), same.as_str()), (ID, ID));
    assert_eq!((failure.version.as_str(), failure.kind), ("2.0.0", FailureKind::Trap));
    assert_eq!(why, failure);
}

#[tokio::test]
async fn after_a_minute_the_new_version_stays_and_its_breaker_stays_open() {
    let bench = Bench::with(&[(GOOD, "1.0.0"), (BAD, "2.0.0")]).await;
    bench.clock.advance(UPDATE_TRIAL);
    bench.fail(BREAKER_FAILURES).await;
    assert!(bench.rolled_back().is_empty());
    assert!(bench.host.usage(ID).breaker_open);
}

#[tokio::test]
async fn nobody_goes_back_over_a_decision_of_the_owner() {
    let again = Bench::with(&[(GOOD, "1.0.0"), (BAD, "2.0.0"), (BAD, "2.0.0")]).await;
    let lower = Bench::with(&[(GOOD, "2.0.0"), (BAD, "1.0.0")]).await;
    let anew = Bench::with(&[(GOOD, "1.0.0")]).await;
    anew.host.deactivate(ID);
    anew.put(BAD, "2.0.0").await;
    for bench in [again, lower, anew] {
        bench.fail(BREAKER_FAILURES).await;
        assert!(bench.rolled_back().is_empty());
        assert!(bench.host.usage(ID).breaker_open);
    }
}

#[tokio::test]
async fn of_two_updates_only_the_last_is_taken_back() {
    let bench = Bench::with(&[(GOOD, "1.0.0"), (GOOD, "1.1.0"), (BAD, "2.0.0")]).await;
    bench.fail(BREAKER_FAILURES).await;
    assert_eq!(bench.rolled_back(), [("2.0.0".to_owned(), "1.1.0".to_owned())]);
}

#[tokio::test]
async fn a_call_under_way_ends_on_its_version() {
    let bench = Bench::with(&[(GOOD, "1.0.0"), (BAD, "2.0.0")]).await;
    let failing = bench.moderator();
    let looping = tokio::spawn(async move { failing.review(&[item("loop")]).await });
    // It counts as running from its first poll on.
    tokio::task::yield_now().await;
    bench.fail(BREAKER_FAILURES).await;
    assert_eq!(bench.rolled_back().len(), 1);
    let failure = looping.await.unwrap().unwrap_err();
    assert_eq!((failure.version.as_str(), failure.kind), ("2.0.0", FailureKind::Timeout));
}
