//! Where a buyer may be sent back to.
//!
//! **Invariant:** nobody is redirected to a host that the operator did not
//! name: anybody can place an order and pass its return page on.

use std::net::IpAddr;

use super::model::Settings;

/// How a buyer gets to a return URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WayBack {
    /// At once.
    Redirect,
    /// By a link on a page that says where it leads.
    Link,
}

impl Settings {
    /// How a buyer may get to this address; not at all when it is none.
    pub(super) fn way_back(&self, url: &str) -> Option<WayBack> {
        let host = web_host(url)?;
        let named = self.return_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host));
        let own = self.public_url.as_deref().and_then(web_host).is_some_and(|own| own.eq_ignore_ascii_case(host));
        if named || own || (self.dev && is_loopback(host)) {
            return Some(WayBack::Redirect);
        }
        (self.dev && self.return_hosts.is_empty()).then_some(WayBack::Link)
    }
}

/// The host of a web address without user and port; none when it is no plain
/// web address.
pub(super) fn web_host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let plain = url.len() <= 2000 && url.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next(),
        None => authority.split(':').next(),
    };
    host.filter(|h| plain && !h.is_empty() && !authority.contains('@'))
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_web_addresses_are_returned_to() {
        for (url, host) in [
            ("https://learn.example/thanks?x=1", Some("learn.example")),
            ("http://127.0.0.1:8080", Some("127.0.0.1")),
            ("http://[::1]:8080/x", Some("::1")),
            ("javascript:alert(1)", None),
            ("https://", None),
            ("https:///path", None),
            ("https://good.example@evil.example/", None),
            ("https://evil.example\\@good.example/", None),
            ("https://a.example/\r\nX: y", None),
            ("//learn.example", None),
        ] {
            assert_eq!(web_host(url), host, "{url}");
        }
    }

    #[test]
    fn nobody_is_redirected_to_a_host_that_was_not_named() {
        use WayBack::{Link, Redirect};
        let settings = |hosts: &[&str], dev| Settings {
            return_hosts: hosts.iter().map(ToString::to_string).collect(),
            public_url: Some("https://shop.example:8443".into()),
            dev,
            ..Settings::default()
        };
        let (none, listed): (&[&str], &[&str]) = (&[], &["app.example"]);
        for (hosts, dev, url, way) in [
            (none, false, "https://SHOP.example/thanks", Some(Redirect)),
            (none, false, "https://evil.example/", None),
            (none, false, "http://localhost:3000/", None),
            (none, false, "https://shop.example.evil.example/", None),
            (none, true, "http://localhost:3000/", Some(Redirect)),
            (none, true, "http://[::1]:3000/", Some(Redirect)),
            (none, true, "http://127.0.0.1.evil.example/", Some(Link)),
            (none, true, "https://evil.example/", Some(Link)),
            (none, true, "javascript:alert(1)", None),
            (listed, false, "https://APP.example/", Some(Redirect)),
            (listed, false, "https://shop.example/", Some(Redirect)),
            (listed, false, "https://evil.example/", None),
            (listed, true, "https://evil.example/", None),
        ] {
            assert_eq!(settings(hosts, dev).way_back(url), way, "{hosts:?} {dev} {url}");
        }
    }
}
