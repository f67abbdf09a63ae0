//! The commands, one file each.

pub mod demo;
pub mod evaluate;
pub mod export;
pub mod import;
pub mod plugin;
pub mod schema;
pub mod search;
pub mod serve;
pub mod user;

use std::{
    io::{ErrorKind, Write as _},
    sync::Arc,
};

use lyceum_kernel::SystemClock;

use crate::{
    StartError,
    app::{App, Purpose},
    cli::Global,
};

/// The application for one command beside a server that may be running.
async fn open(global: &Global) -> Result<App, StartError> {
    let config = global.read(Vec::new())?;
    App::open_for(Purpose::Command, &config, Arc::new(SystemClock)).await
}

/// Prints a long text. A reader that has seen enough is no error.
fn print_all(text: &str) -> Result<(), StartError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(StartError::io("standard output")(error)),
        _ => Ok(()),
    }
}
