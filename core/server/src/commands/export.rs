//! `lyceum export`

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::PathBuf,
};

use lyceum_domain::transfer::export;

use super::open;
use crate::{StartError, cli::Global, operator::operator};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The content type, such as course.
    #[arg(long = "type", value_name = "TYPE")]
    content_type: String,
    /// Where to write [default: standard output].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub async fn run(global: &Global, arguments: Arguments) -> Result<(), StartError> {
    let app = open(global).await?;
    let mut sink: Box<dyn Write> = match &arguments.output {
        None => Box::new(BufWriter::new(std::io::stdout())),
        Some(path) => {
            let file = File::create(path).map_err(StartError::io(path.display().to_string()))?;
            Box::new(BufWriter::new(file))
        }
    };
    let count = export(&app.domains().contents, &operator(None), &arguments.content_type, &mut sink).await?;
    eprintln!("{count} entries of {} were written", arguments.content_type);
    Ok(())
}
