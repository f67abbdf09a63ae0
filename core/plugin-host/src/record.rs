//! The tally of a plugin, over its versions.
//!
//! **Invariant:** a call that succeeds costs a few relaxed atomics and no
//! allocation; only a failure takes a lock.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use lyceum_domain::plugin::{FailureKind, PluginFailure, Usage, WorldUsage};
use lyceum_kernel::Timestamp;

use crate::{
    host::Tally,
    limits::{Limits, TABLE, World},
};

/// Failures that are remembered.
const RECENT: usize = 10;
/// Eight steps for each doubling, from 1 µs to half an hour: a quantile is at
/// most a step above the true value.
const STEPS: usize = 256;

/// Calls, failures and what they used.
#[derive(Default)]
pub(crate) struct Record {
    worlds: [WorldRecord; TABLE.len()],
    recent: Mutex<VecDeque<(Timestamp, PluginFailure)>>,
    pub tally: Arc<Tally>,
}

struct WorldRecord {
    calls: AtomicU64,
    failures: AtomicU64,
    denied: AtomicU64,
    timeouts: AtomicU64,
    cpu_ms: AtomicU64,
    memory: AtomicU64,
    host_calls: AtomicU64,
    wall: [AtomicU32; STEPS],
}

impl Default for WorldRecord {
    fn default() -> Self {
        Self {
            calls: AtomicU64::default(),
            failures: AtomicU64::default(),
            denied: AtomicU64::default(),
            timeouts: AtomicU64::default(),
            cpu_ms: AtomicU64::default(),
            memory: AtomicU64::default(),
            host_calls: AtomicU64::default(),
            wall: [const { AtomicU32::new(0) }; STEPS],
        }
    }
}

/// What one call used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    pub wall: Duration,
    pub cpu_ms: u32,
    pub memory: usize,
    pub host_calls: u32,
}

impl Record {
    /// Counts a call that ended, well or not.
    pub fn called(&self, world: World, spent: Spent) {
        let of = &self.worlds[world.index()];
        of.calls.fetch_add(1, Relaxed);
        of.wall[step(spent.wall)].fetch_add(1, Relaxed);
        raise(&of.cpu_ms, spent.cpu_ms.into());
        raise(&of.memory, u64::try_from(spent.memory).unwrap_or(u64::MAX));
        raise(&of.host_calls, spent.host_calls.into());
    }

    /// Counts a failure of a call that was counted.
    pub fn failed(&self, world: World, failure: &PluginFailure, at: Timestamp) {
        let of = &self.worlds[world.index()];
        of.failures.fetch_add(1, Relaxed);
        match failure.kind {
            FailureKind::Denied => _ = of.denied.fetch_add(1, Relaxed),
            FailureKind::Timeout => _ = of.timeouts.fetch_add(1, Relaxed),
            _ => {}
        }
        let mut recent = self.recent();
        recent.push_front((at, failure.clone()));
        recent.truncate(RECENT);
    }

    /// `limits` are those that the plugin has now.
    pub fn usage(&self, breaker_open: bool, limits: impl Fn(World) -> Limits) -> Usage {
        let worlds = TABLE.iter().map(|row| (row, &self.worlds[row.world.index()]));
        let called = worlds.filter(|(_, of)| of.calls.load(Relaxed) > 0);
        let by_world: Vec<WorldUsage> = called.map(|(row, of)| of.usage(row.name, limits(row.world))).collect();
        let recent_failures: Vec<_> = self.recent().iter().cloned().collect();
        Usage {
            calls: by_world.iter().map(|world| world.calls).sum(),
            failures: by_world.iter().map(|world| world.failures).sum(),
            last_failure: recent_failures.first().map(|(_, failure)| failure.clone()),
            breaker_open,
            by_world,
            denials: self.tally.denials(),
            dropped_log_lines: self.tally.dropped_log_lines(),
            metrics: self.tally.measures.all(),
            dropped_metrics: self.tally.measures.dropped(),
            recent_failures,
        }
    }

    fn recent(&self) -> MutexGuard<'_, VecDeque<(Timestamp, PluginFailure)>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WorldRecord {
    fn usage(&self, name: &str, limits: Limits) -> WorldUsage {
        let memory_limit = u64::try_from(limits.memory).unwrap_or(u64::MAX);
        WorldUsage {
            world: name.to_owned(),
            calls: self.calls.load(Relaxed),
            failures: self.failures.load(Relaxed),
            denied: self.denied.load(Relaxed),
            timeouts: self.timeouts.load(Relaxed),
            wall_ms_p50: self.quantile(50),
            wall_ms_p99: self.quantile(99),
            wall_ms_limit: u64::try_from(limits.wall.as_millis()).unwrap_or(u64::MAX),
            cpu_ms_max: self.cpu_ms.load(Relaxed),
            cpu_ms_limit: limits.cpu_ticks.into(),
            memory_bytes_max: self.memory.load(Relaxed),
            memory_bytes_limit: memory_limit,
            host_calls_max: self.host_calls.load(Relaxed),
            host_calls_limit: limits.host_calls.into(),
        }
    }

    /// Milliseconds that so many of a hundred calls did not exceed.
    fn quantile(&self, percent: u64) -> f64 {
        let counts: Vec<u64> = self.wall.iter().map(|count| u64::from(count.load(Relaxed))).collect();
        let wanted = (counts.iter().sum::<u64>() * percent).div_ceil(100);
        let mut seen = 0;
        let reached = counts.iter().position(|count| {
            seen += count;
            wanted > 0 && seen >= wanted
        });
        reached.map_or(0.0, upper_ms)
    }
}

/// Without a write when nothing changes, as nearly always.
fn raise(most: &AtomicU64, value: u64) {
    if most.load(Relaxed) < value {
        most.fetch_max(value, Relaxed);
    }
}

/// The step of a duration: the exponent and the three bits behind the first of
/// its microseconds.
fn step(wall: Duration) -> usize {
    let micros = u64::try_from(wall.as_micros()).unwrap_or(u64::MAX).max(1);
    let exponent = micros.ilog2();
    let fraction = if exponent >= 3 { (micros >> (exponent - 3)) & 7 } else { (micros << (3 - exponent)) & 7 };
    let step = u64::from(exponent) * 8 + fraction;
    usize::try_from(step).unwrap_or(usize::MAX).min(STEPS - 1)
}

/// The end of a step, in milliseconds.
fn upper_ms(step: usize) -> f64 {
    let step = u32::try_from(step).unwrap_or(0) + 1;
    let micros = 2_f64.powf(f64::from(step / 8)) * (1.0 + f64::from(step % 8) / 8.0);
    micros / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_the_end_of_their_step() {
        let record = Record::default();
        let spent = |micros| Spent { wall: Duration::from_micros(micros), cpu_ms: 1, memory: 7, host_calls: 2 };
        (0..98).for_each(|_| record.called(World::Payment, spent(1_000)));
        (0..2).for_each(|_| record.called(World::Payment, spent(64_000)));
        let usage = record.usage(false, World::limits);
        let of = &usage.by_world[0];
        // 1,000 µs lie in 960..1,024, 64,000 µs in 61,440..65,536.
        assert_eq!((of.wall_ms_p50, of.wall_ms_p99), (1.024, 65.536));
        assert_eq!((of.world.as_str(), of.calls, of.memory_bytes_max, of.host_calls_max), ("payment other", 100, 7, 2));
        assert_eq!((usage.calls, usage.by_world.len()), (100, 1));
    }

    #[test]
    fn only_the_last_ten_failures_are_remembered() {
        let record = Record::default();
        for number in 0..12 {
            let failure = PluginFailure {
                plugin: "acme/x".into(),
                version: "1.0.0".into(),
                world: "job".into(),
                function: "run".into(),
                kind: FailureKind::Timeout,
                detail: number.to_string(),
            };
            record.failed(World::Job, &failure, Timestamp::from_millis(number));
        }
        let usage = record.usage(false, World::limits);
        let details: Vec<&str> = usage.recent_failures.iter().map(|(_, failure)| failure.detail.as_str()).collect();
        assert_eq!(details, ["11", "10", "9", "8", "7", "6", "5", "4", "3", "2"]);
        assert_eq!(usage.last_failure.map(|failure| failure.detail), Some("11".to_owned()));
    }
}
