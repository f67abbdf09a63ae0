//! Python: the plugin, the SDK and CPython in one component, made by
//! componentize-py. It is installed from the project's `requirements.txt` into a
//! virtual environment of its own below `.lyceum`; pure Python packages that
//! stand there too are built in.

use std::{fs, path::PathBuf, process::Command};

use lyceum_plugin_host::InterfaceName;

use super::{
    project::{Project, interface, package},
    sources, tool,
    world::{self, WORLD},
};
use crate::StartError;

const PYTHON: &str =
    "Python plugins are built with Python 3.10 or later: install python3 with its venv module, and run this again.";

/// # Errors
/// A tool is missing or fails.
pub(super) fn build(project: &Project) -> Result<Vec<u8>, StartError> {
    sources::unpack(&project.folder, project.language)?;
    let environment = environment(project)?;
    let entry = project.private("build/python/lyceum_entry.py");
    sources::write_changed(&entry, &text(project))?;
    let (interfaces, component) = (world::write(project)?, project.private("build/plugin.wasm"));
    let mut command = Command::new(environment.join(programs()).join("componentize-py"));
    // The tool looks into this environment, and else into the machine's own.
    command.env("VIRTUAL_ENV", &environment).current_dir(&project.folder);
    command.arg("-d").arg(interfaces).args(["-w", WORLD, "--full-names", "componentize", "lyceum_entry"]);
    for folder in [project.private("build/python"), project.folder.join("src"), project.private("sdk/python")] {
        command.arg("-p").arg(folder);
    }
    tool::run(
        command.arg("--stub-wasi").arg("-o").arg(&component),
        "Add `componentize-py` to requirements.txt, as a new plugin of `lyceum plugin new` has it.",
    )?;
    super::written(&component)
}

fn programs() -> &'static str {
    if cfg!(windows) { "Scripts" } else { "bin" }
}

/// The virtual environment with the project's requirements, made anew when they change.
fn environment(project: &Project) -> Result<PathBuf, StartError> {
    let (folder, wanted) = (project.private("venv"), requirements(project)?);
    let stamp = folder.join("requirements.txt");
    if fs::read_to_string(&stamp).is_ok_and(|there| there == wanted) {
        return Ok(folder);
    }
    let python = if cfg!(windows) { "python" } else { "python3" };
    tool::run(Command::new(python).args(["-m", "venv", "--clear"]).arg(&folder), PYTHON)?;
    let mut pip = Command::new(folder.join(programs()).join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"]);
    tool::run(pip.current_dir(&project.folder), PYTHON)?;
    sources::write_changed(&stamp, &wanted)?;
    Ok(folder)
}

fn requirements(project: &Project) -> Result<String, StartError> {
    let path = project.folder.join("requirements.txt");
    fs::read_to_string(&path).map_err(StartError::io(format!("{}, which names componentize-py", path.display())))
}

/// The module that componentize-py sees: it connects the host's interfaces, then
/// names a class for each export.
fn text(project: &Project) -> String {
    let version = sources::newest("host", 1).expect("the host's interfaces are embedded").to_string();
    let imports = project.imports();
    let module = |name: &str| format!("lyceum_host_{}_{}", snake(name), snake(&version));
    let lines = imports.iter().map(|name| format!("from wit_world.imports import {}\n", module(name)));
    let connected = imports.iter().map(|name| format!("    \"{name}\": {},\n", module(name)));
    let shapes = project.exports.iter().flat_map(shapes).map(|name| format!("    \"{name}\",\n"));
    let classes = project
        .exports
        .iter()
        .map(|name| format!("{} = wasm.exported(plugin, \"{}\")\n", class(name), snake(interface(name))));
    format!(
        "import plugin\nfrom lyceum_sdk import wasm\n{}\nwasm.start({{\n{}}}, (\n{}))\n{}",
        lines.collect::<String>(),
        connected.collect::<String>(),
        shapes.collect::<String>(),
        classes.collect::<String>()
    )
}

/// The generated modules with the shapes of an interface: its own, and its
/// package's `types`. Those that do not exist are passed over.
fn shapes(name: &InterfaceName) -> [String; 2] {
    let (package, version) = (snake(package(name)), snake(&name.version.to_string()));
    let own = format!("wit_world.exports.lyceum_{package}_{}_{version}", snake(interface(name)));
    [own, format!("wit_world.imports.lyceum_{package}_types_{version}")]
}

fn snake(name: &str) -> String {
    name.replace(['-', '.'], "_")
}

/// `LyceumGraphqlFieldResolver100`, as componentize-py names it.
fn class(name: &InterfaceName) -> String {
    let words = ["lyceum", package(name)].into_iter().chain(interface(name).split('-'));
    let words = words.map(|word| word[..1].to_uppercase() + &word[1..]);
    words.collect::<String>() + &name.version.to_string().replace('.', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_named_as_the_tool_names_it() {
        let name = "lyceum:graphql/field-resolver@1.0".parse().expect("a name");
        assert_eq!(class(&name), "LyceumGraphqlFieldResolver100");
        assert_eq!(shapes(&name)[0], "wit_world.exports.lyceum_graphql_field_resolver_1_0_0");
    }
}
