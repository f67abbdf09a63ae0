//! Where a fetch may go.
//!
//! Who types a source at the command line reaches every address anyway. Who
//! asks over the API does not: a server that fetched from inside its network on
//! their word would be their arm in there.
//!
//! **Invariants**
//! - Over the API nothing inside is connected to, but in development mode and
//!   for the hosts that the configuration names; link-local addresses, where
//!   clouds keep their keys, never.
//! - Names are looked up here, and a connection goes to an address that was
//!   checked, never to the name again.
//! - A redirect, and any other place that a registry names, is checked as the
//!   first address was. Nothing goes over plain HTTP but to this machine in
//!   development mode, and no redirect leads from HTTPS to HTTP.

mod names;
#[cfg(test)]
mod tests;

use std::{net::IpAddr, sync::Arc, time::Duration};

use lyceum_plugin_host::{Lookup, Reach, System, reach};
use reqwest::{Client, ClientBuilder, Url, redirect};

use self::names::Checked;
use super::{REDIRECTS, Result, SourceError, TIMEOUT};

/// What one asker may reach.
#[derive(Clone)]
pub(crate) struct Access {
    /// Development mode: plain HTTP to this machine.
    dev: bool,
    addresses: Addresses,
}

#[derive(Clone)]
enum Addresses {
    Any,
    /// Those of the internet, and inner ones as `Inside` says.
    Checked(Inside, Arc<dyn Lookup>),
}

/// The hosts whose inner addresses may be reached.
#[derive(Debug, Clone)]
enum Inside {
    All,
    Of(Arc<[String]>),
}

/// An address that is not fetched from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error(
        "{0} is inside a network, and over the API packages come from the internet: install at the command line, or name the host in `plugins.private_hosts`"
    )]
    Inside(String),
    #[error("{0} has an address that nothing is fetched from (link-local or reserved)")]
    Never(String),
}

impl Access {
    /// For a source that was typed at the command line or in the configuration.
    pub fn typed(dev: bool) -> Self {
        Self { dev, addresses: Addresses::Any }
    }

    /// For a source that came over the API. `private_hosts` as the
    /// configuration writes them; in development mode every host is one.
    pub fn asked(dev: bool, private_hosts: &[String]) -> Self {
        let named = || private_hosts.iter().filter_map(|host| host_of(host)).collect();
        let inside = if dev { Inside::All } else { Inside::Of(named()) };
        Self { dev, addresses: Addresses::Checked(inside, Arc::new(System)) }
    }

    pub const fn dev(&self) -> bool {
        self.dev
    }

    /// Checks an address before it is asked. The addresses of a name are
    /// checked when it is looked up.
    pub(super) fn check(&self, url: &Url) -> Result<()> {
        check_scheme(url, self.dev)?;
        let host = url.host_str().unwrap_or_default();
        match (&self.addresses, literal(host)) {
            (Addresses::Checked(inside, _), Some(address)) => {
                inside.check(host, address).map_err(|refused| SourceError(format!("{url}: {refused}")))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn client(&self) -> Result<Client> {
        let access = self.clone();
        let follow = redirect::Policy::custom(move |attempt| {
            if attempt.previous().len() > REDIRECTS {
                return attempt.error(format!("more than {REDIRECTS} redirects"));
            }
            let was_secure = attempt.previous().iter().any(|url| url.scheme() == "https");
            match (Self { dev: access.dev && !was_secure, ..access.clone() }).check(attempt.url()) {
                Ok(()) => attempt.follow(),
                Err(error) => attempt.error(error),
            }
        });
        let client = Client::builder()
            .redirect(follow)
            .timeout(TIMEOUT)
            .connect_timeout(Duration::from_secs(10))
            .user_agent(concat!("lyceum/", env!("CARGO_PKG_VERSION")));
        let client = self.addresses.looked_up(client).build();
        client.map_err(|error| SourceError(format!("no client for HTTP: {error}")))
    }
}

impl Addresses {
    fn looked_up(&self, client: ClientBuilder) -> ClientBuilder {
        match self {
            Self::Any => client,
            // A proxy would resolve names itself, past our check.
            Self::Checked(inside, lookup) => {
                let checked = Checked { inside: inside.clone(), lookup: Arc::clone(lookup) };
                client.no_proxy().dns_resolver(Arc::new(checked))
            }
        }
    }
}

impl Inside {
    fn check(&self, host: &str, address: IpAddr) -> Result<(), Refused> {
        let named = match self {
            Self::All => true,
            Self::Of(hosts) => hosts.iter().any(|named| named == host.trim_end_matches('.')),
        };
        match reach(address) {
            Reach::Public => Ok(()),
            Reach::Local if named => Ok(()),
            Reach::Local => Err(Refused::Inside(host.to_owned())),
            Reach::Never => Err(Refused::Never(host.to_owned())),
        }
    }
}

/// HTTPS, or in development mode HTTP to this machine.
fn check_scheme(url: &Url, dev: bool) -> Result<()> {
    let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match url.scheme() {
        "https" => Ok(()),
        "http" if dev && here => Ok(()),
        _ => Err(SourceError(format!("{url}: only https is allowed (and http to this machine in development mode)"))),
    }
}

/// The address that a host is written as; none for a name.
fn literal(host: &str) -> Option<IpAddr> {
    host.trim_matches(['[', ']']).parse().ok()
}

/// A host in the one way that addresses write it: none when it has a scheme, a
/// port or a path.
pub(crate) fn host_of(text: &str) -> Option<String> {
    let host = match text.parse::<std::net::Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => text.to_owned(),
    };
    let port = host.rsplit_once(':').is_some_and(|(before, _)| !before.starts_with('['));
    if port || host.contains(['/', '?', '#', '@', '\\', '%', '*']) || host.contains(char::is_whitespace) {
        return None;
    }
    let url: Url = format!("https://{host}/").parse().ok()?;
    let host = url.host_str()?.trim_end_matches('.');
    (url.port().is_none() && !host.is_empty()).then(|| host.to_owned())
}
