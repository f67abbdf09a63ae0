//! Installing, and updates: consent, staging, approval.
//!
//! **Invariant:** an update is put in place by the host first and recorded
//! then; when either fails, the version before runs and is recorded.

use std::sync::{Arc, PoisonError};

use lyceum_kernel::{Id, Result, Viewer};

use super::{
    PACKAGE_MAX_BYTES, consent,
    error::PluginError,
    leave::end_its_work,
    model::{InstallPlugin, Installed, InstalledPlugin, PluginState},
    port::{Grants, Inspection},
    service::{Plugins, checked_config, event, may_manage},
    store::{self, Staged},
    trust,
};

/// A version that is to become the installed one.
struct Next {
    plugin: InstalledPlugin,
    package: Arc<[u8]>,
    /// The owner consented just now.
    consented: bool,
    /// What to pin with it.
    verdict: trust::Verdict,
}

impl Plugins {
    /// Installs a plugin, or another version of it. What runs is replaced
    /// without a gap; what was never enabled waits for [`Self::enable`].
    ///
    /// # Errors
    /// PLUGIN_INVALID, also when what it adds to the API does not fit;
    /// PLUGIN_UNTRUSTED; PLUGIN_CONSENT_REQUIRED with `asks`
    /// and `permissionHash`, and for an update, which is staged then, `diff`;
    /// BAD_USER_INPUT for a grant beyond what is asked or a configuration that
    /// does not fit; PLUGIN_FAILED when the new version does not start; CONFLICT
    /// when another process has changed it meanwhile. Then nothing changed.
    pub async fn install(&self, viewer: &Viewer, input: InstallPlugin) -> Result<Installed> {
        may_manage(viewer)?;
        let is = self.inspected(&input.package)?;
        if let Some(config) = &input.config {
            checked_config(&is, config)?;
        }
        let _changing = self.changing.lock().await;
        let before = store::by_name(self.db.reader(), &is.id).await?;
        let verdict = self.trusted(&is).await?;
        self.fits_the_api(&is).await?;
        let (grants, expected) = (input.grants.clone(), input.expected_permission_hash.as_deref());
        let consent = match consent::decide(&is, grants, expected, before.as_ref()) {
            Ok(consent) => consent,
            Err(refusal) => return self.put_aside(viewer, refusal, before, is, input).await,
        };
        let mut plugin = self.successor(before.clone(), is, input.source.to_string());
        plugin.grants = consent.grants;
        plugin.config = input.config.unwrap_or(plugin.config);
        if before.as_ref().is_some_and(|before| before.is_same(&plugin)) {
            return Ok(Installed { plugin, changed: false });
        }
        let next = Next { plugin, package: input.package.into(), consented: consent.is_new, verdict };
        let plugin = self.replace(viewer, before, next).await?;
        Ok(Installed { plugin, changed: true })
    }

    /// What a package is and asks for. Runs nothing.
    ///
    /// # Errors
    /// PLUGIN_INVALID.
    pub fn inspected(&self, package: &[u8]) -> Result<Inspection> {
        if package.len() > PACKAGE_MAX_BYTES {
            return Err(PluginError::TooLarge.into());
        }
        Ok(self.runtime.inspect(package).map_err(|why| PluginError::Invalid(Box::new(why)))?)
    }

    /// Puts a staged update in place of the version that runs. `grants`: all
    /// that it asks for when absent.
    ///
    /// # Errors
    /// NOT_FOUND; INVALID_STATE when none is staged; PLUGIN_CONSENT_REQUIRED
    /// when another one is staged by now; and those of [`Self::install`].
    pub async fn approve(
        &self,
        viewer: &Viewer,
        name: &str,
        permission_hash: &str,
        grants: Option<Grants>,
    ) -> Result<InstalledPlugin> {
        may_manage(viewer)?;
        let _changing = self.changing.lock().await;
        let before = self.known(name).await?;
        let staged = store::staged(self.db.reader(), before.id).await?;
        let staged = staged.ok_or_else(|| PluginError::NothingStaged(before.name.clone()))?;
        let verdict = self.trusted(&staged.manifest).await?;
        self.fits_the_api(&staged.manifest).await?;
        let grants = grants.unwrap_or_else(|| staged.manifest.asks.clone());
        let grants = consent::given_now(&staged.manifest, grants, Some(permission_hash))?;
        let mut plugin = self.successor(Some(before.clone()), staged.manifest, staged.source);
        plugin.grants = grants;
        plugin.config = staged.config.unwrap_or(plugin.config);
        let next = Next { plugin, package: staged.package.into(), consented: true, verdict };
        self.replace(viewer, Some(before), next).await
    }

    /// Throws a staged update away.
    ///
    /// # Errors
    /// NOT_FOUND; INVALID_STATE when none is staged.
    pub async fn discard_staged(&self, viewer: &Viewer, name: &str) -> Result<InstalledPlugin> {
        may_manage(viewer)?;
        let _changing = self.changing.lock().await;
        let plugin = self.known(name).await?;
        let mut write = self.db.write().await?;
        if !store::unstage(write.connection(), plugin.id).await? {
            return Err(PluginError::NothingStaged(plugin.name).into());
        }
        write.emit(&event(viewer, &plugin, "update_discarded")).await?;
        write.commit().await?;
        Ok(plugin)
    }

    /// Keeps an update that asks for more until the owner has decided.
    async fn put_aside(
        &self,
        viewer: &Viewer,
        refusal: PluginError,
        before: Option<InstalledPlugin>,
        is: Inspection,
        input: InstallPlugin,
    ) -> Result<Installed> {
        if let (PluginError::Staged(..), Some(old)) = (&refusal, before) {
            let manifest = is.clone();
            let InstallPlugin { package, config, source, .. } = input;
            let staged = Staged { package, manifest, config, source: source.to_string() };
            let mut write = self.db.write().await?;
            store::stage(write.connection(), old.id, &staged, write.now()).await?;
            let facts = serde_json::json!({ "name": is.id, "version": is.version });
            write.emit(&event(viewer, &old, "update_staged").with(facts)).await?;
            write.commit().await?;
        }
        Err(refusal.into())
    }

    /// Whether its publisher is who it should be.
    pub(super) async fn trusted(&self, is: &Inspection) -> Result<trust::Verdict> {
        let pinned = trust::publisher(self.db.reader(), trust::publisher_of(&is.id)).await?;
        let origin = match self.settings.built_in.contains(&is.digest) {
            true => trust::Origin::BuiltIn,
            false => trust::Origin::Elsewhere,
        };
        let revocations = self.revocations.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(trust::judge(self.settings.policy, origin, is, pinned.as_ref(), &revocations)?)
    }

    /// What is recorded after an installation over `before`.
    fn successor(&self, before: Option<InstalledPlugin>, is: Inspection, source: String) -> InstalledPlugin {
        let now = self.db.now();
        let first = || InstalledPlugin {
            id: Id::new(),
            name: is.id.clone(),
            version: String::new(),
            state: PluginState::Installed,
            shadow: false,
            digest: String::new(),
            manifest: Inspection::default(),
            grants: Grants::default(),
            config: "{}".to_owned(),
            source: String::new(),
            last_error: None,
            installed_at: now,
            updated_at: now,
            revision: 0,
        };
        let old = before.unwrap_or_else(first);
        // What failed gets another chance with its new version.
        let state = if old.state == PluginState::Failed { PluginState::Enabled } else { old.state };
        let (version, digest) = (is.version.clone(), is.digest.clone());
        InstalledPlugin { version, digest, state, manifest: is, source, last_error: None, updated_at: now, ..old }
    }

    async fn replace(&self, viewer: &Viewer, before: Option<InstalledPlugin>, next: Next) -> Result<InstalledPlugin> {
        if next.plugin.state == PluginState::Enabled {
            let previous = before.as_ref().map(|old| old.version.clone()).filter(|old| *old != next.plugin.version);
            self.activate(&next.plugin, next.package.clone(), previous).await?;
            // Until it is recorded: should that fail, the row wins.
            self.forget(&next.plugin.name);
        }
        let revision = self.record(viewer, before.as_ref(), &next).await?;
        Ok(self.noted(InstalledPlugin { revision, ..next.plugin }))
    }

    /// Returns the revision of the row.
    async fn record(&self, viewer: &Viewer, before: Option<&InstalledPlugin>, next: &Next) -> Result<i64> {
        let (mut write, is) = (self.db.write().await?, &next.plugin);
        let (on, now) = (write.connection(), write.now());
        if let Some(old) = before.filter(|old| old.manifest != is.manifest) {
            store::keep_version(on, old, now).await?;
        }
        let revision = match before {
            Some(_) => store::save(on, is, Some(&next.package)).await?,
            None => store::add(on, is, &next.package).await?,
        };
        if before.is_none() {
            // Another server may have added to it before it saw that the plugin went.
            end_its_work(&write, &is.name).await?;
        }
        if next.consented {
            store::consent(on, is, viewer.user, now).await?;
        }
        if let Some(publisher) = next.verdict.to_pin() {
            trust::pin(on, publisher, viewer.user, now).await?;
        }
        store::unstage(on, is.id).await?;
        let what = if before.is_some() { "updated" } else { "installed" };
        write.emit(&event(viewer, is, what)).await?;
        write.commit().await?;
        Ok(revision)
    }
}
