//! What came of an import.

use std::collections::BTreeMap;

use serde::Serialize;

/// How many entries were made, changed, and found as they were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
}

/// A line that was not taken over, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// Counted from 1.
    pub line: u64,
    /// The place in the line: `lessons.3.title.zh-CN`. Empty for the whole.
    pub path: String,
    pub reason: String,
}

/// The outcome of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    pub created: u64,
    /// Entries that changed themselves or in a child.
    pub updated: u64,
    pub unchanged: u64,
    pub rejected: Vec<Rejected>,
    /// Children by type: `lesson`.
    pub children: BTreeMap<String, Counts>,
}

/// Where an import is, told after each line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub line: u64,
    /// Read so far.
    pub bytes: u64,
    pub rejected: u64,
}

/// What saving one entry did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Created,
    Updated,
    Unchanged,
}

impl Counts {
    pub(super) fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Created => self.created += 1,
            Outcome::Updated => self.updated += 1,
            Outcome::Unchanged => self.unchanged += 1,
        }
    }

    pub(super) fn plus(&mut self, other: Self) {
        self.created += other.created;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
    }

    pub(super) fn changed(&self) -> bool {
        self.created + self.updated > 0
    }
}
