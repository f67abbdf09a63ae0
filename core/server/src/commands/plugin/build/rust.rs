//! Rust: `cargo build` for `wasm32-unknown-unknown`. The linker
//! `wasm-component-ld` makes a component directly, with no further tool.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{project::Project, sources, tool};
use crate::StartError;

const TARGET: &str = "wasm32-unknown-unknown";
const RUST: &str = "Rust plugins are built with rustup's toolchain: install rustup, \
    run `rustup target add wasm32-unknown-unknown`, and run this again.";
/// Debian's compiler, whose package `rust-web-src` has the sources of its own
/// standard library. No other compiler's sources may stand in.
const DEBIAN: &str = "/usr/bin/rustc";

/// A compiler that can build for the target.
struct Compiler {
    rustc: PathBuf,
    /// The standard library is built too.
    builds_std: bool,
}

/// # Errors
/// A tool is missing or fails.
pub(super) fn build(project: &Project) -> Result<Vec<u8>, StartError> {
    if fs::read_to_string(project.folder.join("Cargo.toml")).is_ok_and(|text| text.contains(sources::PRIVATE)) {
        sources::unpack(&project.folder, project.language)?;
    }
    let compiler = compiler()?;
    let tools = linker_folder(&compiler)?;
    let mut cargo = Command::new("cargo");
    cargo.current_dir(&project.folder).env("RUSTC", &compiler.rustc);
    cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", tools.join("wasm-component-ld"));
    cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags(project, &compiler)?);
    cargo.env("PATH", searched_first(&tools.join("gcc-ld")));
    cargo.args(["build", "--release", "--target", TARGET, "--message-format=json-render-diagnostics"]);
    if compiler.builds_std {
        cargo.env("RUSTC_BOOTSTRAP", "1").arg("-Zbuild-std=std,panic_abort");
    }
    let messages = tool::run(&mut cargo, RUST)?;
    let file = artifact(&messages, &project.folder.join("Cargo.toml"));
    super::written(&file.ok_or_else(|| StartError::Other(NO_ARTIFACT.into()))?)
}

const NO_ARTIFACT: &str = "cargo made no component: Cargo.toml needs `crate-type = [\"cdylib\", \"lib\"]` under [lib]";

/// The component among cargo's messages, which are JSON, one a line.
fn artifact(messages: &str, manifest: &Path) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut own = messages.filter(|message| message["manifest_path"].as_str().map(Path::new) == Some(manifest));
    own.find_map(|message| {
        let files = message["filenames"].as_array()?;
        files.iter().filter_map(|file| file.as_str()).find(|file| file.ends_with(".wasm")).map(PathBuf::from)
    })
}

/// The first compiler that has the target, or can build its standard library.
fn compiler() -> Result<Compiler, StartError> {
    let rustc = env::var_os("RUSTC").map_or_else(|| PathBuf::from("rustc"), PathBuf::from);
    if has_target(&rustc)? {
        return Ok(Compiler { rustc, builds_std: false });
    }
    let debian = PathBuf::from(DEBIAN);
    let sources = debian.exists().then(|| sysroot(&debian)).transpose()?;
    match sources.is_some_and(|root| root.join("lib/rustlib/src/rust/library/Cargo.lock").exists()) {
        true => Ok(Compiler { rustc: debian, builds_std: true }),
        false => Err(StartError::Other(format!(
            "no compiler for {TARGET}: run `rustup target add {TARGET}`, \
             or without internet access install Debian's packages rustc-web and rust-web-src"
        ))),
    }
}

fn ask(rustc: &Path, arguments: &[&str]) -> Result<String, StartError> {
    tool::run(Command::new(rustc).args(arguments), RUST).map(|text| text.trim().to_owned())
}

fn sysroot(rustc: &Path) -> Result<PathBuf, StartError> {
    ask(rustc, &["--print", "sysroot"]).map(PathBuf::from)
}

fn has_target(rustc: &Path) -> Result<bool, StartError> {
    let folder = ask(rustc, &["--print", "target-libdir", "--target", TARGET])?;
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    Ok(files.map(|file| file.file_name().to_string_lossy().into_owned()).any(|name| name.starts_with("libstd-")))
}

/// The linker ships with rustup's toolchain; Debian's has it without wasm-ld,
/// which then comes from the package lld.
fn linker_folder(compiler: &Compiler) -> Result<PathBuf, StartError> {
    for rustc in [Path::new("rustc"), &compiler.rustc] {
        let version = ask(rustc, &["-vV"])?;
        let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
        let tools = sysroot(rustc)?.join("lib/rustlib").join(host).join("bin");
        if tools.join("wasm-component-ld").exists() || tools.join("wasm-component-ld.exe").exists() {
            return Ok(tools);
        }
    }
    Err(StartError::Other(format!("wasm-component-ld is in no toolchain. {RUST}")))
}

fn searched_first(folder: &Path) -> std::ffi::OsString {
    let rest = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(env::split_paths(&rest));
    env::join_paths(folders).unwrap_or(rest)
}

/// Panic messages name source files; these flags take the machine out of them.
fn flags(project: &Project, compiler: &Compiler) -> Result<String, StartError> {
    let library = sysroot(&compiler.rustc)?.join("lib/rustlib/src/rust");
    let mut places = vec![(project.folder.clone(), project.name.clone()), (library, "rust".into())];
    let cargo = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")));
    let registries = cargo.map(|home| home.join("registry/src")).and_then(|folder| fs::read_dir(folder).ok());
    places.extend(registries.into_iter().flatten().flatten().map(|registry| (registry.path(), "crates".into())));
    let remapped = places.iter().map(|(from, to)| format!(" --remap-path-prefix={}={to}", from.display()));
    Ok(format!("-Cstrip=symbols{}", remapped.collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_component_is_the_one_of_this_package() {
        let messages = r#"{"reason":"compiler-artifact","manifest_path":"/a/Cargo.toml","filenames":["/t/a.wasm"]}
not json
{"reason":"compiler-artifact","manifest_path":"/b/Cargo.toml","filenames":["/t/libb.rlib","/t/b.wasm"]}"#;
        assert_eq!(artifact(messages, Path::new("/b/Cargo.toml")), Some(PathBuf::from("/t/b.wasm")));
        assert_eq!(artifact(messages, Path::new("/c/Cargo.toml")), None);
    }
}
