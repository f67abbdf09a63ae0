//! What is asked, what is granted, and whether one covers the other.
//!
//! The host checks again, by its own reading, each time a plugin starts.

use super::{
    error::PluginError,
    model::InstalledPlugin,
    port::{Grants, Inspection, Permission},
};

/// What the plugin may do once installed, and whether the owner said so now.
pub(super) struct Consent {
    pub grants: Grants,
    pub is_new: bool,
}

/// # Errors
/// When nobody consented, or the grant goes beyond what is asked.
pub(super) fn decide(
    asks: &Inspection,
    given: Option<Grants>,
    before: Option<&InstalledPlugin>,
) -> Result<Consent, PluginError> {
    if let Some(grants) = given {
        covers(&asks.asks, &grants).map_err(PluginError::GrantTooWide)?;
        return Ok(Consent { grants, is_new: true });
    }
    if asks.asks.0.is_empty() {
        return Ok(Consent { grants: Grants::default(), is_new: false });
    }
    match before {
        // The owner saw all of this before, and may have granted less.
        Some(old) if covers(&old.manifest.asks, &asks.asks).is_ok() && covers(&asks.asks, &old.grants).is_ok() => {
            Ok(Consent { grants: old.grants.clone(), is_new: false })
        }
        _ => Err(PluginError::ConsentRequired(Box::new(asks.clone()))),
    }
}

/// Whether `some` is nothing beyond `all`; else what is.
fn covers(all: &Grants, some: &Grants) -> Result<(), String> {
    for (name, part) in &some.0 {
        let whole = all.0.get(name).ok_or_else(|| format!("The plugin does not ask for `{name}`."))?;
        permission_covers(whole, part).map_err(|what| format!("The plugin does not ask for {what} of `{name}`."))?;
    }
    Ok(())
}

fn permission_covers(whole: &Permission, part: &Permission) -> Result<(), String> {
    if let Some(host) = part.hosts.iter().find(|host| !whole.hosts.iter().any(|pattern| origin_covers(pattern, host))) {
        return Err(format!("\"{host}\""));
    }
    if let Some(name) = part.names.iter().find(|name| !whole.names.contains(name)) {
        return Err(format!("\"{name}\""));
    }
    match (whole.quota_bytes, part.quota_bytes) {
        (Some(most), Some(asked)) if asked > most => Err(format!("{asked} bytes")),
        (None, Some(asked)) => Err(format!("{asked} bytes")),
        _ => Ok(()),
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
    let host_fits = pattern_host == host
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
        ] {
            assert!(origin_covers(pattern, origin), "{pattern} {origin}");
        }
        for (pattern, origin) in [
            ("https://api.example.com", "http://api.example.com"),
            ("https://api.example.com", "https://api.example.com:8443"),
            ("http://127.0.0.1:*", "http://127.0.0.2:80"),
            ("https://*.example.com", "https://evil-example.com"),
            ("https://*.example.com", "https://example.com"),
        ] {
            assert!(!origin_covers(pattern, origin), "{pattern} {origin}");
        }
    }
}
