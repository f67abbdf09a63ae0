//! Packages for those who install over the API: from the network only, never
//! from a file of this machine, and from inside a network only where the
//! configuration says so.

use async_trait::async_trait;
use lyceum_domain::plugin::PackageSource;

use super::{Source, access::Access};
use crate::config::Config;

/// Gets packages from addresses and registries.
pub(crate) struct Network(Access);

impl Network {
    pub fn new(config: &Config) -> Self {
        Self::within(Access::asked(config.dev, &config.plugins.private_hosts))
    }

    pub(super) const fn within(access: Access) -> Self {
        Self(access)
    }
}

#[async_trait]
impl PackageSource for Network {
    async fn fetch(&self, reference: &str) -> Result<(Vec<u8>, String), String> {
        let source = Source::parse(reference).map_err(|error| error.to_string())?;
        if !matches!(source, Source::Url { .. } | Source::Oci(_)) {
            return Err("Write `https://…#sha256=<hex>` or `oci://registry/repository:tag`.".to_owned());
        }
        let fetched = source.fetch_within(&self.0).await.map_err(|error| error.to_string())?;
        Ok((fetched.bytes, fetched.origin.to_string()))
    }
}
