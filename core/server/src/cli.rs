//! The command line.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    StartError, commands, compiler,
    config::{Config, Sources},
    logs,
};

/// A headless CMS for paid-knowledge communities: one GraphQL API, WASM plugins.
#[derive(Debug, Parser)]
#[command(name = "lyceum", version, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Global {
    /// The configuration file. Without it `lyceum.toml` is read if it exists.
    #[arg(long, global = true, value_name = "FILE", env = "LYCEUM_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where data is kept [default: lyceum-data].
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// postgres://… or sqlite:FILE [default: SQLite in the data directory].
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// Development mode: applies safe schema changes at start, tells SQL in answers.
    #[arg(long, global = true)]
    pub dev: bool,
    /// Lets development mode listen on an address that other machines reach.
    #[arg(long, global = true)]
    pub dev_public: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the server.
    Serve(commands::serve::Arguments),
    /// Runs a small bilingual community with an admin, plugins and a payment gateway.
    Demo(commands::demo::Arguments),
    /// Compares and changes the tables of content types.
    #[command(subcommand)]
    Schema(commands::schema::Action),
    /// Imports JSON Lines.
    Import(commands::import::Arguments),
    /// Writes what `import` reads.
    Export(commands::export::Arguments),
    /// Accounts.
    #[command(subcommand)]
    User(commands::user::Action),
    /// The search index.
    #[command(subcommand)]
    Search(commands::search::Action),
    /// Plugins.
    #[command(subcommand)]
    Plugin(commands::plugin::Action),
    /// Compiles one component: the server starts itself so.
    #[command(name = compiler::COMMAND, hide = true)]
    PluginCompile,
}

impl Global {
    /// The configuration with these flags and those of a command.
    pub fn read(&self, mut flags: Vec<(&'static str, String)>) -> Result<Config, StartError> {
        flags.extend(self.data_dir.clone().map(|value| ("data_dir", value)));
        flags.extend(self.database_url.clone().map(|value| ("database.url", value)));
        flags.extend(self.dev.then(|| ("dev", "true".to_owned())));
        flags.extend(self.dev_public.then(|| ("dev_public", "true".to_owned())));
        let config = Config::read(&Sources::of_process(self.config.clone(), flags))?;
        logs::start(&config.log);
        Ok(config)
    }
}

/// Tasks that a thread runs before it looks at sockets and timers.
const EVENT_INTERVAL: u32 = 8;

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if matches!(cli.command, Command::PluginCompile) {
        // Before there is a runtime: its threads would count for the compiler's limits.
        return lyceum_plugin_host::compile_child();
    }
    compiler::this_program_compiles();
    // Guests leave a thread after a millisecond. At the default of 61 tasks, sockets
    // would wait as many milliseconds beside busy plugins (`tests/host/parallel.rs`).
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().event_interval(EVENT_INTERVAL).build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&StartError::Other(format!("no runtime could be started: {error}"))),
    };
    match runtime.block_on(run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &StartError) -> ExitCode {
    eprintln!("lyceum: {error}");
    ExitCode::FAILURE
}

async fn run(cli: Cli) -> Result<(), StartError> {
    let global = &cli.global;
    match cli.command {
        Command::Serve(arguments) => commands::serve::run(global, arguments).await,
        Command::Demo(arguments) => commands::demo::run(global, arguments).await,
        Command::Schema(action) => commands::schema::run(global, action).await,
        Command::Import(arguments) => commands::import::run(global, arguments).await,
        Command::Export(arguments) => commands::export::run(global, arguments).await,
        Command::User(action) => commands::user::run(global, action).await,
        Command::Search(action) => commands::search::run(global, action).await,
        Command::Plugin(action) => commands::plugin::run(global, action).await,
        Command::PluginCompile => unreachable!("it was run before there was a runtime"),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
