//! What is written in the repository, checked as text.

use std::path::{Path, PathBuf};

use lyceum_kernel::ErrorCode;
use lyceum_tests::at_root;

/// Folders that are not ours or not sources.
const LEFT_OUT: [&str; 6] = ["target", ".git", "lyceum-data", ".lyceum", "node_modules", "__pycache__"];

/// Every text file below a folder of the repository.
fn texts(folder: &Path) -> Vec<(PathBuf, String)> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if LEFT_OUT.contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                found.push((path, text));
            }
        }
    }
    found
}

#[test]
fn no_file_names_a_machine() {
    // Spelled in parts, so that this file is clean too.
    let paths = [
        concat!("/ho", "me/"),
        concat!("/Us", "ers/"),
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("C:\\", "Users"),
    ];
    for (file, text) in texts(&at_root("")) {
        for path in paths {
            assert!(!text.contains(path), "{} names {path}", file.display());
        }
    }
}

#[test]
fn every_error_code_is_raised_somewhere() {
    let sources: Vec<(PathBuf, String)> = texts(&at_root("core"))
        .into_iter()
        .filter(|(path, _)| path.extension().is_some_and(|ext| ext == "rs") && !path.ends_with("kernel/src/error.rs"))
        .filter(|(path, _)| path.components().any(|part| part.as_os_str() == "src"))
        .collect();
    let constructors = std::fs::read_to_string(at_root("core/kernel/src/error.rs")).unwrap();
    for code in ErrorCode::ALL {
        let named = format!("ErrorCode::{code:?}");
        let raised = sources.iter().any(|(_, text)| text.contains(&named))
            || constructors.contains(&format!("Self::new({named}"));
        assert!(raised, "{} is raised nowhere in core", code.name());
    }
}

#[test]
fn every_rust_module_says_what_it_is_for() {
    for folder in ["core", "migrations", "plugins", "tests"] {
        for (file, text) in texts(&at_root(folder)) {
            let source = file.extension().is_some_and(|ext| ext == "rs")
                && file.components().any(|part| part.as_os_str() == "src");
            if source && !file.ends_with("tests.rs") {
                let first = text.lines().next().unwrap_or_default();
                assert!(first.starts_with("//!"), "{} has no module text", file.display());
            }
        }
    }
}

#[test]
fn cargo_run_runs_the_server() {
    let manifest = std::fs::read_to_string(at_root("Cargo.toml")).unwrap();
    assert!(manifest.contains("default-members = [\"core/server\"]"), "`cargo run -- demo` of the README needs it");
}
