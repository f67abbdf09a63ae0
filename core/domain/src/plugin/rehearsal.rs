//! An installed plugin as it would run, for a host beside the one that serves.

use lyceum_kernel::{Result, Viewer};

use super::{
    Inspection,
    port::{Activation, Role},
    service::{Plugins, effective_config, may_manage},
    store,
};

impl Plugins {
    /// The installed package with its grants, configuration and secrets. The
    /// caller runs it on a host from which nothing leaves.
    ///
    /// # Errors
    /// FORBIDDEN; NOT_FOUND; BAD_USER_INPUT when its configuration does not fit.
    pub async fn rehearsal(&self, viewer: &Viewer, name: &str) -> Result<Activation> {
        may_manage(viewer)?;
        let plugin = self.known(name).await?;
        Ok(Activation {
            wasm: store::component(self.db.reader(), plugin.id).await?.into(),
            grants: plugin.grants.clone(),
            config: effective_config(&plugin.manifest, &plugin.config)?,
            secrets: store::secrets(self.db.reader(), &plugin, &self.settings.secret_key).await?,
            previous_version: None,
            role: Role::Active,
        })
    }

    /// Whether a package may run in the place of an installed one, with its
    /// secrets: what could not be installed is not tried either.
    ///
    /// # Errors
    /// Its publisher is not trusted, or it was revoked.
    pub async fn may_be_rehearsed(&self, is: &Inspection) -> Result<()> {
        self.trusted(is).await.map(drop)
    }
}
