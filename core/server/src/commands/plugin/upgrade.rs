//! `lyceum plugin upgrade`: another version, and before it the question whether
//! recorded calls are answered as they were.
//!
//! **Invariant:** a check changes nothing: it runs on a host of its own, from
//! which nothing leaves.

use std::{path::Path, sync::Arc};

use lyceum_domain::plugin::{Activation, Inspection, PluginRuntime as _, Plugins, with_defaults};
use lyceum_kernel::SystemClock;
use lyceum_plugin_host::{PluginHost, PluginHostConfig, Recorder, Recording, Replayed};
use serde_json::{Value as Json, json};

use super::{cut, full, inspection, owner, test::patient};
use crate::{StartError, app::App, cli::Global, compiler, operator::operator};

/// Differences that are shown of one plugin.
const SHOWN: usize = 3;
/// Characters of an answer that are shown.
const CUT: usize = 200;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The plugin; without it, --check looks at all.
    name: Option<String>,
    /// Only makes the recorded calls again, and compares the answers.
    #[arg(long)]
    check: bool,
    /// The other version: a file, an address, a registry's reference, a name.
    #[arg(long, value_name = "SOURCE")]
    with: Option<String>,
    /// Other answers are no failure of the check.
    #[arg(long, requires = "check")]
    allow_different: bool,
    /// Prints the outcome of the check as JSON.
    #[arg(long, requires = "check")]
    json: bool,
    #[command(flatten)]
    consent: owner::Consent,
}

pub async fn run(global: &Global, app: &App, arguments: Arguments) -> Result<(), StartError> {
    if arguments.check {
        return check(global, app, &arguments).await;
    }
    let (Some(name), Some(source)) = (arguments.name, arguments.with) else {
        return Err(StartError::Other(
            "Say what to put in place: lyceum plugin upgrade NAME --with SOURCE. With --check it is only tried.".into(),
        ));
    };
    let (bytes, name) = (super::fetched(&source, global.dev).await?.bytes, full(&name));
    is_named(&inspection(&bytes)?, &name)?;
    owner::install(global, app, owner::Install::of(source, arguments.consent)).await
}

async fn check(global: &Global, app: &App, arguments: &Arguments) -> Result<(), StartError> {
    let (plugins, data_dir) = (&app.domains().plugins, global.read(Vec::new())?.data_dir);
    let next = match &arguments.with {
        Some(source) => {
            let bytes = super::fetched(source, global.dev).await?.bytes;
            // It runs with the secrets of the installed one.
            plugins.may_be_rehearsed(&inspection(&bytes)?).await.map_err(owner::told)?;
            Some(bytes)
        }
        None => None,
    };
    let (mut sum, mut told) = (Outcome::default(), Vec::new());
    for name in names(plugins, arguments, next.as_deref()).await? {
        let recordings = Recorder::read(&data_dir.join("recordings"), &name)
            .map_err(StartError::io(format!("the recordings of {name} cannot be read")))?;
        if recordings.is_empty() {
            match arguments.json {
                true => told.push(Outcome::default().json(&name, None)),
                false => println!("{name}: no calls are recorded yet"),
            }
            continue;
        }
        let mut activation = plugins.rehearsal(&operator(None), &name).await.map_err(owner::told)?;
        if let Some(package) = &next {
            replace(&mut activation, package)?;
        }
        let (version, host) = host(&data_dir, activation).await?;
        let outcome = replay(&recordings, &host).await;
        match arguments.json {
            true => told.push(outcome.json(&name, Some(&version))),
            false => print!("{}", outcome.text(&format!("{name} {version}"))),
        }
        sum.add(&outcome);
    }
    let wrong = sum.failed + sum.gone + if arguments.allow_different { 0 } else { sum.different };
    if arguments.json {
        super::super::print_all(&format!("{:#}\n", json!({ "passed": wrong == 0, "plugins": told })))?;
    }
    match wrong {
        0 => Ok(()),
        wrong => Err(StartError::Other(format!(
            "{wrong} of {} recorded calls are not answered as before. --allow-different takes other answers.",
            sum.calls()
        ))),
    }
}

/// The plugins that are looked at.
async fn names(plugins: &Plugins, arguments: &Arguments, next: Option<&[u8]>) -> Result<Vec<String>, StartError> {
    let mut name = arguments.name.as_deref().map(full);
    if let Some(package) = next {
        let is = inspection(package)?;
        is_named(&is, name.as_deref().unwrap_or(&is.id))?;
        name = Some(is.id);
    }
    let installed: Vec<String> = plugins.all().await?.into_iter().map(|plugin| plugin.name).collect();
    match name {
        None => Ok(installed),
        Some(name) if installed.contains(&name) => Ok(vec![name]),
        Some(name) => Err(StartError::Other(format!("{name} is not installed: see `lyceum plugin list`"))),
    }
}

fn is_named(is: &Inspection, name: &str) -> Result<(), StartError> {
    if is.id == name {
        return Ok(());
    }
    Err(StartError::Other(format!("the package is {} {}, not {name}", is.id, is.version)))
}

/// The other package, with what it still asks for of what was granted.
fn replace(activation: &mut Activation, package: &[u8]) -> Result<(), StartError> {
    let is = inspection(package)?;
    activation.wasm = package.into();
    activation.grants.0.retain(|name, _| is.asks.0.contains_key(name));
    for (name, grant) in &mut activation.grants.0 {
        let ask = &is.asks.0[name];
        grant.names.retain(|name| ask.names.contains(name));
        grant.limits.retain(|limit, most| ask.limits.get(limit).is_some_and(|asked| *most <= *asked));
    }
    if let (Some(schema), Ok(config)) = (&is.config_schema, serde_json::from_str::<Json>(&activation.config)) {
        activation.config = with_defaults(schema, &config).to_string();
    }
    Ok(())
}

/// The version, and a host on which it runs alone, with the times of a patient owner.
async fn host(data_dir: &Path, activation: Activation) -> Result<(String, PluginHost), StartError> {
    let config = PluginHostConfig {
        cache_dir: Some(data_dir.join("plugins")),
        clock: Arc::new(SystemClock),
        limits: patient(),
        exchanges: Some(Vec::new()),
        compiler: compiler::of_this_program(),
        ..PluginHostConfig::default()
    };
    let host = PluginHost::new(config).map_err(|error| StartError::Plugins(error.to_string()))?;
    let is = host.activate(activation).await.map_err(|failure| StartError::Other(failure.to_string()))?;
    Ok((is.version, host))
}

/// How the recorded calls of one plugin ended this time.
#[derive(Default)]
struct Outcome {
    same: usize,
    different: usize,
    failed: usize,
    gone: usize,
    /// The first that did not end as before.
    shown: Vec<Shown>,
}

/// A call that did not end as before, for people and for programs.
struct Shown {
    text: String,
    json: Json,
}

async fn replay(recordings: &[Recording], host: &PluginHost) -> Outcome {
    let mut outcome = Outcome::default();
    for recording in recordings {
        let name = recording.call.name();
        match recording.replay(host).await {
            Replayed::Same => outcome.same += 1,
            Replayed::Different { was, is } => {
                outcome.different += 1;
                let text = format!("{name}\n    was {}\n    is  {}", cut(&was, CUT), cut(&is, CUT));
                outcome.show(text, json!({ "call": name, "outcome": "different", "was": was, "is": is }));
            }
            Replayed::Failed(failure) => {
                outcome.failed += 1;
                let json = json!({ "call": name, "outcome": "failed", "failure": failure });
                outcome.show(failure.to_string(), json);
            }
            Replayed::Gone => {
                outcome.gone += 1;
                let json = json!({ "call": name, "outcome": "gone" });
                outcome.show(format!("{name}: the plugin does not do this any more"), json);
            }
        }
    }
    outcome
}

impl Outcome {
    fn show(&mut self, text: String, json: Json) {
        if self.shown.len() < SHOWN {
            self.shown.push(Shown { text, json });
        }
    }

    fn calls(&self) -> usize {
        self.same + self.different + self.failed + self.gone
    }

    fn add(&mut self, other: &Self) {
        self.same += other.same;
        self.different += other.different;
        self.failed += other.failed;
        self.gone += other.gone;
    }

    fn text(&self, title: &str) -> String {
        let Self { same, different, failed, gone, shown } = self;
        let shown: String = shown.iter().map(|shown| format!("  {}\n", shown.text)).collect();
        let calls = self.calls();
        format!("{title}: {calls} calls, {same} same, {different} different, {failed} failed, {gone} gone\n{shown}")
    }

    /// `version`: none when no calls are recorded, so that nothing was run.
    fn json(&self, plugin: &str, version: Option<&str>) -> Json {
        let Self { same, different, failed, gone, shown } = self;
        let shown: Vec<&Json> = shown.iter().map(|shown| &shown.json).collect();
        json!({
            "plugin": plugin, "version": version, "calls": self.calls(), "same": same, "different": different,
            "failed": failed, "gone": gone, "differences": shown,
        })
    }
}
