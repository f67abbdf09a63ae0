//! `lyceum plugin pack`: a folder becomes one `.tar`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lyceum_domain::plugin::Inspection;
use lyceum_plugin_host::package::{
    Archive,
    archive::{COMPONENT, CONFIG_SCHEMA, MANIFEST, ROTATION, ROTATION_SIGNATURE},
};

use super::inspection;
use crate::{StartError, plugin_source::sha256};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The plugin's folder, with plugin.toml, plugin.wasm and what goes with them.
    #[arg(default_value = ".")]
    directory: PathBuf,
    /// The component, when it is not plugin.wasm in that folder.
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
    /// The package [default: NAME-VERSION.tar].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> Result<(), StartError> {
    let archive = collect(&arguments.directory, arguments.component.as_deref()).map_err(StartError::Other)?;
    let bytes = archive.to_bytes();
    let is = inspection(&bytes)?;
    let output = arguments.output.clone().unwrap_or_else(|| default_name(&is));
    fs::write(&output, &bytes).map_err(StartError::io(format!("{} is not written", output.display())))?;
    print!("{}", report(&archive, &is, &bytes));
    println!("{} is not signed yet: lyceum plugin sign {0} --key publisher.key", output.display());
    Ok(())
}

/// The files of a package that a folder has, sealed.
fn collect(directory: &Path, component: Option<&Path>) -> Result<Archive, String> {
    let mut archive = Archive::default();
    let component = component.map_or_else(|| directory.join(COMPONENT), Path::to_path_buf);
    archive.put(COMPONENT, read(&component)?)?;
    archive.put(MANIFEST, read(&directory.join(MANIFEST))?)?;
    for name in [CONFIG_SCHEMA, "icon.svg", "LICENSE", ROTATION, ROTATION_SIGNATURE] {
        let path = directory.join(name);
        if path.is_file() {
            archive.put(name, read(&path)?)?;
        }
    }
    for (folder, before, after) in [("", "README", ".md"), ("locales", "", ".json")] {
        for name in names(&directory.join(folder), before, after)? {
            let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            archive.put(&name, read(&directory.join(&name))?)?;
        }
    }
    archive.seal()?;
    Ok(archive)
}

/// The files of a folder with such names; none when there is no such folder.
fn names(folder: &Path, before: &str, after: &str) -> Result<Vec<String>, String> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| format!("{}: {error}", folder.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(before) && name.ends_with(after) && entry.path().is_file() {
            names.push(name);
        }
    }
    Ok(names)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn default_name(is: &Inspection) -> PathBuf {
    let name = is.id.rsplit('/').next().unwrap_or(&is.id);
    format!("{name}-{}.tar", is.version).into()
}

/// Sizes, digests and what it asks for.
pub(super) fn report(archive: &Archive, is: &Inspection, bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = format!("{} {}  {}\n", is.id, is.version, is.license);
    for (name, content) in archive.files() {
        let _ = writeln!(text, "  {:>10} B  {name}", content.len());
    }
    let _ = writeln!(text, "component    sha256 {}", is.digest);
    let _ = writeln!(text, "package      sha256 {}  {} B", sha256(bytes), bytes.len());
    let _ = writeln!(text, "permissions  sha256 {}", is.permission_hash);
    for (name, ask) in &is.asks.0 {
        let what: Vec<String> = ask
            .hosts
            .iter()
            .chain(&ask.names)
            .cloned()
            .chain(ask.quota_bytes.map(|bytes| format!("{bytes} B")))
            .chain(ask.limits.iter().map(|(limit, most)| format!("{limit} = {most}")))
            .collect();
        let _ = writeln!(text, "  asks for {name} {} ({})", what.join(", "), ask.reason);
    }
    let signer = is
        .signer
        .as_ref()
        .map_or("nobody".to_owned(), |signer| format!("{} ({})", signer.fingerprint(), signer.key_id));
    let _ = writeln!(text, "signed by    {signer}");
    text
}
