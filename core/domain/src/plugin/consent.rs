//! What is asked, what is granted, and whether one covers the other.
//!
//! The host checks again, by its own reading, each time a plugin starts.

use super::{
    diff::AskDiff,
    error::PluginError,
    extends::Extends,
    model::InstalledPlugin,
    port::{Grants, Inspection, Permission},
    services::event_name_covers,
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
    if asks.asks.0.is_empty() && Extends::default().covers(&asks.extends) {
        return Ok(Consent { grants: Grants::default(), is_new: false });
    }
    match before {
        // The owner saw all of this before, and may have granted less.
        Some(old) if covers(&old.manifest.asks, &asks.asks).is_ok() && old.manifest.extends.covers(&asks.extends) => {
            Ok(Consent { grants: within(&asks.asks, &old.grants), is_new: false })
        }
        Some(old) => Err(PluginError::Staged(Box::new(asks.clone()), Box::new(AskDiff::between(&old.manifest, asks)))),
        None => Err(PluginError::ConsentRequired(Box::new(asks.clone()))),
    }
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
    if breadth(part.scope.as_deref()) > breadth(whole.scope.as_deref()) {
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

/// A permission without a scope is about the plugin's own entries; a scope
/// that nobody knows is the widest.
fn breadth(scope: Option<&str>) -> u8 {
    match scope {
        None | Some("own") => 0,
        Some("published") => 1,
        Some("all") => 2,
        Some(_) => 3,
    }
}

/// `http://127.0.0.1:*` covers any port, `https://*.example.com` any host below.
fn origin_covers(pattern: &str, origin: &str) -> bool {
    let (pattern, origin) = (with_port(pattern), with_port(origin));
    if pattern == origin {
        return true;
    }
    let (Some((pattern_host, pattern_port)), Some((host, port))) = (pattern.rsplit_once(':'), origin.rsplit_once(':'))
    else {
        return false;
    };
    let port_fits = pattern_port == port || pattern_port == "*";
    let any = pattern_host.strip_suffix("://*").is_some_and(|scheme| host.split("://").next() == Some(scheme));
    let host_fits = any
        || pattern_host == host
        || pattern_host.split_once("://*.").is_some_and(|(scheme, domain)| {
            let below = host.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://"));
            below.is_some_and(|name| name.ends_with(&format!(".{domain}")))
        });
    port_fits && host_fits
}

/// In lower case, with the port of its scheme when none is named.
fn with_port(origin: &str) -> String {
    let origin = origin.trim_end_matches('/').to_ascii_lowercase();
    let (scheme, rest) = origin.split_once("://").unwrap_or(("", &origin));
    let named = rest.rsplit_once(':').is_some_and(|(_, port)| port == "*" || port.parse::<u16>().is_ok());
    match scheme {
        "https" if !named => origin + ":443",
        "http" if !named => origin + ":80",
        "smtps" if !named => origin + ":465",
        "smtp" if !named => origin + ":587",
        _ => origin,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_covers_itself_and_what_its_stars_say() {
        for (pattern, origin) in [
            ("https://api.example.com:443", "https://api.example.com"),
            ("https://api.example.com", "https://API.example.com:443/"),
            ("http://127.0.0.1:*", "http://127.0.0.1:8089"),
            ("https://*.example.com", "https://pay.example.com"),
            ("https://*", "https://pay.example.com"),
        ] {
            assert!(origin_covers(pattern, origin), "{pattern} {origin}");
        }
        for (pattern, origin) in [
            ("https://api.example.com", "http://api.example.com"),
            ("https://api.example.com", "https://api.example.com:8443"),
            ("http://127.0.0.1:*", "http://127.0.0.2:80"),
            ("https://*.example.com", "https://evil-example.com"),
            ("https://*.example.com", "https://example.com"),
            ("https://*", "http://example.com"),
            ("https://*", "https://example.com:8443"),
        ] {
            assert!(!origin_covers(pattern, origin), "{pattern} {origin}");
        }
    }
}
