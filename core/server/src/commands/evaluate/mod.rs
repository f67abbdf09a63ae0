//! `lyceum plugin evaluate …`: how good a moderator or a ranker is, on labelled data.
//!
//! The component runs in the host as in the server, under the same limits.

mod figures;
mod moderation;
mod ranking;
mod tsv;

use std::{collections::BTreeMap, path::Path};

use indicatif::{ProgressBar, ProgressStyle};
use lyceum_domain::plugin::{Activation, Grants, PluginRuntime as _, Role};
use lyceum_plugin_host::{PluginHost, PluginHostConfig};

use crate::{StartError, first_party};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
    /// Prints the figures as JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Precision, recall and F1 of a moderator on labelled texts.
    Moderation(moderation::Moderation),
    /// NDCG@10, HitRate@10 and Recall@20 of a ranker on what people took next.
    Ranking(ranking::Ranking),
}

pub async fn run(arguments: &Arguments) -> Result<(), StartError> {
    let report = match &arguments.what {
        What::Moderation(asked) => moderation::report(asked).await?,
        What::Ranking(asked) => ranking::report(asked).await?,
    };
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&report).map_err(|error| StartError::Other(error.to_string()))?,
        false => table(&report),
    };
    super::print_all(&(text + "\n"))
}

/// Figures in the order in which they are shown.
type Report = serde_json::Map<String, serde_json::Value>;

fn table(report: &Report) -> String {
    let width = report.keys().map(String::len).max().unwrap_or_default();
    let line = |(name, value): (&String, &serde_json::Value)| format!("{name:width$}  {}", shown(value));
    report.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn shown(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Number(number) if number.is_f64() => format!("{:.4}", number.as_f64().unwrap_or_default()),
        other => other.to_string(),
    }
}

/// A host in which this plugin runs alone: a component file, or a first-party name.
async fn host_with(plugin: &str) -> Result<PluginHost, StartError> {
    let wasm = match first_party::component(plugin) {
        Some(wasm) if !Path::new(plugin).exists() => wasm.to_vec(),
        _ => std::fs::read(plugin)
            .map_err(StartError::io(format!("there is no first-party plugin {plugin}, and as a file")))?,
    };
    let host = PluginHost::new(PluginHostConfig::default()).map_err(|error| StartError::Plugins(error.to_string()))?;
    let activation = Activation {
        wasm: wasm.into(),
        grants: Grants::default(),
        config: "{}".to_owned(),
        secrets: BTreeMap::new(),
        previous_version: None,
        role: Role::Active,
    };
    host.activate(activation).await.map_err(|failure| StartError::Other(failure.to_string()))?;
    Ok(host)
}

/// A bar on standard error; none is drawn when that is no terminal.
fn progress(length: usize, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}").expect("the template is fixed");
    ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX)).with_style(style).with_message(what)
}
