//! Which plugins are in place, and how one goes back to the version before.
//!
//! A higher version that takes the place of a lower one is on trial for
//! [`TRIAL`]: when its breaker opens within that time, the version before stands
//! in its place again, in one step. Calls under way end on the version they
//! began on; the version that was taken back gets no other.
//!
//! **Invariants**
//! - A caller sees one version of a plugin or the other, never none.
//! - Nobody goes back over an owner's decision: the same version with other
//!   grants or another configuration, a version that is lower than the one
//!   before, and a plugin that was taken out all end the trial.
//!
//! What a migration did to the plugin's store stays: `migrate` must leave a
//! store that the version before can live with.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, Guard};
use lyceum_kernel::{Clock, Timestamp};
use semver::Version;

use crate::{call::Plugin, extension::Extension};

/// How long the version before is kept after an update.
pub const TRIAL: Duration = Duration::from_secs(60);

/// The active plugins by id.
pub(crate) type Active = BTreeMap<String, Arc<Extension>>;

pub(crate) struct Places {
    active: ArcSwap<Active>,
    /// Counts the changes of `active`, after each.
    generation: AtomicU64,
    /// What was replaced, by id. Locked while `active` changes, so that one
    /// change comes after the other.
    before: Mutex<BTreeMap<String, Before>>,
    clock: Arc<dyn Clock>,
}

struct Before {
    extension: Arc<Extension>,
    until: Timestamp,
}

impl Places {
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { active: ArcSwap::default(), generation: AtomicU64::new(0), before: Mutex::default(), clock })
    }

    pub fn active(&self) -> Guard<Arc<Active>> {
        self.active.load()
    }

    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Puts a plugin in its place, which another version may have had.
    pub fn put(self: &Arc<Self>, id: &str, extension: Extension) {
        let extension = Arc::new(extension);
        let mut before = self.before();
        let replaced = self.active.load().get(id).cloned().filter(|old| updates(old, &extension));
        match replaced {
            Some(old) => {
                self.forget_in_time(id, &old);
                before.insert(id.to_owned(), Before { extension: old, until: self.clock.now().plus(TRIAL) });
            }
            None => drop(before.remove(id)),
        }
        self.change(|active| drop(active.insert(id.to_owned(), extension)));
    }

    /// Takes a plugin out. Calls under way end normally.
    pub fn remove(&self, id: &str) {
        let mut before = self.before();
        before.remove(id);
        self.change(|active| drop(active.remove(id)));
    }

    /// Puts the version before `failing` in its place again. That version, or
    /// nothing when `failing` is not on trial.
    pub fn take_back(&self, failing: &Plugin) -> Option<String> {
        let id = &failing.context().id;
        let mut before = self.before();
        let in_place = self.active.load().get(id).is_some_and(|now| std::ptr::eq(&*now.plugin, failing));
        if !in_place {
            return None;
        }
        let Before { extension, until } = before.remove(id)?;
        if until <= self.clock.now() {
            return None;
        }
        failing.take_back();
        let version = extension.plugin.context().version.clone();
        self.change(|active| drop(active.insert(id.clone(), extension)));
        Some(version)
    }

    fn before(&self) -> MutexGuard<'_, BTreeMap<String, Before>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// With `before` locked.
    fn change(&self, change: impl FnOnce(&mut Active)) {
        let mut next = Active::clone(&self.active.load());
        change(&mut next);
        self.active.store(Arc::new(next));
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Gives the memory of an old version back. Whether it may still be used
    /// is for the clock to say, not for this.
    fn forget_in_time(self: &Arc<Self>, id: &str, old: &Arc<Extension>) {
        let (places, id, old) = (Arc::downgrade(self), id.to_owned(), Arc::downgrade(old));
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            tokio::time::sleep(TRIAL).await;
            let Some(places) = places.upgrade() else { return };
            let mut before = places.before();
            if before.get(&id).is_some_and(|kept| std::ptr::eq(Arc::as_ptr(&kept.extension), old.as_ptr())) {
                before.remove(&id);
            }
        });
    }
}

/// Whether `new` is an update of `old`, and both are there for the same.
fn updates(old: &Extension, new: &Extension) -> bool {
    let version = |extension: &Extension| Version::parse(&extension.plugin.context().version).ok();
    let compared =
        |extension: &Extension| extension.parts.shadow_ranker.is_some() || extension.parts.shadow_moderator.is_some();
    compared(old) == compared(new) && version(old) < version(new)
}
