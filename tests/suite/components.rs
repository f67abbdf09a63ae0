//! The committed components are built from the committed sources: the rule of
//! `plugins/README.md`, computed once more.

use std::path::{Path, PathBuf};

use lyceum_tests::at_root;
use sha2::{Digest, Sha256};

#[test]
fn the_components_are_built_from_these_sources() {
    let list = std::fs::read_to_string(at_root("plugins/components/SOURCES.sha256")).unwrap();
    let lines: Vec<&str> = list.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 5, "{list}");
    for line in lines {
        let (hash, component) = line.split_once("  ").unwrap();
        let folder = component.strip_suffix(".wasm").unwrap();
        assert!(at_root("plugins/components").join(component).is_file(), "{component} is not there");
        assert_eq!(source_hash(folder), hash, "{component} is stale: run plugins/build.sh");
    }
}

fn source_hash(folder: &str) -> String {
    let mut paths = vec!["plugins/Cargo.toml".to_owned(), "plugins/Cargo.lock".to_owned()];
    paths.extend(files("schema/wit").into_iter().filter(|path| path.ends_with(".wit")));
    paths.extend(files("plugins/sdk"));
    paths.extend(files(&format!("plugins/{folder}")));
    paths.sort_unstable();
    let lines: String =
        paths.iter().map(|path| format!("{}  {path}\n", sha256(&std::fs::read(at_root(path)).unwrap()))).collect();
    sha256(lines.as_bytes())
}

/// Every regular file below a folder, by its path from the root.
fn files(folder: &str) -> Vec<String> {
    let root = at_root("");
    let (mut found, mut folders): (Vec<String>, Vec<PathBuf>) = (Vec::new(), vec![root.join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(named(&path, &root));
            }
        }
    }
    found
}

fn named(path: &Path, root: &Path) -> String {
    let parts: Vec<_> = path.strip_prefix(root).unwrap().iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
