//! A job that misbehaves in the way that its payload says, for the host's tests.
//! With any other payload it is done in two steps.

use hostile_misdeeds::{GIANT, misbehave};
use lyceum_sdk::{
    host::{Error, Host},
    job::{Input, Job, Outcome},
};

/// Misbehaves on demand.
pub struct Hostile;

impl Job for Hostile {
    fn run(host: &impl Host, input: &Input, resume: Option<&str>) -> Result<Outcome, Error> {
        let word = input.payload.trim_matches('"');
        misbehave(host, word);
        match word {
            "giant" => Ok(Outcome::done().reporting(format!("\"{}\"", "x".repeat(GIANT)))),
            "state" => Ok(Outcome { state: "paused".to_owned(), ..Outcome::done() }),
            "nowhere" => Ok(Outcome { resume: None, ..Outcome::more("") }),
            "token" => Ok(Outcome::more("x".repeat((64 << 10) + 1))),
            "report" => Ok(Outcome::done().reporting("two steps done")),
            "progress" => Ok(Outcome { progress: Some(f32::NAN), ..Outcome::done() }),
            "later" => Err(Error::unavailable("the test asked for a retry")),
            "never" => Err(Error::invalid("the test asked for an end")),
            _ => Ok(step(resume)),
        }
    }
}

fn step(resume: Option<&str>) -> Outcome {
    match resume {
        None => Outcome { wait_s: Some(30), progress: Some(0.5), ..Outcome::more("second") },
        Some(place) => Outcome::done().reporting(format!("{{\"resumed\":\"{place}\"}}")),
    }
}

lyceum_sdk::export_job!(Hostile, manifest: "../plugin.toml");
