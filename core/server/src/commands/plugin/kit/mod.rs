//! The conformance kit: what every plugin of a world has to keep, whatever it
//! does. It knows plugins only by the traits of the domain.
//!
//! The host checks every answer's shape already; here stands what one call
//! cannot show: that answers follow their inputs, and leave no trace.

mod auth;
mod content;
mod graphql;
mod job;
mod moderation;
mod notify;
mod payment;
mod ranking;
pub(super) mod samples;
mod sdl;

use std::time::Duration;

use lyceum_domain::plugin::{FailedAttempt, FailureKind, PluginFailure};
use lyceum_plugin_host::PluginHost;

use super::test::{Report, Running, Setting, Subject};
use crate::StartError;

/// A plugin that failed is called again after so long.
const REST: Duration = Duration::from_secs(2 * 60 * 60);

/// A running plugin and where the checks of its worlds go.
struct Kit<'a> {
    running: Running,
    subject: &'a Subject,
    report: &'a mut Report,
}

impl Kit<'_> {
    fn host(&self) -> &PluginHost {
        &self.running.host
    }

    /// Records a check, and lets breaker and quarantine forget it.
    fn note(&mut self, world: &str, name: &str, outcome: Result<(), String>) {
        self.report.note(world, name, outcome);
        self.running.clock.advance(REST);
    }
}

/// Runs the kit of every world that the plugin is in.
///
/// # Errors
/// No host starts.
pub(super) async fn run(subject: &Subject, running: Running, report: &mut Report) -> Result<(), StartError> {
    let mut kit = Kit { running, subject, report };
    ranking::run(&mut kit).await;
    moderation::run(&mut kit).await;
    content::run(&mut kit).await;
    notify::run(&mut kit).await;
    auth::run(&mut kit).await;
    job::run(&mut kit).await;
    graphql::run(&mut kit).await;
    payment::run(&mut kit).await;
    without_grants(&mut kit).await
}

/// With nothing granted it fails closed or answers; it does not trap, and the
/// host goes on.
async fn without_grants(kit: &mut Kit<'_>) -> Result<(), StartError> {
    let setting = Setting { denies: true, ..Setting::default() };
    let outcome = match kit.subject.run(setting).await? {
        Err(failure) => no_crash(Err(failure)),
        Ok(denied) => {
            let mut outcome = Ok(());
            let calls = samples::of(&kit.subject.is, &denied.host);
            for sample in calls.into_iter().chain(samples::hooks(kit.subject)) {
                let answer = sample.call.make(&denied.host).await;
                outcome = outcome.and(no_crash(answer.unwrap_or(Ok(serde_json::Value::Null)).map(drop)));
                denied.clock.advance(REST);
            }
            outcome
        }
    };
    let advice = |problem| format!("{problem}. A call that is denied has to end in an error of yours, not in a trap.");
    kit.note("all", "with nothing granted it answers or refuses", outcome.map_err(advice));
    Ok(())
}

/// A failure that a plugin may choose; every other one is a fault.
fn no_crash(outcome: Result<(), PluginFailure>) -> Result<(), String> {
    match outcome {
        Ok(()) => Ok(()),
        Err(failure) if matches!(failure.kind, FailureKind::Refused | FailureKind::Denied) => Ok(()),
        Err(failure) => Err(failure.to_string()),
    }
}

fn told(failure: PluginFailure) -> String {
    failure.to_string()
}

fn attempted(attempt: FailedAttempt) -> String {
    format!("{attempt}. What it fetches stands in tests/http.json.")
}

fn expect(holds: bool, problem: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(problem()) }
}
