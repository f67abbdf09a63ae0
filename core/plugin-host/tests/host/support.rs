//! Components, hosts with patient walls, and manifests written anew.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::Duration};

use lyceum_domain::{
    moderation::ReviewItem,
    plugin::{Activation, Grants, Permission, PluginRuntime, Secret},
    ranking::{Column, RankContext},
};
use lyceum_kernel::{ManualClock, Timestamp};
use lyceum_plugin_host::{LimitTable, MANIFEST_SECTION, PluginHost, PluginHostConfig, limits::TABLE};

/// A component of `plugins/components`.
pub fn component(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../plugins/components/{name}.wasm"));
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Wall times that no busy machine reaches; the other limits as they are.
pub fn patient() -> LimitTable {
    TABLE.iter().fold(LimitTable::default(), |table, row| {
        let limits = lyceum_plugin_host::Limits { wall: Duration::from_secs(120), ..row.limits };
        table.with(row.world, limits)
    })
}

/// With CPU time for a busy machine too, for guests that behave.
pub fn generous() -> LimitTable {
    TABLE.iter().fold(LimitTable::default(), |table, row| {
        let limits = lyceum_plugin_host::Limits {
            wall: Duration::from_secs(120),
            cpu_ticks: row.limits.cpu_ticks.max(1_000),
            ..row.limits
        };
        table.with(row.world, limits)
    })
}

pub fn host(limits: LimitTable) -> PluginHost {
    PluginHost::new(PluginHostConfig { limits, ..PluginHostConfig::default() }).unwrap()
}

/// With compiled components kept: for tests that start many hosts, one after the other.
pub fn host_in(cache: &Path, limits: LimitTable) -> PluginHost {
    let cache_dir = Some(cache.to_owned());
    PluginHost::new(PluginHostConfig { cache_dir, limits, ..PluginHostConfig::default() }).unwrap()
}

pub fn host_at(limits: LimitTable, start_ms: i64) -> (PluginHost, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(start_ms)));
    let config = PluginHostConfig { limits, clock: Arc::<ManualClock>::clone(&clock), ..PluginHostConfig::default() };
    (PluginHost::new(config).unwrap(), clock)
}

pub fn activation(wasm: Vec<u8>) -> Activation {
    Activation {
        wasm: wasm.into(),
        grants: Grants::default(),
        config: "{}".into(),
        secrets: BTreeMap::new(),
        previous_version: None,
        role: lyceum_domain::plugin::Role::Active,
    }
}

pub async fn active(host: &PluginHost, name: &str) {
    host.activate(activation(component(name))).await.unwrap();
}

pub fn grants(permissions: &[(&str, Permission)]) -> Grants {
    Grants(permissions.iter().map(|(name, permission)| ((*name).to_owned(), permission.clone())).collect())
}

pub fn secrets(values: &[(&str, &str)]) -> BTreeMap<String, Secret> {
    values.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect()
}

pub fn item(text: &str) -> ReviewItem {
    ReviewItem { id: "1".into(), kind: "comment".into(), locale: None, text: text.into() }
}

pub fn context(surface: &str, count: u32) -> RankContext {
    RankContext { surface: surface.into(), locale: "zh-CN".into(), now_ms: 1_700_000_000_000, count }
}

/// `count` items for the columns of a ranker, each different.
pub fn columns(names: &[String], count: u32) -> Vec<(String, Column)> {
    let column = |name: &String| match name.as_str() {
        "age-hours" | "affinity" | "co-enrolment" | "author-affinity" => {
            Column::F32((0..count).map(|n| 1.0 / (1.0 + f32::from(n as u16))).collect())
        }
        "price-minor" => Column::U64((0..u64::from(count)).collect()),
        _ => Column::U32((0..count).collect()),
    };
    names.iter().map(|name| (name.clone(), column(name))).collect()
}

/// An empty component with this manifest.
pub fn empty_component(manifest: &str) -> Vec<u8> {
    let mut wasm = b"\0asm\x0d\0\x01\0".to_vec();
    put_section(&mut wasm, 0, &manifest_section(manifest));
    wasm
}

/// The same component with its manifest changed.
pub fn with_manifest(wasm: &[u8], change: impl Fn(&str) -> String) -> Vec<u8> {
    let mut manifest = String::new();
    let mut changed = strip_manifest(wasm, &mut manifest);
    put_section(&mut changed, 0, &manifest_section(&change(&manifest)));
    changed
}

fn manifest_section(text: &str) -> Vec<u8> {
    let mut section = Vec::new();
    put_number(&mut section, MANIFEST_SECTION.len());
    section.extend_from_slice(MANIFEST_SECTION.as_bytes());
    section.extend_from_slice(text.as_bytes());
    section
}

/// Copies sections, the manifest left out, through nested modules.
fn strip_manifest(wasm: &[u8], manifest: &mut String) -> Vec<u8> {
    let (mut out, mut at) = (wasm[..8].to_vec(), 8);
    while at < wasm.len() {
        let id = wasm[at];
        let (size, start) = number(wasm, at + 1);
        let body = &wasm[start..start + size];
        at = start + size;
        let is_manifest = id == 0 && body[1..].starts_with(MANIFEST_SECTION.as_bytes());
        if is_manifest {
            *manifest = String::from_utf8(body[1 + MANIFEST_SECTION.len()..].to_vec()).unwrap();
        } else if body.starts_with(b"\0asm") {
            put_section(&mut out, id, &strip_manifest(body, manifest));
        } else {
            put_section(&mut out, id, body);
        }
    }
    out
}

pub fn put_section(out: &mut Vec<u8>, id: u8, body: &[u8]) {
    out.push(id);
    put_number(out, body.len());
    out.extend_from_slice(body);
}

/// LEB128, as WASM writes lengths and counts.
pub fn put_number(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub fn number(bytes: &[u8], mut at: usize) -> (usize, usize) {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = bytes[at];
        value |= usize::from(byte & 0x7f) << shift;
        (at, shift) = (at + 1, shift + 7);
        if byte < 0x80 {
            return (value, at);
        }
    }
}
