//! Names of WIT interfaces, and which of them are permissions.

use std::{fmt, str::FromStr};

use semver::Version;

/// `lyceum:payment/provider@1.0.0`. The version may be shortened to `1.0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct InterfaceName {
    /// `lyceum:payment/provider`.
    pub path: String,
    pub version: Version,
}

impl FromStr for InterfaceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (path, version) = text.split_once('@').ok_or("write `package/interface@1.0`")?;
        let shape = path.split_once(':').and_then(|(_, rest)| rest.split_once('/'));
        if !shape.is_some_and(|(package, interface)| !package.is_empty() && !interface.is_empty()) {
            return Err("write `package/interface@1.0`".into());
        }
        let version = match version.matches('.').count() {
            1 => Version::parse(&format!("{version}.0")),
            _ => Version::parse(version),
        };
        Ok(Self { path: path.to_owned(), version: version.map_err(|e| e.to_string())? })
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.path, self.version)
    }
}

impl InterfaceName {
    /// Whether a host that has `self` serves a guest made for `other`.
    #[must_use]
    pub fn serves(&self, other: &Self) -> bool {
        self.path == other.path && self.version.major == other.version.major && self.version >= other.version
    }
}

/// One import interface of `lyceum:host`, which is one permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    Log,
    Config,
    Clock,
    Random,
    Metrics,
    SecretRef,
    Kv,
    Http,
    Smtp,
    Crypto,
    ContentRead,
    ContentWrite,
    Events,
}

impl Capability {
    /// Every plugin has these.
    pub const BASELINE: &[Self] = &[Self::Log, Self::Config, Self::Clock, Self::Random, Self::Metrics];
    /// The owner grants these.
    pub const GRANTED: &[Self] = &[
        Self::SecretRef,
        Self::Kv,
        Self::Http,
        Self::Smtp,
        Self::Crypto,
        Self::ContentRead,
        Self::ContentWrite,
        Self::Events,
    ];

    /// The interface's name in `lyceum:host`, and the permission's in a manifest.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Config => "config",
            Self::Clock => "clock",
            Self::Random => "random",
            Self::Metrics => "metrics",
            Self::SecretRef => "secret-ref",
            Self::Kv => "kv",
            Self::Http => "http",
            Self::Smtp => "smtp",
            Self::Crypto => "crypto",
            Self::ContentRead => "content-read",
            Self::ContentWrite => "content-write",
            Self::Events => "events",
        }
    }

    /// The permission of this name. Baseline interfaces are no permissions.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::GRANTED.iter().copied().find(|capability| capability.name() == name)
    }
}

/// What an import of a component means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Import {
    /// Only types: it gives nothing.
    Types,
    Baseline,
    Permission(Capability),
}

/// Interfaces that hold types and no functions.
const TYPES: &[&str] = &["lyceum:types/common", "lyceum:payment/types", "lyceum:content/types"];

impl Import {
    /// # Errors
    /// Why the host never gives this import.
    pub fn of(name: &str) -> Result<Self, String> {
        let interface: InterfaceName = name.parse().map_err(|_| never(name))?;
        if interface.version.major != 1 {
            return Err(format!("it imports `{name}`; this host has version 1: build it with a matching SDK"));
        }
        if TYPES.contains(&interface.path.as_str()) {
            return Ok(Self::Types);
        }
        let short = interface.path.strip_prefix("lyceum:host/").ok_or_else(|| never(name))?;
        match Capability::named(short) {
            Some(capability) => Ok(Self::Permission(capability)),
            None if Capability::BASELINE.iter().any(|c| c.name() == short) => Ok(Self::Baseline),
            None => Err(never(name)),
        }
    }
}

fn never(name: &str) -> String {
    let wasi = if name.starts_with("wasi:") { " Build it without WASI and use `lyceum:host`." } else { "" };
    format!("it imports `{name}`, which no plugin gets.{wasi}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_version_is_the_first_patch() {
        let name: InterfaceName = "lyceum:payment/provider@1.0".parse().expect("a name");
        assert_eq!(name.to_string(), "lyceum:payment/provider@1.0.0");
        assert!("lyceum:payment".parse::<InterfaceName>().is_err());
        assert!("provider@1.0".parse::<InterfaceName>().is_err());
    }

    #[test]
    fn a_newer_minor_serves_an_older_guest_and_not_the_other_way() {
        let name = |text: &str| text.parse::<InterfaceName>().expect("a name");
        assert!(name("a:b/c@1.2.0").serves(&name("a:b/c@1.0.0")));
        assert!(!name("a:b/c@1.0.0").serves(&name("a:b/c@1.2.0")));
        assert!(!name("a:b/c@2.0.0").serves(&name("a:b/c@1.0.0")));
    }

    #[test]
    fn only_our_own_interfaces_are_given() {
        assert_eq!(Import::of("lyceum:types/common@1.0.0"), Ok(Import::Types));
        assert_eq!(Import::of("lyceum:host/log@1.0.0"), Ok(Import::Baseline));
        assert_eq!(Import::of("lyceum:host/http@1.0.0"), Ok(Import::Permission(Capability::Http)));
        for name in ["wasi:cli/environment@0.2.0", "wasi:http/outgoing-handler@0.2.0", "lyceum:host/shell@1.0.0", "env"]
        {
            assert!(Import::of(name).is_err(), "{name}");
        }
    }
}
