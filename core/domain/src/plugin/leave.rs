//! Going back a version, and going altogether.

use lyceum_kernel::{Event, Result, Viewer};
use serde_json::json;

use super::{
    error::PluginError,
    model::{InstalledPlugin, PluginData, PluginState, Uninstalled},
    port::PluginFailure,
    service::{Plugins, event, may_manage},
    services::PluginNotice,
    store::{self, OldVersion},
    trust::Revocations,
};

impl Plugins {
    /// Puts the version before in place again, with the grants and the
    /// configuration that it had. It had its consent, so none is asked for.
    ///
    /// # Errors
    /// NOT_FOUND; INVALID_STATE when there is none; PLUGIN_UNTRUSTED when it
    /// was revoked since; PLUGIN_FAILED, then what runs stays.
    pub async fn rollback(&self, viewer: &Viewer, name: &str) -> Result<InstalledPlugin> {
        may_manage(viewer)?;
        let _changing = self.changing.lock().await;
        let current = self.known(name).await?;
        let old = store::old_version(self.db.reader(), current.id, None).await?;
        let old = old.ok_or_else(|| PluginError::NothingBefore(current.name.clone()))?;
        let restored = self.restored(&current, &old, None);
        self.may_still_run(&restored)?;
        if restored.state == PluginState::Enabled {
            self.activate(&restored, old.package.clone().into(), None).await?;
            self.forget(&restored.name);
        }
        let facts = json!({ "name": restored.name, "from": current.version, "to": restored.version });
        let event = event(viewer, &restored, "rolled_back").with(facts);
        self.go_back(restored, &old, &event).await
    }

    /// Acts on what the host tells: a version that it took back is not the
    /// recorded one any more. Others than that are of no concern here.
    ///
    /// # Errors
    /// Internal.
    pub async fn on_notice(&self, notice: PluginNotice) -> Result<()> {
        match notice {
            PluginNotice::RolledBack { plugin, from, to, failure } => {
                self.taken_back(&plugin, &from, &to, &failure).await
            }
            _ => Ok(()),
        }
    }

    async fn taken_back(&self, name: &str, from: &str, to: &str, failure: &PluginFailure) -> Result<()> {
        let _changing = self.changing.lock().await;
        let Some(current) = self.installed(name).await?.filter(|current| current.version == from) else {
            // The owner was quicker, or another server recorded it.
            return Ok(());
        };
        let Some(old) = store::old_version(self.db.reader(), current.id, Some(to)).await? else {
            tracing::error!(plugin = name, from, to, "the host rolled back to a version that is not kept");
            return Ok(());
        };
        let why = format!("{from} was taken back soon after it was put in place: {}", failure.detail);
        tracing::warn!(plugin = name, from, to, %failure, "a plugin was rolled back");
        let restored = self.restored(&current, &old, Some(why));
        let facts = json!({ "name": name, "from": from, "to": to, "error": failure.to_string() });
        let event = Event::new("plugin", "rolled_back", current.id).with(facts);
        self.go_back(restored, &old, &event).await.map(drop)
    }

    fn restored(&self, current: &InstalledPlugin, old: &OldVersion, last_error: Option<String>) -> InstalledPlugin {
        let state = if current.state == PluginState::Failed { PluginState::Enabled } else { current.state };
        InstalledPlugin {
            version: old.version.clone(),
            digest: old.manifest.digest.clone(),
            manifest: old.manifest.clone(),
            grants: old.grants.clone(),
            config: old.config.clone(),
            source: old.source.clone(),
            state,
            last_error,
            updated_at: self.db.now(),
            ..current.clone()
        }
    }

    async fn go_back(&self, plugin: InstalledPlugin, old: &OldVersion, event: &Event) -> Result<InstalledPlugin> {
        let mut write = self.db.write().await?;
        store::save(write.connection(), &plugin, Some(&old.package)).await?;
        store::drop_version(write.connection(), old.id).await?;
        write.emit(event).await?;
        write.commit().await?;
        self.noted(plugin).await
    }

    /// Removes a plugin: its versions, grants, configuration and secrets
    /// always, what it stored when `data` says so. Entries it made stay.
    ///
    /// # Errors
    /// NOT_FOUND; INVALID_STATE for a payment provider with open payments,
    /// unless `force`.
    pub async fn uninstall(&self, viewer: &Viewer, name: &str, data: PluginData, force: bool) -> Result<Uninstalled> {
        may_manage(viewer)?;
        let _changing = self.changing.lock().await;
        let plugin = self.known(name).await?;
        self.owes_nothing(&plugin, force).await?;
        self.runtime.deactivate(&plugin.name);
        let mut write = self.db.write().await?;
        let done = store::remove(write.connection(), &plugin, data).await?;
        write.emit(&event(viewer, &plugin, "uninstalled")).await?;
        write.commit().await?;
        self.runtime.forget(&plugin.name);
        self.forget(&plugin.name);
        Ok(done)
    }

    /// Takes a new list of what is revoked. Plugins on it are stopped and
    /// marked as failed; their names are returned.
    ///
    /// # Errors
    /// Internal.
    pub async fn revoke(&self, list: Revocations) -> Result<Vec<String>> {
        let _changing = self.changing.lock().await;
        *self.revocations.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = list;
        let mut stopped = Vec::new();
        for plugin in store::to_run(self.db.reader()).await? {
            if let Err(failure) = self.may_still_run(&plugin) {
                self.note_failure(&plugin, &failure).await?;
                stopped.push(plugin.name);
            }
        }
        Ok(stopped)
    }

    /// # Errors
    /// PLUGIN_UNTRUSTED for what is revoked.
    pub(super) fn may_still_run(&self, plugin: &InstalledPlugin) -> Result<()> {
        let list = self.revocations.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match list.of(&plugin.manifest) {
            None => Ok(()),
            Some(revoked) => Err(PluginError::Revoked { plugin: plugin.name.clone(), reason: revoked.reason() }.into()),
        }
    }
}
