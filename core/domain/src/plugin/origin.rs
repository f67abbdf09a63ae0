//! Where a permission lets a plugin send: scheme, host and port, and what
//! covers what.

/// The origins that one text of a permission stands for: one, or with stars
/// many. Everything in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origins<'t> {
    pub scheme: &'t str,
    pub hosts: Hosts<'t>,
    /// None: any.
    pub port: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hosts<'t> {
    /// `*`
    Any,
    /// `*.example.com`: any name below the domain, not the domain itself.
    Below(&'t str),
    One(&'t str),
}

impl Origins<'_> {
    /// Whether everything the other ones let through is let through by these.
    #[must_use]
    pub fn covers(&self, other: &Origins<'_>) -> bool {
        let port = self.port.is_none() || self.port == other.port;
        port && self.scheme == other.scheme && self.hosts.covers(other.hosts)
    }
}

impl<'t> Hosts<'t> {
    /// Of a host without its `*.`; an empty one is any.
    #[must_use]
    pub fn new(host: &'t str, below: bool) -> Self {
        match (host, below) {
            ("", _) => Self::Any,
            (domain, true) => Self::Below(domain),
            (host, false) => Self::One(host),
        }
    }

    fn covers(self, other: Hosts<'_>) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Below(domain), Hosts::One(name)) => is_below(name, domain),
            (Self::Below(domain), Hosts::Below(name)) => name == domain || is_below(name, domain),
            (Self::One(host), Hosts::One(other)) => host == other,
            (Self::Below(_) | Self::One(_), Hosts::Any) | (Self::One(_), Hosts::Below(_)) => false,
        }
    }
}

fn is_below(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

/// As [`Origins::covers`], of texts in whatever case, with a final slash or
/// without. A text that is no origin covers only itself.
pub(super) fn origin_covers(pattern: &str, origin: &str) -> bool {
    let plain = |text: &str| text.trim_end_matches('/').to_ascii_lowercase();
    let (pattern, origin) = (plain(pattern), plain(origin));
    match (read(&pattern), read(&origin)) {
        (Some(pattern), Some(origin)) => pattern.covers(&origin),
        _ => pattern == origin,
    }
}

fn read(text: &str) -> Option<Origins<'_>> {
    let (scheme, rest) = text.split_once("://")?;
    let named = rest.rsplit_once(':').map(|(host, port)| (host, port, port.parse().ok()));
    let (host, port) = match named {
        Some((host, "*", _)) => (host, None),
        Some((host, _, Some(port))) => (host, Some(port)),
        _ => (rest, Some(port_of(scheme)?)),
    };
    let hosts = match (host, host.strip_prefix("*.")) {
        ("*", _) => Hosts::Any,
        (_, Some(domain)) => Hosts::Below(domain),
        _ => Hosts::One(host),
    };
    Some(Origins { scheme, hosts, port })
}

/// The port of a scheme when none is named.
fn port_of(scheme: &str) -> Option<u16> {
    match scheme {
        "https" => Some(443),
        "http" => Some(80),
        "smtps" => Some(465),
        "smtp" => Some(587),
        _ => None,
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
            ("https://*.example.com", "https://*.example.com"),
            ("https://*.example.com", "https://*.pay.example.com"),
            ("https://*", "https://pay.example.com"),
            ("https://*", "https://*.example.com"),
            ("smtps://*", "smtps://mail.example.com:465"),
            ("smtp://mail.example.com:587", "smtp://mail.example.com"),
            ("no origin", "No origin"),
        ] {
            assert!(origin_covers(pattern, origin), "{pattern} {origin}");
        }
        for (pattern, origin) in [
            ("https://api.example.com", "http://api.example.com"),
            ("https://api.example.com", "https://api.example.com:8443"),
            ("http://127.0.0.1:*", "http://127.0.0.2:80"),
            ("http://127.0.0.1:80", "http://127.0.0.1:*"),
            ("https://*.example.com", "https://evil-example.com"),
            ("https://*.example.com", "https://example.com"),
            ("https://*.example.com", "https://*"),
            ("https://*.pay.example.com", "https://*.example.com"),
            ("https://pay.example.com", "https://*.pay.example.com"),
            ("https://*", "http://example.com"),
            ("https://*", "https://example.com:8443"),
            ("smtps://*", "smtp://mail.example.com:465"),
            ("no origin", "https://example.com"),
        ] {
            assert!(!origin_covers(pattern, origin), "{pattern} {origin}");
        }
    }
}
