//! The interfaces and SDKs that are in the binary, and how they reach a
//! plugin's folder: as `.lyceum/wit` and `.lyceum/sdk`, written by `new` and
//! refreshed by `build`. They are the binary's; nobody edits them there.

use std::{fs, path::Path};

use semver::Version;

use super::Language;
use crate::StartError;

include!(concat!(env!("OUT_DIR"), "/plugin_sources.rs"));

/// The folder below a plugin's own that is ours.
pub(crate) const PRIVATE: &str = ".lyceum";

/// The workspace of the first-party plugins, whose values the Rust SDK inherits.
const WORKSPACE: &str = include_str!("../../../../../../plugins/Cargo.toml");

/// Writes the interfaces and the SDK of a language where they differ from what
/// is there, so that build tools see no change when there is none.
///
/// # Errors
/// The folder cannot be written.
pub(crate) fn unpack(project: &Path, language: Language) -> Result<(), StartError> {
    let sdk = format!("sdk/{}/", language.folder());
    let wanted = SOURCES.iter().filter(|(path, _)| path.starts_with("wit/") || path.starts_with(&sdk));
    for (path, text) in wanted {
        let text = match language {
            Language::Rust if path.starts_with("sdk/") => standalone(path, text)?,
            _ => (*text).to_owned(),
        };
        write_changed(&project.join(PRIVATE).join(path), &text)?;
    }
    Ok(())
}

/// Writes a file when it says something else.
pub(super) fn write_changed(path: &Path, text: &str) -> Result<(), StartError> {
    if fs::read_to_string(path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    write(path, text.as_bytes())
}

/// Writes a file, and the folder that it is to be in.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), StartError> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(StartError::io(folder.display().to_string()))?;
    fs::write(path, bytes).map_err(StartError::io(path.display().to_string()))
}

/// The Rust SDK outside of its workspace: inherited values are written out, and
/// the interfaces lie nearer.
fn standalone(path: &str, text: &str) -> Result<String, StartError> {
    if !path.ends_with("Cargo.toml") {
        return Ok(text.replace("../../../schema/wit/", "../../wit/"));
    }
    let broken = |error: &dyn std::fmt::Display| StartError::Other(format!("the embedded {path}: {error}"));
    let workspace: toml::Table = WORKSPACE.parse().map_err(|error| broken(&error))?;
    let mut package: toml::Table = text.parse().map_err(|error| broken(&error))?;
    inherit(&mut package, "package", workspace.get("workspace").and_then(|table| table.get("package")));
    inherit(&mut package, "dependencies", workspace.get("workspace").and_then(|table| table.get("dependencies")));
    toml::to_string(&package).map_err(|error| broken(&error))
}

/// Replaces `{ workspace = true }` by the workspace's value.
fn inherit(package: &mut toml::Table, section: &str, values: Option<&toml::Value>) {
    let Some(rows) = package.get_mut(section).and_then(toml::Value::as_table_mut) else { return };
    for (name, row) in rows.iter_mut() {
        let inherits = row.get("workspace").is_some();
        if let Some(value) = values.and_then(|values| values.get(name)).filter(|_| inherits) {
            *row = value.clone();
        }
    }
}

/// The newest embedded version of a package of interfaces, with the major asked for.
pub(super) fn newest(package: &str, major: u64) -> Option<Version> {
    let prefix = format!("wit/{package}/");
    let versions = SOURCES.iter().filter_map(|(path, _)| path.strip_prefix(&prefix)?.split('/').next()?.parse().ok());
    versions.filter(|version: &Version| version.major == major).max()
}

/// The embedded interface files of a package: name and text.
pub(super) fn interfaces(package: &str, version: &Version) -> impl Iterator<Item = (&'static str, &'static str)> {
    let prefix = format!("wit/{package}/{version}/");
    SOURCES.iter().filter_map(move |(path, text)| path.strip_prefix(&prefix).map(|name| (name, *text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_worlds_and_sdks_are_in_the_binary() {
        for package in ["types", "host", "lifecycle", "payment", "ranking", "moderation"] {
            assert!(newest(package, 1).is_some(), "{package}");
        }
        for sdk in ["sdk/rust/Cargo.toml", "sdk/typescript/package.json", "sdk/python/lyceum_sdk/__init__.py"] {
            assert!(SOURCES.iter().any(|(path, _)| *path == sdk), "{sdk}");
        }
    }

    #[test]
    fn the_rust_sdk_stands_without_its_workspace() {
        let (path, text) = SOURCES.iter().find(|(path, _)| *path == "sdk/rust/Cargo.toml").expect("it is embedded");
        let manifest: toml::Table = standalone(path, text).expect("it can be read").parse().expect("TOML");
        assert_eq!(manifest["package"]["edition"].as_str(), Some("2024"));
        assert!(manifest["dependencies"]["wit-bindgen"].get("version").is_some());
        let code = SOURCES.iter().filter(|(path, _)| path.starts_with("sdk/rust/src/"));
        assert!(code.clone().all(|(path, text)| !standalone(path, text).expect("text").contains("../schema/wit")));
    }
}
