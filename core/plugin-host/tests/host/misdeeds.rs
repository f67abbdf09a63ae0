//! What every world's hostile plugin does, and how the host ends it.

use std::time::Duration;

use lyceum_domain::plugin::{FailureKind, PluginRuntime};
use lyceum_plugin_host::{BREAKER_FAILURES, BREAKER_OPEN_FIRST, LimitTable, Limits, PluginHost, World};

use crate::support::{active, generous, host, host_at, host_in, patient};

/// Each misdeed and how it ends.
pub const MISDEEDS: &[(&str, FailureKind)] = &[
    ("loop", FailureKind::Timeout),
    ("trap", FailureKind::Trap),
    ("memory", FailureKind::Memory),
    ("stack", FailureKind::Trap),
    ("calls", FailureKind::Denied),
    ("denied", FailureKind::Denied),
    ("giant", FailureKind::InvalidOutput),
    ("copies", FailureKind::InvalidOutput),
];

/// A loop meets the world's own CPU limit, or half a second where that is long;
/// the others get time to reach theirs.
fn limits_for(world: World, misdeed: &str) -> LimitTable {
    let limits = World::limits(world);
    match misdeed {
        "loop" => {
            let cpu_ticks = limits.cpu_ticks.min(500);
            patient().with(world, Limits { wall: Duration::from_secs(120), cpu_ticks, ..limits })
        }
        _ => generous(),
    }
}

/// Each misdeed ends with its kind of failure, and the next call is healthy.
pub async fn each_misdeed_ends(
    plugin: &str,
    world: World,
    call: impl AsyncFn(&PluginHost, &str) -> Result<(), FailureKind>,
) {
    each_of_these_ends(plugin, world, MISDEEDS, call).await;
}

/// The same for a world in which not every misdeed can be done.
pub async fn each_of_these_ends(
    plugin: &str,
    world: World,
    misdeeds: &[(&str, FailureKind)],
    call: impl AsyncFn(&PluginHost, &str) -> Result<(), FailureKind>,
) {
    let cache = tempfile::tempdir().unwrap();
    for (word, kind) in misdeeds {
        let host = host_in(cache.path(), limits_for(world, word));
        active(&host, plugin).await;
        assert_eq!(call(&host, word).await, Err(*kind), "{plugin}: {word}");
        assert_eq!(call(&host, "fine").await, Ok(()), "{plugin}: after {word}");
        let usage = host.usage(plugin);
        assert_eq!((usage.failures, usage.last_failure.map(|failure| failure.kind)), (1, Some(*kind)));
    }
}

/// Each word is answered in a way that breaks the world's rules.
pub async fn each_answer_is_refused(
    plugin: &str,
    words: &[&str],
    call: impl AsyncFn(&PluginHost, &str) -> Result<(), FailureKind>,
) {
    let cache = tempfile::tempdir().unwrap();
    for word in words {
        let host = host_in(cache.path(), generous());
        active(&host, plugin).await;
        assert_eq!(call(&host, word).await, Err(FailureKind::InvalidOutput), "{plugin}: {word}");
        assert_eq!(call(&host, "fine").await, Ok(()), "{plugin}: after {word}");
    }
}

/// The wall ends a call that has CPU time left.
pub async fn the_wall_ends_it(
    plugin: &str,
    world: World,
    call: impl AsyncFn(&PluginHost, &str) -> Result<(), FailureKind>,
) {
    let short = Limits { wall: Duration::from_millis(50), cpu_ticks: u32::MAX, ..World::limits(world) };
    let host = host(patient().with(world, short));
    active(&host, plugin).await;
    assert_eq!(call(&host, "loop").await, Err(FailureKind::Timeout), "{plugin}");
}

/// A plugin that keeps failing is not called for a while, and is called again.
pub async fn the_breaker_opens_and_closes(
    plugin: &str,
    call: impl AsyncFn(&PluginHost, &str) -> Result<(), FailureKind>,
) {
    let (host, clock) = host_at(generous(), 1_700_000_000_000);
    active(&host, plugin).await;
    // Each twice at most: the same input is not tried more often.
    let words = ["trap", "trap", "memory", "memory", "copies"];
    assert_eq!(words.len(), BREAKER_FAILURES);
    for word in words {
        assert!(call(&host, word).await.is_err_and(|kind| kind != FailureKind::Tripped), "{plugin}: {word}");
    }
    let called = host.usage(plugin).calls;
    assert_eq!(call(&host, "fine").await, Err(FailureKind::Tripped));
    assert_eq!(host.usage(plugin).calls, called, "{plugin} was not called");
    clock.advance(BREAKER_OPEN_FIRST);
    assert_eq!(call(&host, "fine").await, Ok(()));
    assert!(!host.usage(plugin).breaker_open);
}

/// Ten lines of 20 KiB do not end the call, and none of them is written.
pub async fn a_flood_of_log_does_no_harm(
    plugin: &str,
    call: impl AsyncFn(&PluginHost, &str) -> Result<(), FailureKind>,
) {
    let host = host(generous());
    active(&host, plugin).await;
    assert_eq!(call(&host, "log").await, Ok(()), "{plugin}");
    let usage = host.usage(plugin);
    assert_eq!((usage.failures, usage.dropped_log_lines), (0, 10));
}
