//! `lyceum plugin bench`: what a plugin uses of its worlds' limits.

mod figures;
mod measure;

use std::path::PathBuf;

use super::test::Subject;
use crate::StartError;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The plugin's folder, whose component is built already, or a component file.
    #[arg(default_value = ".")]
    source: PathBuf,
    /// Prints the figures as JSON.
    #[arg(long)]
    json: bool,
    /// Fails when anything uses more than this percentage of a limit.
    #[arg(long, value_name = "PERCENT")]
    fail_over: Option<f64>,
    /// Measured calls of each function, after a tenth of that unmeasured.
    #[arg(long, value_name = "COUNT", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    calls: u32,
}

pub async fn run(arguments: &Arguments) -> Result<(), StartError> {
    let subject = Subject::open(&arguments.source, false)?;
    let figures = measure::all(&subject, arguments.calls).await?;
    super::super::print_all(&if arguments.json { figures.json() } else { figures.text() })?;
    let Some(most) = arguments.fail_over else { return Ok(()) };
    match figures.over(most) {
        over if over.is_empty() => Ok(()),
        over => Err(StartError::Other(format!("{} uses more than {most} % of: {}", subject.title(), over.join("; ")))),
    }
}
