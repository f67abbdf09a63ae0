//! Shadow mode: a plugin runs beside the active one on live calls, and what it
//! answers is compared, never used.
//!
//! **Invariant:** a comparison begins after the answer was given. It delays
//! nothing: when [`AT_ONCE`] are under way, the next one is left out and counted.
//! **Invariant:** what is kept names things by id only.

mod tally;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use lyceum_kernel::{Result, Timestamp, Viewer};
use lyceum_store::Database;
use serde::Serialize;
use serde_json::Value as Json;
use tokio::sync::Semaphore;

pub use tally::{Example, RankingTally, ReviewTally, Tally, Times};

use super::{
    error::PluginError,
    model::{InstalledPlugin, PluginState},
    service::{Plugins, may_manage},
    store,
};

/// Comparisons under way at once.
pub const AT_ONCE: usize = 4;

/// Collects comparisons until they are written down.
pub struct ShadowBook {
    slots: Arc<Semaphore>,
    left_out: AtomicU64,
    tallies: Mutex<BTreeMap<Pair, Tally>>,
}

/// Whose answers were compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    pub active: String,
    pub shadow: String,
}

/// One comparison of two plugins, for their owner.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShadowReport {
    pub active: String,
    pub shadow: String,
    /// `ranking` or `moderation`.
    pub kind: String,
    pub since: Timestamp,
    pub updated_at: Timestamp,
    /// The figures, ready to be read.
    pub report: Json,
}

impl Default for ShadowBook {
    fn default() -> Self {
        let (slots, left_out, tallies) = (Arc::new(Semaphore::new(AT_ONCE)), AtomicU64::new(0), Mutex::default());
        Self { slots, left_out, tallies }
    }
}

impl ShadowBook {
    /// Runs a comparison by and by, or leaves it out when there are too many.
    pub fn compare(self: &Arc<Self>, work: impl Future<Output = Vec<(Pair, Tally)>> + Send + 'static) {
        let Ok(slot) = self.slots.clone().try_acquire_owned() else {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let book = self.clone();
        tokio::spawn(async move {
            let found = work.await;
            book.add(found);
            drop(slot);
        });
    }

    fn add(&self, found: Vec<(Pair, Tally)>) {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        for (pair, tally) in found {
            match tallies.get_mut(&pair) {
                Some(known) => known.merge(tally),
                None => drop(tallies.insert(pair, tally)),
            }
        }
    }

    /// Comparisons that were left out since the start of the process.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    /// Waits until no comparison is under way.
    pub async fn settle(&self) {
        let all = u32::try_from(AT_ONCE).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        drop(self.slots.acquire_many(all).await);
    }

    /// Adds what was collected to what is written down.
    ///
    /// # Errors
    /// Internal; then it is kept for the next time.
    pub async fn flush(&self, database: &Database) -> Result<()> {
        let found = std::mem::take(&mut *self.tallies.lock().unwrap_or_else(PoisonError::into_inner));
        if found.is_empty() {
            return Ok(());
        }
        let written = write_down(database, &found).await;
        if written.is_err() {
            self.add(found.into_iter().collect());
        }
        written
    }
}

async fn write_down(database: &Database, found: &BTreeMap<Pair, Tally>) -> Result<()> {
    let write = database.write().await?;
    for (pair, tally) in found {
        store::add_shadow(&write, pair, tally).await?;
    }
    write.commit().await
}

impl Plugins {
    /// Puts a ranker or moderator into the shadow of the active ones, or takes
    /// it out of there. [`Self::enable`] makes it the active one.
    ///
    /// # Errors
    /// NOT_FOUND; INVALID_STATE when it is neither; PLUGIN_FAILED, then nothing
    /// changed.
    pub async fn set_shadow(&self, viewer: &Viewer, name: &str, shadow: bool) -> Result<InstalledPlugin> {
        may_manage(viewer)?;
        let _changing = self.changing.lock().await;
        let known = self.known(name).await?;
        if known.shadow == shadow {
            return Ok(known);
        }
        let state = if shadow { PluginState::Enabled } else { PluginState::Disabled };
        let plugin = InstalledPlugin { shadow, state, last_error: None, updated_at: self.db.now(), ..known };
        if shadow {
            self.go_into_shadow(&plugin).await?;
        } else {
            self.runtime.deactivate(&plugin.name);
        }
        self.write(viewer, &plugin, if shadow { "shadowed" } else { "disabled" }).await
    }

    async fn go_into_shadow(&self, plugin: &InstalledPlugin) -> Result<()> {
        let compares = ["lyceum:ranking/", "lyceum:moderation/"];
        if !plugin.manifest.implements.iter().any(|name| compares.iter().any(|world| name.starts_with(world))) {
            return Err(PluginError::NoShadow(plugin.name.clone()).into());
        }
        self.may_still_run(plugin)?;
        let package = store::component(self.db.reader(), plugin.id).await?;
        self.activate(plugin, package.into(), None).await
    }

    /// How a plugin in the shadow differs from each active one that it ran beside.
    ///
    /// # Errors
    /// UNAUTHENTICATED, FORBIDDEN, NOT_FOUND.
    pub async fn shadow_report(&self, viewer: &Viewer, name: &str) -> Result<Vec<ShadowReport>> {
        may_manage(viewer)?;
        let plugin = self.known(name).await?;
        store::shadow_reports(self.db.reader(), &plugin.name).await
    }
}
