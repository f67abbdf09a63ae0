//! What is asked, what is granted, and whether one covers the other.
//!
//! The host checks again, by its own reading, each time a plugin starts.

use super::{
    diff::AskDiff,
    error::PluginError,
    extends::Extends,
    model::InstalledPlugin,
    origin::origin_covers,
    port::{Grants, Inspection, Permission},
    services::{EntryScope, event_name_covers},
    worlds::needs_consent,
};

/// What the plugin may do once installed, and whether the owner said so now.
pub(super) struct Consent {
    pub grants: Grants,
    pub is_new: bool,
}

/// `expected` is the hash of what the owner has read.
///
/// # Errors
/// When nobody consented to this, or the grant goes beyond what is asked.
pub(super) fn decide(
    asks: &Inspection,
    given: Option<Grants>,
    expected: Option<&str>,
    before: Option<&InstalledPlugin>,
) -> Result<Consent, PluginError> {
    if let Some(grants) = given {
        return given_now(asks, grants, expected).map(|grants| Consent { grants, is_new: true });
    }
    match before {
        None if needs_none(asks) => Ok(Consent { grants: Grants::default(), is_new: false }),
        None => Err(PluginError::ConsentRequired(Box::new(asks.clone()))),
        Some(old) => match AskDiff::between(&old.manifest, asks) {
            diff if diff.asks_for_more() => Err(PluginError::Staged(Box::new(asks.clone()), Box::new(diff))),
            // The owner saw all of this before, and may have granted less.
            _ => Ok(Consent { grants: within(&asks.asks, &old.grants), is_new: false }),
        },
    }
}

/// Whether it may be installed without a word of the owner.
fn needs_none(asks: &Inspection) -> bool {
    let worlds = asks.implements.iter().any(|name| needs_consent(name));
    !worlds && asks.asks.0.is_empty() && Extends::default().covers(&asks.extends)
}

/// # Errors
/// As [`decide`].
pub(super) fn given_now(asks: &Inspection, grants: Grants, expected: Option<&str>) -> Result<Grants, PluginError> {
    if expected.is_some_and(|hash| hash != asks.permission_hash) {
        return Err(PluginError::ConsentChanged(Box::new(asks.clone())));
    }
    covers(&asks.asks, &grants).map_err(PluginError::GrantTooWide)?;
    Ok(grants)
}

/// The old grants without what is not asked for any more.
fn within(asks: &Grants, grants: &Grants) -> Grants {
    let kept = grants.0.iter().filter_map(|(name, grant)| {
        let ask = asks.0.get(name)?;
        let mut grant = grant.clone();
        grant.hosts.retain(|host| ask.hosts.iter().any(|pattern| origin_covers(pattern, host)));
        grant.names.retain(|known| ask.names.contains(known));
        grant.collections.retain(|known| names_cover(&ask.collections, known));
        grant.limits.retain(|limit, most| ask.limits.get(limit).is_some_and(|asked| *most <= *asked));
        grant.quota_bytes = grant.quota_bytes.map(|bytes| ask.quota_bytes.map_or(bytes, |asked| bytes.min(asked)));
        permission_covers(ask, &grant).is_ok().then_some((name.clone(), grant))
    });
    Grants(kept.collect())
}

/// The grants of an old version without what the owner has taken away since:
/// what the current version asks for and may not do, the old one may not do
/// either. About what it does not ask for, nobody was asked.
pub(super) fn still_granted(old: &Grants, current: &Grants, asks: &Grants) -> Grants {
    let nothing = |of: &Permission| {
        of.hosts.is_empty() && of.names.is_empty() && of.collections.is_empty() && of.limits.is_empty()
    };
    let kept = old.0.iter().filter_map(|(name, grant)| {
        let Some(ask) = asks.0.get(name) else { return Some((name.clone(), grant.clone())) };
        let left = narrowed(grant, current.0.get(name)?, ask);
        (nothing(grant) || !nothing(&left)).then(|| (name.clone(), left))
    });
    Grants(kept.collect())
}

fn narrowed(old: &Permission, now: &Permission, ask: &Permission) -> Permission {
    let mut grant = old.clone();
    grant.hosts = still(&old.hosts, &now.hosts, &ask.hosts, origin_covers);
    grant.names = still(&old.names, &now.names, &ask.names, event_name_covers);
    grant.collections =
        still(&old.collections, &now.collections, &ask.collections, |all, one| all == "*" || all == one);
    if !scope_covers(now, ask) && !scope_covers(now, old) {
        grant.scope.clone_from(&now.scope);
    }
    if let Some(most) = now.quota_bytes.filter(|most| ask.quota_bytes.is_some_and(|asked| *most < asked)) {
        grant.quota_bytes = Some(old.quota_bytes.map_or(most, |bytes| bytes.min(most)));
    }
    grant.limits.retain(|limit, _| !ask.limits.contains_key(limit) || now.limits.contains_key(limit));
    for (limit, most) in &mut grant.limits {
        if let Some(less) = now.limits.get(limit).filter(|less| ask.limits.get(limit).is_some_and(|ask| *less < ask)) {
            *most = (*most).min(*less);
        }
    }
    grant
}

/// Of `old`: what is granted now or not asked for, and of what is wider the
/// part that is granted now.
fn still(old: &[String], now: &[String], ask: &[String], covers: impl Fn(&str, &str) -> bool) -> Vec<String> {
    let any = |all: &[String], one: &str| all.iter().any(|known| covers(known, one));
    let asked = |one: &str| ask.iter().any(|known| covers(known, one) || covers(one, known));
    let mut kept: Vec<String> = old.iter().filter(|one| any(now, one) || !asked(one)).cloned().collect();
    for one in now.iter().filter(|one| any(old, one)) {
        if !any(&kept, one) {
            kept.push(one.clone());
        }
    }
    kept
}

/// Whether `some` is nothing beyond `all`; else what is.
pub(super) fn covers(all: &Grants, some: &Grants) -> Result<(), String> {
    for (name, part) in &some.0 {
        let whole = all.0.get(name).ok_or_else(|| format!("The plugin does not ask for `{name}`."))?;
        permission_covers(whole, part).map_err(|what| format!("The plugin does not ask for {what} of `{name}`."))?;
    }
    Ok(())
}

pub(super) fn permission_covers(whole: &Permission, part: &Permission) -> Result<(), String> {
    if let Some(host) = part.hosts.iter().find(|host| !whole.hosts.iter().any(|pattern| origin_covers(pattern, host))) {
        return Err(format!("\"{host}\""));
    }
    if let Some(name) = part.names.iter().find(|name| !whole.names.iter().any(|asked| event_name_covers(asked, name))) {
        return Err(format!("\"{name}\""));
    }
    if let Some(name) = part.collections.iter().find(|name| !names_cover(&whole.collections, name)) {
        return Err(format!("\"{name}\""));
    }
    if !scope_covers(whole, part) {
        return Err(format!("the scope \"{}\"", part.scope.as_deref().unwrap_or_default()));
    }
    let raised = |(name, most): &(&String, &u64)| whole.limits.get(*name).is_none_or(|asked| *most > asked);
    if let Some((name, most)) = part.limits.iter().find(raised) {
        return Err(format!("{name} = {most}"));
    }
    match (whole.quota_bytes, part.quota_bytes) {
        (Some(most), Some(asked)) if asked > most => Err(format!("{asked} bytes")),
        (None, Some(asked)) => Err(format!("{asked} bytes")),
        _ => Ok(()),
    }
}

fn names_cover(whole: &[String], name: &str) -> bool {
    whole.iter().any(|known| known == "*" || known == name)
}

/// A scope that nobody knows is the widest.
fn scope_covers(whole: &Permission, part: &Permission) -> bool {
    let scope = |permission: &Permission| match permission.scope.as_deref() {
        Some(name) => EntryScope::named(name),
        None => Some(EntryScope::default()),
    };
    match (scope(whole), scope(part)) {
        (Some(most), Some(given)) => given <= most,
        (most, _) => most.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_covers_itself_and_narrower_ones() {
        let scopes = [None, Some("own"), Some("published"), Some("all"), Some("unheard of")];
        let scoped = |scope: Option<&str>| Permission { scope: scope.map(str::to_owned), ..Permission::default() };
        let covered = |whole: Option<&str>| {
            let parts = scopes.iter().filter(|part| scope_covers(&scoped(whole), &scoped(**part)));
            parts.count()
        };
        assert_eq!(scopes.map(covered), [2, 2, 3, 4, 5]);
    }

    fn hosts(hosts: &[&str]) -> Grants {
        let hosts = hosts.iter().map(ToString::to_string).collect();
        Grants([("http".to_owned(), Permission { hosts, ..Permission::default() })].into())
    }

    const A: &str = "https://a.example";
    const B: &str = "https://b.example";

    #[test]
    fn what_was_taken_away_is_not_given_back_and_what_nobody_was_asked_about_stays() {
        let (old, nothing) = (hosts(&[A, B]), Grants::default());
        let kept = |current: &Grants, asks: &[&str]| still_granted(&old, current, &hosts(asks));
        assert_eq!(kept(&hosts(&[B]), &[A, B]), hosts(&[B]));
        assert_eq!(kept(&hosts(&[B]), &[B]), hosts(&[A, B]), "the current version does not ask for A");
        assert_eq!(
            (kept(&nothing, &[A, B]), kept(&hosts(&["https://c.example"]), &[A, B])),
            (nothing.clone(), nothing.clone())
        );
        assert_eq!(still_granted(&old, &nothing, &nothing), old);
        // Of an older, wider grant the part that is granted now.
        let wide = hosts(&["https://*.example"]);
        assert_eq!(still_granted(&wide, &hosts(&[A]), &hosts(&[A, B])), hosts(&[A]));
    }

    #[test]
    fn quantities_come_back_no_larger_than_the_owner_left_them() {
        let quota = |bytes: u64| Grants([("kv".to_owned(), kv(bytes))].into());
        let kept = |old: u64, now: u64, ask: u64| still_granted(&quota(old), &quota(now), &quota(ask));
        // The owner was asked for 9 and gave less; or gave all of it.
        assert_eq!((kept(8, 4, 9), kept(3, 4, 9), kept(8, 4, 4)), (quota(4), quota(3), quota(8)));

        let memory = |most: u64| {
            let limits = [("memory".to_owned(), most)].into();
            Grants([("limits".to_owned(), Permission { limits, ..Permission::default() })].into())
        };
        let kept = |old: u64, now: u64, ask: u64| still_granted(&memory(old), &memory(now), &memory(ask));
        assert_eq!((kept(8, 4, 9), kept(3, 4, 9), kept(8, 4, 4)), (memory(4), memory(3), memory(8)));

        let scope = |name: &str| {
            let read = Permission { scope: Some(name.to_owned()), ..Permission::default() };
            Grants([("content-read".to_owned(), read)].into())
        };
        let kept = |old: &str, now: &str, ask: &str| still_granted(&scope(old), &scope(now), &scope(ask));
        assert_eq!(kept("all", "own", "published"), scope("own"));
        assert_eq!((kept("all", "own", "own"), kept("own", "published", "all")), (scope("all"), scope("own")));
    }

    fn kv(bytes: u64) -> Permission {
        Permission { quota_bytes: Some(bytes), ..Permission::default() }
    }
}
