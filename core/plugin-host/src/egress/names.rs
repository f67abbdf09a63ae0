//! Names to addresses, with every address checked.
//!
//! **Invariant:** a connection goes to an address that was checked, never to
//! the name again: a second answer of the name server cannot change it.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{Reach, reach};

/// Where names are looked up.
#[async_trait]
pub trait Lookup: Send + Sync + 'static {
    /// Every address of a name; all of them are checked afterwards.
    ///
    /// # Errors
    /// There is no such name, or nobody to ask.
    async fn addresses(&self, name: &str) -> std::io::Result<Vec<IpAddr>>;
}

/// As this machine does.
pub struct System;

#[async_trait]
impl Lookup for System {
    async fn addresses(&self, name: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// A name led to an address that may not be reached.
#[derive(Debug)]
pub(super) struct AddressRefused(IpAddr);

impl fmt::Display for AddressRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name leads to {}, which may not be reached", self.0)
    }
}

impl std::error::Error for AddressRefused {}

/// Resolves names and lets only addresses of one reach through.
#[derive(Clone)]
pub(super) struct Only {
    pub reach: Reach,
    pub lookup: Arc<dyn Lookup>,
}

/// Why there is no address.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAddress {
    #[error(transparent)]
    Refused(#[from] AddressRefused),
    #[error("the name is not known: {0}")]
    Unknown(#[from] std::io::Error),
}

impl Only {
    /// # Errors
    /// One address of the name is out of reach, or there is none.
    pub async fn addresses(&self, name: &str, port: u16) -> Result<Vec<SocketAddr>, NoAddress> {
        let found = self.lookup.addresses(name).await?;
        if let Some(bad) = found.iter().find(|address| reach(**address) != self.reach) {
            return Err(AddressRefused(*bad).into());
        }
        Ok(found.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    }
}

impl Resolve for Only {
    fn resolve(&self, name: Name) -> Resolving {
        let only = self.clone();
        Box::pin(async move {
            match only.addresses(name.as_str(), 0).await {
                Ok(found) => Ok(Box::new(found.into_iter()) as Addrs),
                Err(NoAddress::Refused(refused)) => Err(refused.into()),
                Err(NoAddress::Unknown(error)) => Err(error.into()),
            }
        })
    }
}
