//! A component file: what is in it, and whether this host can run it.

use wasmparser::{ComponentExternalKind, Encoding, Parser, Payload};

use super::Rules;
use crate::{
    interface::{Capability, Import, InterfaceName},
    manifest::{Manifest, SECTION},
    worlds,
};

/// The custom section that holds the JSON Schema of the configuration.
pub const SCHEMA_SECTION: &str = "lyceum:config-schema";

/// What stands in the component file.
#[derive(Default)]
pub(super) struct Contents {
    manifests: Vec<String>,
    schemas: Vec<Vec<u8>>,
    imports: Vec<String>,
    exports: Vec<String>,
}

/// Manifest, imports and exports against each other and this host.
pub(super) fn checked(manifest: &Manifest, contents: &Contents, rules: &Rules) -> Result<Vec<InterfaceName>, String> {
    fits_host(manifest, rules)?;
    let exports = implemented(manifest, contents)?;
    let asked = declared(manifest, contents)?;
    pure_ranker(&exports, asked)?;
    Ok(exports)
}

fn fits_host(manifest: &Manifest, rules: &Rules) -> Result<(), String> {
    if manifest.lyceum.matches(&rules.lyceum) {
        return Ok(());
    }
    let (wants, have) = (&manifest.lyceum, &rules.lyceum);
    Err(format!("it is made for Lyceum {wants} and this is {have}: install a version of the plugin that fits"))
}

/// What the manifest says and what the component exports must be the same.
fn implemented(manifest: &Manifest, contents: &Contents) -> Result<Vec<InterfaceName>, String> {
    let exported: Vec<InterfaceName> = contents.exports.iter().filter_map(|name| name.parse().ok()).collect();
    for said in &manifest.implements {
        if !exported.iter().any(|name| name.serves(said)) {
            let found = if contents.exports.is_empty() { "nothing".into() } else { contents.exports.join(", ") };
            return Err(format!(
                "its manifest says that it implements `{said}`, but it exports {found}: build it for that world or correct `implements`"
            ));
        }
        if !worlds::known(said) {
            return Err(format!("it implements `{said}`, which this host does not call"));
        }
    }
    for name in exported.iter().filter(|name| worlds::known(name)) {
        if !manifest.implements.iter().any(|said| name.serves(said)) {
            return Err(format!("it exports `{name}` and its manifest does not say so: add it to `implements`"));
        }
    }
    worlds::whole(&exported)?;
    Ok(exported.into_iter().filter(worlds::known).collect())
}

/// Every import must be baseline or asked for.
fn declared(manifest: &Manifest, contents: &Contents) -> Result<Vec<Capability>, String> {
    let mut asked = Vec::new();
    for name in &contents.imports {
        let Import::Permission(capability) = Import::of(name)? else { continue };
        let permission = capability.name();
        if !manifest.asks.0.contains_key(permission) {
            return Err(format!(
                "it imports `{name}` without asking: add `[permissions.{permission}]` with a reason to its manifest"
            ));
        }
        asked.push(capability);
    }
    Ok(asked)
}

fn pure_ranker(exports: &[InterfaceName], asked: Vec<Capability>) -> Result<(), String> {
    let only_ranks = exports.iter().all(|name| name.path == worlds::RANKER || name.path == worlds::LIFECYCLE);
    match asked.first() {
        Some(capability) if only_ranks => Err(format!("a ranker is pure and gets no `{}`", capability.name())),
        _ => Ok(()),
    }
}

impl Contents {
    pub(super) fn read(wasm: &[u8]) -> Result<Self, String> {
        let mut found = Self::default();
        let mut depth = 0usize;
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload.map_err(|error| format!("the file is no WASM component: {error}"))?;
            found.take(payload, &mut depth).map_err(|error| format!("the component is broken: {error}"))??;
        }
        Ok(found)
    }

    fn take(&mut self, payload: Payload<'_>, depth: &mut usize) -> wasmparser::Result<Result<(), String>> {
        match payload {
            Payload::Version { encoding, .. } => {
                if *depth == 0 && encoding != Encoding::Component {
                    let text = "the file is a core WASM module, not a component: link it with `wasm-component-ld`";
                    return Ok(Err(text.into()));
                }
                *depth += 1;
            }
            Payload::End(_) => *depth = depth.saturating_sub(1),
            Payload::CustomSection(section) if section.name() == SECTION => {
                self.manifests.push(String::from_utf8_lossy(section.data()).into_owned());
            }
            Payload::CustomSection(section) if section.name() == SCHEMA_SECTION => {
                self.schemas.push(section.data().to_vec());
            }
            Payload::ComponentImportSection(imports) if *depth == 1 => {
                for import in imports {
                    self.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(exports) if *depth == 1 => {
                for export in exports {
                    let export = export?;
                    if export.kind == ComponentExternalKind::Instance {
                        self.exports.push(export.name.name.to_owned());
                    }
                }
            }
            _ => {}
        }
        Ok(Ok(()))
    }

    /// The manifest's text.
    pub(super) fn manifest(&self) -> Result<&str, String> {
        match self.manifests.as_slice() {
            [text] => Ok(text),
            [] => Err(format!("the component has no manifest: embed `plugin.toml` as custom section `{SECTION}`")),
            _ => Err(format!("the component has more than one custom section `{SECTION}`")),
        }
    }

    /// The JSON Schema of the configuration, when it is embedded.
    pub(super) fn schema(&self) -> Result<Option<&[u8]>, String> {
        match self.schemas.as_slice() {
            [] => Ok(None),
            [schema] => Ok(Some(schema)),
            _ => Err(format!("the component has more than one custom section `{SCHEMA_SECTION}`")),
        }
    }
}
