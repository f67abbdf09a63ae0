//! Installing, enabling, configuring: one method a use case.

use std::sync::Arc;

use lyceum_kernel::{Action, ErrorCode, Event, Failure, Id, Result, Viewer};
use lyceum_store::Database;
use serde_json::json;
use tokio::sync::Mutex;

use super::{
    COMPONENT_MAX_BYTES, consent,
    error::PluginError,
    model::{Activated, InstallPlugin, Installed, InstalledPlugin, PluginState},
    port::{Activation, Inspection, PluginRuntime, Secret, Usage},
    store,
};

pub struct Plugins {
    db: Database,
    runtime: Arc<dyn PluginRuntime>,
    /// One change at a time: what runs and what is recorded move together.
    changing: Mutex<()>,
}

impl Plugins {
    #[must_use]
    pub fn new(db: Database, runtime: Arc<dyn PluginRuntime>) -> Self {
        Self { db, runtime, changing: Mutex::new(()) }
    }

    /// Installs a plugin, or another version of it. What runs is replaced
    /// without a gap; what was never enabled waits for [`Self::enable`].
    ///
    /// # Errors
    /// PLUGIN_INVALID; PLUGIN_CONSENT_REQUIRED with `asks` and
    /// `permissionHash`; BAD_USER_INPUT for a grant beyond what is asked;
    /// PLUGIN_FAILED when the new version does not start. Then nothing changed.
    pub async fn install(&self, viewer: &Viewer, input: InstallPlugin) -> Result<Installed> {
        may_manage(viewer)?;
        if input.wasm.len() > COMPONENT_MAX_BYTES {
            return Err(PluginError::TooLarge.into());
        }
        let config = input.config.map(checked_config).transpose()?;
        let is = self.runtime.inspect(&input.wasm).map_err(|why| PluginError::Invalid(Box::new(why)))?;
        let _changing = self.changing.lock().await;
        let before = store::by_name(self.db.reader(), &is.id).await?;
        let consent = consent::decide(&is, input.grants, before.as_ref())?;
        let mut after = self.successor(before.clone(), is);
        after.grants = consent.grants;
        after.config = config.unwrap_or(after.config);
        if before.as_ref().is_some_and(|before| before.same_but_time(&after)) {
            return Ok(Installed { plugin: after, changed: false });
        }
        let wasm: Arc<[u8]> = input.wasm.into();
        if after.state == PluginState::Enabled {
            self.activate(&after, wasm.clone()).await?;
        }
        self.record(viewer, &after, &wasm, consent.is_new).await?;
        Ok(Installed { plugin: after, changed: true })
    }

    /// What is recorded after an installation over `before`.
    fn successor(&self, before: Option<InstalledPlugin>, is: Inspection) -> InstalledPlugin {
        let now = self.db.now();
        let (id, state, config, installed_at, grants) = match before {
            Some(old) => (old.id, old.state, old.config, old.installed_at, old.grants),
            None => (Id::new(), PluginState::Installed, "{}".to_owned(), now, is.asks.clone()),
        };
        // What failed gets another chance with its new version.
        let state = if state == PluginState::Failed { PluginState::Enabled } else { state };
        InstalledPlugin {
            id,
            name: is.id.clone(),
            version: is.version.clone(),
            state,
            digest: is.digest.clone(),
            manifest: is,
            grants,
            config,
            last_error: None,
            installed_at,
            updated_at: now,
        }
    }

    async fn record(&self, viewer: &Viewer, is: &InstalledPlugin, wasm: &[u8], consented: bool) -> Result<()> {
        let mut write = self.db.write().await?;
        store::save(write.connection(), is, Some(wasm)).await?;
        if consented {
            store::consent(write.connection(), is, viewer.user, write.now()).await?;
        }
        write.emit(&event(viewer, is, "installed")).await?;
        write.commit().await
    }

    /// Starts a plugin.
    ///
    /// # Errors
    /// NOT_FOUND; PLUGIN_FAILED, and the plugin is marked as failed.
    pub async fn enable(&self, viewer: &Viewer, name: &str) -> Result<InstalledPlugin> {
        may_manage(viewer)?;
        let _changing = self.changing.lock().await;
        let plugin = self.known(name).await?;
        let wasm = store::component(self.db.reader(), plugin.id).await?;
        if let Err(failure) = self.activate(&plugin, wasm.into()).await {
            self.note_failure(&plugin, &failure).await?;
            return Err(failure);
        }
        if plugin.state == PluginState::Enabled {
            return Ok(plugin);
        }
        self.set_state(viewer, &plugin, PluginState::Enabled, "enabled").await
    }

    /// Takes a plugin out of service. Calls under way end normally.
    ///
    /// # Errors
    /// NOT_FOUND.
    pub async fn disable(&self, viewer: &Viewer, name: &str) -> Result<InstalledPlugin> {
        may_manage(viewer)?;
        let _changing = self.changing.lock().await;
        let plugin = self.known(name).await?;
        self.runtime.deactivate(&plugin.name);
        if plugin.state == PluginState::Disabled {
            return Ok(plugin);
        }
        self.set_state(viewer, &plugin, PluginState::Disabled, "disabled").await
    }

    async fn set_state(
        &self,
        viewer: &Viewer,
        plugin: &InstalledPlugin,
        state: PluginState,
        what: &str,
    ) -> Result<InstalledPlugin> {
        let mut write = self.db.write().await?;
        store::set_state(write.connection(), plugin.id, state, None, write.now()).await?;
        write.emit(&event(viewer, plugin, what)).await?;
        write.commit().await?;
        self.known(&plugin.name).await
    }

    /// Sets the configuration, a JSON object. A running plugin starts anew.
    ///
    /// # Errors
    /// NOT_FOUND; BAD_USER_INPUT; PLUGIN_FAILED, then the old one stays.
    pub async fn set_config(&self, viewer: &Viewer, name: &str, config: &str) -> Result<InstalledPlugin> {
        may_manage(viewer)?;
        let config = checked_config(config.to_owned())?;
        let _changing = self.changing.lock().await;
        let plugin = InstalledPlugin { config, updated_at: self.db.now(), ..self.known(name).await? };
        if plugin.state == PluginState::Enabled {
            let wasm = store::component(self.db.reader(), plugin.id).await?;
            self.activate(&plugin, wasm.into()).await?;
        }
        let mut write = self.db.write().await?;
        store::save(write.connection(), &plugin, None).await?;
        write.emit(&event(viewer, &plugin, "configured")).await?;
        write.commit().await?;
        Ok(plugin)
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
        let asked = plugin.manifest.asks.0.values().any(|ask| ask.names.iter().any(|n| n == secret_name));
        if !asked {
            return Err(PluginError::UnknownSecret { plugin: plugin.name, secret: secret_name.to_owned() }.into());
        }
        let mut write = self.db.write().await?;
        store::set_secret(write.connection(), plugin.id, secret_name, &secret).await?;
        let event = event(viewer, &plugin, "secret_set").with(json!({ "name": plugin.name, "secret": secret_name }));
        write.emit(&event).await?;
        write.commit().await?;
        if plugin.state == PluginState::Enabled { self.restart(&plugin).await } else { Ok(()) }
    }

    /// Starts every plugin that is to run. One that fails is marked as failed
    /// and the others go on.
    ///
    /// # Errors
    /// Internal, when the database does not answer.
    pub async fn activate_all(&self) -> Result<Vec<Activated>> {
        let _changing = self.changing.lock().await;
        let mut outcomes = Vec::new();
        for plugin in store::to_run(self.db.reader()).await? {
            let outcome = self.restart(&plugin).await;
            if outcome.is_ok() && plugin.state == PluginState::Failed {
                let write = self.db.write().await?;
                store::set_state(write.connection(), plugin.id, PluginState::Enabled, None, write.now()).await?;
                write.commit().await?;
            }
            let error = outcome.err().map(|failure| failure.message().to_owned());
            outcomes.push(Activated { name: plugin.name, version: plugin.version, error });
        }
        Ok(outcomes)
    }

    async fn restart(&self, plugin: &InstalledPlugin) -> Result<()> {
        let wasm = store::component(self.db.reader(), plugin.id).await?;
        let started = self.activate(plugin, wasm.into()).await;
        if let Err(failure) = &started {
            self.note_failure(plugin, failure).await?;
        }
        started
    }

    /// A plugin by its name, for owners and for the server itself.
    ///
    /// # Errors
    /// Internal.
    pub async fn installed(&self, name: &str) -> Result<Option<InstalledPlugin>> {
        store::by_name(self.db.reader(), name).await
    }

    /// Calls and failures since the start of the process.
    #[must_use]
    pub fn usage(&self, name: &str) -> Usage {
        self.runtime.usage(name)
    }

    async fn known(&self, name: &str) -> Result<InstalledPlugin> {
        self.installed(name).await?.ok_or_else(|| Failure::not_found("plugin"))
    }

    async fn activate(&self, plugin: &InstalledPlugin, wasm: Arc<[u8]>) -> Result<()> {
        let activation = Activation {
            wasm,
            grants: plugin.grants.clone(),
            config: plugin.config.clone(),
            secrets: store::secrets(self.db.reader(), plugin.id).await?,
        };
        self.runtime.activate(activation).await.map_err(|why| PluginError::Failed(Box::new(why)))?;
        Ok(())
    }

    async fn note_failure(&self, plugin: &InstalledPlugin, failure: &Failure) -> Result<()> {
        tracing::warn!(plugin = plugin.name, version = plugin.version, error = ?failure, "a plugin does not start");
        self.runtime.deactivate(&plugin.name);
        let write = self.db.write().await?;
        let message = Some(failure.message());
        store::set_state(write.connection(), plugin.id, PluginState::Failed, message, write.now()).await?;
        write.commit().await
    }
}

impl InstalledPlugin {
    fn same_but_time(&self, other: &Self) -> bool {
        self == &Self { updated_at: self.updated_at, ..other.clone() }
    }
}

fn may_manage(viewer: &Viewer) -> Result<()> {
    match viewer.may("plugin", Action::Manage) {
        true => Ok(()),
        false if viewer.user.is_none() => Err(Failure::new(ErrorCode::Unauthenticated, "Sign in first.")),
        false => Err(Failure::new(ErrorCode::Forbidden, "You may not manage plugins.")),
    }
}

fn checked_config(text: String) -> Result<String> {
    match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(value) if value.is_object() => Ok(text),
        _ => Err(PluginError::Config.into()),
    }
}

fn event(viewer: &Viewer, plugin: &InstalledPlugin, what: &str) -> Event {
    let facts = json!({ "name": plugin.name, "version": plugin.version });
    Event::new("plugin", what, plugin.id).by(viewer.user).with(facts)
}
