//! Mail servers: asked for, granted and sent to, as `smtps://host:465` (TLS
//! from the first byte) or `smtp://host:587` (STARTTLS).

use std::{fmt, net::IpAddr, str::FromStr};

use lyceum_domain::plugin::{Hosts, Origins};
use reqwest::Url;

use super::{Reach, origin::literal_reach, reach};

/// A server in a message, a manifest or a grant. In a manifest the host may be
/// `*` (the owner names it) or begin with `*.`, and the port may be `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailServer {
    /// TLS from the first byte.
    pub(super) wrapped: bool,
    /// Without a leading `*.`; empty: any.
    pub(super) host: String,
    below: bool,
    /// Absent: any.
    port: Option<u16>,
}

impl MailServer {
    /// Whether everything the other one lets through is let through by this.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.origins().covers(&other.origins())
    }

    fn origins(&self) -> Origins<'_> {
        Origins { scheme: self.scheme(), hosts: Hosts::new(&self.host, self.below), port: self.port }
    }

    fn scheme(&self) -> &'static str {
        if self.wrapped { "smtps" } else { "smtp" }
    }

    /// Whether the owner may grant this as it stands: one server, by name.
    ///
    /// # Errors
    /// What to grant instead.
    pub fn grantable(&self) -> Result<(), &'static str> {
        if self.host.is_empty() || self.below {
            return Err("name the server");
        }
        if self.port.is_none() {
            return Err("name the port");
        }
        if self.reach() == Some(Reach::Never) {
            return Err("this address is never sent to");
        }
        Ok(())
    }

    pub(super) fn port(&self) -> u16 {
        self.port.unwrap_or(if self.wrapped { 465 } else { 587 })
    }

    /// Written as an address, or as `localhost`, inside.
    pub(super) fn is_local(&self) -> bool {
        self.reach() == Some(Reach::Local)
    }

    /// Written so that it surely is this machine.
    pub(super) fn is_loopback(&self) -> bool {
        let literal = self.host.trim_matches(['[', ']']).parse::<IpAddr>();
        self.host == "localhost" || literal.is_ok_and(|address| address.to_canonical().is_loopback())
    }

    fn reach(&self) -> Option<Reach> {
        literal_reach(&self.host)
    }
}

/// As [`reach`], of a name's address; here so that both kinds of egress share it.
pub(super) fn literal(host: &str) -> Option<(IpAddr, Reach)> {
    let address: IpAddr = host.trim_matches(['[', ']']).parse().ok()?;
    Some((address, reach(address)))
}

const WRITE: &str = "write a server such as smtps://mail.example.com:465";

impl FromStr for MailServer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once("://").ok_or(WRITE)?;
        let wrapped = match scheme {
            "smtps" => true,
            "smtp" => false,
            _ => return Err(WRITE),
        };
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, "*")) => (host, None),
            Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().map_err(|_| WRITE)?)),
            _ => (rest, Some(if wrapped { 465 } else { 587 })),
        };
        if host == "*" {
            return Ok(Self { wrapped, host: String::new(), below: true, port });
        }
        let (below, host) = host.strip_prefix("*.").map_or((false, host), |rest| (true, rest));
        let host = proper(host)?;
        if below && (literal_reach(&host).is_some() || !host.contains('.')) {
            return Err("`*.` needs a domain behind it, such as *.example.com");
        }
        Ok(Self { wrapped, host, below, port })
    }
}

/// The host in the one way that the URL standard writes it, so that no other
/// writing of an inner address passes as a name.
fn proper(host: &str) -> Result<String, &'static str> {
    if host.contains(['/', '?', '#', '@', '*', '\\', '%']) {
        return Err(WRITE);
    }
    let url = Url::parse(&format!("https://{host}/")).map_err(|_| WRITE)?;
    let host = url.host_str().ok_or(WRITE)?.trim_end_matches('.');
    if host.is_empty() || url.port().is_some() { Err(WRITE) } else { Ok(host.to_owned()) }
}

impl fmt::Display for MailServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme(), self.host, self.port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> MailServer {
        text.parse().unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    #[test]
    fn kind_host_and_port_must_all_be_the_same() {
        let granted = server("smtps://mail.example.com:465");
        assert!(granted.covers(&server("smtps://MAIL.example.com.")));
        for other in ["smtp://mail.example.com:465", "smtps://mail.example.com:466", "smtps://example.com:465"] {
            assert!(!granted.covers(&server(other)), "{other}");
        }
    }

    #[test]
    fn stars_are_asked_for_and_not_granted() {
        assert!(server("smtps://*").covers(&server("smtps://mail.example.com:465")));
        assert!(!server("smtps://*").covers(&server("smtps://mail.example.com:2465")));
        assert!(server("smtp://*:*").covers(&server("smtp://127.0.0.1:2525")));
        assert!(server("smtps://*.example.com").covers(&server("smtps://a.example.com")));
        for open in ["smtps://*", "smtps://*.example.com", "smtps://a.example.com:*", "smtp://169.254.169.254:25"] {
            assert!(server(open).grantable().is_err(), "{open}");
        }
        assert!(server("smtp://127.0.0.1:2525").grantable().is_ok());
    }

    #[test]
    fn other_writings_of_this_machine_are_this_machine() {
        for text in
            ["smtp://127.0.0.1:25", "smtp://0x7f.1:25", "smtp://2130706433:25", "smtp://[::1]:25", "smtp://localhost"]
        {
            assert!(server(text).is_loopback() && server(text).is_local(), "{text}");
        }
        assert!(server("smtp://10.0.0.1:25").is_local() && !server("smtp://10.0.0.1:25").is_loopback());
        for text in
            ["mail.example.com", "https://a.example", "smtp://a b", "smtp://u@a.example:25", "smtp://a.example:x"]
        {
            assert!(text.parse::<MailServer>().is_err(), "{text}");
        }
    }
}
