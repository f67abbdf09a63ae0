//! The plan of a schema change: from the content types a database has to
//! those that files want.
//!
//! A plan is a value: [`Step`]s tell a person what will happen, [`Check`]s
//! must hold in the data before, [`Operation`]s change the tables, in order.
//!
//! **Invariant:** an empty list of steps goes with an empty list of
//! operations. Names are compared by stable id, so a rename keeps the data.

mod check;
mod operation;
mod snapshot;
mod step;

#[cfg(test)]
mod tests;

use std::fmt;

use crate::content::{ContentType, layout};

pub use check::Check;
pub use operation::Operation;
pub use snapshot::SnapshotChange;
pub use step::Step;

/// What leads from one set of content types to another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// What the database has.
    pub applied: Vec<ContentType>,
    /// What it will have.
    pub wanted: Vec<ContentType>,
    pub steps: Vec<Step>,
    pub checks: Vec<Check>,
    pub operations: Vec<Operation>,
}

/// Both sets must be whole and valid, as `content::parse` leaves them.
#[must_use]
pub fn diff(applied: &[ContentType], wanted: &[ContentType]) -> Plan {
    Plan {
        steps: step::steps(applied, wanted),
        checks: check::checks(applied, wanted),
        operations: operation::operations(&layout(applied), &layout(wanted)),
        applied: applied.to_vec(),
        wanted: wanted.to_vec(),
    }
}

impl Plan {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.operations.is_empty()
    }

    /// What the plan does to the saved states of entries.
    #[must_use]
    pub fn snapshots(&self) -> Vec<SnapshotChange> {
        snapshot::changes(&self.applied, &self.wanted)
    }

    /// Whether values would be lost.
    #[must_use]
    pub fn is_destructive(&self) -> bool {
        self.steps.iter().any(Step::is_destructive)
    }

    /// One line a step.
    #[must_use]
    pub fn describe(&self) -> Vec<String> {
        self.steps.iter().map(Step::describe).collect()
    }
}

impl fmt::Display for Plan {
    /// The lines of the steps, and a line with their count.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.describe() {
            writeln!(f, "{line}")?;
        }
        let destructive = self.steps.iter().filter(|step| step.is_destructive()).count();
        write!(f, "{} steps, {destructive} destructive", self.steps.len())
    }
}
