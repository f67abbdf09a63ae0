//! `lyceum plugin lock`: what is installed, as a file.

use crate::{
    StartError,
    app::App,
    cli::Global,
    plugin_lock::{LockEntry, check, read, write},
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only compares the file with what is installed, and fails when they differ.
    #[arg(long)]
    check: bool,
}

pub async fn run(global: &Global, app: &App, arguments: &Arguments) -> Result<(), StartError> {
    let path = global.read(Vec::new())?.plugin_lock();
    let shown = path.display().to_string();
    let locked = read(&path).map_err(StartError::io(shown.clone()))?;
    let now: Vec<LockEntry> = app.domains().plugins.all().await?.iter().map(LockEntry::of).collect();
    let differences = check(locked.as_deref().unwrap_or_default(), &now);
    for difference in &differences {
        println!("{difference}");
    }
    if !arguments.check {
        write(&path, &now).map_err(StartError::io(format!("{shown} is not written")))?;
        println!("{shown}: {} plugins", now.len());
        return Ok(());
    }
    if !differences.is_empty() {
        return Err(StartError::Other(format!(
            "{shown} and the installed plugins differ in {} places.\nInstall what is locked, or write the lock with `lyceum plugin lock`.",
            differences.len()
        )));
    }
    println!("{shown}: as installed, {} plugins", now.len());
    Ok(())
}
