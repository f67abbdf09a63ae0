//! The plugins of one server: what is recorded and what runs, moved together.
//!
//! **Invariant:** what runs is moved first and recorded then, and between the
//! two this server forgets what it knew of the row: whatever comes in between,
//! the next comparison acts on the row.
//! **Invariant:** a row is changed only as it was read. What another process
//! has changed meanwhile stays, and the owner is told so.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex as StdMutex, OnceLock, PoisonError},
};

use lyceum_kernel::{Action, ErrorCode, Event, Failure, Result, Viewer};
use lyceum_store::Database;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{
    addition::AdditionCheck,
    config::{validate_config, with_defaults},
    error::PluginError,
    model::{InstalledPlugin, PluginOverview, PluginSettings, PluginState, SecretState},
    port::{Activation, Inspection, PluginRuntime, Role, Usage},
    secret_fields,
    source::PackageSource,
    store,
};

pub struct Plugins {
    pub(super) db: Database,
    pub(super) runtime: Arc<dyn PluginRuntime>,
    pub(super) settings: PluginSettings,
    /// One change at a time: what runs and what is recorded move together.
    pub(super) changing: Mutex<()>,
    /// What this server has made of each row, by the plugin's name.
    pub(super) seen: StdMutex<BTreeMap<String, Seen>>,
    pub(super) revocations: StdMutex<super::trust::Revocations>,
    pub(super) packages: OnceLock<Arc<dyn PackageSource>>,
    pub(super) additions: OnceLock<Arc<dyn AdditionCheck>>,
}

/// The row as this server last acted on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub revision: i64,
    pub runs: bool,
}

impl Seen {
    /// Not what any row says. It may run.
    const FORGOTTEN: Self = Self { revision: -1, runs: true };

    /// Whether this server knows what it has made of the row.
    pub fn is_known(self) -> bool {
        self.revision != Self::FORGOTTEN.revision
    }
}

impl Plugins {
    #[must_use]
    pub fn new(db: Database, runtime: Arc<dyn PluginRuntime>, settings: PluginSettings) -> Self {
        let (changing, seen, revocations) = (Mutex::new(()), StdMutex::default(), StdMutex::default());
        let (packages, additions) = (OnceLock::new(), OnceLock::new());
        Self { db, runtime, settings, changing, seen, revocations, packages, additions }
    }

    /// Says where packages are got from. Only the first one counts.
    pub fn get_packages_from(&self, packages: Arc<dyn PackageSource>) {
        self.packages.get_or_init(|| packages);
    }

    /// Starts a plugin. One that ran in the shadow serves from now on.
    ///
    /// # Errors
    /// NOT_FOUND; BAD_USER_INPUT when its configuration does not fit;
    /// PLUGIN_INVALID when what it adds to the API does not fit beside what runs;
    /// PLUGIN_FAILED, and the plugin is marked as failed; CONFLICT when another
    /// process has changed it meanwhile.
    pub async fn enable(&self, viewer: &Viewer, name: &str) -> Result<InstalledPlugin> {
        may_manage(viewer)?;
        let _changing = self.changing.lock().await;
        let known = self.known(name).await?;
        self.may_still_run(&known)?;
        self.fits_the_api(&known.manifest).await?;
        let (was_on, plugin) = (known.state == PluginState::Enabled && !known.shadow, known);
        let plugin = InstalledPlugin { shadow: false, ..plugin };
        let package = store::component(self.db.reader(), plugin.id).await?;
        if let Err(failure) = self.activate(&plugin, package.into(), None).await {
            if failure.code() == ErrorCode::PluginFailed {
                self.note_failure(&plugin, &failure).await?;
            }
            return Err(failure);
        }
        if was_on {
            return Ok(self.noted(plugin));
        }
        let on = InstalledPlugin { state: PluginState::Enabled, last_error: None, updated_at: self.db.now(), ..plugin };
        self.write(viewer, &on, "enabled").await
    }

    /// Takes a plugin out of service. Calls under way end normally.
    ///
    /// # Errors
    /// NOT_FOUND; INVALID_STATE for a payment provider with open payments,
    /// unless `force`; CONFLICT when another process has changed it meanwhile.
    pub async fn disable(&self, viewer: &Viewer, name: &str, force: bool) -> Result<InstalledPlugin> {
        may_manage(viewer)?;
        let _changing = self.changing.lock().await;
        let plugin = self.known(name).await?;
        self.owes_nothing(&plugin, force).await?;
        self.runtime.deactivate(&plugin.name);
        if plugin.state == PluginState::Disabled {
            return Ok(self.noted(plugin));
        }
        let state = PluginState::Disabled;
        let off = InstalledPlugin { state, shadow: false, last_error: None, updated_at: self.db.now(), ..plugin };
        self.write(viewer, &off, "disabled").await
    }

    /// A plugin by its name, for owners and for the server itself.
    ///
    /// # Errors
    /// Internal.
    pub async fn installed(&self, name: &str) -> Result<Option<InstalledPlugin>> {
        store::by_name(self.db.reader(), name).await
    }

    /// Every plugin, by name.
    ///
    /// # Errors
    /// Internal.
    pub async fn all(&self) -> Result<Vec<InstalledPlugin>> {
        store::all(self.db.reader()).await
    }

    /// All that the owner sees of a plugin.
    ///
    /// # Errors
    /// UNAUTHENTICATED, FORBIDDEN, NOT_FOUND.
    pub async fn overview(&self, viewer: &Viewer, name: &str) -> Result<PluginOverview> {
        may_manage(viewer)?;
        let (plugin, on) = (self.known(name).await?, self.db.reader());
        let mut set = store::secret_times(on, plugin.id).await?;
        let mut secrets: Vec<SecretState> = asked_secrets(&plugin.manifest)
            .into_iter()
            .map(|name| {
                let at = set.remove(&name);
                SecretState { name, is_set: at.is_some(), set_at: at.flatten() }
            })
            .collect();
        // Set for a version before, which asked for it.
        secrets.extend(set.into_iter().map(|(name, set_at)| SecretState { name, is_set: true, set_at }));
        Ok(PluginOverview {
            consent: store::consent_of(on, plugin.id).await?,
            secrets,
            staged: store::staged_update(on, &plugin).await?,
            versions: store::kept_versions(on, plugin.id).await?,
            usage: self.usage(&plugin.name),
            plugin,
        })
    }

    /// Calls, failures and time since the start of the process.
    #[must_use]
    pub fn usage(&self, name: &str) -> Usage {
        self.runtime.usage(name)
    }

    pub(super) async fn known(&self, name: &str) -> Result<InstalledPlugin> {
        self.installed(name).await?.ok_or_else(|| Failure::not_found("plugin"))
    }

    /// Puts a plugin in place, over whichever version of it runs.
    pub(super) async fn activate(
        &self,
        plugin: &InstalledPlugin,
        package: Arc<[u8]>,
        previous_version: Option<String>,
    ) -> Result<()> {
        let activation = Activation {
            wasm: package,
            grants: plugin.grants.clone(),
            config: effective_config(&plugin.manifest, &plugin.config)?,
            secrets: store::secrets(self.db.reader(), plugin, &self.settings.secret_key).await?,
            previous_version,
            role: if plugin.shadow { Role::Shadow } else { Role::Active },
        };
        self.runtime.activate(activation).await.map_err(|why| PluginError::Failed(Box::new(why)))?;
        Ok(())
    }

    /// Records a plugin as it is now, with an event.
    pub(super) async fn write(&self, viewer: &Viewer, plugin: &InstalledPlugin, what: &str) -> Result<InstalledPlugin> {
        self.forget(&plugin.name);
        let mut write = self.db.write().await?;
        let revision = store::save(write.connection(), plugin, None).await?;
        write.emit(&event(viewer, plugin, what)).await?;
        write.commit().await?;
        Ok(self.noted(InstalledPlugin { revision, ..plugin.clone() }))
    }

    /// Takes a plugin that does not start out of service. It is not marked as
    /// failed when another process has changed it meanwhile: that holds.
    pub(super) async fn note_failure(&self, plugin: &InstalledPlugin, failure: &Failure) -> Result<()> {
        tracing::warn!(plugin = plugin.name, version = plugin.version, error = ?failure, "a plugin does not start");
        self.runtime.deactivate(&plugin.name);
        match self.set_state(plugin, PluginState::Failed, Some(failure.message())).await {
            Err(changed) if changed.code() == ErrorCode::Conflict => Ok(()),
            done => done,
        }
    }

    /// Records the state alone.
    pub(super) async fn set_state(
        &self,
        plugin: &InstalledPlugin,
        state: PluginState,
        error: Option<&str>,
    ) -> Result<()> {
        self.forget(&plugin.name);
        let write = self.db.write().await?;
        let revision = store::set_state(write.connection(), plugin, state, error, write.now()).await?;
        write.commit().await?;
        self.noted(InstalledPlugin { state, revision, ..plugin.clone() });
        Ok(())
    }

    /// Remembers that this server has acted on this row.
    pub(super) fn noted(&self, plugin: InstalledPlugin) -> InstalledPlugin {
        let seen = Seen { revision: plugin.revision, runs: plugin.state == PluginState::Enabled };
        self.seen().insert(plugin.name.clone(), seen);
        plugin
    }

    /// The next comparison with the rows acts on this plugin again.
    pub(super) fn forget(&self, name: &str) {
        self.seen().insert(name.to_owned(), Seen::FORGOTTEN);
    }

    pub(super) fn seen(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// # Errors
    /// INVALID_STATE for a payment provider that open payments wait for.
    pub(super) async fn owes_nothing(&self, plugin: &InstalledPlugin, force: bool) -> Result<()> {
        let pays = plugin.manifest.implements.iter().any(|name| name.starts_with("lyceum:payment/"));
        if force || !pays {
            return Ok(());
        }
        match store::open_payments(self.db.reader(), provider_key(&plugin.name)).await? {
            0 => Ok(()),
            open => Err(PluginError::OpenPayments { plugin: plugin.name.clone(), open }.into()),
        }
    }
}

/// `lyceum/payment-sandbox` → `sandbox`, as payments name it.
fn provider_key(name: &str) -> &str {
    let name = name.rsplit('/').next().unwrap_or(name);
    name.strip_prefix("payment-").unwrap_or(name)
}

/// The secrets that a plugin asks for, sorted.
pub(super) fn asked_secrets(is: &Inspection) -> Vec<String> {
    let by_permission = ["secret-ref", "crypto"].into_iter().filter_map(|name| is.asks.0.get(name));
    let mut names: Vec<String> = by_permission.flat_map(|ask| ask.names.clone()).collect();
    names.extend(is.config_schema.as_ref().map(secret_fields).unwrap_or_default());
    names.sort();
    names.dedup();
    names
}

/// What the plugin is given: what the owner wrote, with the schema's defaults.
///
/// # Errors
/// BAD_USER_INPUT when it does not fit what this version wants.
pub(super) fn effective_config(is: &Inspection, config: &str) -> Result<String> {
    let value = checked_config(is, config)?;
    Ok(match &is.config_schema {
        Some(schema) => with_defaults(schema, &value).to_string(),
        None => config.to_owned(),
    })
}

/// # Errors
/// BAD_USER_INPUT with every place that is wrong.
pub(super) fn checked_config(is: &Inspection, text: &str) -> Result<Value> {
    let value = serde_json::from_str::<Value>(text).ok().filter(Value::is_object).ok_or(PluginError::Config)?;
    if let Some(schema) = &is.config_schema {
        // What has a default need not be said.
        validate_config(schema, &with_defaults(schema, &value)).map_err(PluginError::ConfigProblems)?;
    }
    Ok(value)
}

pub(crate) fn may_manage(viewer: &Viewer) -> Result<()> {
    match viewer.may("plugin", Action::Manage) {
        true => Ok(()),
        false if viewer.user.is_none() => Err(Failure::new(ErrorCode::Unauthenticated, "Sign in first.")),
        false => Err(Failure::new(ErrorCode::Forbidden, "You may not manage plugins.")),
    }
}

pub(super) fn event(viewer: &Viewer, plugin: &InstalledPlugin, what: &str) -> Event {
    let facts = json!({ "name": plugin.name, "version": plugin.version });
    Event::new("plugin", what, plugin.id).by(viewer.user).with(facts)
}
