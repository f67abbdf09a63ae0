//! `lyceum plugin …`

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use lyceum_domain::plugin::{Grants, Inspection, InstallPlugin, InstalledPlugin, PluginRuntime as _, Secret};
use lyceum_plugin_host::{PluginHost, PluginHostConfig};
use sea_orm::{ConnectionTrait as _, Statement};

use super::open;
use crate::{StartError, app::App, cli::Global, first_party, operator::operator};

#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Installs a component file, or a first-party plugin by its name.
    Install(Install),
    /// Lets a plugin run. A running server starts it when it is restarted.
    Enable { name: String },
    /// Takes a plugin out of service.
    Disable { name: String },
    /// Shows what is installed.
    List,
    /// Shows what a component is and what it asks for. Installs nothing.
    Inspect { file: PathBuf },
    /// Sets a secret that a plugin asks for, read from standard input.
    SetSecret { name: String, secret: String },
    /// Sets the configuration of a plugin, a JSON object in a file.
    Configure { name: String, file: PathBuf },
}

#[derive(Debug, clap::Args)]
pub struct Install {
    /// A component file, or a name such as payment-sandbox.
    component: String,
    /// What the owner allows, as JSON: {"http":{"hosts":["https://…"]},…}.
    #[arg(long, value_name = "FILE", conflicts_with = "grant_all")]
    grant_file: Option<PathBuf>,
    /// Allows all that the plugin asks for.
    #[arg(long)]
    grant_all: bool,
    /// With --grant-all: the origins in the place of those with a star, once for each.
    #[arg(long, value_name = "ORIGIN", requires = "grant_all")]
    host: Vec<String>,
    /// Lets it run at once.
    #[arg(long)]
    enable: bool,
}

pub async fn run(global: &Global, action: Action) -> Result<(), StartError> {
    if let Action::Inspect { file } = &action {
        return inspect(file);
    }
    let app = open(global).await?;
    let (plugins, viewer) = (&app.domains().plugins, operator(None));
    match action {
        Action::Install(arguments) => install(&app, arguments).await,
        Action::Enable { name } => {
            plugins.enable(&viewer, &full(&name)).await.map(|plugin| show(&plugin)).map_err(told)
        }
        Action::Disable { name } => {
            plugins.disable(&viewer, &full(&name)).await.map(|plugin| show(&plugin)).map_err(told)
        }
        Action::SetSecret { name, secret } => {
            let value = Secret::new(secret_from_input()?);
            plugins.set_secret(&viewer, &full(&name), &secret, value).await.map_err(told)
        }
        Action::Configure { name, file } => {
            let config = read_text(&file)?;
            plugins.set_config(&viewer, &full(&name), &config).await.map(|plugin| show(&plugin)).map_err(told)
        }
        Action::List => list(&app).await,
        Action::Inspect { .. } => Ok(()),
    }
}

async fn install(app: &App, arguments: Install) -> Result<(), StartError> {
    let wasm = component(&arguments.component)?;
    let grants = match (&arguments.grant_file, arguments.grant_all) {
        (Some(path), _) => Some(read_grants(path)?),
        (None, true) => Some(granting_all(&inspection(&wasm)?, &arguments.host)),
        (None, false) => None,
    };
    let (plugins, viewer) = (&app.domains().plugins, operator(None));
    let installed = plugins.install(&viewer, InstallPlugin { wasm, grants, config: None }).await.map_err(told)?;
    let plugin = match arguments.enable {
        true => plugins.enable(&viewer, &installed.plugin.name).await.map_err(told)?,
        false => installed.plugin,
    };
    show(&plugin);
    Ok(())
}

fn component(name: &str) -> Result<Vec<u8>, StartError> {
    let path = Path::new(name);
    match first_party::component(name) {
        Some(wasm) if !path.exists() => Ok(wasm.to_vec()),
        _ => {
            std::fs::read(path).map_err(StartError::io(format!("there is no first-party plugin {name}, and as a file")))
        }
    }
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

fn read_grants(path: &Path) -> Result<Grants, StartError> {
    let text = read_text(path)?;
    serde_json::from_str(&text).map_err(|error| StartError::Other(format!("{}: {error}", path.display())))
}

fn read_text(path: &Path) -> Result<String, StartError> {
    std::fs::read_to_string(path).map_err(StartError::io(path.display().to_string()))
}

/// Secrets are bytes; the end of the line is not part of them.
fn secret_from_input() -> Result<Vec<u8>, StartError> {
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).map_err(StartError::io("the secret cannot be read"))?;
    while matches!(bytes.last(), Some(b'\n' | b'\r')) {
        bytes.pop();
    }
    Ok(bytes)
}

pub(crate) fn inspection(wasm: &[u8]) -> Result<Inspection, StartError> {
    let host = PluginHost::new(PluginHostConfig::default()).map_err(|error| StartError::Plugins(error.to_string()))?;
    host.inspect(wasm).map_err(|failure| StartError::Other(failure.to_string()))
}

fn inspect(file: &Path) -> Result<(), StartError> {
    let is = inspection(&component(&file.display().to_string())?)?;
    let text = serde_json::to_string_pretty(&is).map_err(|error| StartError::Other(error.to_string()))?;
    super::print_all(&(text + "\n"))
}

async fn list(app: &App) -> Result<(), StartError> {
    let database = &app.domains().database;
    let statement = Statement::from_string(database.dialect().backend(), "SELECT name FROM plugin ORDER BY name");
    let rows = database.reader().query_all_raw(statement).await.map_err(lyceum_store::failed)?;
    for row in rows {
        let name: String = row.try_get("", "name").map_err(lyceum_store::failed)?;
        if let Some(plugin) = app.domains().plugins.installed(&name).await? {
            show(&plugin);
        }
    }
    Ok(())
}

fn show(plugin: &InstalledPlugin) {
    let error = plugin.last_error.as_ref().map(|error| format!("  {error}")).unwrap_or_default();
    println!("{} {} {}{error}", plugin.name, plugin.version, plugin.state);
}

/// First-party plugins may be named without their publisher.
fn full(name: &str) -> String {
    if name.contains('/') { name.to_owned() } else { format!("lyceum/{name}") }
}

/// The text for the owner, and what is asked for when consent is missing.
fn told(failure: lyceum_kernel::Failure) -> StartError {
    let mut text = failure.message().to_owned();
    if let Some((_, asks)) = failure.details().iter().find(|(name, _)| *name == "asks") {
        text.push_str(&format!(
            "\nIt asks for: {asks:#}\nGrant with --grant-all (and --host for an origin with a star), or --grant-file."
        ));
    }
    StartError::Other(text)
}
