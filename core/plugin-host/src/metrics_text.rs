//! What plugins used, in the text format of Prometheus (version 0.0.4).

use std::fmt::Write as _;

use lyceum_domain::plugin::{Metric, Usage, WorldUsage};

/// One plugin a pair.
pub(crate) fn metrics_text(plugins: &[(String, Usage)]) -> String {
    let mut text = Text(String::new());
    text.family("lyceum_plugin_calls_total", "counter", "Calls of plugins, by how they ended.");
    for (plugin, usage) in plugins {
        for world in &usage.by_world {
            text.outcomes(plugin, world);
        }
    }
    type Figure = fn(&WorldUsage) -> f64;
    let figures: [(&str, &str, Figure); 4] = [
        ("lyceum_plugin_wall_ms_p50", "Median of the wall time, in milliseconds.", |world| world.wall_ms_p50),
        ("lyceum_plugin_wall_ms_p99", "99th percentile of the wall time, in milliseconds.", |world| world.wall_ms_p99),
        ("lyceum_plugin_cpu_ms_max", "Most CPU time of one call, in milliseconds.", |world| world.cpu_ms_max as f64),
        ("lyceum_plugin_memory_bytes_max", "Most memory of one call.", |world| world.memory_bytes_max as f64),
    ];
    for (name, help, figure) in figures {
        text.family(name, "gauge", help);
        for (plugin, usage) in plugins {
            for world in &usage.by_world {
                text.line(name, &[("plugin", plugin), ("world", &world.world)], figure(world));
            }
        }
    }
    text.plugins(plugins);
    text.own(plugins);
    text.0
}

struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing into a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let _ = writeln!(self.0, "{name}{{{}}} {value}", labels.join(","));
    }

    fn outcomes(&mut self, plugin: &str, world: &WorldUsage) {
        let other = world.failures.saturating_sub(world.denied + world.timeouts);
        let outcomes = [
            ("ok", world.calls.saturating_sub(world.failures)),
            ("denied", world.denied),
            ("timeout", world.timeouts),
            ("failed", other),
        ];
        for (outcome, count) in outcomes {
            let labels = [("plugin", plugin), ("world", &world.world), ("outcome", outcome)];
            self.line("lyceum_plugin_calls_total", &labels, count as f64);
        }
    }

    fn plugins(&mut self, plugins: &[(String, Usage)]) {
        self.family("lyceum_plugin_denials_total", "counter", "Refused host calls, by permission.");
        for (plugin, usage) in plugins {
            for (permission, count) in &usage.denials {
                let labels = [("plugin", plugin.as_str()), ("permission", permission)];
                self.line("lyceum_plugin_denials_total", &labels, *count as f64);
            }
        }
        self.family("lyceum_plugin_dropped_log_lines_total", "counter", "Lines beyond the limits of the log.");
        for (plugin, usage) in plugins {
            let count = usage.dropped_log_lines as f64;
            self.line("lyceum_plugin_dropped_log_lines_total", &[("plugin", plugin)], count);
        }
        self.family("lyceum_plugin_breaker_open", "gauge", "1 while a plugin is not called.");
        for (plugin, usage) in plugins {
            let open = if usage.breaker_open { 1.0 } else { 0.0 };
            self.line("lyceum_plugin_breaker_open", &[("plugin", plugin)], open);
        }
    }

    /// What plugins count themselves. Its name is a label, so that no plugin
    /// makes a family that looks like one of ours.
    fn own(&mut self, plugins: &[(String, Usage)]) {
        for (suffix, kind) in [("count", "counter"), ("sum", "counter"), ("min", "gauge"), ("max", "gauge")] {
            let family = format!("lyceum_plugin_own_{suffix}");
            self.family(&family, kind, "A figure of a plugin's own.");
            for (plugin, usage) in plugins {
                for metric in &usage.metrics {
                    if let Some(value) = part(metric, suffix) {
                        self.own_line(&family, plugin, metric, value);
                    }
                }
            }
        }
    }

    fn own_line(&mut self, family: &str, plugin: &str, metric: &Metric, value: f64) {
        let named: Vec<(String, &str)> =
            metric.labels.iter().map(|(name, value)| (label(name), value.as_str())).collect();
        let mut labels = vec![("plugin", plugin), ("metric", metric.name.as_str())];
        labels.extend(named.iter().map(|(name, value)| (name.as_str(), *value)));
        self.line(family, &labels, value);
    }
}

fn part(metric: &Metric, suffix: &str) -> Option<f64> {
    match (suffix, metric.observed) {
        ("count", _) => Some(metric.count as f64),
        ("sum", Some(observed)) => Some(observed.sum),
        ("min", Some(observed)) => Some(observed.min),
        ("max", Some(observed)) => Some(observed.max),
        _ => None,
    }
}

/// A label of the plugin's cannot be one of ours.
fn label(name: &str) -> String {
    let word = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    "own_".chars().chain(word).collect()
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use lyceum_domain::plugin::Observed;

    use super::*;

    #[test]
    fn calls_and_own_figures_are_told_by_plugin() {
        let world = WorldUsage {
            world: "job".into(),
            calls: 9,
            failures: 4,
            denied: 1,
            timeouts: 2,
            wall_ms_p50: 1.5,
            ..WorldUsage::default()
        };
        let observed = Some(Observed { sum: 3.5, min: 1.0, max: 2.5 });
        let labels = [("plugin".to_owned(), "x".to_owned())].into();
        let wait = Metric { name: "wait.ms".into(), labels, count: 2, observed };
        let usage = Usage {
            by_world: vec![world],
            denials: [("http".to_owned(), 3)].into(),
            metrics: vec![wait],
            ..Usage::default()
        };
        let text = metrics_text(&[("acme/x".to_owned(), usage)]);
        for line in [
            r#"lyceum_plugin_calls_total{plugin="acme/x",world="job",outcome="ok"} 5"#,
            r#"lyceum_plugin_calls_total{plugin="acme/x",world="job",outcome="denied"} 1"#,
            r#"lyceum_plugin_calls_total{plugin="acme/x",world="job",outcome="timeout"} 2"#,
            r#"lyceum_plugin_calls_total{plugin="acme/x",world="job",outcome="failed"} 1"#,
            r#"lyceum_plugin_wall_ms_p50{plugin="acme/x",world="job"} 1.5"#,
            r#"lyceum_plugin_denials_total{plugin="acme/x",permission="http"} 3"#,
            r#"lyceum_plugin_own_count{plugin="acme/x",metric="wait.ms",own_plugin="x"} 2"#,
            r#"lyceum_plugin_own_sum{plugin="acme/x",metric="wait.ms",own_plugin="x"} 3.5"#,
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
    }
}
