//! `lyceum plugin …`

mod additions;
mod bench;
pub(crate) mod build;
mod dev;
mod inspect;
mod keygen;
mod kit;
mod lock;
mod new;
mod owner;
mod pack;
mod publish;
mod sign;
mod status;
mod test;
mod upgrade;
mod usage;

use std::path::{Path, PathBuf};

use lyceum_domain::plugin::{Grants, Inspection, PluginRuntime as _};
use lyceum_plugin_host::{PluginHost, PluginHostConfig};

use super::open;
use crate::{
    StartError,
    app::App,
    cli::Global,
    operator::operator,
    plugin_source::{self, Fetched, Source},
};

#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Makes the folder of a new plugin that works, with a test.
    New(new::New),
    /// Builds a plugin's folder into a component, target/NAME.wasm in it.
    Build(build::Build),
    /// Tests a plugin in the real host: its fixtures, and the rules of its worlds.
    Test(test::Arguments),
    /// Says what a plugin uses of its limits.
    Bench(bench::Arguments),
    /// Builds a plugin and puts it in place in the running server, at every change.
    Dev(dev::Arguments),
    /// Puts another version in place, or tries with recorded calls what it would change.
    Upgrade(upgrade::Arguments),
    /// Puts a plugin's folder into one package file.
    Pack(pack::Arguments),
    /// Makes a publisher's key.
    Keygen(keygen::Arguments),
    /// Signs a package.
    Sign(sign::Arguments),
    /// Checks a signed package and brings it to a registry.
    Publish(publish::Arguments),
    /// Says how good a moderator or a ranker is, on labelled data.
    Evaluate(super::evaluate::Arguments),
    /// Writes plugins.lock, or compares it with what is installed.
    Lock(lock::Arguments),
    /// Installs a package from a file, an address or a registry, or a
    /// first-party plugin by its name. An update that asks for more is staged.
    Install(owner::Install),
    /// Consents to a staged update and puts it in place.
    Approve(owner::Approve),
    /// Throws a staged update away.
    Discard { name: String },
    /// Lets a plugin run. A running server starts it within seconds.
    Enable { name: String },
    /// Takes a plugin out of service.
    Disable {
        name: String,
        /// Also a payment provider that open payments wait for.
        #[arg(long)]
        force: bool,
    },
    /// Puts the version before in place again.
    Rollback { name: String },
    /// Removes a plugin with its versions, grants, configuration and secrets.
    Uninstall(owner::Uninstall),
    /// Sets what a plugin may do, within what it asks for, from a JSON file.
    Grants { name: String, file: PathBuf },
    /// Sets a secret that a plugin asks for, read from standard input.
    SetSecret { name: String, secret: String },
    /// Sets the configuration of a plugin, a JSON object in a file.
    Configure { name: String, file: PathBuf },
    /// Shows what is installed.
    List,
    /// Shows what is recorded of a plugin: consent, grants, secrets, versions.
    Status { name: String },
    /// Shows what plugins use of their limits, how often they fail, and their
    /// last errors.
    Usage(usage::Arguments),
    /// Shows how a ranker or moderator in the shadow differs from the active one.
    Shadow {
        name: String,
        /// Puts it into the shadow of the active one.
        #[arg(long, conflicts_with = "off")]
        on: bool,
        /// Takes it out of there.
        #[arg(long)]
        off: bool,
    },
    /// Shows what a package is and what it asks for. Installs nothing.
    Inspect(inspect::Arguments),
}

pub async fn run(global: &Global, action: Action) -> Result<(), StartError> {
    match &action {
        Action::Inspect(arguments) => return inspect::run(global, arguments).await,
        Action::Test(arguments) => return test::run(global, arguments).await,
        Action::Bench(arguments) => return bench::run(arguments).await,
        Action::Dev(arguments) => return dev::run(global, arguments).await,
        Action::Pack(arguments) => return pack::run(arguments),
        Action::Keygen(arguments) => return keygen::run(arguments),
        Action::Sign(arguments) => return sign::run(arguments),
        Action::Publish(arguments) => return publish::run(global, arguments).await,
        Action::New(arguments) => return new::run(arguments),
        Action::Evaluate(arguments) => return super::evaluate::run(arguments).await,
        Action::Build(arguments) => return build::run(global, arguments),
        _ => {}
    }
    let app = open(global).await?;
    let (plugins, viewer) = (&app.domains().plugins, operator(None));
    match action {
        Action::Install(arguments) => owner::install(global, &app, arguments).await,
        Action::Upgrade(arguments) => upgrade::run(global, &app, arguments).await,
        Action::Lock(arguments) => lock::run(global, &app, &arguments).await,
        Action::Approve(arguments) => owner::approve(plugins, &viewer, arguments).await,
        Action::Discard { name } => owner::showing(plugins.discard_staged(&viewer, &full(&name)).await),
        Action::Enable { name } => owner::showing(plugins.enable(&viewer, &full(&name)).await),
        Action::Disable { name, force } => owner::showing(plugins.disable(&viewer, &full(&name), force).await),
        Action::Rollback { name } => owner::showing(plugins.rollback(&viewer, &full(&name)).await),
        Action::Uninstall(arguments) => owner::uninstall(plugins, &viewer, arguments).await,
        Action::Grants { name, file } => owner::set_grants(plugins, &viewer, &name, &file).await,
        Action::SetSecret { name, secret } => owner::set_secret(plugins, &viewer, &name, &secret).await,
        Action::Configure { name, file } => {
            owner::showing(plugins.set_config(&viewer, &full(&name), &read_text(&file)?).await)
        }
        Action::List => list(&app).await,
        Action::Status { name } => status::status(plugins, &viewer, &name).await,
        Action::Usage(arguments) => usage::run(global, &app, &arguments).await,
        Action::Shadow { name, on, off } if on || off => {
            owner::showing(plugins.set_shadow(&viewer, &full(&name), on).await)
        }
        Action::Shadow { name, .. } => status::shadow(plugins, &viewer, &name).await,
        // The others need no database and were run above.
        _ => Ok(()),
    }
}

async fn fetched(source: &str, dev: bool) -> Result<Fetched, StartError> {
    let failed = |error: plugin_source::SourceError| StartError::Other(error.to_string());
    Source::parse(source).map_err(failed)?.fetch(dev).await.map_err(failed)
}

/// What a plugin asks for, with exact origins in the place of patterns.
pub(crate) fn granting_all(is: &Inspection, hosts: &[String]) -> Grants {
    let mut grants = is.asks.clone();
    for permission in grants.0.values_mut().filter(|permission| !permission.hosts.is_empty()) {
        if !hosts.is_empty() {
            permission.hosts.retain(|host| !host.contains('*'));
            permission.hosts.extend(hosts.iter().cloned());
        }
        permission.hosts.sort();
        permission.hosts.dedup();
    }
    grants
}

fn read_text(path: &Path) -> Result<String, StartError> {
    std::fs::read_to_string(path).map_err(StartError::io(path.display().to_string()))
}

pub(crate) fn inspection(wasm: &[u8]) -> Result<Inspection, StartError> {
    let host = PluginHost::new(PluginHostConfig::default()).map_err(|error| StartError::Plugins(error.to_string()))?;
    host.inspect(wasm).map_err(|failure| StartError::Other(failure.to_string()))
}

async fn list(app: &App) -> Result<(), StartError> {
    app.domains().plugins.all().await?.iter().for_each(status::show);
    Ok(())
}

/// JSON for a person: its first `most` characters.
fn cut(value: &serde_json::Value, most: usize) -> String {
    let text = value.to_string();
    let short: String = text.chars().take(most).collect();
    if short.len() < text.len() { short + "…" } else { short }
}

/// First-party plugins may be named without their publisher.
fn full(name: &str) -> String {
    if name.contains('/') { name.to_owned() } else { format!("lyceum/{name}") }
}
