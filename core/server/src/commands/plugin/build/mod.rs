//! `lyceum plugin build`: from a plugin's folder to a component.
//!
//! Each language's own tools do the work; this finds them, gives them the
//! interfaces and the SDK that are in the binary, and says what to install when
//! one is missing. The component lands in `DIR/target/NAME.wasm`.
//!
//! **Invariant:** what was built is inspected by the host, and compared with the
//! API that it adds to, before the command succeeds: a component that could not
//! be installed is never called built.

mod project;
mod python;
mod rust;
mod section;
pub(super) mod sources;
mod tool;
mod typescript;
mod world;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use lyceum_domain::plugin::Inspection;
use lyceum_plugin_host::MANIFEST_SECTION;

use self::project::Project;
use super::additions;
use crate::{StartError, cli::Global};

/// The custom section with the JSON Schema of the configuration.
const CONFIG_SECTION: &str = "lyceum:config-schema";

#[derive(Debug, clap::Args)]
pub struct Build {
    /// The plugin's folder, with its plugin.toml.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Makes the component smaller where the language can (TypeScript: minified).
    #[arg(long)]
    release: bool,
}

/// What a plugin is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    Rust,
    #[value(name = "ts", alias = "typescript")]
    TypeScript,
    #[value(name = "python", alias = "py")]
    Python,
}

/// A component that this host takes.
#[derive(Debug)]
pub(crate) struct Built {
    pub component: PathBuf,
    pub wasm: Vec<u8>,
    pub imports: Vec<String>,
    pub inspection: Inspection,
    pub took: Duration,
}

impl Language {
    /// The language of a plugin's folder.
    ///
    /// # Errors
    /// No file of a language is there.
    pub fn of(folder: &Path) -> Result<Self, StartError> {
        let files = [
            ("Cargo.toml", Self::Rust),
            ("package.json", Self::TypeScript),
            ("pyproject.toml", Self::Python),
            ("src/plugin.py", Self::Python),
        ];
        let found = files.into_iter().find(|(file, _)| folder.join(file).is_file());
        found.map(|(_, language)| language).ok_or_else(|| {
            StartError::Other(format!(
                "{} has neither Cargo.toml (Rust), package.json (TypeScript) nor src/plugin.py (Python)",
                folder.display()
            ))
        })
    }

    /// Its folder among the SDKs.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::TypeScript => "typescript",
            Self::Python => "python",
        }
    }
}

/// Builds and prints what was built.
///
/// # Errors
/// What is missing or wrong, and what to do.
pub fn run(global: &Global, arguments: &Build) -> Result<(), StartError> {
    let built = build(&arguments.dir, arguments.release)?;
    additions::fits(global, &built.inspection)?;
    let shown = built.component.strip_prefix(std::env::current_dir().unwrap_or_default()).unwrap_or(&built.component);
    let list = |names: &[String]| if names.is_empty() { "nothing".into() } else { names.join("\n            ") };
    println!("{}", shown.display());
    println!("size        {} bytes", built.wasm.len());
    println!("implements  {}", list(&built.inspection.implements));
    println!("imports     {}", list(&built.imports));
    println!("sha256      {}", built.inspection.digest);
    println!("took        {:.1} s", built.took.as_secs_f64());
    Ok(())
}

/// Builds a plugin's folder.
///
/// # Errors
/// A tool is missing or fails, or this host does not take the component.
pub(crate) fn build(folder: &Path, release: bool) -> Result<Built, StartError> {
    let start = Instant::now();
    let project = Project::read(folder)?;
    let built = match project.language {
        Language::Rust => rust::build(&project)?,
        Language::TypeScript => typescript::build(&project, release)?,
        Language::Python => python::build(&project)?,
    };
    let component = project.component();
    let wasm = with_sections(&project, built);
    sources::write(&component, &wasm)?;
    let inspection = super::inspection(&wasm)?;
    let imports = section::imports(&wasm).map_err(StartError::Other)?;
    Ok(Built { component, wasm, imports, inspection, took: start.elapsed() })
}

/// The component with its manifest and schema. Rust's export macro has put the
/// manifest into the module already.
fn with_sections(project: &Project, mut wasm: Vec<u8>) -> Vec<u8> {
    let sections = [(MANIFEST_SECTION, Some(&project.manifest)), (CONFIG_SECTION, project.config_schema.as_ref())];
    for (name, text) in sections {
        if let Some(text) = text.filter(|_| !section::has(&wasm, name)) {
            section::append(&mut wasm, name, text.as_bytes());
        }
    }
    wasm
}

/// The bytes a tool wrote.
fn written(path: &Path) -> Result<Vec<u8>, StartError> {
    fs::read(path).map_err(StartError::io(path.display().to_string()))
}
