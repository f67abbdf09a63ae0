//! What a stranger's bytes go through, as functions of bytes: `cargo fuzz`
//! drives them from `fuzz/`, and so does a test, with the same seeds.
//!
//! **Invariant:** a function here fails only by a panic: a crash, or a value
//! that was taken and breaks a rule of ours.

mod packages;
pub mod seeds;
#[cfg(test)]
mod tests;

use reqwest::Url;
use serde_json::Value as Json;

use crate::{
    egress::{MailServer, Origin, OriginPattern},
    interface::Capability,
    manifest::Manifest,
};
use lyceum_domain::plugin::{check_schema, secret_fields, validate_config, with_defaults};

pub use packages::package;

/// A target with its name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("manifest", manifest),
    ("package", package),
    ("origin", origin),
    ("answers", answers),
    ("config_schema", config_schema),
];

/// A manifest that is read asks only for what exists.
pub fn manifest(bytes: &[u8]) {
    let Ok(manifest) = Manifest::parse(&String::from_utf8_lossy(bytes)) else { return };
    assert_eq!(manifest.id.matches('/').count(), 1, "{}", manifest.id);
    assert!(!manifest.implements.is_empty(), "it implements nothing");
    for name in manifest.asks.0.keys() {
        assert!(Capability::named(name).is_some_and(|c| Capability::GRANTED.contains(&c)), "{name}");
    }
    for host in manifest.asks.0.get("http").iter().flat_map(|ask| &ask.hosts) {
        assert!(host.parse::<OriginPattern>().is_ok(), "{host}");
    }
}

/// The first line is a pattern of origins, the second an address. A pattern
/// that can be granted lets nothing through that is never sent to.
pub fn origin(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (pattern, address) = text.split_once('\n').unwrap_or((&text, &text));
    let pattern = pattern.parse::<OriginPattern>();
    let origin = Url::parse(address).ok().and_then(|url| Origin::of(&url).ok());
    if let Ok(server) = address.parse::<MailServer>() {
        assert!(server.covers(&server), "{server} does not cover itself");
    }
    let Ok(pattern) = pattern else { return };
    assert!(pattern.covers(&pattern), "{pattern:?} does not cover itself");
    let Some(origin) = origin else { return };
    if pattern.grantable().is_ok() && pattern.lets_through(&origin) {
        assert!(!origin.is_never(), "{pattern:?} lets {origin} through");
    }
}

/// An answer of a guest.
pub fn answers(bytes: &[u8]) {
    crate::worlds::answer_of_a_fuzzer(bytes);
}

/// The first line is a schema, the second a configuration. With a schema that
/// is taken, a secret in the configuration never passes.
pub fn config_schema(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (schema, config) = text.split_once('\n').unwrap_or((&text, "{}"));
    let (Ok(schema), Ok(config)) = (serde_json::from_str::<Json>(schema), serde_json::from_str::<Json>(config)) else {
        return;
    };
    if check_schema(&schema).is_err() {
        return;
    }
    let secrets = secret_fields(&schema);
    let passes = validate_config(&schema, &config).is_ok();
    assert!(!passes || secrets.iter().all(|name| config.get(name).is_none()), "a secret in the configuration passes");
    let whole = with_defaults(&schema, &config);
    assert_eq!(with_defaults(&schema, &whole), whole, "defaults are filled in once");
}
