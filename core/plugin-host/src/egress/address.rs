//! Which addresses a plugin may reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far away an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// On the internet.
    Public,
    /// This machine or a private network: only when the owner named it.
    Local,
    /// Link-local (the cloud's metadata service), multicast, reserved: never.
    Never,
}

/// Ranges after the IANA special-purpose address registries (RFC 6890).
#[must_use]
pub fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(v4) => reach_v4(v4),
        IpAddr::V6(v6) => reach_v6(v6),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        (127, ..) | (10, ..) | (192, 168, _) => Reach::Local,
        (172, 16..=31, _) => Reach::Local,
        // Shared address space of carriers (RFC 6598).
        (100, 64..=127, _) => Reach::Never,
        (0, ..) | (169, 254, _) | (192, 0, 0 | 2) | (192, 88, 99) | (198, 18..=19, _) => Reach::Never,
        (198, 51, 100) | (203, 0, 113) | (224..=255, ..) => Reach::Never,
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    if let Some(v4) = embedded(address) {
        return reach_v4(v4);
    }
    let [first, second, ..] = address.segments();
    match first {
        0 if address == Ipv6Addr::LOCALHOST => Reach::Local,
        0xfc00..=0xfdff => Reach::Local,
        // Teredo, benchmarking, ORCHID and documentation (2001::/23, 2001:db8::/32, 3fff::/20).
        0x2001 if second < 0x0200 || second == 0x0db8 => Reach::Never,
        0x3fff if second < 0x1000 => Reach::Never,
        0x2000..=0x3fff => Reach::Public,
        _ => Reach::Never,
    }
}

/// The IPv4 address inside a mapped, NAT64 or 6to4 one.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match s {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_an_inner_address_is_seen() {
        let public = ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "172.32.0.1", "100.128.0.1"];
        let local = [
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "192.168.1.1",
            "172.16.0.1",
            "::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
        ];
        let never = [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "0.0.0.0",
            "::",
            "fe80::1",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "100.64.0.1",
            "2001:db8::1",
            "2001::1",
            "198.18.0.1",
        ];
        for (texts, expected) in [(&public[..], Reach::Public), (&local[..], Reach::Local), (&never[..], Reach::Never)]
        {
            for text in texts {
                assert_eq!(reach(text.parse().expect("an address")), expected, "{text}");
            }
        }
    }
}
