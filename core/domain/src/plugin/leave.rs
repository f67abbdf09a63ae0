//! Going back a version, and going altogether.

use lyceum_kernel::{Event, Result, Viewer};
use lyceum_store::Write;
use serde_json::json;

use super::{
    consent,
    error::PluginError,
    model::{InstalledPlugin, PluginData, PluginState, Uninstalled},
    port::PluginFailure,
    service::{Plugins, event, may_manage},
    services::PluginNotice,
    store::{self, OldVersion},
    trust::Revocations,
};
use crate::content::forget_after_hooks;

impl Plugins {
    /// Puts the version before in place again, with the configuration that it
    /// had and with its grants but for what the owner has taken away since. It
    /// had its consent, so none is asked for.
    ///
    /// # Errors
    /// NOT_FOUND; INVALID_STATE when there is none; PLUGIN_UNTRUSTED when it
    /// was revoked since; PLUGIN_INVALID when what it adds to the API does not
    /// fit any more; PLUGIN_FAILED, then what runs stays; CONFLICT when another
    /// process has changed it meanwhile.
    pub async fn rollback(&self, viewer: &Viewer, name: &str) -> Result<InstalledPlugin> {
        may_manage(viewer)?;
        let _changing = self.changing.lock().await;
        let current = self.known(name).await?;
        let old = store::old_version(self.db.reader(), current.id, None).await?;
        let old = old.ok_or_else(|| PluginError::NothingBefore(current.name.clone()))?;
        let restored = self.restored(&current, &old, None);
        self.may_still_run(&restored)?;
        self.fits_the_api(&restored.manifest).await?;
        if restored.state == PluginState::Enabled {
            self.activate(&restored, old.package.clone().into(), None).await?;
        }
        let facts = json!({ "name": restored.name, "from": current.version, "to": restored.version });
        let event = event(viewer, &restored, "rolled_back").with(facts);
        self.go_back(restored, &old, Some(viewer), &event).await
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
        if self.go_back(restored, &old, None, &event).await?.grants != old.grants {
            // The host took it back with the grants that it had: the next comparison starts it with these.
            self.forget(name);
        }
        Ok(())
    }

    fn restored(&self, current: &InstalledPlugin, old: &OldVersion, last_error: Option<String>) -> InstalledPlugin {
        let state = if current.state == PluginState::Failed { PluginState::Enabled } else { current.state };
        InstalledPlugin {
            version: old.version.clone(),
            digest: old.manifest.digest.clone(),
            manifest: old.manifest.clone(),
            grants: consent::still_granted(&old.grants, &current.grants, &current.manifest.asks),
            config: old.config.clone(),
            source: old.source.clone(),
            state,
            last_error,
            updated_at: self.db.now(),
            ..current.clone()
        }
    }

    /// Records it. Without an owner the host did it, and whose consent holds
    /// stays as it was.
    async fn go_back(
        &self,
        plugin: InstalledPlugin,
        old: &OldVersion,
        by: Option<&Viewer>,
        event: &Event,
    ) -> Result<InstalledPlugin> {
        self.forget(&plugin.name);
        let mut write = self.db.write().await?;
        let (on, now) = (write.connection(), write.now());
        let revision = store::save(on, &plugin, Some(&old.package)).await?;
        match by {
            Some(owner) => store::consent(on, &plugin, owner.user, now).await?,
            None => store::consent_to_another(on, &plugin).await?,
        }
        store::drop_version(on, old.id).await?;
        write.emit(event).await?;
        write.commit().await?;
        Ok(self.noted(InstalledPlugin { revision, ..plugin }))
    }

    /// Removes a plugin: its versions, grants, configuration and secrets
    /// always, what it stored when `data` says so. Entries it made stay. What it
    /// was still to be told is dropped and its unfinished runs are cancelled, so
    /// that a later installation begins afresh.
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
        self.forget(&plugin.name);
        let mut write = self.db.write().await?;
        let done = store::remove(write.connection(), &plugin, data).await?;
        end_its_work(&write, &plugin.name).await?;
        write.emit(&event(viewer, &plugin, "uninstalled")).await?;
        write.commit().await?;
        self.runtime.forget(&plugin.name);
        self.seen().remove(&plugin.name);
        Ok(done)
    }

    /// Takes a new list of what is revoked. Plugins on it are stopped and
    /// marked as failed, with an event of each; their names are
    /// returned.
    ///
    /// # Errors
    /// Internal.
    pub async fn revoke(&self, list: Revocations) -> Result<Vec<String>> {
        let _changing = self.changing.lock().await;
        *self.revocations.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = list;
        let mut stopped = Vec::new();
        for plugin in store::to_run(self.db.reader()).await? {
            if self.may_still_run(&plugin).is_err() {
                self.stop_revoked(&plugin.name).await?;
                stopped.push(plugin.name);
            }
        }
        Ok(stopped)
    }

    /// Each server stops it; the first one tells.
    async fn stop_revoked(&self, name: &str) -> Result<()> {
        self.runtime.deactivate(name);
        self.forget(name);
        let mut write = self.db.write().await?;
        let (on, now) = (write.connection(), write.now());
        // As it is now: what the owner has stopped meanwhile stays so.
        let Some(plugin) = store::by_name(on, name).await?.filter(InstalledPlugin::is_to_run) else { return Ok(()) };
        let Err(failure) = self.may_still_run(&plugin) else { return Ok(()) };
        let why = failure.message();
        let revision = store::set_state(on, &plugin, PluginState::Failed, Some(why), now).await?;
        if plugin.last_error.as_deref() != Some(why) {
            let facts = json!({ "name": plugin.name, "version": plugin.version, "reason": why });
            write.emit(&Event::new("plugin", "revoked", plugin.id).with(facts)).await?;
        }
        write.commit().await?;
        self.noted(InstalledPlugin { state: PluginState::Failed, revision, ..plugin });
        Ok(())
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

/// Whatever a plugin of this name was still to be told or to do is over.
pub(super) async fn end_its_work(write: &Write, name: &str) -> Result<()> {
    store::end_its_work(write.connection(), name, write.now()).await?;
    forget_after_hooks(write, name).await
}
