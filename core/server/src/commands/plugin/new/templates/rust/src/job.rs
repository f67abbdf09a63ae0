//! Counts to three, one step at a time.

use lyceum_sdk::{
    host::{Error, Host, Level},
    job::{Input, Job, Outcome},
};

pub struct Plugin;

impl Job for Plugin {
    fn run(host: &impl Host, input: &Input, resume: Option<&str>) -> Result<Outcome, Error> {
        let before: u32 = resume.unwrap_or("0").parse().map_err(|_| Error::invalid("the token is no number"))?;
        let n = before + 1;
        host.log(Level::Info, &format!("{} is at {n}", input.name));
        Ok(if n >= 3 { Outcome::done() } else { Outcome::more(n.to_string()) })
    }
}

lyceum_sdk::export_job!(Plugin, manifest: "../plugin.toml");
