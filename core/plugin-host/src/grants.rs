//! What the owner grants, measured against what the plugin asks.

use std::collections::{BTreeMap, BTreeSet};

use lyceum_domain::plugin::{Extends, Grants, LIMITS, Permission};
use sha2::{Digest, Sha256};

use crate::{
    egress::{MailServer, OriginPattern},
    interface::{Capability, InterfaceName},
    quantities::{self, ContentGrant},
    worlds::LIFECYCLE,
};

/// The grants of an active plugin.
#[derive(Debug, Clone, Default)]
pub(crate) struct Granted {
    pub capabilities: BTreeSet<Capability>,
    pub origins: Vec<OriginPattern>,
    /// Names of all secrets: keys of `crypto` and what `http` and `smtp` may send.
    pub secrets: BTreeSet<String>,
    /// Names of those that may be sent. A key that was granted for `crypto` alone
    /// does not leave.
    pub sendable: BTreeSet<String>,
    pub kv_bytes: u64,
    pub mail_servers: Vec<MailServer>,
    pub content_read: ContentGrant,
    pub content_write: ContentGrant,
    /// Names of events that may be read.
    pub events: Vec<String>,
    /// What it may use beyond its world's limits.
    pub limits: BTreeMap<String, u64>,
}

/// Store of a plugin that named no quota, in bytes.
const KV_DEFAULT_BYTES: u64 = 64 << 10;

impl Granted {
    /// # Errors
    /// The grant that goes beyond what was asked, or that cannot be enforced.
    pub fn check(asks: &Grants, grants: &Grants) -> Result<Self, String> {
        let mut granted = Self::default();
        for (name, grant) in &grants.0 {
            let ask =
                asks.0.get(name).ok_or_else(|| format!("`{name}` is granted, but the plugin does not ask for it"))?;
            if name == LIMITS {
                granted.limits = raised(ask, grant)?;
                continue;
            }
            let capability = Capability::named(name).ok_or_else(|| format!("there is no permission `{name}`"))?;
            granted.capabilities.insert(capability);
            granted.take(capability, ask, grant)?;
        }
        Ok(granted)
    }

    fn take(&mut self, capability: Capability, ask: &Permission, grant: &Permission) -> Result<(), String> {
        match capability {
            Capability::Http => self.origins = origins(ask, grant)?,
            Capability::SecretRef | Capability::Crypto => {
                if let Some(name) = grant.names.iter().find(|name| !ask.names.contains(name)) {
                    return Err(format!("the secret `{name}` is granted, but the plugin does not ask for it"));
                }
                self.secrets.extend(grant.names.iter().cloned());
                if capability == Capability::SecretRef {
                    self.sendable.extend(grant.names.iter().cloned());
                }
            }
            Capability::Kv => {
                let (asked, given) = (ask.quota_bytes.unwrap_or(KV_DEFAULT_BYTES), grant.quota_bytes);
                self.kv_bytes = given.unwrap_or(asked).min(asked);
            }
            Capability::Smtp => self.mail_servers = quantities::mail_servers(ask, grant)?,
            Capability::ContentRead => self.content_read = ContentGrant::check(capability, ask, grant)?,
            Capability::ContentWrite => self.content_write = ContentGrant::check(capability, ask, grant)?,
            Capability::Events => self.events = quantities::events(ask, grant)?,
            // Nobody grants what every plugin has.
            Capability::Log | Capability::Config | Capability::Clock | Capability::Random | Capability::Metrics => {}
        }
        Ok(())
    }

    pub fn has(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }
}

fn raised(ask: &Permission, grant: &Permission) -> Result<BTreeMap<String, u64>, String> {
    for (name, most) in &grant.limits {
        if ask.limits.get(name).is_none_or(|asked| most > asked) {
            return Err(format!("the limit `{name}` is granted up to {most}, but the plugin does not ask for that"));
        }
    }
    Ok(grant.limits.clone())
}

fn origins(ask: &Permission, grant: &Permission) -> Result<Vec<OriginPattern>, String> {
    let asked: Vec<OriginPattern> = ask.hosts.iter().filter_map(|text| text.parse().ok()).collect();
    let mut granted = Vec::new();
    for text in &grant.hosts {
        let origin: OriginPattern = text.parse().map_err(|why| format!("the granted origin `{text}`: {why}"))?;
        if !asked.iter().any(|pattern| pattern.covers(&origin)) {
            return Err(format!("the origin `{text}` is granted, but the plugin does not ask for it"));
        }
        origin.grantable().map_err(|why| format!("the origin `{text}` cannot be granted: {why}"))?;
        granted.push(origin);
    }
    Ok(granted)
}

/// SHA-256 over the permission set and over what the plugin does, by interface,
/// without the reasons: another wording asks for nothing more. Neither does the
/// care of oneself, which is no part of it.
pub(crate) fn permission_hash(asks: &Grants, extends: &Extends, exports: &[InterfaceName]) -> String {
    let mut digest = Sha256::new();
    for (name, ask) in &asks.0 {
        let mut line = vec![name.as_str()];
        let (mut hosts, mut names) = (ask.hosts.clone(), ask.names.clone());
        hosts.sort();
        names.sort();
        let quota = ask.quota_bytes.map(|bytes| bytes.to_string()).unwrap_or_default();
        line.extend(["\0hosts"].into_iter().chain(hosts.iter().map(String::as_str)));
        line.extend(["\0names"].into_iter().chain(names.iter().map(String::as_str)));
        let limits: Vec<String> = ask.limits.iter().map(|(name, most)| format!("{name}={most}")).collect();
        line.extend(["\0quota", quota.as_str()]);
        if !limits.is_empty() {
            line.extend(["\0limits"].into_iter().chain(limits.iter().map(String::as_str)));
        }
        let others = quantities::hashed(ask);
        line.extend(others.iter().map(String::as_str));
        line.push("\n");
        digest.update(line.join("\0"));
    }
    crate::extends::lines(extends).iter().for_each(|line| digest.update(line));
    let does: BTreeSet<&str> = exports.iter().map(|name| name.path.as_str()).collect();
    does.into_iter().filter(|path| *path != LIFECYCLE).for_each(|path| digest.update(format!("does\0\0{path}\n")));
    hex::encode(digest.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(hosts: &[&str]) -> Grants {
        let hosts = hosts.iter().map(ToString::to_string).collect();
        Grants([("http".to_owned(), Permission { hosts, ..Permission::default() })].into())
    }

    #[test]
    fn a_grant_never_goes_beyond_the_ask() {
        let asks = http(&["https://api.example.com:443", "http://127.0.0.1:*"]);
        let check = |hosts: &[&str]| Granted::check(&asks, &http(hosts)).map(|granted| granted.origins.len());
        assert_eq!(check(&["https://api.example.com", "http://127.0.0.1:8089"]), Ok(2));
        assert!(check(&["https://other.example.com"]).is_err());
        assert!(check(&["https://api.example.com:8443"]).is_err());
        assert!(check(&["http://127.0.0.2:8089"]).is_err());
        assert!(check(&["http://127.0.0.1:*"]).expect_err("a port must be named").contains("port"));
        assert!(Granted::check(&Grants::default(), &http(&["https://api.example.com"])).is_err());
    }

    #[test]
    fn a_key_of_crypto_is_no_secret_to_send() {
        let names = |names: &[&str]| Permission {
            names: names.iter().map(ToString::to_string).collect(),
            ..Permission::default()
        };
        let asks = Grants([("crypto".into(), names(&["key"])), ("secret-ref".into(), names(&["token"]))].into());
        let granted = Granted::check(&asks, &asks).expect("what was asked");
        assert_eq!(granted.secrets, ["key".to_owned(), "token".to_owned()].into());
        assert_eq!(granted.sendable, ["token".to_owned()].into());
    }

    #[test]
    fn the_hash_ignores_order_and_reason_and_sees_every_quantity() {
        let hash = |hosts: &[&str]| permission_hash(&http(hosts), &Extends::default(), &[]);
        assert_eq!(
            hash(&["https://a.example", "https://b.example"]),
            hash(&["https://b.example", "https://a.example"])
        );
        assert_ne!(hash(&["https://a.example"]), hash(&["https://a.example", "https://b.example"]));
        let mut reasoned = http(&["https://a.example"]);
        reasoned.0.values_mut().for_each(|ask| ask.reason = "because".into());
        assert_eq!(permission_hash(&reasoned, &Extends::default(), &[]), hash(&["https://a.example"]));
    }

    #[test]
    fn the_hash_sees_what_the_plugin_does() {
        let hash = |names: &[&str]| {
            let exports: Vec<InterfaceName> = names.iter().map(|name| name.parse().expect("a name")).collect();
            permission_hash(&Grants::default(), &Extends::default(), &exports)
        };
        let ranker = hash(&["lyceum:ranking/ranker@1.0.0"]);
        assert_ne!(ranker, hash(&["lyceum:ranking/ranker@1.0.0", "lyceum:auth/auth-provider@1.0.0"]));
        assert_eq!(ranker, hash(&["lyceum:lifecycle/lifecycle@1.0.0", "lyceum:ranking/ranker@1.1.0"]));
    }

    fn limits(memory: u64) -> Grants {
        let limits = [("memory".to_owned(), memory)].into();
        Grants([(LIMITS.to_owned(), Permission { limits, ..Permission::default() })].into())
    }

    #[test]
    fn a_raised_limit_is_a_permission_of_its_own() {
        assert_eq!(Granted::check(&limits(64), &limits(64)).map(|granted| granted.limits["memory"]), Ok(64));
        assert_eq!(Granted::check(&limits(64), &Grants::default()).map(|granted| granted.limits.len()), Ok(0));
        assert!(Granted::check(&limits(64), &limits(65)).is_err());
        assert!(Granted::check(&Grants::default(), &limits(1)).is_err());
        assert_ne!(
            permission_hash(&limits(64), &Extends::default(), &[]),
            permission_hash(&limits(65), &Extends::default(), &[])
        );
    }
}
