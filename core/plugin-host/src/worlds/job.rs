//! A plugin's jobs. A fresh instance for each step: what a step leaves is its
//! resume token and nothing else.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use lyceum_domain::{
    job::{JobOutcome, JobRunner, JobSpec, JobStep},
    plugin::FailedAttempt,
};
use wasmtime::component::InstancePre;

use super::{
    answer::{NotTaken, cut, json, text, within},
    fresh::{attempt, fresh, told},
    weight::Weight,
};
use crate::{
    bindings::job::{JobPluginPre, exports::lyceum::job::job as guest},
    call::{Input, Plugin},
    host::CallState,
    limits::World,
};

/// Longest resume token, in bytes.
const RESUME: usize = 64 << 10;
/// A job cannot put its next step off for longer.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) struct PluginJobs {
    plugin: Arc<Plugin>,
    pre: JobPluginPre<CallState>,
    jobs: Vec<JobSpec>,
}

impl PluginJobs {
    /// # Errors
    /// The exports have not the shape of the world.
    pub fn new(plugin: Arc<Plugin>, pre: InstancePre<CallState>, jobs: Vec<JobSpec>) -> wasmtime::Result<Self> {
        Ok(Self { plugin, pre: JobPluginPre::new(pre)?, jobs })
    }
}

#[async_trait]
impl JobRunner for PluginJobs {
    fn name(&self) -> &str {
        &self.plugin.context().id
    }

    fn jobs(&self) -> &[JobSpec] {
        &self.jobs
    }

    async fn run(&self, step: &JobStep) -> Result<JobOutcome, FailedAttempt> {
        let (input, resume) = (to_guest(step), step.resume.as_deref());
        let weight = input.weight() + step.resume.weight();
        // Neither the number of the attempt nor the time: they are new each time.
        let looks = (&step.job, &step.payload, resume);
        let mut retryable = None;
        let outcome = fresh!(
            self.plugin,
            self.pre,
            World::Job,
            "run",
            Input::new(weight, &looks),
            |guest, store| guest.lyceum_job_job().call_run(store, &input, resume),
            |answer, most| told(answer, &mut retryable).and_then(|given| outcome(given, most))
        );
        outcome.map_err(|failure| attempt(failure, retryable))
    }
}

fn to_guest(step: &JobStep) -> guest::Input {
    guest::Input {
        id: step.run.clone(),
        name: step.job.clone(),
        payload: step.payload.clone(),
        attempt: step.attempt,
        due_ms: step.due.as_millis(),
        ext: Vec::new(),
    }
}

pub(super) fn outcome(given: guest::Outcome, most: usize) -> Result<JobOutcome, NotTaken> {
    within(given.weight(), most)?;
    let guest::Outcome { state, resume, wait_s, progress, report } = given;
    if let Some(part) = progress.filter(|part| !(0.0..=1.0).contains(part)) {
        return Err(NotTaken::invalid(format!("the progress is {part}; it goes from 0 to 1")));
    }
    if let Some(report) = &report {
        json("the report", report)?;
    }
    let wait = Duration::from_secs(wait_s.unwrap_or(0).into()).min(LONGEST_WAIT);
    Ok(JobOutcome { resume: next(&state, resume)?, wait, progress, report })
}

/// Where to go on. A job that is done goes on nowhere.
fn next(state: &str, resume: Option<String>) -> Result<Option<String>, NotTaken> {
    match (state, resume) {
        ("done", None) => Ok(None),
        ("done", Some(_)) => Err(NotTaken::invalid("it is done and gives a place to go on at")),
        ("continue", Some(resume)) => text("the resume token", resume, RESUME).map(Some),
        ("continue", None) => Err(NotTaken::invalid("it is to continue and gives no place to go on at")),
        (other, _) => {
            Err(NotTaken::invalid(format!("its state is \"{}\"; there are done and continue", cut(other, 50))))
        }
    }
}

impl Weight for guest::Input {
    fn weight(&self) -> usize {
        self.id.weight() + self.name.weight() + self.payload.weight() + self.ext.weight() + 16
    }
}

impl Weight for guest::Outcome {
    fn weight(&self) -> usize {
        self.state.weight() + self.resume.weight() + self.report.weight() + 16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(state: &str, resume: Option<&str>) -> guest::Outcome {
        let resume = resume.map(Into::into);
        guest::Outcome { state: state.into(), resume, wait_s: Some(u32::MAX), progress: Some(0.5), report: None }
    }

    fn taken(given: guest::Outcome) -> Option<JobOutcome> {
        outcome(given, 1 << 20).ok()
    }

    #[test]
    fn a_step_is_done_or_goes_on_at_a_place() {
        let goes_on = taken(given("continue", Some("page 2"))).expect("taken");
        assert_eq!((goes_on.resume.as_deref(), goes_on.wait), (Some("page 2"), LONGEST_WAIT));
        assert_eq!(taken(given("done", None)).expect("taken").resume, None);
        assert!(taken(given("done", Some("x"))).is_none());
        assert!(taken(given("continue", None)).is_none());
        assert!(taken(given("paused", Some("x"))).is_none());
        assert!(taken(given("continue", Some(&"x".repeat(RESUME + 1)))).is_none());
    }

    #[test]
    fn progress_is_a_part_and_a_report_is_json() {
        for bad in [-0.1, 1.1, f32::NAN, f32::INFINITY] {
            assert!(taken(guest::Outcome { progress: Some(bad), ..given("done", None) }).is_none());
        }
        let reported = |report: &str| taken(guest::Outcome { report: Some(report.into()), ..given("done", None) });
        assert!(reported(r#"{"sent":3}"#).is_some());
        assert!(reported("three sent").is_none());
    }
}
