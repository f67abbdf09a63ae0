//! Making a call many times, and what it took.

use std::time::{Duration, Instant};

use lyceum_domain::plugin::{Extensions, PluginFailure, PluginRuntime as _, WorldUsage};
use lyceum_plugin_host::{Call, Limits};

use super::figures::{Figures, Row, Share};
use crate::{
    StartError,
    commands::plugin::{
        kit::samples::{self, Sample},
        test::{Setting, Subject},
    },
};

/// Measures every function that can be called with made-up input.
///
/// # Errors
/// The plugin does not start.
pub(super) async fn all(subject: &Subject, calls: u32) -> Result<Figures, StartError> {
    let setting = || Setting { exchanges: subject.exchanges.clone(), ..Setting::default() };
    let start = Instant::now();
    let running = subject.run(setting()).await?.map_err(|failure| StartError::Other(failure.to_string()))?;
    let first_start = start.elapsed();
    let mut figures = Figures::of(subject, first_start);
    let samples = samples::of(&subject.is, &running.host);
    for sample in samples.into_iter().chain(samples::hooks(subject)) {
        // A host of its own, so that its figures are those of this call alone.
        let running = subject.run(setting()).await?.map_err(|failure| StartError::Other(failure.to_string()))?;
        figures.rows.push(match times(&sample.call, &running.host, calls).await {
            Ok(times) => {
                let usage = running.host.usage(&subject.is.id);
                measured(&sample, subject, times, usage.by_world.iter().find(|of| of.world == sample.world.name()))
            }
            Err(failure) => Row::failed(sample.name, failure),
        });
    }
    Ok(figures)
}

/// The times of the calls, the shortest first.
async fn times(call: &Call, active: &dyn Extensions, calls: u32) -> Result<Vec<Duration>, PluginFailure> {
    for _ in 0..calls.div_ceil(10) {
        timed(call, active).await?;
    }
    let mut times = Vec::new();
    for _ in 0..calls {
        times.push(timed(call, active).await?);
    }
    times.sort_unstable();
    Ok(times)
}

/// The fast functions are called as the domains do, without a text in between.
async fn timed(call: &Call, active: &dyn Extensions) -> Result<Duration, PluginFailure> {
    match (call, active.ranker(), active.moderators().into_iter().next()) {
        (Call::Rank { context, columns }, Some(ranker), _) => {
            let columns = columns.clone();
            let start = Instant::now();
            ranker.rank(context, columns).await?;
            Ok(start.elapsed())
        }
        (Call::Review { items }, _, Some(moderator)) => {
            let start = Instant::now();
            moderator.review(items).await?;
            Ok(start.elapsed())
        }
        _ => {
            let start = Instant::now();
            call.make(active).await.transpose()?;
            Ok(start.elapsed())
        }
    }
}

fn measured(sample: &Sample, subject: &Subject, times: Vec<Duration>, usage: Option<&WorldUsage>) -> Row {
    let limits = limits(sample, subject);
    let (cpu_ms, memory) = usage.map(|usage| (usage.cpu_ms_max, usage.memory_bytes_max)).unwrap_or_default();
    let p99 = at(&times, 0.99);
    Row {
        name: sample.name.clone(),
        p50_us: micros(at(&times, 0.5)),
        p99_us: micros(p99),
        wall: Share::new(p99.as_secs_f64() * 1e3, limits.wall.as_secs_f64() * 1e3),
        cpu: Share::new(cpu_ms as f64, f64::from(limits.cpu_ticks)),
        memory: Share::new(memory as f64, limits.memory as f64),
        failure: None,
    }
}

/// The world's limits with what the plugin asks for beyond them.
fn limits(sample: &Sample, subject: &Subject) -> Limits {
    let mut limits = sample.world.limits();
    let asked = |name: &str| subject.is.limits.get(name).copied();
    if let Some(bytes) = asked("memory") {
        limits.memory = limits.memory.max(usize::try_from(bytes).unwrap_or(usize::MAX));
    }
    if let Some(ms) = asked("cpu_ms") {
        limits.cpu_ticks = limits.cpu_ticks.max(u32::try_from(ms).unwrap_or(u32::MAX));
    }
    if let Some(ms) = asked("wall_ms") {
        limits.wall = limits.wall.max(Duration::from_millis(ms));
    }
    limits
}

/// By the nearest rank.
fn at(sorted: &[Duration], part: f64) -> Duration {
    let rank = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or_default()
}

fn micros(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e7).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_the_nearest_rank() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_micros).collect();
        assert_eq!((at(&times, 0.5), at(&times, 0.99)), (Duration::from_micros(100), Duration::from_micros(198)));
        assert_eq!(at(&times[..1], 0.99), Duration::from_micros(1));
        assert_eq!(micros(Duration::from_nanos(1_250)), 1.3);
    }
}
