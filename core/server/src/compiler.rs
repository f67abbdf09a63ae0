//! How this program starts itself as the compiler of plugins.
//!
//! **Invariant:** only the binary `lyceum` does so. Another program with this
//! library in it would not know the command, so there plugins are compiled in
//! the process itself.

use std::{path::PathBuf, sync::OnceLock};

use lyceum_plugin_host::Compiler;

/// The hidden command.
pub(crate) const COMMAND: &str = "plugin-compile";

static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Called by the binary at its start.
pub(crate) fn this_program_compiles() {
    match program() {
        Ok(program) => drop(PROGRAM.set(program)),
        Err(error) => tracing::warn!(%error, "plugins are compiled in this process, without its limits"),
    }
}

/// What to start; none when this is another program.
pub(crate) fn of_this_program() -> Option<Compiler> {
    let program = PROGRAM.get()?.clone();
    Some(Compiler { program, arguments: vec![COMMAND.into()] })
}

/// On Linux the running program itself, even when its file was replaced by
/// another version since: that one's code would not fit.
fn program() -> std::io::Result<PathBuf> {
    const RUNNING: &str = "/proc/self/exe";
    if cfg!(target_os = "linux") && std::fs::exists(RUNNING)? { Ok(RUNNING.into()) } else { std::env::current_exe() }
}
