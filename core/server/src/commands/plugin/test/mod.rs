//! `lyceum plugin test`: a plugin in the real host, without server, database or
//! network: the fixtures of its folder, then the rules of its worlds.

mod fixtures;
mod report;
mod subject;

use std::path::PathBuf;

pub(super) use report::Report;
pub(super) use subject::{NOW_MS, Running, Setting, Subject, patient};

use super::{additions, kit};
use crate::{StartError, cli::Global};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The plugin's folder, or a component file.
    #[arg(default_value = ".")]
    source: PathBuf,
    /// Tests what is built already.
    #[arg(long)]
    no_build: bool,
    /// Writes the answers into fixtures that have none.
    #[arg(long)]
    record: bool,
    /// Prints the results as JSON.
    #[arg(long)]
    json: bool,
}

pub async fn run(global: &Global, arguments: &Arguments) -> Result<(), StartError> {
    let subject = Subject::open(&arguments.source, !arguments.no_build)?;
    let mut report = Report::default();
    if subject.is.extends.sdl.is_some() {
        let fits = additions::misfit(global, &subject.is)?.map_or(Ok(()), Err);
        report.note("graphql", "what it adds fits the API", fits);
    }
    let setting = Setting { exchanges: subject.exchanges.clone(), ..Setting::default() };
    match subject.run(setting).await? {
        Ok(running) => {
            report.note("lifecycle", "it starts and says that it is well", Ok(()));
            fixtures::run(&subject, arguments.record, &mut report).await?;
            kit::run(&subject, running, &mut report).await?;
        }
        Err(failure) => {
            let what = format!("{failure}. Give it what it needs in tests/config.json, secrets.json and http.json.");
            report.note("lifecycle", "it starts and says that it is well", Err(what));
        }
    }
    let text = if arguments.json { report.json(&subject.is) } else { report.text(&subject.title()) };
    super::super::print_all(&text)?;
    match report.failed() {
        0 => Ok(()),
        failed => Err(StartError::Other(format!("{}: {failed} checks failed", subject.title()))),
    }
}
