//! `docs/plugins/crypto.md` and the code know the same algorithms.

use crate::host::crypto::algorithm::{HASHING, OPENING, SEALING, SIGNING, Table};

const PAGE: &str = include_str!("../../../../../../docs/plugins/crypto.md");

/// The names in the first column of a section's table.
fn listed(heading: &str) -> Vec<&'static str> {
    let (_, rest) = PAGE.split_once(&format!("\n## {heading}\n")).expect("the page has the section");
    let section = rest.split("\n## ").next().expect("a first part");
    section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect()
}

fn known<T>(table: &Table<T>) -> Vec<&'static str> {
    table.iter().map(|(name, _)| *name).collect()
}

#[test]
fn the_page_lists_every_algorithm_and_no_other() {
    assert_eq!(listed("Sign and verify"), known(SIGNING));
    assert_eq!(listed("Open"), known(OPENING));
    assert_eq!(listed("Seal"), known(SEALING));
    assert_eq!(listed("Hash"), known(HASHING));
}
