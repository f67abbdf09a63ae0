//! The owner's commands: installing, consenting, going back, going.

use std::{
    io::{BufRead as _, IsTerminal as _, Read as _, Write as _},
    path::{Path, PathBuf},
};

use lyceum_domain::content::Moment;
use lyceum_domain::plugin::{
    Extends, Grants, Inspection, InstallPlugin, InstalledPlugin, Permission, PluginData, Plugins, Secret, deeds,
};
use lyceum_kernel::{ErrorCode, Failure, Viewer};

use super::{full, granting_all, inspection, status::show};
use crate::{
    StartError,
    app::App,
    cli::Global,
    operator::operator,
    plugin_lock::{self, LockEntry},
    plugin_source::Fetched,
};

#[derive(Debug, clap::Args)]
pub struct Install {
    /// A file, https://…#sha256=…, oci://registry/repository:tag, or a name such
    /// as payment-sandbox.
    source: String,
    /// The SHA-256 that the package must have; for an address without one.
    #[arg(long, value_name = "HEX")]
    digest: Option<String>,
    #[command(flatten)]
    consent: Consent,
    /// Lets it run at once.
    #[arg(long)]
    enable: bool,
}

/// What the owner allows, told beforehand. Without it, it is asked for on a terminal.
#[derive(Debug, clap::Args)]
pub struct Consent {
    /// What the owner allows, as JSON: {"http":{"hosts":["https://…"]},…}.
    #[arg(long, value_name = "FILE", conflicts_with = "grant_all")]
    grant_file: Option<PathBuf>,
    /// Allows all that the plugin asks for.
    #[arg(long)]
    grant_all: bool,
    /// With --grant-all: the origins in the place of those with a star, once for each.
    #[arg(long, value_name = "ORIGIN", requires = "grant_all")]
    host: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct Approve {
    name: String,
    #[command(flatten)]
    consent: Consent,
}

#[derive(Debug, clap::Args)]
pub struct Uninstall {
    name: String,
    /// Also deletes what it stored. Otherwise that waits for a later installation.
    #[arg(long)]
    delete_data: bool,
    /// Also a payment provider that open payments wait for.
    #[arg(long)]
    force: bool,
}

pub(super) async fn install(global: &Global, app: &App, arguments: Install) -> Result<(), StartError> {
    let (plugins, viewer, config) = (&app.domains().plugins, operator(None), global.read(Vec::new())?);
    let reference = match &arguments.digest {
        Some(digest) if !arguments.source.contains('#') && arguments.source.contains("://") => {
            format!("{}#sha256={digest}", arguments.source)
        }
        _ => arguments.source.clone(),
    };
    let Fetched { bytes, origin: source } = super::fetched(&reference, config.dev).await?;
    if let Some(digest) = arguments.digest.as_ref().filter(|digest| **digest != crate::plugin_source::sha256(&bytes)) {
        return Err(StartError::Other(format!(
            "{} has another SHA-256 than {digest}: it was changed.",
            arguments.source
        )));
    }
    let is = inspection(&bytes)?;
    let grants = arguments.consent.grants(&is)?;
    let input = InstallPlugin { package: bytes, grants, source, ..InstallPlugin::default() };
    let installed = match plugins.install(&viewer, input.clone()).await {
        Err(failure) if failure.code() == ErrorCode::PluginConsentRequired && asks_on_terminal(&is, &failure)? => {
            let expected_permission_hash = Some(is.permission_hash.clone());
            let input = InstallPlugin { grants: Some(is.asks.clone()), expected_permission_hash, ..input };
            plugins.install(&viewer, input).await
        }
        outcome => outcome,
    };
    let mut plugin = installed.map_err(told)?.plugin;
    if arguments.enable {
        plugin = plugins.enable(&viewer, &plugin.name).await.map_err(told)?;
    }
    show(&plugin);
    let lock = config.plugin_lock();
    plugin_lock::record(&lock, LockEntry::of(&plugin))
        .map_err(StartError::io(format!("{} is not written", lock.display())))
}

pub(super) async fn approve(plugins: &Plugins, viewer: &Viewer, arguments: Approve) -> Result<(), StartError> {
    let name = full(&arguments.name);
    let overview = plugins.overview(viewer, &name).await.map_err(told)?;
    let Some(staged) = overview.staged else {
        return Err(StartError::Other(format!("No update of {name} waits for consent.")));
    };
    let grants = match arguments.consent.grants(&staged.manifest)? {
        Some(grants) => Some(grants),
        None if std::io::stdin().is_terminal() => {
            println!("{}", serde_json::to_string_pretty(&staged.diff).unwrap_or_default());
            if !confirmed(&staged.manifest)? {
                return Ok(());
            }
            None
        }
        None => return Err(StartError::Other(format!("Say what is allowed. {FLAGS}"))),
    };
    let hash = &staged.manifest.permission_hash;
    plugins.approve(viewer, &name, hash, grants).await.map(|plugin| show(&plugin)).map_err(told)
}

pub(super) async fn uninstall(plugins: &Plugins, viewer: &Viewer, arguments: Uninstall) -> Result<(), StartError> {
    let name = full(&arguments.name);
    let data = if arguments.delete_data { PluginData::Delete } else { PluginData::Keep };
    let gone = plugins.uninstall(viewer, &name, data, arguments.force).await.map_err(told)?;
    println!("{name} is uninstalled.");
    println!("  secrets deleted  {}", gone.secrets_deleted);
    println!("  values deleted   {}", gone.values_deleted);
    println!("  values kept      {}", gone.values_kept);
    println!("  entries kept     {}", gone.entries_kept);
    Ok(())
}

pub(super) async fn set_grants(plugins: &Plugins, viewer: &Viewer, name: &str, file: &Path) -> Result<(), StartError> {
    let grants = read_grants(file)?;
    plugins.set_grants(viewer, &full(name), grants).await.map(|plugin| show(&plugin)).map_err(told)
}

pub(super) async fn set_secret(plugins: &Plugins, viewer: &Viewer, name: &str, secret: &str) -> Result<(), StartError> {
    plugins.set_secret(viewer, &full(name), secret, Secret::new(secret_from_input()?)).await.map_err(told)
}

pub(super) fn showing(outcome: Result<InstalledPlugin, Failure>) -> Result<(), StartError> {
    outcome.map(|plugin| show(&plugin)).map_err(told)
}

impl Install {
    pub(super) fn of(source: String, consent: Consent) -> Self {
        Self { source, digest: None, consent, enable: false }
    }
}

impl Consent {
    fn grants(&self, is: &Inspection) -> Result<Option<Grants>, StartError> {
        match (&self.grant_file, self.grant_all) {
            (Some(path), _) => read_grants(path).map(Some),
            (None, true) => Ok(Some(granting_all(is, &self.host))),
            (None, false) => Ok(None),
        }
    }
}

/// Prints what is asked for, and asks.
fn asks_on_terminal(is: &Inspection, failure: &Failure) -> Result<bool, StartError> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    if let Some((_, diff)) = failure.details().iter().find(|(name, _)| *name == "diff") {
        println!("The new version differs in what it asks for:\n{diff:#}");
    }
    confirmed(is)
}

fn confirmed(is: &Inspection) -> Result<bool, StartError> {
    let signed = is.signer.as_ref().map_or("not signed".to_owned(), |by| format!("signed by {}", by.fingerprint()));
    let does = done(&is.implements);
    println!(
        "{} {} ({signed}){does}\nasks for:\n{}{}",
        is.id,
        is.version,
        asks_as_text(&is.asks),
        part_taken(&is.extends)
    );
    print!("Allow all of this? [y/N] ");
    std::io::stdout().flush().map_err(StartError::io("the terminal cannot be written"))?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(StartError::io("the answer cannot be read"))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// One line a permission, its reason below it.
pub(super) fn asks_as_text(asks: &Grants) -> String {
    let width = asks.0.keys().map(String::len).max().unwrap_or(0);
    let line = |(name, ask): (&String, &Permission)| {
        let reason =
            if ask.reason.is_empty() { String::new() } else { format!("\n  {:width$}  “{}”", "", ask.reason) };
        format!("  {name:width$}  {}{reason}", quantities(ask))
    };
    asks.0.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What it does by the worlds that it implements, one line each.
fn done(implements: &[String]) -> String {
    deeds(implements).into_iter().map(|deed| format!("\n  {deed}")).collect()
}

/// What it wants to see and add, one line each.
fn part_taken(extends: &Extends) -> String {
    let moments = |of: &[Moment]| of.iter().map(|moment| moment.name()).collect::<Vec<_>>().join(", ");
    let mut lines = String::new();
    if let Some(hooks) = &extends.hooks {
        let guards = if hooks.guard { "; a failure of it refuses the change" } else { "" };
        lines += &format!("\n  to look at changes of {}", hooks.types.join(", "));
        lines += &format!(" (before: {}; after: {}{guards})", moments(&hooks.before), moments(&hooks.after));
    }
    for job in &extends.jobs {
        let every = job.every.map_or("when it is queued".to_owned(), |every| format!("every {} s", every.as_secs()));
        lines += &format!("\n  to run the job {} {every}", job.name);
    }
    if let Some(sdl) = &extends.sdl {
        lines += &format!("\n  to add to the API:\n{}", sdl.trim_end());
    }
    lines
}

pub(super) fn quantities(ask: &Permission) -> String {
    let mut parts = [ask.hosts.join(", "), ask.names.join(", "), ask.collections.join(", ")].to_vec();
    parts.extend(ask.scope.clone());
    parts.extend(ask.quota_bytes.map(|bytes| format!("{bytes} bytes")));
    parts.extend(ask.limits.iter().map(|(name, most)| format!("{name} {most}")));
    parts.retain(|part| !part.is_empty());
    parts.join("; ")
}

fn read_grants(path: &Path) -> Result<Grants, StartError> {
    let text = super::read_text(path)?;
    serde_json::from_str(&text).map_err(|error| StartError::Other(format!("{}: {error}", path.display())))
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

const FLAGS: &str = "Grant with --grant-all (and --host for an origin with a star), or --grant-file.";

/// The text for the owner, and what is asked for when consent is missing.
pub(super) fn told(failure: Failure) -> StartError {
    // What follows is for who uses the API.
    let mut text = failure.message().split(" Read `").next().unwrap_or_default().to_owned();
    let detail = |wanted: &str| failure.details().iter().find(|(name, _)| *name == wanted).map(|(_, value)| value);
    if let Some(fingerprint) = detail("fingerprint") {
        text.push_str(&format!("\nIt is signed by the key {fingerprint}."));
    }
    if let Some(diff) = detail("diff") {
        text.push_str(&format!("\nIt differs: {diff:#}\nThen: lyceum plugin approve NAME. {FLAGS}"));
    } else if let Some(asks) = detail("asks") {
        if asks.as_object().is_none_or(|asks| !asks.is_empty()) {
            text.push_str(&format!("\nIt asks for: {asks:#}"));
        }
        let extends = detail("extends").and_then(|extends| serde_json::from_value(extends.clone()).ok());
        text.push_str(&part_taken(&extends.unwrap_or_default()));
        text.push_str(&format!("\n{FLAGS}"));
    }
    StartError::Other(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_printed_in_columns_with_its_reason() {
        let http = Permission {
            hosts: vec!["https://a.example".to_owned(), "https://b.example".to_owned()],
            reason: "Pays.".to_owned(),
            ..Permission::default()
        };
        let kv = Permission { quota_bytes: Some(1024), ..Permission::default() };
        let asks = Grants([("http".to_owned(), http), ("kv".to_owned(), kv)].into());
        let text = "  http  https://a.example, https://b.example\n        “Pays.”\n  kv    1024 bytes";
        assert_eq!(asks_as_text(&asks), text);
    }

    #[test]
    fn what_a_plugin_does_is_told_in_words() {
        let implements = ["lyceum:notify/notifier@1.0.0".to_owned(), "lyceum:lifecycle/lifecycle@1.0.0".to_owned()];
        assert_eq!(done(&implements), "\n  carries messages, the codes for new passwords among them");
    }
}
