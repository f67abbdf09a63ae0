//! The world of one plugin, written from its manifest: what it implements is
//! exported, what it asks for is imported, and nothing else. JavaScript and
//! Python import the whole world that they are built for, so it has to be exact.

use std::{fs, path::PathBuf};

use super::{project::Project, sources};
use crate::StartError;

/// The name of the generated world.
pub(super) const WORLD: &str = "plugin";

/// Writes the generated package and all embedded ones, laid out as the tools
/// want them: `FOLDER/plugin.wit` and `FOLDER/deps/PACKAGE/…`.
///
/// # Errors
/// The folder cannot be written.
pub(super) fn write(project: &Project) -> Result<PathBuf, StartError> {
    let folder = project.private("build/wit");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(StartError::io(folder.display().to_string()))?;
    }
    for package in packages() {
        let Some(version) = sources::newest(package, 1) else { continue };
        for (name, text) in sources::interfaces(package, &version) {
            sources::write_changed(&folder.join("deps").join(package).join(name), text)?;
        }
    }
    sources::write_changed(&folder.join("plugin.wit"), &text(project))?;
    Ok(folder)
}

fn packages() -> Vec<&'static str> {
    let folder =
        |(path, _): &(&'static str, &'static str)| path.strip_prefix("wit/")?.split_once('/').map(|(name, _)| name);
    let mut names: Vec<_> = sources::SOURCES.iter().filter_map(folder).collect();
    names.dedup();
    names
}

/// The generated world.
fn text(project: &Project) -> String {
    let version = sources::newest("host", 1).expect("the host's interfaces are embedded");
    let imports = project.imports().into_iter().map(|name| format!("  import lyceum:host/{name}@{version};\n"));
    let exports = project.exports.iter().map(|name| format!("  export {name};\n"));
    let lines: String = imports.chain(exports).collect();
    format!("package lyceum:built;\n\nworld {WORLD} {{\n{lines}}}\n")
}
