//! What a builder has to know of a plugin's folder.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use lyceum_plugin_host::InterfaceName;
use semver::Version;

use super::{Language, sources};
use crate::StartError;

/// A folder with a `plugin.toml`.
#[derive(Debug)]
pub(super) struct Project {
    pub folder: PathBuf,
    pub language: Language,
    /// The part of the plugin's id after the slash.
    pub name: String,
    /// The manifest as it is written, which becomes a section of the component.
    pub manifest: String,
    /// The JSON Schema of the configuration, when there is one.
    pub config_schema: Option<String>,
    /// The interfaces it implements, with whole versions.
    pub exports: Vec<InterfaceName>,
    /// The permissions it asks for, which are interfaces of `lyceum:host`.
    pub permissions: BTreeSet<String>,
}

/// Packages whose plugins import nothing: they are pure functions.
const PURE: [&str; 2] = ["ranking", "moderation"];
/// What every other plugin may import.
const BASELINE: [&str; 5] = ["log", "config", "clock", "random", "metrics"];

impl Project {
    /// # Errors
    /// There is no plugin in this folder, or its manifest cannot be read.
    pub fn read(folder: &Path) -> Result<Self, StartError> {
        let path = folder.join("plugin.toml");
        let manifest = fs::read_to_string(&path).map_err(|_| no_manifest(folder))?;
        let wrong = |what: String| StartError::Other(format!("{}: {what}", path.display()));
        let table: toml::Table = manifest.parse().map_err(|error: toml::de::Error| wrong(error.to_string()))?;
        let text = |key: &str| table.get("plugin").and_then(|plugin| plugin.get(key)).and_then(toml::Value::as_str);
        let id = text("id").ok_or_else(|| wrong("`plugin.id` is missing: write `publisher/name`".into()))?;
        Ok(Self {
            language: Language::of(folder)?,
            name: id.rsplit('/').next().unwrap_or(id).to_owned(),
            config_schema: config_schema(folder, &table)?,
            exports: exports(&table).map_err(wrong)?,
            permissions: keys(&table, "permissions"),
            folder: fs::canonicalize(folder).map_err(StartError::io(folder.display().to_string()))?,
            manifest,
        })
    }

    /// The interfaces of `lyceum:host` that the component imports: the baseline,
    /// unless the plugin is a pure function, and what it asks for.
    pub fn imports(&self) -> Vec<String> {
        let pure = self.exports.iter().all(|name| PURE.contains(&package(name)) || package(name) == "lifecycle");
        let baseline = BASELINE.iter().filter(|_| !pure).map(|name| (*name).to_owned());
        baseline.chain(self.permissions.iter().cloned()).collect()
    }

    pub fn private(&self, inner: &str) -> PathBuf {
        self.folder.join(sources::PRIVATE).join(inner)
    }

    pub fn component(&self) -> PathBuf {
        self.folder.join("target").join(format!("{}.wasm", self.name))
    }
}

/// `moderation` of `lyceum:moderation/moderator@1.0.0`.
pub(super) fn package(name: &InterfaceName) -> &str {
    let path = name.path.split('/').next().unwrap_or(&name.path);
    path.strip_prefix("lyceum:").unwrap_or(path)
}

/// `moderator` of `lyceum:moderation/moderator@1.0.0`.
pub(super) fn interface(name: &InterfaceName) -> &str {
    name.path.rsplit('/').next().unwrap_or(&name.path)
}

fn no_manifest(folder: &Path) -> StartError {
    let folder = folder.display();
    StartError::Other(format!(
        "{folder} has no plugin.toml: name the plugin's folder, or make one with `lyceum plugin new`"
    ))
}

fn config_schema(folder: &Path, table: &toml::Table) -> Result<Option<String>, StartError> {
    let name = table.get("config").and_then(|config| config.get("schema")).and_then(toml::Value::as_str);
    let path = name.map(|name| folder.join(name));
    path.map(|path| fs::read_to_string(&path).map_err(StartError::io(path.display().to_string()))).transpose()
}

fn keys(table: &toml::Table, section: &str) -> BTreeSet<String> {
    let section = table.get(section).and_then(toml::Value::as_table);
    section.map(|section| section.keys().cloned().collect()).unwrap_or_default()
}

/// The interfaces of `plugin.implements`, each with the newest version of its
/// major that this binary has.
fn exports(table: &toml::Table) -> Result<Vec<InterfaceName>, String> {
    let names = table.get("plugin").and_then(|plugin| plugin.get("implements")).and_then(toml::Value::as_array);
    let names = names.filter(|names| !names.is_empty());
    let names = names.ok_or("`plugin.implements` is missing: name the interfaces that the plugin exports")?;
    names.iter().map(|name| whole(name.as_str().unwrap_or_default())).collect()
}

fn whole(text: &str) -> Result<InterfaceName, String> {
    let name: InterfaceName = text.parse().map_err(|why| format!("`plugin.implements` has \"{text}\": {why}"))?;
    let version: Option<Version> = sources::newest(package(&name), name.version.major);
    let version = version.ok_or_else(|| format!("this Lyceum has no interface {text}"))?;
    Ok(InterfaceName { version, ..name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(implements: &str, permissions: &str) -> Project {
        let folder = tempfile::tempdir().expect("a folder");
        let manifest = format!("[plugin]\nid = \"acme/try\"\nimplements = [{implements}]\n{permissions}");
        fs::write(folder.path().join("plugin.toml"), manifest).expect("written");
        fs::write(folder.path().join("package.json"), "{}").expect("written");
        Project::read(folder.path()).expect("a project")
    }

    #[test]
    fn a_pure_plugin_imports_nothing() {
        let project = project("\"lyceum:ranking/ranker@1.0\"", "");
        assert_eq!(project.imports(), Vec::<String>::new());
        assert_eq!(project.exports[0].to_string(), "lyceum:ranking/ranker@1.0.0");
        assert_eq!(project.name, "try");
    }

    #[test]
    fn another_imports_the_baseline_and_what_it_asks_for() {
        let project = project("\"lyceum:payment/provider@1.0\"", "[permissions.kv]\nquota = \"1MiB\"");
        assert_eq!(project.imports(), ["log", "config", "clock", "random", "metrics", "kv"]);
    }

    #[test]
    fn an_unknown_interface_is_named() {
        assert_eq!(
            whole("lyceum:weather/forecast@1.0").expect_err("there is none"),
            "this Lyceum has no interface lyceum:weather/forecast@1.0"
        );
    }
}
