//! `plugin.toml`: what a plugin says about itself and asks for.
//!
//! **Invariant:** unknown keys are refused, so that a misspelt permission or
//! limit never passes as absent.

use std::collections::BTreeMap;

use lyceum_domain::plugin::{Extends, Grants, Permission};
use semver::{Version, VersionReq};
use serde::Deserialize;

use crate::{
    egress::OriginPattern,
    extends::{self, Sections},
    interface::{Capability, InterfaceName},
    package::archive::CONFIG_SCHEMA,
    quantities,
    wishes::Wishes,
};

/// The custom section that holds the manifest.
pub const SECTION: &str = "lyceum:manifest";

/// A manifest that was read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    pub id: String,
    pub version: Version,
    pub license: String,
    /// The versions of Lyceum it is made for.
    pub lyceum: VersionReq,
    pub implements: Vec<InterfaceName>,
    /// It promises to keep nothing between calls, so instances may be reused.
    pub stateless: bool,
    pub asks: Grants,
    /// Less than its worlds have, or more.
    pub limits: Wishes,
    /// Name of the JSON Schema of its configuration.
    pub config_schema: Option<String>,
    pub summary: BTreeMap<String, String>,
    /// Hooks, jobs, and fields of the API.
    pub extends: Extends,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    plugin: Plugin,
    #[serde(default)]
    permissions: BTreeMap<String, Ask>,
    #[serde(default)]
    limits: Limits,
    config: Option<Config>,
    hooks: Option<extends::Hooks>,
    #[serde(default)]
    jobs: Vec<extends::Job>,
    graphql: Option<extends::Graphql>,
    #[serde(default)]
    store: Store,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plugin {
    id: String,
    version: String,
    license: String,
    lyceum: String,
    implements: Vec<String>,
    state: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    names: Vec<String>,
    quota: Option<String>,
    #[serde(default)]
    collections: Vec<String>,
    scope: Option<String>,
    #[serde(default)]
    reason: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    memory: Option<String>,
    cpu_ms: Option<u64>,
    wall_ms: Option<u64>,
    http_calls: Option<u64>,
    component: Option<String>,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    schema: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Store {
    #[serde(default)]
    summary: BTreeMap<String, String>,
}

impl Manifest {
    /// # Errors
    /// What is wrong, where, and what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| format!("the manifest cannot be read: {error}"))?;
        let plugin = file.plugin;
        let implements = interfaces(&plugin.implements)?;
        let sections = Sections { hooks: file.hooks, jobs: file.jobs, graphql: file.graphql };
        Ok(Self {
            id: checked_id(&plugin.id)?,
            version: plugin.version.parse().map_err(|e| key("plugin.version", &plugin.version, &e))?,
            lyceum: plugin.lyceum.parse().map_err(|e| key("plugin.lyceum", &plugin.lyceum, &e))?,
            extends: extends::extends(sections, &implements)?,
            implements,
            stateless: stateless(plugin.state.as_deref())?,
            license: plugin.license,
            asks: permissions(file.permissions)?,
            limits: wishes(file.limits)?,
            config_schema: file.config.map(|config| config_file(&config.schema)).transpose()?,
            summary: file.store.summary,
        })
    }
}

fn key(name: &str, value: &str, why: &dyn std::fmt::Display) -> String {
    format!("the manifest's `{name}` is \"{value}\": {why}")
}

/// `publisher/name`, both lower-case words with hyphens.
fn checked_id(id: &str) -> Result<String, String> {
    let word = |part: &str| {
        let inner = part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        inner && (1..=64).contains(&part.len()) && !part.starts_with('-') && !part.ends_with('-')
    };
    match id.split_once('/') {
        Some((publisher, name)) if word(publisher) && word(name) => Ok(id.to_owned()),
        _ => Err(key("plugin.id", id, &"write `publisher/name` in lower-case letters, digits and hyphens")),
    }
}

fn interfaces(names: &[String]) -> Result<Vec<InterfaceName>, String> {
    if names.is_empty() {
        return Err("the manifest's `plugin.implements` is empty: name the interfaces the plugin exports".into());
    }
    names.iter().map(|name| name.parse().map_err(|why: String| key("plugin.implements", name, &why))).collect()
}

fn stateless(state: Option<&str>) -> Result<bool, String> {
    match state {
        None => Ok(false),
        Some("none") => Ok(true),
        Some(other) => Err(key("plugin.state", other, &"the only promise is `none`; leave the key out otherwise")),
    }
}

fn wishes(limits: Limits) -> Result<Wishes, String> {
    let size = |name: &str, text: Option<String>| -> Result<Option<u64>, String> {
        text.map(|text| byte_size(name, &text).map(|bytes| bytes as u64)).transpose()
    };
    Ok(Wishes {
        memory: size("limits.memory", limits.memory)?,
        cpu_ms: limits.cpu_ms,
        wall_ms: limits.wall_ms,
        http_calls: limits.http_calls,
        component: size("limits.component", limits.component)?,
        reason: limits.reason,
    })
}

/// A package has one place for the schema.
fn config_file(name: &str) -> Result<String, String> {
    match name {
        CONFIG_SCHEMA => Ok(name.to_owned()),
        _ => Err(key("config.schema", name, &format!("the file is called `{CONFIG_SCHEMA}`"))),
    }
}

fn permissions(asks: BTreeMap<String, Ask>) -> Result<Grants, String> {
    asks.into_iter().map(|(name, ask)| permission(&name, ask).map(|p| (name, p))).collect::<Result<_, _>>().map(Grants)
}

fn permission(name: &str, ask: Ask) -> Result<Permission, String> {
    let Some(capability) = Capability::named(name) else {
        let known = Capability::GRANTED.iter().map(|c| c.name()).collect::<Vec<_>>().join(", ");
        return Err(format!("the manifest asks for the permission `{name}`, which does not exist; there are {known}"));
    };
    for host in ask.hosts.iter().filter(|_| capability == Capability::Http) {
        host.parse::<OriginPattern>().map_err(|why| key(&format!("permissions.{name}.hosts"), host, &why))?;
    }
    let secrets = matches!(capability, Capability::SecretRef | Capability::Crypto);
    if let Some(wrong) = ask.names.iter().find(|name| secrets && !is_secret_name(name)) {
        return Err(key(&format!("permissions.{name}.names"), wrong, &"write 1 to 64 of A-Z, a-z, 0-9, `_`, `.`, `-`"));
    }
    if let Some(wrong) = ask.collections.iter().find(|name| name.is_empty() || name.contains(char::is_control)) {
        return Err(key(&format!("permissions.{name}.collections"), wrong, &"write the name of a content type"));
    }
    let content = matches!(capability, Capability::ContentRead | Capability::ContentWrite);
    let fits = (ask.hosts.is_empty() || matches!(capability, Capability::Http | Capability::Smtp))
        && (ask.names.is_empty()
            || matches!(capability, Capability::SecretRef | Capability::Crypto | Capability::Events))
        && (content || (ask.collections.is_empty() && ask.scope.is_none()))
        && (ask.quota.is_none() || capability == Capability::Kv);
    if !fits {
        return Err(format!(
            "the permission `{name}` has a quantity of another one: `hosts` is for http and smtp, `names` for secret-ref, crypto and events, `quota` for kv, `collections` and `scope` for content-read and content-write"
        ));
    }
    let quota = ask.quota.map(|size| byte_size("permissions.kv.quota", &size)).transpose()?;
    let quota_bytes = quota.map(|bytes| u64::try_from(bytes).unwrap_or(u64::MAX));
    let Ask { hosts, names, collections, scope, reason, .. } = ask;
    let asked = Permission { hosts, names, quota_bytes, collections, scope, reason, ..Permission::default() };
    quantities::check_ask(capability, &asked)
        .map_err(|(part, value, why)| key(&format!("permissions.{name}.{part}"), &value, &why))?;
    Ok(asked)
}

/// The hash of the permissions joins names, so nothing may stand in one that joins.
fn is_secret_name(name: &str) -> bool {
    let proper = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    (1..=64).contains(&name.len()) && name.bytes().all(proper)
}

/// `64KiB`, `32MiB`.
fn byte_size(name: &str, text: &str) -> Result<usize, String> {
    let (digits, unit) = match text {
        t if t.ends_with("KiB") => (&t[..t.len() - 3], 1 << 10),
        t if t.ends_with("MiB") => (&t[..t.len() - 3], 1 << 20),
        _ => return Err(key(name, text, &"write a size such as `64KiB` or `32MiB`")),
    };
    let count: usize = digits.trim().parse().map_err(|e| key(name, text, &e))?;
    count.checked_mul(unit).ok_or_else(|| key(name, text, &"the size is too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A manifest that asks for a permission in this quantity.
    fn asking(permission: &str, quantity: &str) -> Result<Permission, String> {
        let manifest = format!(
            r#"
            [plugin]
            id = "acme/a"
            version = "1.0.0"
            license = "MIT"
            lyceum = ">=0.1"
            implements = ["lyceum:notify/notifier@1.0"]
            [permissions.{permission}]
            {quantity}
            "#
        );
        Manifest::parse(&manifest).map(|manifest| manifest.asks.0[permission].clone())
    }

    fn named(key: &str, name: &str) -> String {
        format!("{key} = [{}]", toml::Value::String(name.to_owned()))
    }

    #[test]
    fn a_secret_has_a_plain_name() {
        for permission in ["secret-ref", "crypto"] {
            for name in ["a", "client_secret", "wechatpay.v3-ROOTS", &"k".repeat(64)] {
                assert_eq!(asking(permission, &named("names", name)).map(|ask| ask.names), Ok(vec![name.to_owned()]));
            }
            for name in ["", "a b", "a/b", "key\0quota", "inline:AA", "ключ", &"k".repeat(65)] {
                let wrong = asking(permission, &named("names", name)).expect_err(name);
                let key = format!("the manifest's `permissions.{permission}.names` is \"{name}\"");
                assert!(wrong.starts_with(&key), "{wrong}");
            }
        }
    }

    #[test]
    fn a_content_type_cannot_pass_for_two_in_the_hash() {
        let asked = |name| asking("content-read", &format!("{}\nscope = \"own\"", named("collections", name)));
        assert_eq!(asked("course").map(|ask| ask.collections), Ok(vec!["course".to_owned()]));
        assert!(asked("course\0collection=lesson").is_err());
        assert!(asked("").is_err());
    }
}
