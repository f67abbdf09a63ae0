//! Origins: scheme, host and port, asked for, granted and sent to.

use std::{fmt, net::IpAddr, str::FromStr};

use lyceum_domain::plugin::{Hosts, Origins};
use reqwest::Url;

use super::address::{Reach, reach};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    scheme: Scheme,
    host: String,
    port: u16,
}

/// An origin in a manifest or a grant: `https://host`, `https://host:8443`,
/// `https://*.host` (any name below), `http://127.0.0.1:*` (any port, only asked
/// for), `https://*` (any host, only asked for: the owner names it).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginPattern {
    scheme: Scheme,
    /// Without the `*.`; empty: any host.
    host: String,
    below: bool,
    /// Absent: any.
    port: Option<u16>,
}

impl Origin {
    /// # Errors
    /// Why nothing can be sent to this address.
    pub fn of(url: &Url) -> Result<Self, &'static str> {
        let scheme = match url.scheme() {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            _ => return Err("only http and https addresses can be sent to"),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("an address with a user name or password is not sent to");
        }
        let host = url.host_str().ok_or("the address has no host")?;
        let port = url.port_or_known_default().ok_or("the address has no port")?;
        // A name with and without the final dot is the same to the resolver.
        Ok(Self { scheme, host: host.trim_end_matches('.').to_owned(), port })
    }

    /// Whether the host is written as an address, or as `localhost`, inside.
    #[must_use]
    pub fn is_local(&self) -> bool {
        literal_reach(&self.host) == Some(Reach::Local)
    }

    #[must_use]
    pub fn is_never(&self) -> bool {
        literal_reach(&self.host) == Some(Reach::Never)
    }

    fn origins(&self) -> Origins<'_> {
        Origins { scheme: self.scheme.name(), hosts: Hosts::One(&self.host), port: Some(self.port) }
    }
}

/// The reach of a host that is an address or `localhost`; none for a name.
pub(super) fn literal_reach(host: &str) -> Option<Reach> {
    if host == "localhost" {
        return Some(Reach::Local);
    }
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    bare.parse::<IpAddr>().ok().map(reach)
}

impl OriginPattern {
    /// Whether everything the other one lets through is let through by this.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.origins().covers(&other.origins())
    }

    #[must_use]
    pub fn lets_through(&self, origin: &Origin) -> bool {
        self.origins().covers(&origin.origins())
    }

    fn origins(&self) -> Origins<'_> {
        Origins { scheme: self.scheme.name(), hosts: Hosts::new(&self.host, self.below), port: self.port }
    }

    /// Whether the owner may grant this as it stands.
    ///
    /// # Errors
    /// What to grant instead.
    pub fn grantable(&self) -> Result<(), &'static str> {
        let local = literal_reach(&self.host) == Some(Reach::Local);
        if self.host.is_empty() {
            return Err("name the host");
        }
        if self.port.is_none() {
            return Err("name the port");
        }
        if literal_reach(&self.host) == Some(Reach::Never) {
            return Err("this address is never sent to");
        }
        if self.scheme == Scheme::Http && !local {
            return Err("without TLS only a local address can be granted, such as http://127.0.0.1:8089");
        }
        Ok(())
    }
}

impl FromStr for OriginPattern {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (text, any_port) = text.strip_suffix(":*").map_or((text, false), |rest| (rest, true));
        let (scheme, rest) = text.split_once("://").ok_or("write an origin such as https://api.example.com")?;
        if rest == "*" && matches!(scheme, "https" | "http") {
            let (scheme, port) = if scheme == "https" { (Scheme::Https, 443) } else { (Scheme::Http, 80) };
            return Ok(Self { scheme, host: String::new(), below: true, port: (!any_port).then_some(port) });
        }
        let (below, rest) = rest.strip_prefix("*.").map_or((false, rest), |rest| (true, rest));
        if rest.contains('*') {
            return Err("`*` may only stand for the first part of the host (`*.example.com`) or for the port");
        }
        let url =
            Url::parse(&format!("{scheme}://{rest}")).map_err(|_| "write an origin such as https://api.example.com")?;
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() || rest.ends_with('/') {
            return Err("write only scheme, host and port, without a path");
        }
        let Origin { scheme, host, port } = Origin::of(&url)?;
        if below && (literal_reach(&host).is_some() || !host.contains('.')) {
            return Err("`*.` needs a domain behind it, such as *.example.com");
        }
        Ok(Self { scheme, host, below, port: (!any_port).then_some(port) })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme.name(), self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> OriginPattern {
        text.parse().unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    fn passes(granted: &str, url: &str) -> bool {
        let url = Url::parse(url).expect("an address");
        Origin::of(&url).is_ok_and(|origin| pattern(granted).lets_through(&origin))
    }

    #[test]
    fn scheme_host_and_port_must_all_be_the_same() {
        let granted = "https://api.example.com";
        assert!(passes(granted, "https://api.example.com/v1?x=1"));
        assert!(passes(granted, "https://API.example.com:443/"));
        assert!(passes(granted, "https://api.example.com./"));
        for url in [
            "http://api.example.com/",
            "https://api.example.com:8443/",
            "https://api.example.com.evil.test/",
            "https://evil.test/#https://api.example.com",
            "https://api.example.com@evil.test/",
            "https://sub.api.example.com/",
        ] {
            assert!(!passes(granted, url), "{url}");
        }
    }

    #[test]
    fn a_star_stands_for_names_below_and_not_for_the_domain_itself() {
        assert!(passes("https://*.example.com", "https://a.b.example.com/"));
        assert!(!passes("https://*.example.com", "https://example.com/"));
        assert!(!passes("https://*.example.com", "https://badexample.com/"));
    }

    #[test]
    fn other_writings_of_a_local_address_are_local() {
        for url in ["http://0x7f.1/", "http://2130706433/", "http://[::ffff:127.0.0.1]/", "http://localhost/"] {
            let origin = Origin::of(&Url::parse(url).expect("an address")).expect("an origin");
            assert!(origin.is_local(), "{url}");
        }
    }

    #[test]
    fn what_cannot_be_granted_says_what_can() {
        assert!(pattern("http://127.0.0.1:8089").grantable().is_ok());
        assert!(pattern("https://*.example.com").grantable().is_ok());
        assert!(pattern("http://api.example.com").grantable().is_err());
        assert!(pattern("http://127.0.0.1:*").grantable().is_err());
        assert!(pattern("http://169.254.169.254").grantable().is_err());
        assert!(pattern("https://*").grantable().is_err());
        assert!(pattern("https://*").covers(&pattern("https://id.example.com")));
        assert!(!pattern("https://*").covers(&pattern("https://id.example.com:8443")));
        for text in [
            "api.example.com",
            "https://a/b",
            "https://a.*",
            "https://*.com:*/x",
            "ftp://a.example",
            "https://a*.example.com",
            "https://u:p@a.example",
        ] {
            assert!(text.parse::<OriginPattern>().is_err(), "{text}");
        }
    }
}
