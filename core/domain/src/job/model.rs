//! What the domain talks of.

use lyceum_kernel::{Id, Timestamp};
use serde_json::Value as Json;

use super::{JobOutcome, JobStep};

/// What an owner queues.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueJob {
    /// The plugin's id.
    pub plugin: String,
    /// The job's name in the manifest.
    pub job: String,
    pub payload: Json,
}

/// A run in the hands of a worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub id: Id,
    pub plugin: String,
    pub job: String,
    pub payload: String,
    pub resume: Option<String>,
    /// 1 for the first attempt at this step.
    pub attempt: u32,
    pub due: Timestamp,
    /// Of this lease. Who has another one no longer holds the run.
    pub(super) claim: String,
}

impl Run {
    pub(super) fn step(&self) -> JobStep {
        JobStep {
            run: self.id.to_string(),
            job: self.job.clone(),
            payload: self.payload.clone(),
            attempt: self.attempt,
            due: self.due,
            resume: self.resume.clone(),
        }
    }
}

/// How a step ended, for the record.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// The step is done; the outcome says whether the run is.
    Step(JobOutcome),
    /// It is tried again at this moment.
    Failed { next: Timestamp, error: String },
    /// It is not tried again.
    Dead { error: String },
}
