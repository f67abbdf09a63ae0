//! The page of proofs names tests that exist, and every limit of the table.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use lyceum_plugin_host::limits::TABLE;

fn crate_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> String {
    fs::read_to_string(crate_folder().join("../../docs/plugins/proof.md")).unwrap()
}

/// All sources under a folder, one after the other.
fn sources(folder: &Path) -> String {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: PathBuf| match path.is_dir() {
        true => sources(&path),
        false if path.extension().is_some_and(|extension| extension == "rs") => fs::read_to_string(path).unwrap(),
        false => String::new(),
    };
    paths.map(read).collect()
}

/// What stands in backquotes and can only be a test.
fn tests_named(page: &str) -> BTreeSet<&str> {
    let words = page.split('`').skip(1).step_by(2);
    words.filter(|word| word.matches('_').count() > 1 && !word.contains(['/', ':', ' '])).collect()
}

#[test]
fn every_test_that_the_page_names_exists() {
    let (page, all) =
        (page(), ["src", "tests", "../server/tests"].map(|folder| sources(&crate_folder().join(folder))).concat());
    let named = tests_named(&page);
    assert!(named.len() > 30, "{named:?}");
    let gone: Vec<_> = named.into_iter().filter(|name| !is_test(&all, name)).collect();
    assert_eq!(gone, Vec::<&str>::new(), "named in docs/plugins/proof.md");
}

/// A function with the attribute of a test right above it.
fn is_test(sources: &str, name: &str) -> bool {
    sources.match_indices(&format!("fn {name}(")).any(|(start, _)| {
        let mut above = sources[..start].lines().rev().take(4).map(str::trim_start);
        above.any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
    })
}

#[test]
fn every_limit_of_every_world_has_its_test_on_the_page() {
    let page = page();
    for row in TABLE {
        let start = format!("| {} | ", row.name);
        let line = page.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("no row {}", row.name));
        let cells: Vec<&str> = line.trim_matches('|').split('|').skip(1).collect();
        assert_eq!(cells.len(), 7, "{}", row.name);
        assert!(cells.iter().all(|cell| tests_named(cell).len() == 1), "{}: {cells:?}", row.name);
    }
}
