//! The checks of one run.

use lyceum_domain::plugin::Inspection;
use serde_json::{Value as Json, json};

/// One check. A problem says what was expected, what came, and what to do.
struct Check {
    world: String,
    name: String,
    problem: Option<String>,
}

/// Checks in the order in which they were made.
#[derive(Default)]
pub struct Report(Vec<Check>);

impl Report {
    pub fn note(&mut self, world: &str, name: impl Into<String>, outcome: Result<(), String>) {
        self.0.push(Check { world: world.to_owned(), name: name.into(), problem: outcome.err() });
    }

    #[must_use]
    pub fn failed(&self) -> usize {
        self.0.iter().filter(|check| check.problem.is_some()).count()
    }

    /// One line a check, and how many there were.
    #[must_use]
    pub fn text(&self, title: &str) -> String {
        let lines: String = self.0.iter().map(Check::line).collect();
        format!("{title}\n{lines}{} passed, {} failed\n", self.0.len() - self.failed(), self.failed())
    }

    #[must_use]
    pub fn json(&self, is: &Inspection) -> String {
        let report = json!({
            "plugin": is.id,
            "version": is.version,
            "passed": self.0.len() - self.failed(),
            "failed": self.failed(),
            "checks": self.0.iter().map(Check::json).collect::<Vec<_>>(),
        });
        format!("{report:#}\n")
    }
}

impl Check {
    fn line(&self) -> String {
        match &self.problem {
            None => format!("ok {}: {}\n", self.world, self.name),
            Some(problem) => format!("FAILED {}: {}: {}\n", self.world, self.name, problem.replace('\n', "\n  ")),
        }
    }

    fn json(&self) -> Json {
        json!({ "world": self.world, "check": self.name, "ok": self.problem.is_none(), "problem": self.problem })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_a_line_for_each_check_and_a_sum() {
        let mut report = Report::default();
        report.note("ranking", "scores follow the items", Ok(()));
        report.note("ranking", "no items", Err("it traps".into()));
        assert_eq!(
            report.text("a/b 1.0.0"),
            "a/b 1.0.0\nok ranking: scores follow the items\nFAILED ranking: no items: it traps\n1 passed, 1 failed\n"
        );
    }
}
