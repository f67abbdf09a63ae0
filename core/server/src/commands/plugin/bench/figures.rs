//! The figures of one run, as a table and as JSON.

use std::time::Duration;

use lyceum_domain::plugin::PluginFailure;
use lyceum_plugin_host::limits;
use serde_json::{Value as Json, json};

use crate::commands::plugin::test::Subject;

/// Signs of a full bar.
const BAR: usize = 10;

/// Everything that was measured of one component.
pub(super) struct Figures {
    plugin: String,
    version: String,
    size: Share,
    /// Compiling, linking and asking for its health, for the first time.
    first_start_ms: f64,
    pub rows: Vec<Row>,
}

/// One function.
pub(super) struct Row {
    pub name: String,
    pub p50_us: f64,
    pub p99_us: f64,
    /// Milliseconds at p99.
    pub wall: Share,
    /// Ticks of a millisecond, at most.
    pub cpu: Share,
    /// Bytes, at most.
    pub memory: Share,
    /// Why it was not measured.
    pub failure: Option<String>,
}

/// A part of a limit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Share {
    used: f64,
    limit: f64,
}

impl Share {
    pub fn new(used: f64, limit: f64) -> Self {
        Self { used, limit }
    }

    pub fn percent(self) -> f64 {
        if self.limit > 0.0 { self.used / self.limit * 100.0 } else { 0.0 }
    }

    fn bar(self) -> String {
        let full = ((self.percent() / 100.0 * BAR as f64).round() as usize).min(BAR);
        format!("{}{} {:>4.0} %", "█".repeat(full), "·".repeat(BAR - full), self.percent())
    }

    fn json(self) -> Json {
        json!({ "used": self.used, "limit": self.limit, "percent": (self.percent() * 10.0).round() / 10.0 })
    }
}

impl Row {
    pub fn failed(name: String, failure: PluginFailure) -> Self {
        let none = Share::default();
        let failure = Some(failure.to_string());
        Self { name, p50_us: 0.0, p99_us: 0.0, wall: none, cpu: none, memory: none, failure }
    }

    fn shares(&self) -> [(&'static str, Share); 3] {
        [("wall", self.wall), ("cpu", self.cpu), ("memory", self.memory)]
    }

    fn json(&self) -> Json {
        match &self.failure {
            Some(failure) => json!({ "function": self.name, "failure": failure }),
            None => json!({
                "function": self.name,
                "p50Us": self.p50_us,
                "p99Us": self.p99_us,
                "wallMs": self.wall.json(),
                "cpuMs": self.cpu.json(),
                "memoryBytes": self.memory.json(),
            }),
        }
    }

    fn line(&self, width: usize) -> String {
        let name = &self.name;
        match &self.failure {
            Some(failure) => format!("{name:width$}  not measured: {failure}\n"),
            None => format!(
                "{name:width$}  {:>9.1}  {:>9.1}  {}  {}  {}\n",
                self.p50_us,
                self.p99_us,
                self.wall.bar(),
                self.cpu.bar(),
                self.memory.bar()
            ),
        }
    }
}

impl Figures {
    pub fn of(subject: &Subject, first_start: Duration) -> Self {
        let most = subject.is.limits.get("component").copied().unwrap_or(0).max(limits::COMPONENT_BYTES as u64);
        Self {
            plugin: subject.is.id.clone(),
            version: subject.is.version.clone(),
            size: Share::new(subject.wasm.len() as f64, most as f64),
            first_start_ms: (first_start.as_secs_f64() * 1e4).round() / 10.0,
            rows: Vec::new(),
        }
    }

    /// What uses more than `most` percent of a limit.
    pub fn over(&self, most: f64) -> Vec<String> {
        let told = |name: &str, what: &str, share: Share| format!("{name} {what} {:.0} %", share.percent());
        let size = (self.size.percent() > most).then(|| told("component", "size", self.size));
        let rows = self.rows.iter().flat_map(|row| {
            let over = row.shares().into_iter().filter(|(_, share)| share.percent() > most);
            over.map(|(what, share)| told(&row.name, what, share))
        });
        size.into_iter().chain(rows).collect()
    }

    pub fn json(&self) -> String {
        let figures = json!({
            "plugin": self.plugin,
            "version": self.version,
            "componentBytes": self.size.json(),
            "firstStartMs": self.first_start_ms,
            "functions": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
        });
        format!("{figures:#}\n")
    }

    pub fn text(&self) -> String {
        let width = self.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0).max(8);
        let lines: String = self.rows.iter().map(|row| row.line(width)).collect();
        format!(
            "{} {}\ncomponent    {} bytes  {}\nfirst start  {:.1} ms (compiled, linked, healthy)\n\n\
             {:width$}  {:>9}  {:>9}  {:17}  {:17}  {:17}\n{lines}",
            self.plugin,
            self.version,
            self.size.used,
            self.size.bar(),
            self.first_start_ms,
            "function",
            "p50 µs",
            "p99 µs",
            "wall at p99",
            "CPU",
            "memory"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        let row = Row {
            name: "rank 500 items".into(),
            p50_us: 12.0,
            p99_us: 30.5,
            wall: Share::new(15.0, 20.0),
            cpu: Share::new(1.0, 10.0),
            memory: Share::new(0.0, 32.0),
            failure: None,
        };
        let size = Share::new(26_000.0, 8_388_608.0);
        Figures { plugin: "a/b".into(), version: "1.0.0".into(), size, first_start_ms: 40.0, rows: vec![row] }
    }

    #[test]
    fn a_bar_shows_the_part_of_the_limit() {
        let text = figures().text();
        let line = "rank 500 items       12.0       30.5  ████████··   75 %  █·········   10 %  ··········    0 %\n";
        assert!(text.ends_with(line), "{text}");
    }

    #[test]
    fn what_is_over_the_part_is_named() {
        assert_eq!(figures().over(50.0), ["rank 500 items wall 75 %"]);
        assert!(figures().over(80.0).is_empty());
    }
}
