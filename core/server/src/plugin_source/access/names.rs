//! Names to addresses, with every address checked.

use std::{net::SocketAddr, sync::Arc};

use lyceum_plugin_host::Lookup;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::Inside;

/// Gives the addresses of a name when all of them may be reached.
#[derive(Clone)]
pub(super) struct Checked {
    pub inside: Inside,
    pub lookup: Arc<dyn Lookup>,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let Self { inside, lookup } = self.clone();
        Box::pin(async move {
            let found = lookup.addresses(name.as_str()).await?;
            for address in &found {
                inside.check(name.as_str(), *address)?;
            }
            // The port is the one of the request.
            Ok(Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}
