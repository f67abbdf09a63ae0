//! What runs here, brought in line with what is recorded: at start, and when
//! another server or the command line has changed a row.
//!
//! **Invariant:** a server that cannot start what another has recorded keeps
//! what it runs, says so in its log, and changes no row.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use lyceum_kernel::{ErrorCode, Result};

use super::{
    model::{Activated, InstalledPlugin, PluginState},
    service::{Plugins, Seen},
    store::{self, Mark},
};

/// How often the rows are compared. It is one small statement.
pub const RECONCILE_INTERVAL: Duration = Duration::from_secs(2);

impl Plugins {
    /// Starts every plugin that is to run. One that fails is marked as failed
    /// and the others go on.
    ///
    /// # Errors
    /// Internal, when the database does not answer.
    pub async fn activate_all(&self) -> Result<Vec<Activated>> {
        let _changing = self.changing.lock().await;
        let sealed = self.seal_plain_secrets().await?;
        if sealed > 0 {
            tracing::info!(sealed, "plugin secrets were sealed");
        }
        let mut outcomes = Vec::new();
        for plugin in store::to_run(self.db.reader()).await? {
            let started = match self.may_still_run(&plugin) {
                Ok(()) => self.restart(&plugin).await,
                Err(revoked) => self.note_failure(&plugin, &revoked).await.and(Err(revoked)),
            };
            if started.is_ok() {
                self.note_start(&plugin).await?;
            }
            let error = started.err().map(|failure| failure.message().to_owned());
            outcomes.push(Activated { name: plugin.name, version: plugin.version, error });
        }
        Ok(outcomes)
    }

    /// It runs as its row said. Should that have changed while it was started,
    /// the next comparison acts on it.
    async fn note_start(&self, plugin: &InstalledPlugin) -> Result<()> {
        if plugin.state != PluginState::Failed {
            self.noted(plugin.clone());
            return Ok(());
        }
        match self.set_state(plugin, PluginState::Enabled, None).await {
            Err(changed) if changed.code() == ErrorCode::Conflict => Ok(()),
            done => done,
        }
    }

    /// Acts on the rows that others have changed. Returns what became of them.
    ///
    /// # Errors
    /// Internal, when the database does not answer.
    pub async fn reconcile(&self) -> Result<Vec<Activated>> {
        let _changing = self.changing.lock().await;
        let marks = store::marks(self.db.reader()).await?;
        self.stop_what_is_gone(&marks);
        let mut outcomes = Vec::new();
        for mark in marks {
            let seen = self.seen().get(&mark.name).copied();
            if seen.is_some_and(|seen| seen.revision == mark.revision) {
                continue;
            }
            outcomes.extend(self.follow(&mark, seen).await?);
        }
        Ok(outcomes)
    }

    /// The revisions of the rows that this server has acted on, by plugin.
    #[must_use]
    pub fn acted_on(&self) -> BTreeMap<String, i64> {
        self.seen().iter().map(|(name, seen)| (name.clone(), seen.revision)).collect()
    }

    fn stop_what_is_gone(&self, marks: &[Mark]) {
        let known: BTreeSet<&str> = marks.iter().map(|mark| mark.name.as_str()).collect();
        self.seen().retain(|name, seen| {
            let stays = known.contains(name.as_str());
            if !stays && seen.runs {
                self.runtime.deactivate(name);
                self.runtime.forget(name);
                tracing::info!(plugin = name, "a plugin was uninstalled elsewhere");
            }
            stays
        });
    }

    async fn follow(&self, mark: &Mark, seen: Option<Seen>) -> Result<Option<Activated>> {
        let ran = seen.is_some_and(|seen| seen.runs);
        let runs = match mark.state {
            PluginState::Enabled => return self.start_here(mark, ran).await.map(Some),
            // Another server cannot run it; this one can, or has never tried.
            PluginState::Failed if seen.is_none_or(Seen::is_known) => ran,
            PluginState::Installed | PluginState::Disabled | PluginState::Failed => {
                self.runtime.deactivate(&mark.name);
                false
            }
        };
        self.seen().insert(mark.name.clone(), Seen { revision: mark.revision, runs });
        Ok(None)
    }

    async fn start_here(&self, mark: &Mark, ran: bool) -> Result<Activated> {
        let plugin = self.known(&mark.name).await?;
        let started = match self.may_still_run(&plugin) {
            Ok(()) => {
                let package = store::component(self.db.reader(), plugin.id).await?;
                self.activate(&plugin, package.into(), None).await
            }
            Err(revoked) => Err(revoked),
        };
        let runs = ran || started.is_ok();
        self.seen().insert(mark.name.clone(), Seen { revision: mark.revision, runs });
        match &started {
            Ok(()) => tracing::info!(plugin = plugin.name, version = plugin.version, "a plugin was changed elsewhere"),
            Err(error) => tracing::error!(
                plugin = plugin.name,
                version = plugin.version,
                ?error,
                "a plugin that was changed elsewhere does not start here"
            ),
        }
        let error = started.err().map(|failure| failure.message().to_owned());
        Ok(Activated { name: plugin.name, version: plugin.version, error })
    }
}
