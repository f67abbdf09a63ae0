//! Configuration, secrets and grants of an installed plugin. A running one
//! starts anew with them, in one step.

use std::sync::Arc;

use lyceum_kernel::{Result, Viewer};
use serde_json::json;

use super::{
    consent,
    error::PluginError,
    model::{InstalledPlugin, PluginState},
    port::{Grants, Secret},
    service::{Plugins, asked_secrets, checked_config, event, may_manage},
    store,
};

impl Plugins {
    /// Sets the configuration, a JSON object. A running plugin starts anew.
    ///
    /// # Errors
    /// NOT_FOUND; BAD_USER_INPUT with `problems`; PLUGIN_FAILED, then the old
    /// one stays.
    pub async fn set_config(&self, viewer: &Viewer, name: &str, config: &str) -> Result<InstalledPlugin> {
        may_manage(viewer)?;
        let _changing = self.changing.lock().await;
        let known = self.known(name).await?;
        checked_config(&known.manifest, config)?;
        let plugin = InstalledPlugin { config: config.to_owned(), updated_at: self.db.now(), ..known };
        self.restart_if_running(&plugin).await?;
        self.write(viewer, &plugin, "configured").await
    }

    /// Sets what the plugin may do, within what it asks for. It holds from the
    /// next call on.
    ///
    /// # Errors
    /// NOT_FOUND; BAD_USER_INPUT at `input.grants`; PLUGIN_FAILED, then the
    /// old grants stay.
    pub async fn set_grants(&self, viewer: &Viewer, name: &str, grants: Grants) -> Result<InstalledPlugin> {
        may_manage(viewer)?;
        let _changing = self.changing.lock().await;
        let known = self.known(name).await?;
        let grants = consent::given_now(&known.manifest, grants, None)?;
        let plugin = InstalledPlugin { grants, updated_at: self.db.now(), ..known };
        self.restart_if_running(&plugin).await?;
        let mut write = self.db.write().await?;
        let revision = store::save(write.connection(), &plugin, None).await?;
        store::consent(write.connection(), &plugin, viewer.user, write.now()).await?;
        let facts = json!({ "name": plugin.name, "version": plugin.version, "grants": plugin.grants });
        write.emit(&event(viewer, &plugin, "granted").with(facts)).await?;
        write.commit().await?;
        Ok(self.noted(InstalledPlugin { revision, ..plugin }))
    }

    /// Sets a secret that the plugin asks for. Nothing reads it back. A
    /// running plugin starts anew with it.
    ///
    /// # Errors
    /// NOT_FOUND; BAD_USER_INPUT for a secret that is not asked for;
    /// PLUGIN_FAILED, then the secret is kept and the plugin marked as failed.
    pub async fn set_secret(&self, viewer: &Viewer, name: &str, secret_name: &str, secret: Secret) -> Result<()> {
        may_manage(viewer)?;
        let _changing = self.changing.lock().await;
        let plugin = self.known(name).await?;
        if !asked_secrets(&plugin.manifest).iter().any(|asked| asked == secret_name) {
            return Err(PluginError::UnknownSecret { plugin: plugin.name, secret: secret_name.to_owned() }.into());
        }
        let sealed = self.settings.secret_key.seal(&plugin.name, secret_name, &secret);
        let mut write = self.db.write().await?;
        store::set_secret(write.connection(), plugin.id, secret_name, sealed, write.now()).await?;
        let revision = store::touch(write.connection(), &plugin, write.now()).await?;
        let event = event(viewer, &plugin, "secret_set").with(json!({ "name": plugin.name, "secret": secret_name }));
        write.emit(&event).await?;
        write.commit().await?;
        let plugin = InstalledPlugin { revision, ..plugin };
        if plugin.state == PluginState::Enabled {
            self.restart(&plugin).await?;
        }
        self.noted(plugin);
        Ok(())
    }

    /// Seals the secrets that were written before there was a key.
    ///
    /// # Errors
    /// Internal.
    pub async fn seal_plain_secrets(&self) -> Result<usize> {
        let plain = store::plain_secrets(self.db.reader()).await?;
        if plain.is_empty() {
            return Ok(0);
        }
        let write = self.db.write().await?;
        for (id, plugin, name, secret) in &plain {
            let sealed = self.settings.secret_key.seal(plugin, name, secret);
            store::seal_secret(write.connection(), *id, name, sealed).await?;
        }
        write.commit().await?;
        Ok(plain.len())
    }

    async fn restart_if_running(&self, plugin: &InstalledPlugin) -> Result<()> {
        if plugin.state != PluginState::Enabled {
            return Ok(());
        }
        let package: Arc<[u8]> = store::component(self.db.reader(), plugin.id).await?.into();
        self.activate(plugin, package, None).await?;
        self.forget(&plugin.name);
        Ok(())
    }

    /// Starts what is recorded; a failure is noted.
    pub(super) async fn restart(&self, plugin: &InstalledPlugin) -> Result<()> {
        let package = store::component(self.db.reader(), plugin.id).await?;
        let started = self.activate(plugin, package.into(), None).await;
        if let Err(failure) = &started {
            self.note_failure(plugin, failure).await?;
        }
        started
    }
}
