//! The committed components are built from the committed sources: the rule of
//! `plugins/README.md`, computed once more.

use std::path::{Path, PathBuf};

use lyceum_tests::at_root;
use sha2::{Digest, Sha256};

#[test]
fn the_components_are_built_from_these_sources() {
    let list = std::fs::read_to_string(at_root("plugins/components/SOURCES.sha256")).unwrap();
    let lines: Vec<&str> = list.lines().filter(|line| !line.is_empty()).collect();
    let built = files("plugins/components").into_iter().filter(|path| path.ends_with(".wasm")).count();
    assert_eq!(lines.len(), built, "one line for each component: {list}");
    for line in lines {
        let (hash, component) = line.split_once("  ").unwrap();
        let own = component.strip_suffix(".wasm").unwrap();
        let folder = if own.starts_with("hostile/") { "hostile" } else { own };
        let sdk = SCRIPTED.iter().find(|(name, _)| *name == folder).map_or("rust", |(_, sdk)| *sdk);
        assert!(at_root("plugins/components").join(component).is_file(), "{component} is not there");
        assert_eq!(source_hash(folder, sdk), hash, "{component} is stale: run plugins/build.sh");
    }
}

/// The plugins that are not in Rust, with their SDK.
const SCRIPTED: [(&str, &str); 3] =
    [("graphql-reading-time", "typescript"), ("ranking-newest", "typescript"), ("notify-smtp", "python")];
/// What tools leave in a plugin's folder.
const LEFT_OUT: [&str; 4] = [".lyceum", "node_modules", "target", "__pycache__"];

fn source_hash(folder: &str, sdk: &str) -> String {
    let mut paths = match sdk {
        "rust" => vec!["plugins/Cargo.toml".to_owned(), "plugins/Cargo.lock".to_owned()],
        _ => Vec::new(),
    };
    paths.extend(files("schema/wit").into_iter().filter(|path| path.ends_with(".wit")));
    paths.extend(files(&format!("plugins/sdk/{sdk}")));
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
            let left_out = LEFT_OUT.iter().any(|name| path.ends_with(name));
            if path.is_dir() && !left_out {
                folders.push(path);
            } else if !left_out {
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
