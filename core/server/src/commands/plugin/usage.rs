//! `lyceum plugin usage`: use beside the limits, failures and last errors of
//! each plugin, as `pluginStatus` of the API tells them.
//!
//! The figures are those that the server on the same data directory has written
//! last; what is recorded of the plugins comes from the database.

use std::{fmt::Write as _, path::Path};

use lyceum_domain::plugin::{InstalledPlugin, PluginFailure, Usage, WorldUsage};
use lyceum_kernel::Timestamp;
use serde_json::{Value as Json, json};

use super::full;
use crate::{
    StartError,
    app::App,
    cli::Global,
    plugin_usage::{self, Figures},
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The plugin; all of them when left out.
    name: Option<String>,
    /// Prints all figures as JSON.
    #[arg(long)]
    json: bool,
}

/// One plugin as it is recorded, and what it used.
struct Row {
    plugin: InstalledPlugin,
    /// None: the server has not said anything of it.
    usage: Option<Usage>,
}

pub async fn run(global: &Global, app: &App, arguments: &Arguments) -> Result<(), StartError> {
    let data_dir = global.read(Vec::new())?.data_dir;
    let path = plugin_usage::path(&data_dir);
    let figures = plugin_usage::read(&data_dir).map_err(StartError::io(path.display().to_string()))?;
    let rows = rows(app, arguments.name.as_deref(), figures.as_ref()).await?;
    let text = match arguments.json {
        true => format!("{:#}\n", as_json(&rows, figures.as_ref())),
        false => as_text(&rows, figures.as_ref(), &data_dir),
    };
    super::super::print_all(&text)
}

async fn rows(app: &App, name: Option<&str>, figures: Option<&Figures>) -> Result<Vec<Row>, StartError> {
    let mut plugins = app.domains().plugins.all().await?;
    if let Some(name) = name.map(full) {
        plugins.retain(|plugin| plugin.name == name);
        if plugins.is_empty() {
            return Err(StartError::Other(format!("{name} is not installed: see `lyceum plugin list`")));
        }
    }
    let usage = |name: &str| figures.and_then(|figures| figures.plugins.get(name).cloned());
    Ok(plugins.into_iter().map(|plugin| Row { usage: usage(&plugin.name), plugin }).collect())
}

fn as_json(rows: &[Row], figures: Option<&Figures>) -> Json {
    let server = figures.map(|told| json!({ "pid": told.pid, "since": told.since, "writtenAt": told.written_at }));
    let plugin = |row: &Row| {
        json!({
            "name": row.plugin.name,
            "version": row.plugin.version,
            "state": row.plugin.state.to_string(),
            "shadow": row.plugin.shadow,
            "lastError": row.plugin.last_error,
            "usage": row.usage.as_ref().map(lyceum_graphql::usage_json),
        })
    };
    json!({ "server": server, "plugins": rows.iter().map(plugin).collect::<Vec<_>>() })
}

fn as_text(rows: &[Row], figures: Option<&Figures>, data_dir: &Path) -> String {
    let plugins: String = rows.iter().map(|row| block(row) + "\n").collect();
    plugins + &origin(figures, data_dir)
}

/// Where the figures are from.
fn origin(figures: Option<&Figures>, data_dir: &Path) -> String {
    let seconds = plugin_usage::INTERVAL.as_secs();
    match figures {
        Some(told) => format!(
            "Figures of the server on {} (process {}) since {}, last changed {}. \
             It writes them down every {seconds} s; `pluginStatus` of its API has them at once.\n",
            data_dir.display(),
            told.pid,
            told.since,
            told.written_at
        ),
        None => format!(
            "No server has written figures to {} yet. One that runs does so every {seconds} s \
             as soon as there are plugins.\n",
            data_dir.display()
        ),
    }
}

fn block(row: &Row) -> String {
    let plugin = &row.plugin;
    let state = if plugin.shadow { "shadow".to_owned() } else { plugin.state.to_string() };
    let mut text = format!("{} {} {state}\n", plugin.name, plugin.version);
    let Some(usage) = &row.usage else { return text + "  no figures\n" };
    let breaker = if usage.breaker_open { ", breaker open: it is not called" } else { "" };
    // Writing into a string does not fail.
    _ = writeln!(text, "  calls {}, failures {}{breaker}", usage.calls, usage.failures);
    if !usage.by_world.is_empty() {
        text += &table(&usage.by_world);
    }
    let denials: Vec<String> = usage.denials.iter().map(|(name, count)| format!("{name} {count}")).collect();
    if !denials.is_empty() {
        _ = writeln!(text, "  refused: {}", denials.join(", "));
    }
    if usage.dropped_log_lines > 0 {
        _ = writeln!(text, "  log lines beyond the limit: {}", usage.dropped_log_lines);
    }
    text += &failures(usage);
    if let Some(error) = &plugin.last_error {
        _ = writeln!(text, "  last error of the record: {error}");
    }
    text
}

const HEAD: [&str; 9] = [
    "world",
    "calls",
    "failed",
    "denied",
    "timed out",
    "wall ms p50 p99 of",
    "cpu ms of",
    "memory KiB of",
    "host calls of",
];

/// Columns as wide as their widest cell; numbers stand to the right.
fn table(worlds: &[WorldUsage]) -> String {
    let lines: Vec<[String; 9]> = std::iter::once(HEAD.map(str::to_owned)).chain(worlds.iter().map(cells)).collect();
    let widths: [usize; 9] =
        std::array::from_fn(|column| lines.iter().map(|line| line[column].len()).max().unwrap_or(0));
    let line = |cells: &[String; 9]| {
        let first = format!("{:1$}", cells[0], widths[0]);
        let rest = cells.iter().zip(widths).skip(1).map(|(cell, width)| format!("  {cell:>width$}"));
        format!("  {first}{}\n", rest.collect::<String>())
    };
    lines.iter().map(line).collect()
}

fn cells(of: &WorldUsage) -> [String; 9] {
    const KIB: u64 = 1024;
    [
        of.world.clone(),
        of.calls.to_string(),
        of.failures.to_string(),
        of.denied.to_string(),
        of.timeouts.to_string(),
        format!("{:.1} {:.1} {}", of.wall_ms_p50, of.wall_ms_p99, of.wall_ms_limit),
        format!("{} {}", of.cpu_ms_max, of.cpu_ms_limit),
        format!("{} {}", of.memory_bytes_max / KIB, of.memory_bytes_limit / KIB),
        format!("{} {}", of.host_calls_max, of.host_calls_limit),
    ]
}

fn failures(usage: &Usage) -> String {
    let line = |at: Option<&Timestamp>, failure: &PluginFailure| {
        let at = at.map(|at| format!("{at} ")).unwrap_or_default();
        format!("    {at}{failure}\n")
    };
    let lines: String = match usage.recent_failures.as_slice() {
        [] => usage.last_failure.iter().map(|failure| line(None, failure)).collect(),
        recent => recent.iter().map(|(at, failure)| line(Some(at), failure)).collect(),
    };
    if lines.is_empty() { lines } else { format!("  last failures:\n{lines}") }
}

#[cfg(test)]
mod tests {
    use lyceum_domain::plugin::FailureKind;

    use super::*;

    fn usage() -> Usage {
        let [plugin, version, world, function, detail] =
            ["acme/rank", "1.0.0", "ranking", "rank", "unreachable"].map(str::to_owned);
        let failure = PluginFailure { plugin, version, world, function, kind: FailureKind::Trap, detail };
        let ranking = WorldUsage {
            world: "ranking".into(),
            calls: 1200,
            failures: 1,
            wall_ms_p50: 0.25,
            wall_ms_p99: 1.5,
            wall_ms_limit: 20,
            cpu_ms_max: 2,
            cpu_ms_limit: 10,
            memory_bytes_max: 1_114_112,
            memory_bytes_limit: 33_554_432,
            ..WorldUsage::default()
        };
        Usage {
            calls: 1200,
            failures: 1,
            by_world: vec![ranking],
            denials: [("http".to_owned(), 3)].into(),
            recent_failures: vec![("2026-11-21T09:00:00Z".parse().expect("a moment"), failure)],
            ..Usage::default()
        }
    }

    #[test]
    fn worlds_stand_in_columns_beside_their_limits() {
        let expected = "  world    calls  failed  denied  timed out  wall ms p50 p99 of  cpu ms of  memory KiB of  host calls of\n\
                        \x20 ranking   1200       1       0          0          0.2 1.5 20       2 10     1088 32768            0 0\n";
        assert_eq!(table(&usage().by_world), expected);
    }

    #[test]
    fn the_last_failures_have_their_times() {
        let expected = "  last failures:\n    2026-11-21T09:00:00.000Z plugin acme/rank@1.0.0: ranking/rank failed (Trap): unreachable\n";
        assert_eq!(failures(&usage()), expected);
        assert_eq!(failures(&Usage::default()), "");
    }
}
