//! Jobs.

use std::time::Duration;

use lyceum_domain::{
    job::{JobOutcome, JobStep},
    plugin::{Extensions, FailedAttempt, FailureKind},
};
use lyceum_kernel::Timestamp;
use lyceum_plugin_host::{PluginHost, World};

use crate::{
    misdeeds,
    support::{active, generous, host},
};

const PLUGIN: &str = "hostile/job";

async fn step(host: &PluginHost, word: &str, resume: Option<&str>) -> Result<JobOutcome, FailedAttempt> {
    let step = JobStep {
        run: "run-1".into(),
        job: "sync".into(),
        payload: format!("\"{word}\""),
        attempt: 1,
        due: Timestamp::from_millis(1_700_000_000_000),
        resume: resume.map(Into::into),
    };
    host.job_runners().remove(0).run(&step).await
}

pub async fn ran(host: &PluginHost, word: &str) -> Result<(), FailureKind> {
    step(host, word, None).await.map(drop).map_err(|attempt| attempt.failure.kind)
}

#[tokio::test]
async fn a_job_goes_on_where_it_stopped_until_it_is_done() {
    let host = host(generous());
    active(&host, PLUGIN).await;
    let first = step(&host, "fine", None).await.unwrap();
    let (wait, resume) = (Duration::from_secs(30), Some("second".to_owned()));
    assert_eq!(first, JobOutcome { resume, wait, progress: Some(0.5), report: None });
    let last = step(&host, "fine", first.resume.as_deref()).await.unwrap();
    let report = Some(r#"{"resumed":"second"}"#.to_owned());
    assert_eq!(last, JobOutcome { resume: None, wait: Duration::ZERO, progress: None, report });
}

#[tokio::test]
async fn the_jobs_are_those_of_the_manifest() {
    let host = host(generous());
    active(&host, PLUGIN).await;
    let runner = host.job_runners().remove(0);
    assert_eq!(runner.name(), PLUGIN);
    let jobs: Vec<(&str, Option<u64>)> =
        runner.jobs().iter().map(|job| (job.name.as_str(), job.every.map(|every| every.as_secs()))).collect();
    assert_eq!(jobs, [("sync", Some(900)), ("once", None)]);
    assert_eq!(runner.jobs()[0].summary["zh"], "数到二");
}

#[tokio::test]
async fn each_misdeed_of_a_job_ends() {
    misdeeds::each_misdeed_ends(PLUGIN, World::Job, ran).await;
    misdeeds::the_wall_ends_it(PLUGIN, World::Job, ran).await;
    misdeeds::the_breaker_opens_and_closes(PLUGIN, ran).await;
    misdeeds::a_flood_of_log_does_no_harm(PLUGIN, ran).await;
    misdeeds::each_answer_is_refused(PLUGIN, &["state", "nowhere", "token", "report", "progress"], ran).await;
}

#[tokio::test]
async fn the_job_says_whether_a_step_is_worth_another_attempt() {
    let host = host(generous());
    active(&host, PLUGIN).await;
    for (word, kind, retryable) in [
        ("later", FailureKind::Refused, true),
        ("never", FailureKind::Refused, false),
        ("trap", FailureKind::Trap, true),
        (&"x".repeat(1 << 20), FailureKind::InvalidInput, false),
    ] {
        let attempt = step(&host, word, None).await.unwrap_err();
        assert_eq!((attempt.failure.kind, attempt.retryable), (kind, retryable));
    }
}
