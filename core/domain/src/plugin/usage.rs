//! What a plugin has used, as its owner sees it.
//!
//! **Invariant:** everything here is bounded: worlds, series and remembered
//! failures have a largest number, so figures cost the same after a year.

use std::collections::BTreeMap;

use lyceum_kernel::Timestamp;
use serde::{Deserialize, Serialize};

use super::{PluginFailure, service::Plugins};

/// Calls, failures and what they used, since the start of the process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    pub calls: u64,
    pub failures: u64,
    pub last_failure: Option<PluginFailure>,
    pub breaker_open: bool,
    /// One for each world that was called.
    #[serde(default)]
    pub by_world: Vec<WorldUsage>,
    /// Refused host calls by permission.
    #[serde(default)]
    pub denials: BTreeMap<String, u64>,
    /// Lines beyond the limits of the log.
    #[serde(default)]
    pub dropped_log_lines: u64,
    /// What the plugin counted and measured itself.
    #[serde(default)]
    pub metrics: Vec<Metric>,
    /// Figures with a wrong name, or beyond the largest number of series.
    #[serde(default)]
    pub dropped_metrics: u64,
    /// The last ten, the newest first.
    #[serde(default)]
    pub recent_failures: Vec<(Timestamp, PluginFailure)>,
}

/// The calls of one world, beside the limits of its table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorldUsage {
    /// As the table of limits names it.
    pub world: String,
    pub calls: u64,
    pub failures: u64,
    /// Failures in which the guest gave up after a refusal.
    pub denied: u64,
    /// Failures by the wall time or the CPU time.
    pub timeouts: u64,
    /// Milliseconds, at most 6 % above the true value.
    pub wall_ms_p50: f64,
    pub wall_ms_p99: f64,
    pub wall_ms_limit: u64,
    pub cpu_ms_max: u64,
    pub cpu_ms_limit: u64,
    pub memory_bytes_max: u64,
    pub memory_bytes_limit: u64,
    pub host_calls_max: u64,
    pub host_calls_limit: u64,
}

/// A figure of the plugin's own: a counter, or a distribution.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metric {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// A counter has its value here; a distribution the number of its values.
    pub count: u64,
    /// Only of a distribution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<Observed>,
}

/// The values of a distribution, summed up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observed {
    pub sum: f64,
    pub min: f64,
    pub max: f64,
}

impl Plugins {
    /// What each plugin that this server knows has used since its start, by name.
    #[must_use]
    pub fn usages(&self) -> BTreeMap<String, Usage> {
        let names: Vec<String> = self.seen().keys().cloned().collect();
        names
            .into_iter()
            .map(|name| {
                let usage = self.usage(&name);
                (name, usage)
            })
            .collect()
    }
}
