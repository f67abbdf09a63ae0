//! A plugin's jobs as the domain sees them.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use lyceum_kernel::Timestamp;
use serde::{Deserialize, Serialize};

use crate::plugin::FailedAttempt;

/// One job, from the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobSpec {
    pub name: String,
    /// How often it runs by itself; none: only when it is queued.
    pub every: Option<Duration>,
    /// What it does, by language tag.
    pub summary: BTreeMap<String, String>,
}

/// One step of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobStep {
    /// Ours, the same over steps and retries.
    pub run: String,
    pub job: String,
    /// JSON text.
    pub payload: String,
    /// 1 for the first attempt at this step.
    pub attempt: u32,
    pub due: Timestamp,
    /// What the step before gave.
    pub resume: Option<String>,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobOutcome {
    /// Where to go on; none: the run is done.
    pub resume: Option<String>,
    /// To be waited before the next step.
    pub wait: Duration,
    /// From 0 to 1.
    pub progress: Option<f32>,
    /// JSON text for the owner.
    pub report: Option<String>,
}

/// Runs a plugin's jobs.
#[async_trait]
pub trait JobRunner: Send + Sync {
    /// The plugin's id.
    fn name(&self) -> &str;

    fn jobs(&self) -> &[JobSpec];

    /// # Errors
    /// The step failed; whether it may succeed later.
    async fn run(&self, step: &JobStep) -> Result<JobOutcome, FailedAttempt>;
}
