//! The artifact's manifest, and how files become layers.

use std::collections::BTreeMap;

use lyceum_plugin_host::package::{
    Archive,
    archive::{COMPONENT, MANIFEST},
};
use serde::{Deserialize, Serialize};

use crate::plugin_source::{PACKAGE_BYTES, Result, SourceError, sha256};

pub const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// What kind of artifact it is.
const ARTIFACT_TYPE: &str = "application/vnd.lyceum.plugin.v1";
pub const CONFIG_TYPE: &str = "application/vnd.lyceum.plugin.config.v1+toml";
pub const COMPONENT_TYPE: &str = "application/wasm";
pub const FILE_TYPE: &str = "application/vnd.lyceum.plugin.file.v1";
const TITLE: &str = "org.opencontainers.image.title";

/// An OCI image manifest, as far as plugins use it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    pub schema_version: u32,
    #[serde(default)]
    pub media_type: String,
    #[serde(default)]
    pub artifact_type: String,
    pub config: Descriptor,
    pub layers: Vec<Descriptor>,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// A blob as the manifest names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    pub media_type: String,
    pub digest: String,
    pub size: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// The digest, when it is one: it becomes part of an address.
    ///
    /// # Errors
    /// It is not a SHA-256.
    pub fn sha256(&self) -> Result<&str> {
        let is_hex = |hex: &str| hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match self.digest.strip_prefix("sha256:").is_some_and(is_hex) {
            true => Ok(&self.digest),
            false => {
                Err(SourceError::new("the manifest names a blob by something else than `sha256:` and 64 hex digits"))
            }
        }
    }
}

/// A blob with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    pub descriptor: Descriptor,
    pub bytes: Vec<u8>,
}

/// The manifest of a package with its blobs, the config first.
///
/// # Errors
/// The package has no manifest or no component.
pub fn of_archive(archive: &Archive, annotations: BTreeMap<String, String>) -> Result<(Manifest, Vec<Blob>)> {
    let missing = |name: &str| SourceError::new(format!("the package has no `{name}`"));
    let config = blob(CONFIG_TYPE, archive.get(MANIFEST).ok_or_else(|| missing(MANIFEST))?, None);
    let component = blob(COMPONENT_TYPE, archive.get(COMPONENT).ok_or_else(|| missing(COMPONENT))?, Some(COMPONENT));
    let others = archive.files().filter(|(name, _)| ![MANIFEST, COMPONENT].contains(name));
    let files = others.map(|(name, bytes)| blob(FILE_TYPE, bytes, Some(name)));
    let blobs: Vec<Blob> = [config, component].into_iter().chain(files).collect();
    let mut descriptors = blobs.iter().map(|blob| blob.descriptor.clone());
    let manifest = Manifest {
        schema_version: 2,
        media_type: MANIFEST_TYPE.into(),
        artifact_type: ARTIFACT_TYPE.into(),
        config: descriptors.next().expect("the config stands first"),
        layers: descriptors.collect(),
        annotations,
    };
    Ok((manifest, blobs))
}

fn blob(media_type: &str, bytes: &[u8], title: Option<&str>) -> Blob {
    let annotations = title.map(|title| (TITLE.to_owned(), title.to_owned())).into_iter().collect();
    let digest = format!("sha256:{}", sha256(bytes));
    let descriptor = Descriptor { media_type: media_type.into(), digest, size: bytes.len() as u64, annotations };
    Blob { descriptor, bytes: bytes.to_vec() }
}

impl Manifest {
    /// Reads a manifest and checks that it is one of a plugin.
    ///
    /// # Errors
    /// What it is not.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let wrong = |what: &str| SourceError::new(format!("the artifact is no Lyceum plugin: {what}"));
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| wrong(&error.to_string()))?;
        if manifest.schema_version != 2 || manifest.config.media_type != CONFIG_TYPE {
            return Err(wrong(&format!("its config is `{}` and not `{CONFIG_TYPE}`", manifest.config.media_type)));
        }
        let total = manifest.blobs().map(|(_, blob)| blob.size).fold(0u64, u64::saturating_add);
        if total > PACKAGE_BYTES as u64 {
            return Err(wrong(&format!("its files have {total} bytes together; at most {PACKAGE_BYTES}")));
        }
        for layer in &manifest.layers {
            let titled = layer.annotations.contains_key(TITLE);
            if layer.media_type != COMPONENT_TYPE && !(layer.media_type == FILE_TYPE && titled) {
                return Err(wrong(&format!("it has a layer `{}` without a meaning", layer.media_type)));
            }
        }
        Ok(manifest)
    }

    /// The blobs with the names of the files that they are.
    pub fn blobs(&self) -> impl Iterator<Item = (&str, &Descriptor)> {
        let layers = self.layers.iter().map(|layer| match layer.media_type.as_str() {
            COMPONENT_TYPE => (COMPONENT, layer),
            _ => (layer.annotations.get(TITLE).map_or("", String::as_str), layer),
        });
        std::iter::once((MANIFEST, &self.config)).chain(layers)
    }

    /// As it is pushed.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("texts and numbers are JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_digest_becomes_part_of_an_address() {
        let named = |digest: &str| Descriptor {
            media_type: COMPONENT_TYPE.into(),
            digest: digest.into(),
            size: 1,
            annotations: BTreeMap::new(),
        };
        let good = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(named(&good).sha256().expect("it is one"), good);
        for bad in ["x/../../other", "sha256:0a", &format!("sha256:{}", "0A".repeat(32)), &"a".repeat(71)] {
            assert!(named(bad).sha256().is_err(), "{bad}");
        }
    }
}
