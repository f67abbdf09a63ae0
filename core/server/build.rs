//! Puts what a plugin's author needs into the binary: the interfaces and the
//! SDKs. `lyceum plugin new` and `build` unpack them, so that no repository is
//! needed. Written to `plugin_sources.rs`: a table of path and text.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// Folders of the repository, and where they are unpacked below `.lyceum`.
const FOLDERS: [(&str, &str); 4] = [
    ("schema/wit", "wit"),
    ("plugins/sdk/rust", "sdk/rust"),
    ("plugins/sdk/typescript", "sdk/typescript"),
    ("plugins/sdk/python", "sdk/python"),
];

/// What tools leave behind. It is not part of an SDK.
const LEFT_OUT: [&str; 4] = ["node_modules", "__pycache__", "target", ".lyceum"];

fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../..");
    let mut rows = Vec::new();
    for (folder, place) in FOLDERS {
        let folder = root.join(folder);
        println!("cargo::rerun-if-changed={}", folder.display());
        collect(&folder, &folder, place, &mut rows);
    }
    rows.sort();
    let table = format!("pub(super) const SOURCES: &[(&str, &str)] = &[\n{}\n];\n", rows.join("\n"));
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it")).join("plugin_sources.rs");
    fs::write(out, table).expect("the output folder can be written");
}

/// A row for every file below a folder, tests left out.
fn collect(root: &Path, folder: &Path, place: &str, rows: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if LEFT_OUT.contains(&name.as_str()) || name == "tests" || name == "package-lock.json" {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, place, rows);
        } else if let Ok(inner) = path.strip_prefix(root) {
            let inner = inner.to_string_lossy().replace('\\', "/");
            rows.push(format!(
                "    ({:?}, include_str!({:?})),",
                format!("{place}/{inner}"),
                path.display().to_string()
            ));
        }
    }
}
