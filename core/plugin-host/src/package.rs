//! A component file: what is in it, and whether this host can run it.
//!
//! **Invariant:** nothing in here compiles or runs the component.

use lyceum_domain::plugin::{FailureKind, Inspection, PluginFailure};
use semver::Version;
use sha2::{Digest, Sha256};
use wasmparser::{ComponentExternalKind, Encoding, Parser, Payload};

use crate::{
    grants::permission_hash,
    interface::{Capability, Import, InterfaceName},
    limits::LimitTable,
    manifest::{Manifest, SECTION},
    worlds,
};

/// A component with its manifest, read and checked.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub manifest: Manifest,
    pub inspection: Inspection,
    /// What it exports of the interfaces this host knows.
    pub exports: Vec<InterfaceName>,
}

/// What inspecting needs to know of the host.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub lyceum: Version,
    pub component_bytes: usize,
    pub limits: LimitTable,
}

/// What stands in the component file.
#[derive(Default)]
struct Contents {
    manifests: Vec<String>,
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Package {
    /// # Errors
    /// Why this host cannot run it, naming the plugin as far as it is known.
    pub fn read(wasm: &[u8], rules: &Rules) -> Result<Self, PluginFailure> {
        let nameless = |detail: String| refused("(unnamed)", "?", detail);
        if wasm.len() > rules.component_bytes {
            let text = format!("the component has {} bytes; at most {} are allowed", wasm.len(), rules.component_bytes);
            return Err(nameless(text));
        }
        let contents = Contents::read(wasm).map_err(nameless)?;
        let manifest = contents.manifest().map_err(nameless)?;
        let exports = checked(&manifest, &contents, rules)
            .map_err(|detail| refused(&manifest.id, &manifest.version.to_string(), detail))?;
        let inspection = inspection(&manifest, &exports, wasm);
        Ok(Self { manifest, inspection, exports })
    }

    pub fn exports(&self, path: &str) -> bool {
        self.exports.iter().any(|name| name.path == path)
    }
}

fn refused(plugin: &str, version: &str, detail: String) -> PluginFailure {
    PluginFailure {
        plugin: plugin.to_owned(),
        version: version.to_owned(),
        world: "package".into(),
        function: "inspect".into(),
        kind: FailureKind::Compile,
        detail,
    }
}

fn inspection(manifest: &Manifest, exports: &[InterfaceName], wasm: &[u8]) -> Inspection {
    Inspection {
        id: manifest.id.clone(),
        version: manifest.version.to_string(),
        license: manifest.license.clone(),
        summary: manifest.summary.clone(),
        implements: exports.iter().map(ToString::to_string).collect(),
        asks: manifest.asks.clone(),
        digest: hex::encode(Sha256::digest(wasm)),
        permission_hash: permission_hash(&manifest.asks),
    }
}

fn checked(manifest: &Manifest, contents: &Contents, rules: &Rules) -> Result<Vec<InterfaceName>, String> {
    fits_host(manifest, rules)?;
    let exports = implemented(manifest, contents)?;
    let asked = declared(manifest, contents)?;
    pure_ranker(&exports, asked)?;
    modest(manifest, &exports, rules)?;
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

/// A manifest may lower its memory, not raise it.
fn modest(manifest: &Manifest, exports: &[InterfaceName], rules: &Rules) -> Result<(), String> {
    let most = exports.iter().filter_map(|name| worlds::world(&name.path)).map(|w| rules.limits.of(w).memory).max();
    match (manifest.memory, most) {
        (Some(asked), Some(most)) if asked > most => {
            Err(format!("its `limits.memory` asks for {asked} bytes; its worlds have {most}: ask for less"))
        }
        _ => Ok(()),
    }
}

impl Contents {
    fn read(wasm: &[u8]) -> Result<Self, String> {
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

    fn manifest(&self) -> Result<Manifest, String> {
        match self.manifests.as_slice() {
            [text] => Manifest::parse(text),
            [] => Err(format!("the component has no manifest: embed `plugin.toml` as custom section `{SECTION}`")),
            _ => Err(format!("the component has more than one custom section `{SECTION}`")),
        }
    }
}
