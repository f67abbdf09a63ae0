//! TypeScript: checked by `tsc`, bundled by esbuild into one module, put on
//! QuickJS by componentize-qjs. All three come with the project's own
//! `package.json`, in the versions that it pins.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    project::{Project, interface},
    sources, tool,
    world::{self, WORLD},
};
use crate::StartError;

const NODE: &str =
    "TypeScript plugins are built with node and npm: install node 20 or later, which brings npm, and run this again.";

/// # Errors
/// A tool is missing or fails.
pub(super) fn build(project: &Project, release: bool) -> Result<Vec<u8>, StartError> {
    sources::unpack(&project.folder, project.language)?;
    install(project)?;
    check(project)?;
    let module = bundle(project, release)?;
    let component = project.private("build/plugin.wasm");
    componentize(project, &module, &component)?;
    super::written(&component)
}

/// The project's packages, unless those that are there are newer than what asks
/// for them. No package's own scripts run, and the lock file names no registry.
/// It is `npm install`, which takes the versions of the lock file too, because
/// `npm ci` refuses a lock file that lacks an optional package of another
/// platform, and componentize-qjs names some that were never published.
fn install(project: &Project) -> Result<(), StartError> {
    let modified = |file: &str| fs::metadata(project.folder.join(file)).and_then(|file| file.modified()).ok();
    let installed = modified("node_modules/.package-lock.json");
    if installed.is_some() && installed >= modified("package.json") && installed >= modified("package-lock.json") {
        return Ok(());
    }
    let options = ["--ignore-scripts", "--no-audit", "--no-fund", "--omit-lockfile-registry-resolved"];
    tool::run(Command::new("npm").arg("install").args(options).current_dir(&project.folder), NODE).map(drop)
}

/// A tool of the project.
fn local(project: &Project, name: &str) -> Command {
    let suffix = if cfg!(windows) { ".cmd" } else { "" };
    let mut command = Command::new(project.folder.join("node_modules/.bin").join(format!("{name}{suffix}")));
    command.current_dir(&project.folder);
    command
}

fn missing(package: &str) -> String {
    format!("Add `{package}` to devDependencies in package.json, as a new plugin of `lyceum plugin new` has it.")
}

fn check(project: &Project) -> Result<(), StartError> {
    if !project.folder.join("tsconfig.json").is_file() {
        return Ok(());
    }
    tool::run(local(project, "tsc").arg("--noEmit"), &missing("typescript")).map(drop)
}

/// One module of the plugin, the SDK, and the generated entry around them.
fn bundle(project: &Project, release: bool) -> Result<PathBuf, StartError> {
    let (entry, module) = (project.private("build/entry.js"), project.private("build/plugin.js"));
    sources::write_changed(&entry, &text(project))?;
    let mut command = local(project, "esbuild");
    command.arg(&entry).arg(format!("--outfile={}", module.display()));
    command.args(["--bundle", "--format=esm", "--platform=neutral", "--target=es2023", "--external:lyceum:*"]);
    command.args(["--main-fields=module,main", "--charset=utf8", "--log-level=warning"]);
    command.args(release.then_some("--minify"));
    tool::run(&mut command, &missing("esbuild"))?;
    Ok(module)
}

/// The module that componentize-qjs sees: it connects the host's interfaces,
/// then names the exports.
fn text(project: &Project) -> String {
    let version = sources::newest("host", 1).expect("the host's interfaces are embedded");
    let imports = project.imports();
    let local = |name: &str| name.replace('-', "_");
    let lines =
        imports.iter().map(|name| format!("import * as {} from \"lyceum:host/{name}@{version}\";\n", local(name)));
    let connected = imports.iter().map(|name| format!("\"{name}\": {}", local(name))).collect::<Vec<_>>().join(", ");
    let exports = project.exports.iter().map(|name| camel(interface(name)));
    let exports = exports.map(|name| format!("export const {name} = exported(plugin, \"{name}\");\n"));
    format!(
        "import {{ exported, start }} from \"@lyceum/sdk/wasm\";\nimport plugin from \"../../src/plugin.ts\";\n{}\nstart({{ {connected} }});\n{}",
        lines.collect::<String>(),
        exports.collect::<String>()
    )
}

/// `field-resolver` is `fieldResolver` in JavaScript.
fn camel(name: &str) -> String {
    let mut parts = name.split('-');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, part| name + &part[..1].to_uppercase() + &part[1..])
}

fn componentize(project: &Project, module: &Path, component: &Path) -> Result<(), StartError> {
    let interfaces = world::write(project)?;
    let mut command = local(project, "componentize-qjs");
    command.arg("--wit").arg(interfaces).arg("--js").arg(module).arg("--output").arg(component);
    // Without `--sync` the component needs a host with async calls, without
    // `--stub-wasi` one with WASI; ours has neither.
    command.args(["--world", WORLD, "--sync", "--stub-wasi", "--module-root"]).arg(project.private("build"));
    tool::run(&mut command, &missing("componentize-qjs")).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_named_as_in_javascript() {
        assert_eq!(camel("field-resolver"), "fieldResolver");
        assert_eq!(camel("job"), "job");
    }
}
