//! How what a new version asks for differs from what the old one asked for.

use serde::Serialize;

use super::{
    consent::permission_covers,
    extends::Extends,
    port::{Grants, Inspection, LIMITS, Permission},
    worlds::{is_more, path_of},
};

/// What changes between two versions, for the owner who is to consent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AskDiff {
    pub from: String,
    pub to: String,
    pub added: Vec<Added>,
    pub removed: Vec<String>,
    pub widened: Vec<Changed>,
    pub narrowed: Vec<Changed>,
    pub limits_raised: Vec<Raised>,
    /// Worlds and hooks that only the new version has, by interface.
    pub hooks_added: Vec<String>,
    pub hooks_removed: Vec<String>,
    /// It wants to see or add more than before: other moments, types or fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extends: Option<ExtendsChanged>,
}

/// What a plugin takes part in, before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExtendsChanged {
    pub from: Extends,
    pub to: Extends,
}

/// A permission that the old version did not ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Added {
    pub permission: String,
    #[serde(flatten)]
    pub asks: Permission,
}

/// A permission whose quantities are others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    pub permission: String,
    pub from: Permission,
    pub to: Permission,
}

/// A limit above the world's that is higher than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Raised {
    pub limit: String,
    /// None: the world's own limit.
    pub from: Option<u64>,
    pub to: u64,
}

impl AskDiff {
    #[must_use]
    pub fn between(old: &Inspection, new: &Inspection) -> Self {
        let (before, after) = (without_limits(&old.asks), without_limits(&new.asks));
        let both = || after.iter().filter_map(|(name, to)| Some((*name, lookup(&before, name)?, *to)));
        let changed = |wider: bool| {
            let is_wider = move |from: &Permission, to: &Permission| match wider {
                true => permission_covers(from, to).is_err(),
                false => permission_covers(to, from).is_err() && permission_covers(from, to).is_ok(),
            };
            both().filter(move |(_, from, to)| is_wider(from, to)).map(|(name, from, to)| Changed {
                permission: name.to_owned(),
                from: from.clone(),
                to: to.clone(),
            })
        };
        let only = |these: &[(&str, &Permission)], those: &[(&str, &Permission)]| -> Vec<(String, Permission)> {
            let missing = these.iter().filter(|(name, _)| lookup(those, name).is_none());
            missing.map(|(name, asks)| ((*name).to_owned(), (*asks).clone())).collect()
        };
        Self {
            from: old.version.clone(),
            to: new.version.clone(),
            added: only(&after, &before).into_iter().map(|(permission, asks)| Added { permission, asks }).collect(),
            removed: only(&before, &after).into_iter().map(|(permission, _)| permission).collect(),
            widened: changed(true).collect(),
            narrowed: changed(false).collect(),
            limits_raised: raised(&old.asks, &new.asks),
            hooks_added: interfaces_beyond(&old.implements, &new.implements),
            hooks_removed: interfaces_beyond(&new.implements, &old.implements),
            extends: (!old.extends.covers(&new.extends))
                .then(|| ExtendsChanged { from: old.extends.clone(), to: new.extends.clone() }),
        }
    }

    /// Whether the new version asks for anything that the old one did not, or
    /// does anything that it did not.
    #[must_use]
    pub fn asks_for_more(&self) -> bool {
        self.asks_for_permissions() || self.extends.is_some() || self.hooks_added.iter().any(|name| is_more(name))
    }

    /// Whether more permissions are among it.
    pub(super) fn asks_for_permissions(&self) -> bool {
        !(self.added.is_empty() && self.widened.is_empty() && self.limits_raised.is_empty())
    }
}

fn lookup<'p>(permissions: &[(&str, &'p Permission)], wanted: &str) -> Option<&'p Permission> {
    permissions.iter().find(|(name, _)| *name == wanted).map(|(_, permission)| *permission)
}

fn without_limits(asks: &Grants) -> Vec<(&str, &Permission)> {
    asks.0.iter().filter(|(name, _)| *name != LIMITS).map(|(name, ask)| (name.as_str(), ask)).collect()
}

fn raised(old: &Grants, new: &Grants) -> Vec<Raised> {
    let limits = |asks: &Grants| asks.0.get(LIMITS).map(|ask| ask.limits.clone()).unwrap_or_default();
    let before = limits(old);
    let higher = limits(new).into_iter().filter(|(name, to)| before.get(name).is_none_or(|from| to > from));
    higher.map(|(limit, to)| Raised { from: before.get(&limit).copied(), limit, to }).collect()
}

/// The interfaces of `new` that `old` has in no version: a later minor of the
/// same interface is no new hook.
fn interfaces_beyond(old: &[String], new: &[String]) -> Vec<String> {
    new.iter().filter(|name| !old.iter().any(|known| path_of(known) == path_of(name))).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(version: &str, asks: &[(&str, Permission)], implements: &[&str]) -> Inspection {
        Inspection {
            version: version.to_owned(),
            asks: Grants(asks.iter().map(|(name, ask)| ((*name).to_owned(), ask.clone())).collect()),
            implements: implements.iter().map(ToString::to_string).collect(),
            ..Inspection::default()
        }
    }

    fn hosts(hosts: &[&str]) -> Permission {
        Permission { hosts: hosts.iter().map(ToString::to_string).collect(), ..Permission::default() }
    }

    fn limits(pairs: &[(&str, u64)]) -> Permission {
        let limits = pairs.iter().map(|(name, most)| ((*name).to_owned(), *most)).collect();
        Permission { limits, ..Permission::default() }
    }

    #[test]
    fn everything_that_is_new_wider_or_gone_is_told_once() {
        let kv = Permission { quota_bytes: Some(1024), ..Permission::default() };
        let old = asking(
            "1.0.0",
            &[
                ("http", hosts(&["https://a.example"])),
                ("kv", kv),
                ("limits", limits(&[("memory", 64), ("cpu_ms", 9)])),
            ],
            &["lyceum:payment/provider@1.0.0", "lyceum:lifecycle/lifecycle@1.0.0"],
        );
        let new = asking(
            "2.0.0",
            &[
                ("http", hosts(&["https://a.example", "https://b.example"])),
                ("crypto", Permission { reason: "Signs.".to_owned(), ..Permission::default() }),
                ("limits", limits(&[("memory", 128), ("cpu_ms", 9), ("wall_ms", 5)])),
            ],
            &["lyceum:payment/provider@1.1.0", "lyceum:content/after-hooks@1.0.0"],
        );
        let diff = AskDiff::between(&old, &new);
        assert_eq!(
            diff.added.iter().map(|a| (a.permission.as_str(), a.asks.reason.as_str())).collect::<Vec<_>>(),
            [("crypto", "Signs.")]
        );
        assert_eq!(diff.removed, ["kv"]);
        assert_eq!(diff.widened.iter().map(|c| c.permission.as_str()).collect::<Vec<_>>(), ["http"]);
        assert_eq!(diff.narrowed, []);
        let raised: Vec<_> = diff.limits_raised.iter().map(|r| (r.limit.as_str(), r.from, r.to)).collect();
        assert_eq!(raised, [("memory", Some(64), 128), ("wall_ms", None, 5)]);
        assert_eq!(diff.hooks_added, ["lyceum:content/after-hooks@1.0.0"]);
        assert_eq!(diff.hooks_removed, ["lyceum:lifecycle/lifecycle@1.0.0"]);
        assert!(diff.asks_for_more());
    }

    #[test]
    fn what_only_shrinks_asks_for_nothing_more() {
        let old = asking("1.0.0", &[("http", hosts(&["https://*.example.com"])), ("kv", Permission::default())], &[]);
        let new = asking("1.1.0", &[("http", hosts(&["https://a.example.com"]))], &[]);
        let diff = AskDiff::between(&old, &new);
        assert_eq!(diff.narrowed.iter().map(|c| c.permission.as_str()).collect::<Vec<_>>(), ["http"]);
        assert_eq!((diff.removed.as_slice(), diff.asks_for_more()), (&["kv".to_owned()][..], false));
        assert!(!AskDiff::between(&old, &old).asks_for_more());
    }

    #[test]
    fn another_world_asks_for_more_and_the_care_of_oneself_does_not() {
        let ranker = asking("1.0.0", &[], &["lyceum:ranking/ranker@1.0.0"]);
        let more = |name: &str| {
            let new = asking("1.1.0", &[], &["lyceum:ranking/ranker@1.1.0", name]);
            AskDiff::between(&ranker, &new).asks_for_more()
        };
        assert!(more("lyceum:auth/auth-provider@1.0.0") && more("lyceum:job/job@1.0.0"));
        assert!(!more("lyceum:lifecycle/lifecycle@1.0.0") && !more("lyceum:ranking/ranker@1.0.0"));
    }

    #[test]
    fn a_wider_hook_asks_for_more() {
        let hooked = |types: &[&str]| {
            let types = types.iter().map(ToString::to_string).collect();
            let hooks = crate::plugin::HooksAsked { types, ..crate::plugin::HooksAsked::default() };
            let extends = Extends { hooks: Some(hooks), ..Extends::default() };
            Inspection { extends, ..asking("1.0.0", &[], &[]) }
        };
        let wider = AskDiff::between(&hooked(&["course"]), &hooked(&["*"]));
        assert!(wider.asks_for_more() && wider.extends.is_some());
        assert!(!AskDiff::between(&hooked(&["*"]), &hooked(&["course"])).asks_for_more());
    }

    #[test]
    fn a_diff_is_told_as_json() {
        let old = asking("1.0.0", &[], &[]);
        let new = asking(
            "2.0.0",
            &[("http", Permission { reason: "Pays.".to_owned(), ..hosts(&["https://a.example"]) })],
            &[],
        );
        let told = serde_json::to_value(AskDiff::between(&old, &new)).expect("it is data");
        let added = serde_json::json!([{ "permission": "http", "hosts": ["https://a.example"], "reason": "Pays." }]);
        assert_eq!((&told["added"], &told["limitsRaised"]), (&added, &serde_json::json!([])));
    }
}
