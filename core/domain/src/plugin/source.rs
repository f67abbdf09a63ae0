//! Packages from elsewhere: the domain says what it wants, the server gets it.

use async_trait::async_trait;
use lyceum_kernel::{ErrorCode, Failure, Result, Viewer};

use super::{
    error::PluginError,
    model::{InstallPlugin, Installed, Source},
    service::{Plugins, may_manage},
};

/// Gets packages over the network.
#[async_trait]
pub trait PackageSource: Send + Sync {
    /// The package at `https://…#sha256=<hex>` or `oci://…`, and the reference
    /// with its digest.
    ///
    /// # Errors
    /// Why there is none, for the owner.
    async fn fetch(&self, reference: &str) -> Result<(Vec<u8>, String), String>;
}

impl Plugins {
    /// As [`Self::install`], with a package from elsewhere in the place of
    /// `input.package`.
    ///
    /// # Errors
    /// BAD_USER_INPUT when it cannot be got; PLUGIN_CONSENT_REQUIRED for a
    /// grant to a tag without the hash of what was read; and those of
    /// [`Self::install`].
    pub async fn install_from(&self, viewer: &Viewer, reference: &str, input: InstallPlugin) -> Result<Installed> {
        may_manage(viewer)?;
        let packages = self.packages.get();
        let packages = packages.ok_or_else(|| Failure::new(ErrorCode::Unavailable, "This server gets no packages."))?;
        let refused = |why| Failure::input("input.source", why);
        let (package, exact) = packages.fetch(reference).await.map_err(refused)?;
        if input.grants.is_some() && input.expected_permission_hash.is_none() && !has_digest(reference) {
            return Err(PluginError::ConsentUnread(Box::new(self.inspected(&package)?)).into());
        }
        self.install(viewer, InstallPlugin { package, source: Source::Fetched(exact), ..input }).await
    }
}

/// Whether the reference says which bytes it stands for.
fn has_digest(reference: &str) -> bool {
    ["@sha256:", "#sha256="].iter().any(|mark| reference.contains(mark))
}
