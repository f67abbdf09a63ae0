//! `plugins.lock`: what is installed, exactly, in a file for version control.
//!
//! The database is the truth; the lock is a copy of it that can be read in a
//! diff, and compared on another machine (`lyceum plugin lock --check`).

use std::{fmt, io, path::Path};

use lyceum_domain::plugin::InstalledPlugin;
use serde::{Deserialize, Serialize};

use crate::replace::replace;

const HEAD: &str = "# The installed plugins. Written by `lyceum plugin`; compare with `lyceum plugin lock --check`.\n";
const VERSION: u32 = 1;

/// One installed plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockEntry {
    pub id: String,
    pub version: String,
    /// SHA-256 of the component.
    pub digest: String,
    /// SHA-256 of the package.
    pub package: String,
    /// Where it came from, with its digest where the source has one.
    pub source: String,
    /// The publisher's public key; none: it was not signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// SHA-256 over the permissions it asks for.
    pub permissions: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default)]
    plugin: Vec<LockEntry>,
}

/// What differs between the lock and the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// It is locked and not installed.
    Missing(LockEntry),
    /// It is installed and not locked.
    Extra(LockEntry),
    /// The named values differ: locked, installed.
    Other { id: String, what: &'static str, locked: String, installed: String },
}

impl LockEntry {
    #[must_use]
    pub fn of(plugin: &InstalledPlugin) -> Self {
        let is = &plugin.manifest;
        Self {
            id: plugin.name.clone(),
            version: plugin.version.clone(),
            digest: plugin.digest.clone(),
            package: is.package_digest.clone(),
            source: plugin.source.clone(),
            key: is.signer.as_ref().map(|signer| signer.public_key.clone()),
            permissions: is.permission_hash.clone(),
        }
    }
}

/// Reads the lock; none when there is no such file.
///
/// # Errors
/// It cannot be read, or is no lock.
pub fn read(path: &Path) -> io::Result<Option<Vec<LockEntry>>> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    let file: File = toml::from_str(&text).map_err(io::Error::other)?;
    match file.version {
        VERSION => Ok(Some(file.plugin)),
        other => Err(io::Error::other(format!("it has version {other}; this Lyceum reads {VERSION}"))),
    }
}

/// Writes the lock, sorted by id. A reader sees the old one or the new one.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, entries: &[LockEntry]) -> io::Result<()> {
    let mut plugin = entries.to_vec();
    plugin.sort_by(|a, b| a.id.cmp(&b.id));
    let text = toml::to_string(&File { version: VERSION, plugin }).map_err(io::Error::other)?;
    replace(path, format!("{HEAD}{text}"))
}

/// Notes one plugin in the lock, which is made when there is none.
///
/// # Errors
/// The file cannot be read or written.
pub fn record(path: &Path, entry: LockEntry) -> io::Result<()> {
    let mut entries = read(path)?.unwrap_or_default();
    entries.retain(|old| old.id != entry.id);
    entries.push(entry);
    write(path, &entries)
}

/// What differs; nothing when all is as locked. Where something came from does
/// not matter when it is the same.
#[must_use]
pub fn check(locked: &[LockEntry], installed: &[LockEntry]) -> Vec<Difference> {
    let find = |all: &[LockEntry], id: &str| all.iter().find(|entry| entry.id == id).cloned();
    let mut found: Vec<Difference> = Vec::new();
    for entry in locked {
        match find(installed, &entry.id) {
            None => found.push(Difference::Missing(entry.clone())),
            Some(other) => found.extend(differ(entry, &other)),
        }
    }
    found.extend(installed.iter().filter(|entry| find(locked, &entry.id).is_none()).cloned().map(Difference::Extra));
    found
}

fn differ(locked: &LockEntry, installed: &LockEntry) -> Vec<Difference> {
    let key = |entry: &LockEntry| entry.key.clone().unwrap_or_else(|| "unsigned".to_owned());
    let values = |entry: &LockEntry| {
        [entry.version.clone(), entry.digest.clone(), entry.package.clone(), key(entry), entry.permissions.clone()]
    };
    let names = ["version", "digest", "package", "key", "permissions"];
    let pairs = names.into_iter().zip(values(locked).into_iter().zip(values(installed)));
    let other = |(what, (locked, installed))| Difference::Other { id: String::new(), what, locked, installed };
    let mut differences: Vec<Difference> = pairs.filter(|(_, (a, b))| a != b).map(other).collect();
    for difference in &mut differences {
        if let Difference::Other { id, .. } = difference {
            id.clone_from(&locked.id);
        }
    }
    differences
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(entry) => {
                write!(f, "{} {} is locked and not installed; it came from {}", entry.id, entry.version, entry.source)
            }
            Self::Extra(entry) => write!(f, "{} {} is installed and not locked", entry.id, entry.version),
            Self::Other { id, what, locked, installed } => {
                write!(f, "{id}: the {what} is {installed}, and {locked} is locked")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn entry(id: &str, version: &str) -> LockEntry {
        LockEntry {
            id: id.into(),
            version: version.into(),
            digest: "d1".into(),
            package: "p1".into(),
            source: "./x.tar".into(),
            key: Some("RWQ".into()),
            permissions: "h1".into(),
        }
    }

    #[test]
    fn what_was_written_is_read_sorted_and_one_plugin_stands_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plugins.lock");
        assert_eq!(read(&path).unwrap(), None);
        record(&path, entry("b/two", "1.0.0")).unwrap();
        record(&path, LockEntry { key: None, ..entry("a/one", "1.0.0") }).unwrap();
        record(&path, entry("b/two", "1.1.0")).unwrap();
        let ids: Vec<(String, String)> = read(&path).unwrap().unwrap().into_iter().map(|e| (e.id, e.version)).collect();
        assert_eq!(ids, [("a/one".to_owned(), "1.0.0".to_owned()), ("b/two".to_owned(), "1.1.0".to_owned())]);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        std::fs::write(&path, "version = 2").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("version 2"));
    }

    #[test]
    fn every_difference_is_told_and_the_source_is_none() {
        let locked = [entry("a/one", "1.0.0"), entry("b/two", "1.0.0")];
        assert_eq!(check(&locked, &locked), []);
        let elsewhere = [LockEntry { source: "oci://…".into(), ..entry("a/one", "1.0.0") }, entry("b/two", "1.0.0")];
        assert_eq!(check(&locked, &elsewhere), []);
        let installed =
            [LockEntry { key: None, digest: "d2".into(), ..entry("a/one", "1.0.0") }, entry("c/three", "2.0.0")];
        let told: Vec<String> = check(&locked, &installed).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "a/one: the digest is d2, and d1 is locked",
                "a/one: the key is unsigned, and RWQ is locked",
                "b/two 1.0.0 is locked and not installed; it came from ./x.tar",
                "c/three 2.0.0 is installed and not locked",
            ]
        );
    }
}
