//! Who a request comes from: the peer of the connection, or, where that is a
//! trusted proxy, the client that the proxy names.
//!
//! **Invariant:** this is the one place where an address is read from a header.
//! **Invariant:** a header is believed only from a trusted proxy, and of a list
//! only what trusted proxies added to it: the entries from the right up to the
//! first address that is no trusted proxy. What stands left of it the client
//! may have written.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header::FORWARDED};
use ipnet::IpNet;

use crate::transport::Network;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Headers that only a proxy sets.
const OF_PROXIES: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// The client of a request, as an extension of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientAddress {
    pub ip: IpAddr,
    /// Whether it is this machine that asks, with no proxy between.
    pub is_local: bool,
}

impl ClientAddress {
    pub fn of(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let peer = peer.to_canonical();
        let forwarded = OF_PROXIES.iter().any(|name| headers.contains_key(*name));
        let is_local = peer.is_loopback() && !forwarded;
        let ip = if is_trusted(peer, trusted) { named(headers, trusted).unwrap_or(peer) } else { peer };
        Self { ip, is_local }
    }

    pub fn network(self) -> Network {
        Network::of(self.ip)
    }
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// The client that the headers name. A proxy keeps up one of the two headers
/// and passes on what the client wrote into the other one: where they differ,
/// neither is believed.
fn named(headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let lines = |name: &HeaderName| -> Option<String> {
        let lines: Option<Vec<&str>> = headers.get_all(name).iter().map(|line| line.to_str().ok()).collect();
        lines.filter(|lines| !lines.is_empty()).map(|lines| lines.join(","))
    };
    let standard = headers.contains_key(FORWARDED).then(|| client(forwarded(&lines(&FORWARDED)?)?, trusted));
    let common = headers.contains_key(X_FORWARDED_FOR).then(|| {
        let text = lines(&X_FORWARDED_FOR)?;
        client(text.split(',').map(|entry| address(entry.trim())).collect(), trusted)
    });
    match (standard, common) {
        (Some(one), Some(other)) => one.filter(|_| one == other),
        (one, other) => one.or(other).flatten(),
    }
}

/// The right-most address that is no trusted proxy. An entry that cannot be
/// read, before it, leaves open who the client is.
fn client(entries: Vec<Option<IpAddr>>, trusted: &[IpNet]) -> Option<IpAddr> {
    let stranger = |entry: &Option<IpAddr>| entry.is_none_or(|address| !is_trusted(address, trusted));
    entries.into_iter().rev().find(stranger).flatten()
}

/// The `for` of each element of `Forwarded` (RFC 7239), or none when the header
/// is malformed. An identifier that is no address (`unknown`, `_hidden`) is none.
fn forwarded(text: &str) -> Option<Vec<Option<IpAddr>>> {
    let element = |element: &str| -> Option<Option<IpAddr>> {
        let mut found = None;
        for pair in quoted_split(element, ';')? {
            let (name, value) = pair.split_once('=')?;
            if name.trim().eq_ignore_ascii_case("for") {
                found = address(unquoted(value.trim())?);
            }
        }
        Some(found)
    };
    quoted_split(text, ',')?.into_iter().map(element).collect()
}

/// Splits outside of quotation marks; none when one of them is not closed.
fn quoted_split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = text.split(|c| {
        let ends = !quoted && c == separator;
        quoted ^= c == '"' && !escaped;
        escaped = quoted && c == '\\' && !escaped;
        ends
    });
    let parts = parts.map(str::trim).collect();
    (!quoted).then_some(parts)
}

/// A value without its quotation marks. An address needs no escapes.
fn unquoted(value: &str) -> Option<&str> {
    match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').filter(|inner| !inner.contains('"')),
        None => Some(value).filter(|value| !value.contains('"')),
    }
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<std::net::Ipv6Addr>().ok().map(IpAddr::from);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let address = text.parse().ok().or_else(bracketed).or_else(with_port)?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "10.0.0.1";

    /// The client of a request that the trusted proxy passed on.
    fn seen(headers: &[(&str, &str)]) -> String {
        seen_from(PROXY, headers)
    }

    fn seen_from(peer: &str, headers: &[(&str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("a name");
            map.append(name, value.parse().expect("a value"));
        }
        let trusted = ["10.0.0.0/8".parse().expect("a network"), "fd00::/8".parse().expect("a network")];
        ClientAddress::of(peer.parse().expect("an address"), &map, &trusted).ip.to_string()
    }

    #[test]
    fn the_client_is_the_last_one_that_is_no_trusted_proxy() {
        for (value, client) in [
            ("203.0.113.7", "203.0.113.7"),
            ("203.0.113.7, 10.1.2.3", "203.0.113.7"),
            ("1.2.3.4, 203.0.113.7", "203.0.113.7"),
            ("1.2.3.4,203.0.113.7,10.1.2.3,10.9.9.9", "203.0.113.7"),
            ("10.3.3.3, 203.0.113.7", "203.0.113.7"),
            ("garbage, 203.0.113.7", "203.0.113.7"),
            ("203.0.113.7:4711", "203.0.113.7"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("2001:db8::1, fd00::5", "2001:db8::1"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
        ] {
            assert_eq!(seen(&[("x-forwarded-for", value)]), client, "{value}");
        }
    }

    #[test]
    fn the_standard_header_is_read_as_its_rfc_has_it() {
        for (value, client) in [
            ("for=203.0.113.7", "203.0.113.7"),
            ("For=203.0.113.7;proto=https;by=10.0.0.1", "203.0.113.7"),
            ("proto=https; FOR=\"203.0.113.7\"", "203.0.113.7"),
            ("for=\"203.0.113.7:4711\"", "203.0.113.7"),
            ("for=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("for=\"[2001:db8::1]\"", "2001:db8::1"),
            ("for=1.2.3.4, for=203.0.113.7, for=10.1.1.1", "203.0.113.7"),
            ("for=1.2.3.4;host=\"a,for=9.9.9.9;b\", for=203.0.113.7", "203.0.113.7"),
            ("for=_hidden, for=203.0.113.7", "203.0.113.7"),
        ] {
            assert_eq!(seen(&[("forwarded", value)]), client, "{value}");
        }
    }

    #[test]
    fn several_lines_are_one_list() {
        let lines = [("x-forwarded-for", "1.2.3.4"), ("x-forwarded-for", "203.0.113.7, 10.1.1.1")];
        assert_eq!(seen(&lines), "203.0.113.7");
        assert_eq!(seen(&[("forwarded", "for=1.2.3.4"), ("forwarded", "for=203.0.113.7")]), "203.0.113.7");
    }

    #[test]
    fn what_cannot_be_read_leaves_the_peer() {
        for value in
            ["", "unknown", "203.0.113.7, unknown", "203.0.113.7,", "203.0.113.7 1.2.3.4", "[2001:db8::1", "10.1.1.1"]
        {
            assert_eq!(seen(&[("x-forwarded-for", value)]), PROXY, "{value}");
        }
        for value in [
            "for=_hidden",
            "for=unknown",
            "for=203.0.113.7, for=_hidden",
            "203.0.113.7",
            "by=203.0.113.7",
            "for=\"203.0.113.7",
            "for=203.0.113.7\"",
            "for=1.2.3.4;host=\"x, for=203.0.113.7",
            "for",
            "",
        ] {
            assert_eq!(seen(&[("forwarded", value)]), PROXY, "{value}");
        }
        assert_eq!(seen(&[]), PROXY);
    }

    #[test]
    fn the_header_that_the_proxy_does_not_keep_up_is_not_believed() {
        let agreed = [("forwarded", "for=203.0.113.7"), ("x-forwarded-for", "203.0.113.7")];
        assert_eq!(seen(&agreed), "203.0.113.7");
        let forged = [("forwarded", "for=1.2.3.4"), ("x-forwarded-for", "203.0.113.7")];
        assert_eq!(seen(&forged), PROXY);
        let broken = [("forwarded", "for=_x"), ("x-forwarded-for", "203.0.113.7")];
        assert_eq!(seen(&broken), PROXY);
    }

    #[test]
    fn a_stranger_does_not_name_itself() {
        for name in ["x-forwarded-for", "forwarded"] {
            assert_eq!(seen_from("203.0.113.9", &[(name, "for=1.2.3.4"), (name, "1.2.3.4")]), "203.0.113.9");
        }
        assert_eq!(seen_from("::ffff:10.0.0.1", &[("x-forwarded-for", "203.0.113.7")]), "203.0.113.7");
    }

    #[test]
    fn this_machine_is_local_only_without_a_proxy() {
        let local = |headers: &HeaderMap| ClientAddress::of([127, 0, 0, 1].into(), headers, &[]).is_local;
        assert!(local(&HeaderMap::new()));
        for name in OF_PROXIES {
            let headers =
                HeaderMap::from_iter([(HeaderName::from_static(name), "127.0.0.1".parse().expect("a value"))]);
            assert!(!local(&headers), "{name}");
        }
        assert!(!ClientAddress::of([192, 0, 2, 1].into(), &HeaderMap::new(), &[]).is_local);
    }
}
