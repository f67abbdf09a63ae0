//! Calls under way: whose failure one is, and how much room it leaves.

use std::{sync::Arc, time::Duration};

use lyceum_domain::plugin::{FailureKind, PluginRuntime as _};
use lyceum_plugin_host::{BREAKER_FAILURES, Limits, PluginHost, World};
use tokio::{task::JoinSet, time::timeout};

use crate::{
    hooks, hostile,
    support::{active, generous, host},
};

const HOOK: &str = "hostile/content";

/// Hooks may loop for `wall` and longer.
async fn endless(wall: Duration) -> PluginHost {
    let world = World::BeforeHook;
    let limits = Limits { wall, cpu_ticks: u32::MAX, ..world.limits() };
    let host = host(generous().with(world, limits));
    active(&host, HOOK).await;
    host
}

#[tokio::test]
async fn a_plugin_whose_caller_waited_nearly_to_the_end_has_failed() {
    let wall = Duration::from_secs(2);
    let host = endless(wall).await;
    let before = host.usage(HOOK);
    let early = timeout(wall / 20, hooks::created(&host, "loop")).await;
    assert!(early.is_err(), "its caller goes away");
    let usage = host.usage(HOOK);
    assert_eq!((usage.calls, usage.failures), (before.calls + 1, before.failures), "counted, and nobody's failure");
    let late = timeout(wall.mul_f64(0.95), hooks::created(&host, "loop")).await;
    assert!(late.is_err(), "its caller goes away");
    let usage = host.usage(HOOK);
    assert_eq!((usage.calls, usage.failures), (before.calls + 2, before.failures + 1));
    assert_eq!(usage.last_failure.expect("it is told").kind, FailureKind::Timeout);
}

#[tokio::test]
async fn what_fails_in_one_world_is_called_on_in_another() {
    let host = host(generous());
    active(&host, HOOK).await;
    // No input often enough to be shut out.
    let words = ["trap", "stack", "memory", "trap", "stack"];
    assert_eq!(words.len(), BREAKER_FAILURES);
    for word in words {
        assert!(hooks::created(&host, word).await.is_err(), "{word}");
    }
    assert_eq!(hooks::created(&host, "fine").await, Err(FailureKind::Tripped));
    assert!(host.usage(HOOK).breaker_open);
    assert_eq!(hooks::noticed(&host, "fine").await, Ok(()));
}

#[tokio::test]
async fn calls_of_one_plugin_that_do_not_end_leave_room_for_others() {
    const MORE_THAN_ALL: usize = 80;
    let host = Arc::new(endless(Duration::from_secs(5)).await);
    active(&host, "hostile/moderation").await;
    let mut under_way = JoinSet::new();
    for _ in 0..MORE_THAN_ALL {
        let host = Arc::clone(&host);
        under_way.spawn(async move { hooks::created(&host, "loop").await });
    }
    tokio::task::yield_now().await;
    let other = hostile::reviewed(&host, "fine").await;
    assert!(other.is_ok(), "{other:?}");
    assert!(under_way.try_join_next().is_none(), "it did not wait for any of them");
}
