//! Packages. The first byte says what the others are: a whole file, the manifest
//! of an empty component, or the files of an archive that is sealed as ours are,
//! so that the reader gets beyond the sums.

use lyceum_domain::plugin::FailureKind;
use semver::Version;
use sha2::{Digest as _, Sha256};

use crate::{
    limits::{COMPONENT_BYTES, LimitTable},
    manifest::SECTION,
    package::{
        Package, Rules,
        archive::{self, Archive},
    },
};

/// The names that the bytes of an archive are given to, in turn.
const NAMES: &[&str] = &[
    archive::MANIFEST,
    archive::COMPONENT,
    archive::CONFIG_SCHEMA,
    archive::SIGNATURE,
    archive::PUBLISHER,
    archive::ROTATION,
    archive::ROTATION_SIGNATURE,
];
/// Between two files of an archive.
const FILE_END: u8 = 0x1e;

/// What is read has the digest of what was given, and is no module of an engine.
pub fn package(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    match kind % 3 {
        0 => read(rest),
        1 => read(&component(rest)),
        _ => sealed(rest),
    }
}

fn read(file: &[u8]) {
    let lyceum = Version::parse(env!("CARGO_PKG_VERSION")).expect("cargo checks the version");
    let rules = Rules { lyceum, component_bytes: COMPONENT_BYTES, limits: LimitTable::default() };
    match Package::read(file, &rules) {
        Ok(package) => assert_eq!(package.inspection.package_digest, hex::encode(Sha256::digest(file))),
        Err(failure) => assert_eq!(failure.kind, FailureKind::Compile),
    }
}

/// Not through the sums alone: what our own writer made is read as it was.
fn sealed(parts: &[u8]) {
    let mut archive = Archive::default();
    for (name, content) in NAMES.iter().zip(parts.split(|byte| *byte == FILE_END)) {
        let content = if *name == archive::COMPONENT { component(content) } else { content.to_vec() };
        if content.is_empty() || archive.put(name, content).is_err() {
            continue;
        }
    }
    if archive.seal().is_err() {
        return;
    }
    let file = archive.to_bytes();
    assert_eq!(Archive::read(&file).as_ref(), Ok(&archive), "our own archive is not read back");
    read(&file);
}

/// A component that has nothing but this manifest.
fn component(manifest: &[u8]) -> Vec<u8> {
    let mut section = vec![u8::try_from(SECTION.len()).expect("the name is short")];
    section.extend_from_slice(SECTION.as_bytes());
    section.extend_from_slice(manifest);
    let mut wasm = b"\0asm\x0d\0\x01\0\0".to_vec();
    let mut length = section.len();
    while length >= 0x80 {
        wasm.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    wasm.push(length as u8);
    wasm.extend_from_slice(&section);
    wasm
}
