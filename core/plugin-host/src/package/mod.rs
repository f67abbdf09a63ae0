//! A package: a component alone, or a `.tar` with everything around it.
//!
//! **Invariants**
//! - Nothing in here compiles or runs the component, and nothing is written to disk.
//! - A package that is read is whole: every file of it has the sum it should
//!   have, and a signature that is there fits.

pub mod archive;
mod component;
mod signature;

use std::{collections::BTreeMap, sync::Arc};

use lyceum_domain::plugin::{
    FailureKind, Inspection, LIMITS, Permission, PluginFailure, check_schema,
    trust::{Rotation, Signer},
};
use semver::Version;
use serde_json::Value;
use sha2::{Digest, Sha256};

pub use self::{
    archive::{Archive, is_archive},
    component::SCHEMA_SECTION,
    signature::{SIGNATURE_COMMENT, publisher_file, trusted_comment},
};
use self::{
    archive::{COMPONENT, CONFIG_SCHEMA, MANIFEST, SCHEMA_BYTES},
    component::{Contents, checked},
};
use crate::{
    grants::permission_hash,
    interface::InterfaceName,
    limits::LimitTable,
    manifest::Manifest,
    wishes::{COMPONENT_CEILING, Raised},
    worlds,
};

/// A component with its manifest, read and checked.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub manifest: Manifest,
    pub inspection: Inspection,
    /// What it exports of the interfaces this host knows.
    pub exports: Vec<InterfaceName>,
    /// The component; none when the package is the component itself.
    component: Option<Arc<[u8]>>,
    component_bytes: u64,
}

/// What inspecting needs to know of the host.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub lyceum: Version,
    pub component_bytes: usize,
    pub limits: LimitTable,
}

/// What stands around the component.
#[derive(Default)]
struct Around {
    manifest: Option<String>,
    schema: Option<Vec<u8>>,
    archive: Option<Archive>,
}

impl Package {
    /// # Errors
    /// Why this host cannot run it, naming the plugin as far as it is known.
    pub fn read(bytes: &[u8], rules: &Rules) -> Result<Self, PluginFailure> {
        let nameless = |detail: String| refused("(unnamed)", "?", detail);
        if !is_archive(bytes) {
            return Self::assemble(bytes, None, Around::default(), bytes, rules);
        }
        let archive = Archive::read(bytes).map_err(nameless)?;
        let component: Arc<[u8]> = archive.get(COMPONENT).unwrap_or_default().into();
        let around = Around {
            manifest: Some(archive.text(MANIFEST).map_err(nameless)?.to_owned()),
            schema: archive.get(CONFIG_SCHEMA).map(<[u8]>::to_vec),
            archive: Some(archive),
        };
        Self::assemble(&component, Some(Arc::clone(&component)), around, bytes, rules)
    }

    fn assemble(
        wasm: &[u8],
        component: Option<Arc<[u8]>>,
        around: Around,
        file: &[u8],
        rules: &Rules,
    ) -> Result<Self, PluginFailure> {
        let nameless = |detail: String| refused("(unnamed)", "?", detail);
        let ceiling = usize::try_from(COMPONENT_CEILING).unwrap_or(usize::MAX).max(rules.component_bytes);
        if wasm.len() > ceiling {
            return Err(nameless(format!("the component has {} bytes; at most {ceiling} are allowed", wasm.len())));
        }
        let contents = Contents::read(wasm).map_err(nameless)?;
        let text = contents.manifest().map_err(nameless)?;
        let manifest = Manifest::parse(text).map_err(nameless)?;
        let (id, version) = (manifest.id.clone(), manifest.version.to_string());
        let named = |detail: String| refused(&id, &version, detail);
        if around.manifest.as_deref().is_some_and(|beside| beside != text) {
            let text = format!(
                "`{MANIFEST}` in the package is not the manifest in the component: build the component again and pack it"
            );
            return Err(named(text));
        }
        Self::checked(manifest, &contents, around, wasm, file, rules)
            .map_err(named)
            .map(|package| Self { component, ..package })
    }

    fn checked(
        mut manifest: Manifest,
        contents: &Contents,
        around: Around,
        wasm: &[u8],
        file: &[u8],
        rules: &Rules,
    ) -> Result<Self, String> {
        let exports = checked(&manifest, contents, rules)?;
        let limits = raised(&mut manifest, &exports, wasm, rules)?;
        let config_schema = config_schema(&manifest, contents.schema()?, around.schema.as_deref())?;
        let (signer, rotation) = signed(around.archive.as_ref(), &manifest)?;
        let inspection = Inspection {
            id: manifest.id.clone(),
            version: manifest.version.to_string(),
            license: manifest.license.clone(),
            summary: manifest.summary.clone(),
            implements: exports.iter().map(ToString::to_string).collect(),
            asks: manifest.asks.clone(),
            digest: hex::encode(Sha256::digest(wasm)),
            permission_hash: permission_hash(&manifest.asks, &manifest.extends, &exports),
            extends: manifest.extends.clone(),
            config_schema,
            signer,
            rotation,
            package_digest: hex::encode(Sha256::digest(file)),
            limits,
        };
        Ok(Self { manifest, inspection, exports, component: None, component_bytes: wasm.len() as u64 })
    }

    pub fn exports(&self, path: &str) -> bool {
        self.exports.iter().any(|name| name.path == path)
    }

    /// A component beyond the usual size runs only when the owner granted it.
    ///
    /// # Errors
    /// It was not granted.
    pub fn may_be_this_large(&self, granted: &Raised, rules: &Rules) -> Result<(), String> {
        let most = granted.get("component").copied().unwrap_or_default().max(rules.component_bytes as u64);
        match self.component_bytes > most {
            true => Err(format!(
                "the component has {} bytes and {most} are granted: grant `limits.component`",
                self.component_bytes
            )),
            false => Ok(()),
        }
    }

    /// The component of the package that `file` holds.
    pub fn component(&self, file: &Arc<[u8]>) -> Arc<[u8]> {
        Arc::clone(self.component.as_ref().unwrap_or(file))
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

/// What the manifest wants beyond its worlds' limits. It becomes one of the
/// permissions that the plugin asks for.
fn raised(
    manifest: &mut Manifest,
    exports: &[InterfaceName],
    wasm: &[u8],
    rules: &Rules,
) -> Result<BTreeMap<String, u64>, String> {
    let worlds: Vec<_> =
        exports.iter().filter_map(|name| worlds::world(&name.path)).map(|w| rules.limits.of(w)).collect();
    let limits = manifest.limits.exceeding(&worlds, rules.component_bytes)?;
    let most = limits.get("component").copied().unwrap_or(rules.component_bytes as u64);
    if wasm.len() as u64 > most {
        return Err(format!(
            "the component has {} bytes; at most {most} are allowed without a grant: make it smaller, or ask with `component = \"32MiB\"` under `[limits]`",
            wasm.len()
        ));
    }
    if !limits.is_empty() {
        let reason = manifest.limits.reason.clone();
        let ask = Permission { limits: limits.clone(), reason, ..Permission::default() };
        manifest.asks.0.insert(LIMITS.to_owned(), ask);
    }
    Ok(limits)
}

/// The schema beside the component, or the one in it.
fn config_schema(manifest: &Manifest, within: Option<&[u8]>, beside: Option<&[u8]>) -> Result<Option<Value>, String> {
    let text = match (&manifest.config_schema, within, beside) {
        (None, None, None) => return Ok(None),
        (None, ..) => {
            return Err(format!(
                "it brings a schema that its manifest does not name: add `[config]` with `schema = \"{CONFIG_SCHEMA}\"`"
            ));
        }
        (Some(_), Some(within), Some(beside)) if within != beside => {
            return Err(format!(
                "`{CONFIG_SCHEMA}` is not the schema in the component: build the component again and pack it"
            ));
        }
        (Some(_), Some(text), _) | (Some(_), None, Some(text)) => text,
        (Some(name), None, None) => {
            return Err(format!(
                "its manifest names `{name}`, and there is none: pack it with the component, or embed it as custom section `{SCHEMA_SECTION}`"
            ));
        }
    };
    if text.len() > SCHEMA_BYTES {
        return Err(format!("`{CONFIG_SCHEMA}` has {} bytes; at most {SCHEMA_BYTES}", text.len()));
    }
    let schema: Value =
        serde_json::from_slice(text).map_err(|error| format!("`{CONFIG_SCHEMA}` is not JSON: {error}"))?;
    check_schema(&schema).map_err(|why| format!("`{CONFIG_SCHEMA}`: {why}"))?;
    Ok(Some(schema))
}

fn signed(archive: Option<&Archive>, manifest: &Manifest) -> Result<(Option<Signer>, Option<Rotation>), String> {
    let Some(archive) = archive else { return Ok((None, None)) };
    let signer = signature::signer(archive, &manifest.id, &manifest.version.to_string())?;
    Ok((signer, signature::rotation(archive)?))
}
