//! Packages: what is read, what is refused, and that no byte can be changed.

use std::cell::RefCell;

use lyceum_domain::plugin::{PluginRuntime, trust::signer_of};
use lyceum_plugin_host::{
    PluginHost,
    package::{Archive, SCHEMA_SECTION, SIGNATURE_COMMENT, archive, publisher_file, trusted_comment},
};
use minisign::KeyPair;
use tar::{Builder, EntryType, Header};

use crate::support::{activation, component, host, patient, with_manifest};

const SCHEMA: &str = r#"{"type":"object","properties":{"weight":{"type":"number","default":1}}}"#;

fn manifest_of(wasm: &[u8]) -> String {
    let found = RefCell::new(String::new());
    with_manifest(wasm, |text| {
        found.replace(text.to_owned());
        text.to_owned()
    });
    found.into_inner()
}

/// The component with a custom section more, of less than 16 kB.
fn with_section(wasm: &[u8], name: &str, content: &[u8]) -> Vec<u8> {
    let number = |count: usize| [(count & 0x7f) as u8 | 0x80, (count >> 7) as u8];
    let body = [&number(name.len())[..], name.as_bytes(), content].concat();
    [wasm, &[0], &number(body.len())[..], &body].concat()
}

/// The ranker of this repository with its manifest beside it.
fn unsigned() -> Archive {
    let wasm = component("ranking-default");
    let mut archive = Archive::default();
    archive.put(archive::MANIFEST, manifest_of(&wasm).into_bytes()).unwrap();
    archive.put(archive::COMPONENT, wasm).unwrap();
    archive.put("README.zh.md", "排序".into()).unwrap();
    archive.put("locales/zh-CN.json", b"{}".to_vec()).unwrap();
    archive.seal().unwrap();
    archive
}

fn signed(key: &KeyPair, comment: &str) -> Archive {
    let mut archive = unsigned();
    archive.put(archive::PUBLISHER, publisher_file(&key.pk.to_base64()).into_bytes()).unwrap();
    let sums = archive.sums();
    archive.put(archive::SUMS, sums.clone().into_bytes()).unwrap();
    let made = minisign::sign(None, &key.sk, sums.as_bytes(), Some(comment), Some(SIGNATURE_COMMENT)).unwrap();
    archive.put(archive::SIGNATURE, made.into_string().into_bytes()).unwrap();
    archive.seal().unwrap();
    archive
}

fn key() -> KeyPair {
    KeyPair::generate_unencrypted_keypair().unwrap()
}

fn refusal(host: &PluginHost, bytes: &[u8]) -> String {
    host.inspect(bytes).expect_err("it is refused").detail
}

fn right_comment(host: &PluginHost) -> String {
    let is = host.inspect(&component("ranking-default")).unwrap();
    trusted_comment(&is.id, &is.version)
}

/// One entry more, behind those of a good package and before its end.
fn with_entry(kind: EntryType, name: &[u8], content: &[u8]) -> Vec<u8> {
    let mut bytes = unsigned().to_bytes();
    bytes.truncate(bytes.len() - 1024);
    let mut builder = Builder::new(bytes);
    let mut header = Header::new_ustar();
    header.as_ustar_mut().unwrap().name[..name.len()].copy_from_slice(name);
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    header.set_cksum();
    builder.append(&header, content).unwrap();
    builder.into_inner().unwrap()
}

#[tokio::test]
async fn a_package_is_the_component_in_it() {
    let host = host(patient());
    let bytes = unsigned().to_bytes();
    let (whole, bare) = (host.inspect(&bytes).unwrap(), host.inspect(&component("ranking-default")).unwrap());
    assert_eq!((&whole.digest, &whole.permission_hash), (&bare.digest, &bare.permission_hash));
    assert_ne!(whole.package_digest, bare.package_digest);
    assert_eq!((bare.package_digest.as_str(), whole.signer), (bare.digest.as_str(), None));
    assert_eq!(host.activate(activation(bytes)).await.unwrap().digest, bare.digest);
}

#[test]
fn equal_files_make_equal_bytes_and_reading_gives_them_back() {
    let bytes = unsigned().to_bytes();
    assert_eq!(bytes, unsigned().to_bytes());
    assert_eq!(Archive::read(&bytes).unwrap(), unsigned());
}

#[test]
fn a_signature_names_its_signer_and_its_release() {
    let (host, key) = (host(patient()), key());
    let is = host.inspect(&signed(&key, &right_comment(&host)).to_bytes()).unwrap();
    assert_eq!(is.signer, Some(signer_of(&key.pk.to_base64()).unwrap()));
    let of_another = signed(&key, "lyceum plugin lyceum/ranking-default 0.0.1");
    assert!(refusal(&host, &of_another.to_bytes()).contains("sign this version"));
}

#[test]
fn a_signature_of_another_key_or_without_a_key_is_an_error() {
    let (host, one, other) = (host(patient()), key(), key());
    let mut archive = signed(&one, &right_comment(&host));
    let theirs = signed(&other, &right_comment(&host)).get(archive::SIGNATURE).unwrap().to_vec();
    archive.put(archive::SIGNATURE, theirs).unwrap();
    assert!(refusal(&host, &archive.to_bytes()).contains("another key"));
    archive.remove(archive::SIGNATURE);
    assert!(refusal(&host, &archive.to_bytes()).contains("go together"));
}

/// Every byte of the small files and of every header, and every 997th of the component.
#[test]
fn no_byte_of_a_signed_package_can_be_changed() {
    let (host, key) = (host(patient()), key());
    let bytes = signed(&key, &right_comment(&host)).to_bytes();
    let wasm = component("ranking-default");
    let at = bytes.windows(8).position(|window| window == &wasm[..8]).unwrap();
    let within = at..at + wasm.len();
    for place in (0..bytes.len()).filter(|place| !within.contains(place) || place % 997 == 0) {
        for flip in [1u8, 0x20] {
            let mut changed = bytes.clone();
            changed[place] ^= flip;
            assert!(Archive::read(&changed).is_err() || host.inspect(&changed).is_err(), "byte {place} ^ {flip}");
        }
    }
    for cut in [1, 512, 1024, 2000, bytes.len() / 2] {
        assert!(host.inspect(&bytes[..bytes.len() - cut]).is_err(), "{cut} bytes less");
    }
    assert!(host.inspect(&[bytes.clone(), vec![0; 512]].concat()).is_err());
}

#[test]
fn what_has_no_place_in_a_package_is_refused() {
    let host = host(patient());
    for (kind, name, said) in [
        (EntryType::Regular, "/etc/passwd", "path"),
        (EntryType::Regular, "../plugin.toml", "path"),
        (EntryType::Regular, "locales/../../x.json", "path"),
        (EntryType::Regular, "./plugin.toml", "path"),
        (EntryType::Regular, "run.sh", "no file of a package"),
        (EntryType::Regular, "locales/a/b.json", "no file of a package"),
        (EntryType::Regular, "plugin.toml", "twice"),
        (EntryType::Symlink, "README.md", "link"),
        (EntryType::Link, "README.md", "link"),
        (EntryType::Directory, "locales", "folder"),
        (EntryType::Char, "README.md", "device"),
        (EntryType::Fifo, "README.md", "device"),
        (EntryType::XHeader, "README.md", "only plain files"),
        (EntryType::GNULongName, "README.md", "only plain files"),
        (EntryType::GNUSparse, "README.md", "only plain files"),
    ] {
        let detail = refusal(&host, &with_entry(kind, name.as_bytes(), b""));
        assert!(detail.contains(said) && detail.contains(name), "{kind:?} {name}: {detail}");
    }
    assert!(refusal(&host, &with_entry(EntryType::Regular, b"README\xff.md", b"")).contains("no file of a package"));
    assert!(refusal(&host, &with_entry(EntryType::Regular, b"README.md", b"new")).contains("not in `lyceum.sums`"));
}

#[test]
fn too_many_and_too_large_files_are_refused() {
    let mut archive = unsigned();
    assert!(archive.put("README.md", vec![b' '; (1 << 20) + 1]).unwrap_err().contains("1048576"));
    assert!(archive.put("config.schema.json", vec![b' '; (64 << 10) + 1]).unwrap_err().contains("65536"));
    assert!(archive.put("plugin.wasm", vec![0; (32 << 20) + 1]).unwrap_err().contains("33554432"));
    for n in 0..64 {
        archive.put(&format!("locales/x{n}.json"), b"{}".to_vec()).unwrap();
    }
    archive.seal().unwrap();
    assert!(Archive::read(&archive.to_bytes()).unwrap_err().contains("more than 64 files"));
    let mut heavy = unsigned();
    for n in 0..41 {
        heavy.put(&format!("README{n}.md"), vec![b' '; 1 << 20]).unwrap();
    }
    assert!(heavy.seal().unwrap_err().contains("together"));
    assert!(Archive::read(&vec![0; 42 << 20]).unwrap_err().contains("at most"));
}

#[test]
fn a_size_that_lies_is_refused() {
    let mut bytes = with_entry(EntryType::Regular, b"README.md", b"");
    let at = bytes.windows(10).rposition(|window| window == b"README.md\0").unwrap();
    let mut header = Header::from_byte_slice(&bytes[at..at + 512]).clone();
    header.set_size(u64::MAX / 2);
    header.set_cksum();
    bytes[at..at + 512].copy_from_slice(header.as_bytes());
    assert!(Archive::read(&bytes).is_err());
}

#[test]
fn sums_that_miss_add_or_mistake_a_file_are_refused() {
    let host = host(patient());
    let sums = unsigned().sums();
    let lines: Vec<&str> = sums.lines().collect();
    let write = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let added = format!("{}  README.md", "0".repeat(64));
    let wrong = format!("{}  README.zh.md", "0".repeat(64));
    for (text, said) in [
        (write(&lines[1..]), "not in `lyceum.sums`"),
        (write(&[&lines[..], &[&added]].concat()), "each once and sorted"),
        (write(&[&[wrong.as_str()], &lines[1..]].concat()), "does not have the sum"),
        (write(&[lines[1], lines[0], lines[2], lines[3]]), "each once and sorted"),
        (sums.to_uppercase(), "`lyceum.sums`"),
    ] {
        let mut archive = unsigned();
        archive.put(archive::SUMS, text.into_bytes()).unwrap();
        let detail = refusal(&host, &archive.to_bytes());
        assert!(detail.contains(said), "{detail}");
    }
}

#[test]
fn the_manifest_beside_the_component_is_the_one_in_it() {
    let host = host(patient());
    let mut archive = unsigned();
    let manifest = archive.text(archive::MANIFEST).unwrap().replace("ranking-default\"", "ranking-other\"");
    archive.put(archive::MANIFEST, manifest.into_bytes()).unwrap();
    archive.seal().unwrap();
    assert!(refusal(&host, &archive.to_bytes()).contains("not the manifest in the component"));
}

fn with_config(text: &str) -> String {
    format!("{text}\n[config]\nschema = \"config.schema.json\"\n")
}

#[test]
fn a_schema_stands_beside_the_component_or_in_it() {
    let host = host(patient());
    let wasm = with_manifest(&component("ranking-default"), with_config);
    assert!(refusal(&host, &wasm).contains(SCHEMA_SECTION));
    let embedded = with_section(&wasm, SCHEMA_SECTION, SCHEMA.as_bytes());
    let is = host.inspect(&embedded).unwrap();
    assert_eq!(is.config_schema.unwrap()["properties"]["weight"]["default"], 1);
    assert!(refusal(&host, &with_section(&embedded, SCHEMA_SECTION, b"{}")).contains("more than one"));

    let mut archive = Archive::default();
    archive.put(archive::MANIFEST, manifest_of(&wasm).into_bytes()).unwrap();
    archive.put(archive::COMPONENT, wasm.clone()).unwrap();
    archive.put(archive::CONFIG_SCHEMA, SCHEMA.into()).unwrap();
    archive.seal().unwrap();
    assert_eq!(host.inspect(&archive.to_bytes()).unwrap().config_schema.unwrap()["type"], "object");
    archive.put(archive::CONFIG_SCHEMA, br#"{"type":"object","$ref":"https://example.com/s.json"}"#.to_vec()).unwrap();
    archive.seal().unwrap();
    assert!(refusal(&host, &archive.to_bytes()).contains("bring it along"));
    archive.put(archive::CONFIG_SCHEMA, b"[]".to_vec()).unwrap();
    assert!(archive.seal().unwrap_err().contains("not a JSON object"));
    let mut unnamed = unsigned();
    unnamed.put(archive::CONFIG_SCHEMA, SCHEMA.into()).unwrap();
    unnamed.seal().unwrap();
    assert!(refusal(&host, &unnamed.to_bytes()).contains("[config]"));
}

#[tokio::test]
async fn a_raised_limit_is_asked_for_shown_and_refused_without_a_grant_when_it_must_be() {
    use lyceum_domain::plugin::{FailureKind, LIMITS};
    let wasm = component("ranking-default");
    let raise = |text: &str| {
        let memory = text.lines().find(|line| line.starts_with("memory = ")).unwrap();
        text.replace(memory, "memory = \"100MiB\"\ncomponent = \"1MiB\"\nreason = \"A large model\"")
    };
    let wasm = with_manifest(&wasm, raise);
    let config = lyceum_plugin_host::PluginHostConfig { component_bytes: 100, limits: patient(), ..Default::default() };
    let host = PluginHost::new(config).unwrap();
    let is = host.inspect(&wasm).unwrap();
    let limits = [("component".to_owned(), 1 << 20), ("memory".to_owned(), 100 << 20)].into();
    assert_eq!((&is.limits, &is.asks.0[LIMITS].limits), (&limits, &limits));
    assert_eq!(is.asks.0[LIMITS].reason, "A large model");
    let refused = host.activate(activation(wasm.clone())).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Denied);
    assert!(refused.detail.contains("limits.component"), "{}", refused.detail);
    let mut granted = activation(wasm);
    granted.grants = is.asks;
    host.activate(granted).await.unwrap();
}
