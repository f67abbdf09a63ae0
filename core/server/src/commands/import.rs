//! `lyceum import`

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use lyceum_domain::transfer::{Import, Mapping, Report};

use super::open;
use crate::{StartError, app::App, cli::Global, operator::operator, progress};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// JSON Lines; `-` reads standard input.
    file: PathBuf,
    /// The content type of the lines, such as course.
    #[arg(long = "type", value_name = "TYPE")]
    content_type: String,
    /// How the keys of the file become fields.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
}

pub async fn run(global: &Global, arguments: Arguments) -> Result<(), StartError> {
    let (reader, length) = source(&arguments.file)?;
    let app = open(global).await?;
    let mapping = arguments.mapping.as_deref().map(|path| mapping(&app, path)).transpose()?;
    let bar = progress::bytes(length);
    let import = Import::new(app.domains().contents.clone());
    let viewer = operator(None);
    let report = import.run(&viewer, reader, &arguments.content_type, mapping.as_ref(), |progress| {
        bar.set_position(progress.bytes);
        bar.set_message(format!("line {}, {} rejected", progress.line, progress.rejected));
    });
    let report = report.await?;
    bar.finish_and_clear();
    tell(&arguments.content_type, &report);
    if report.rejected.is_empty() {
        return Ok(());
    }
    Err(StartError::Other(format!("{} lines were rejected; nothing of them was written", report.rejected.len())))
}

fn source(path: &Path) -> Result<(Box<dyn BufRead>, Option<u64>), StartError> {
    if path == Path::new("-") {
        return Ok((Box::new(BufReader::new(std::io::stdin())), None));
    }
    let file = File::open(path).map_err(StartError::io(path.display().to_string()))?;
    let length = file.metadata().ok().map(|data| data.len());
    Ok((Box::new(BufReader::with_capacity(1 << 16, file)), length))
}

fn mapping(app: &App, path: &Path) -> Result<Mapping, StartError> {
    let text = std::fs::read_to_string(path).map_err(StartError::io(path.display().to_string()))?;
    Mapping::parse(&text, &app.domains().model)
        .map_err(|error| StartError::Other(format!("{}: {error}", path.display())))
}

fn tell(name: &str, report: &Report) {
    println!("{name}: {} created, {} updated, {} unchanged", report.created, report.updated, report.unchanged);
    for (child, counts) in &report.children {
        println!("{child}: {} created, {} updated, {} unchanged", counts.created, counts.updated, counts.unchanged);
    }
    for rejected in &report.rejected {
        let at = if rejected.path.is_empty() { String::new() } else { format!(", {}", rejected.path) };
        println!("line {}{at}: {}", rejected.line, rejected.reason);
    }
}
