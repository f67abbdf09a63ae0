//! A package as one `.tar` file: known names, bounded sizes, one way to write it.
//!
//! **Invariants**
//! - Reading works in memory and never makes a file.
//! - Equal files make an equal archive, byte for byte, and only that archive is
//!   read: there is no place in it for anything that the sums do not cover.
//! - A link, a device, a path or an unknown name is refused, never skipped.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{Cursor, Read as _},
};

use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

pub const MANIFEST: &str = "plugin.toml";
pub const COMPONENT: &str = "plugin.wasm";
pub const CONFIG_SCHEMA: &str = "config.schema.json";
/// SHA-256 of every file but itself and its signature.
pub const SUMS: &str = "lyceum.sums";
pub const SIGNATURE: &str = "lyceum.sums.minisig";
/// The public key that the signature is of.
pub const PUBLISHER: &str = "publisher.pub";
pub const ROTATION: &str = "lyceum.rotation";
pub const ROTATION_SIGNATURE: &str = "lyceum.rotation.minisig";
const ICON: &str = "icon.svg";
const LICENSE: &str = "LICENSE";

/// Files of a package.
pub const FILES: usize = 64;
/// Bytes of the component, of another file, of the configuration's schema, and of all.
pub const COMPONENT_BYTES: usize = 32 << 20;
pub const FILE_BYTES: usize = 1 << 20;
pub const SCHEMA_BYTES: usize = 64 << 10;
pub const TOTAL_BYTES: usize = 40 << 20;
/// A header each, padding, and the end of the archive.
const ARCHIVE_BYTES: usize = TOTAL_BYTES + (FILES + 1) * 1024;
const BLOCK: usize = 512;

/// The files of a package by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Archive(BTreeMap<String, Vec<u8>>);

/// Whether these bytes begin like a `.tar` file.
#[must_use]
pub fn is_archive(bytes: &[u8]) -> bool {
    bytes.get(257..262) == Some(b"ustar")
}

impl Archive {
    /// Reads a `.tar` file with everything in it checked but the signature.
    ///
    /// # Errors
    /// The file that is wrong, why, and what to do.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > ARCHIVE_BYTES {
            return Err(format!("the package has {} bytes; at most {ARCHIVE_BYTES} are allowed", bytes.len()));
        }
        let mut archive = Self::default();
        let broken = |error: std::io::Error| format!("the package is no readable tar file: {error}");
        // Raw: names and sizes are those of the headers, extensions are entries.
        for entry in tar::Archive::new(Cursor::new(bytes)).entries().map_err(broken)?.raw(true) {
            archive.take(entry.map_err(broken)?)?;
        }
        archive.check()?;
        archive.check_sums()?;
        match archive.to_bytes() == bytes {
            true => Ok(archive),
            false => Err("the package is not written as `lyceum plugin pack` writes it (sorted by name, times and owners zero, nothing after the end): pack it again".into()),
        }
    }

    fn take<R: std::io::Read>(&mut self, mut entry: tar::Entry<'_, R>) -> Result<(), String> {
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if entry.header().entry_type() != EntryType::Regular {
            return Err(format!(
                "`{name}` in the package is a link, a folder or a device: only plain files are allowed"
            ));
        }
        if entry.header().as_ustar().is_none() {
            return Err(format!("`{name}` is not in the ustar format: pack it with `lyceum plugin pack`"));
        }
        let size =
            usize::try_from(entry.header().size().map_err(|error| format!("`{name}`: {error}"))?).unwrap_or(usize::MAX);
        check_name(&name)?;
        check_size(&name, size)?;
        if self.0.len() == FILES {
            return Err(format!("the package has more than {FILES} files: leave some out"));
        }
        let mut content = Vec::with_capacity(size);
        entry.read_to_end(&mut content).map_err(|error| format!("`{name}` cannot be read: {error}"))?;
        if content.len() != size {
            return Err(format!("`{name}` ends early: the package was cut off, get it again"));
        }
        match self.0.insert(name.clone(), content) {
            Some(_) => Err(format!("`{name}` is in the package twice: keep one")),
            None => Ok(()),
        }
    }

    /// Puts a file in, or another content in its place.
    ///
    /// # Errors
    /// The name is unknown or the content too large.
    pub fn put(&mut self, name: &str, content: Vec<u8>) -> Result<(), String> {
        check_name(name)?;
        check_size(name, content.len())?;
        self.0.insert(name.to_owned(), content);
        Ok(())
    }

    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(Vec::as_slice)
    }

    /// A file that is text.
    ///
    /// # Errors
    /// It is missing or not UTF-8.
    pub fn text(&self, name: &str) -> Result<&str, String> {
        let content = self.get(name).ok_or_else(|| format!("the package has no `{name}`: pack it again"))?;
        std::str::from_utf8(content).map_err(|_| format!("`{name}` is not UTF-8: save it as UTF-8"))
    }

    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, content)| (name.as_str(), content.as_slice()))
    }

    /// Writes the sums of what is there now. A signature of other sums goes.
    ///
    /// # Errors
    /// A file is missing or too large.
    pub fn seal(&mut self) -> Result<(), String> {
        let sums = self.sums();
        if self.get(SUMS) != Some(sums.as_bytes()) {
            self.0.remove(SIGNATURE);
            self.0.insert(SUMS.to_owned(), sums.into_bytes());
        }
        self.check()
    }

    /// The archive's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let size: usize = self.0.values().map(|content| content.len().next_multiple_of(BLOCK) + BLOCK).sum();
        let mut builder = Builder::new(Vec::with_capacity(size + 2 * BLOCK));
        for (name, content) in &self.0 {
            let mut header = Header::new_ustar();
            header.set_path(name).expect("known names are short");
            header.set_entry_type(EntryType::Regular);
            header.set_mode(0o644);
            header.set_size(content.len() as u64);
            header.set_cksum();
            builder.append(&header, content.as_slice()).expect("memory takes every write");
        }
        builder.into_inner().expect("memory takes every write")
    }

    /// One line a file, sorted: the SHA-256, two spaces, the name.
    #[must_use]
    pub fn sums(&self) -> String {
        let mut text = String::new();
        for (name, content) in self.files().filter(|(name, _)| ![SUMS, SIGNATURE].contains(name)) {
            let _ = writeln!(text, "{}  {name}", hex::encode(Sha256::digest(content)));
        }
        text
    }

    fn check(&self) -> Result<(), String> {
        for needed in [MANIFEST, COMPONENT, SUMS] {
            if self.get(needed).is_none() {
                return Err(format!("the package has no `{needed}`: pack it with `lyceum plugin pack`"));
            }
        }
        for (one, other) in [(SIGNATURE, PUBLISHER), (ROTATION, ROTATION_SIGNATURE)] {
            if self.get(one).is_some() != self.get(other).is_some() {
                return Err(format!("the package has one of `{one}` and `{other}`: they go together, sign it again"));
            }
        }
        let total: usize = self.0.values().map(Vec::len).sum();
        if total > TOTAL_BYTES {
            return Err(format!("the files of the package have {total} bytes together; at most {TOTAL_BYTES}"));
        }
        self.files().try_for_each(|(name, content)| check_content(name, content))
    }

    fn check_sums(&self) -> Result<(), String> {
        let (found, right) = (self.text(SUMS)?, self.sums());
        if found == right {
            return Ok(());
        }
        let line_of =
            |text: &str, name: &str| text.lines().find(|line| line.ends_with(&format!("  {name}"))).map(str::to_owned);
        for (name, _) in self.files().filter(|(name, _)| ![SUMS, SIGNATURE].contains(name)) {
            match line_of(found, name) {
                None => return Err(format!("`{name}` is not in `{SUMS}`: the package was changed, get it again")),
                line if line != line_of(&right, name) => {
                    return Err(format!(
                        "`{name}` does not have the sum in `{SUMS}`: the package was changed, get it again"
                    ));
                }
                Some(_) => {}
            }
        }
        Err(format!(
            "`{SUMS}` does not list the files of the package, each once and sorted: the package was changed, get it again"
        ))
    }
}

/// The names that mean something to somebody.
fn check_name(name: &str) -> Result<(), String> {
    const FIXED: [&str; 10] =
        [MANIFEST, COMPONENT, CONFIG_SCHEMA, SUMS, SIGNATURE, PUBLISHER, ROTATION, ROTATION_SIGNATURE, ICON, LICENSE];
    if name.starts_with('/') || name.contains('\\') || name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(format!("`{name}` is a path out of the package or not a plain one: no package has such a file"));
    }
    let between = |before: &str, after: &str| name.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    let word = |text: &str| {
        text.len() <= 40 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let readme = between("README", ".md").is_some_and(word);
    let locale = between("locales/", ".json").is_some_and(|tag| !tag.is_empty() && word(tag));
    match FIXED.contains(&name) || readme || locale {
        true => Ok(()),
        false => Err(format!(
            "`{name}` is no file of a package: there are {}, README*.md and locales/*.json",
            FIXED.join(", ")
        )),
    }
}

fn check_size(name: &str, size: usize) -> Result<(), String> {
    let most = match name {
        COMPONENT => COMPONENT_BYTES,
        CONFIG_SCHEMA => SCHEMA_BYTES,
        _ => FILE_BYTES,
    };
    match size > most {
        true => Err(format!("`{name}` has {size} bytes; at most {most} are allowed: make it smaller")),
        false => Ok(()),
    }
}

fn check_content(name: &str, content: &[u8]) -> Result<(), String> {
    if name == COMPONENT {
        return Ok(());
    }
    let text = std::str::from_utf8(content).map_err(|_| format!("`{name}` is not UTF-8: save it as UTF-8"))?;
    if name.ends_with(".json") {
        let object = serde_json::from_str::<serde_json::Value>(text)
            .map_err(|error| format!("`{name}` is not JSON: {error}"))?;
        if !object.is_object() {
            return Err(format!("`{name}` is not a JSON object"));
        }
    }
    Ok(())
}
