//! What is installed, how it fares, and how shadows compare, as text.

use lyceum_domain::plugin::{InstalledPlugin, PluginOverview, Plugins, ShadowReport};
use lyceum_kernel::Viewer;
use serde_json::Value as Json;

use super::{
    full,
    owner::{asks_as_text, quantities, told},
};
use crate::StartError;

/// One line.
pub(super) fn show(plugin: &InstalledPlugin) {
    let error = plugin.last_error.as_ref().map(|error| format!("  {error}")).unwrap_or_default();
    let shadow = if plugin.shadow { " (shadow)" } else { "" };
    println!("{} {} {}{shadow}{error}", plugin.name, plugin.version, plugin.state);
}

/// Everything that the record says of one plugin.
pub(super) async fn status(plugins: &Plugins, viewer: &Viewer, name: &str) -> Result<(), StartError> {
    let overview = plugins.overview(viewer, &full(name)).await.map_err(told)?;
    for (label, text) in lines(&overview) {
        println!("{label:12} {}", text.replace('\n', "\n             "));
    }
    Ok(())
}

fn lines(of: &PluginOverview) -> Vec<(&'static str, String)> {
    let (plugin, is) = (&of.plugin, &of.plugin.manifest);
    let mut lines = vec![
        ("plugin", format!("{} {}", plugin.name, plugin.version)),
        ("state", if plugin.shadow { "shadow".to_owned() } else { plugin.state.to_string() }),
        ("source", plugin.source.clone()),
        ("signed by", is.signer.as_ref().map_or("nobody".to_owned(), |signer| signer.fingerprint())),
        ("implements", is.implements.join("\n")),
        ("asks for", asks_as_text(&is.asks).trim_start().to_owned()),
        (
            "granted",
            plugin.grants.0.iter().map(|(name, g)| format!("{name} {}", quantities(g))).collect::<Vec<_>>().join("\n"),
        ),
        ("config", plugin.config.clone()),
    ];
    let secret =
        |s: &lyceum_domain::plugin::SecretState| format!("{} {}", s.name, if s.is_set { "set" } else { "not set" });
    lines.push(("secrets", of.secrets.iter().map(secret).collect::<Vec<_>>().join("\n")));
    lines
        .extend(of.consent.iter().map(|consent| ("consent", format!("{} to {}", consent.at, consent.permission_hash))));
    lines.extend(of.staged.iter().map(|staged| ("staged", format!("{} since {}", staged.version, staged.staged_at))));
    let versions: Vec<String> = of.versions.iter().map(|v| format!("{} until {}", v.version, v.replaced_at)).collect();
    lines.push(("before", versions.join("\n")));
    lines.extend(plugin.last_error.iter().map(|error| ("last error", error.clone())));
    lines.retain(|(_, text)| !text.is_empty());
    lines
}

/// The comparison of a plugin in the shadow.
pub(super) async fn shadow(plugins: &Plugins, viewer: &Viewer, name: &str) -> Result<(), StartError> {
    let reports = plugins.shadow_report(viewer, &full(name)).await.map_err(told)?;
    if reports.is_empty() {
        println!("No call was compared yet. Put it into the shadow with `lyceum plugin shadow {name} --on`.");
    }
    for report in &reports {
        println!("{}", table(report));
    }
    Ok(())
}

fn table(report: &ShadowReport) -> String {
    let told = &report.report;
    let mut rows = vec![
        ("active", report.active.clone()),
        ("shadow", report.shadow.clone()),
        ("since", report.since.to_string()),
        ("calls", told["calls"].to_string()),
        ("failures", told["failures"].to_string()),
    ];
    for (label, key) in FIGURES {
        if let Some(value) = told.get(key) {
            rows.push((label, value.to_string()));
        }
    }
    for (label, key) in [("decisions", "decisions"), ("labels", "labels")] {
        let counts = told[key].as_object().into_iter().flatten();
        let counts: Vec<String> = counts.map(|(name, count)| format!("{name} {count}")).collect();
        rows.push((label, counts.join(", ")));
    }
    for (label, key) in [("active ms", "activeMs"), ("shadow ms", "shadowMs")] {
        rows.push((label, format!("p50 {} p99 {}", told[key]["p50"], told[key]["p99"])));
    }
    rows.retain(|(_, text)| !text.is_empty());
    let examples = told["examples"].as_array().map(Vec::as_slice).unwrap_or_default();
    let lines = rows.iter().map(|(label, text)| format!("{label:16} {text}"));
    lines.chain(examples.iter().take(3).map(example)).collect::<Vec<_>>().join("\n") + "\n"
}

const FIGURES: [(&str, &str); 5] = [
    ("Kendall tau", "kendallTau"),
    ("overlap@10", "overlapAt10"),
    ("mean rank change", "meanRankChange"),
    ("identical", "identicalShare"),
    ("agreement", "agreement"),
];

fn example(example: &Json) -> String {
    let list = |key: &str| {
        let ids = example[key].as_array().into_iter().flatten().filter_map(Json::as_str);
        ids.collect::<Vec<_>>().join(" ")
    };
    format!("differs: active {}\n         shadow {}", list("active"), list("shadow"))
}

#[cfg(test)]
mod tests {
    use lyceum_domain::plugin::{RankingTally, Tally};

    use super::*;

    #[test]
    fn a_shadow_report_is_a_table() {
        let ids = |text: &str| text.chars().map(|c| c.to_string()).collect::<Vec<_>>();
        let report = ShadowReport {
            active: "lyceum/ranking-default".to_owned(),
            shadow: "acme/rank".to_owned(),
            kind: "ranking".to_owned(),
            since: "2026-11-21T09:00:00Z".parse().expect("a moment"),
            updated_at: "2026-11-21T09:00:00Z".parse().expect("a moment"),
            report: Tally::Ranking(RankingTally::of(&ids("ab"), &ids("ba"), [1000, 1000])).report(),
        };
        let text = table(&report);
        for line in [
            "active           lyceum/ranking-default\n",
            "Kendall tau      -1.0\n",
            "differs: active a b\n         shadow b a\n",
        ] {
            assert!(text.contains(line), "{line:?} is not in\n{text}");
        }
    }
}
