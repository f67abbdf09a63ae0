//! Jobs: a run ends, and a step that is made again gives the same.

use lyceum_domain::{
    job::{JobRunner, JobStep},
    plugin::Extensions as _,
};
use lyceum_kernel::Timestamp;

use super::{Kit, attempted, expect};
use crate::commands::plugin::test::NOW_MS;

const WORLD: &str = "job";
/// Steps after which a run is called endless.
const STEPS: usize = 1_000;
/// Steps of a run that are made twice.
const REPEATED: usize = 20;

pub(super) async fn run(kit: &mut Kit<'_>) {
    let runners = kit.host().job_runners();
    let Some(runner) = runners.first().map(AsRef::as_ref) else { return };
    for job in runner.jobs() {
        let outcome = ends(runner, &job.name).await;
        kit.note(
            WORLD,
            &format!("`{}` ends within {STEPS} steps, and a repeated step gives the same", job.name),
            outcome,
        );
    }
}

pub(super) fn step(job: &str, resume: Option<String>) -> JobStep {
    JobStep {
        run: "run:1".into(),
        job: job.into(),
        payload: "{}".into(),
        attempt: 1,
        due: Timestamp::from_millis(NOW_MS),
        resume,
    }
}

async fn ends(runner: &dyn JobRunner, job: &str) -> Result<(), String> {
    let mut resume = None;
    for place in 0..STEPS {
        let mut step = step(job, resume);
        let outcome = runner.run(&step).await.map_err(attempted)?;
        if place < REPEATED {
            // As after a crash: the answer was lost, the step is made again.
            step.attempt = 2;
            let again = runner.run(&step).await.map_err(attempted)?;
            expect(again == outcome, || {
                format!(
                    "step {place} gave {outcome:?} and, made again, {again:?}: keep what a step did under `run` and `resume`"
                )
            })?;
        }
        resume = outcome.resume;
        if resume.is_none() {
            return Ok(());
        }
    }
    Err(format!("it goes on after {STEPS} steps: end with `done`"))
}
