//! The active plugins, put in and taken out by the test.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use lyceum_domain::{
    content::{AfterHook, BeforeHook},
    identity::AuthProvider,
    job::JobRunner,
    notification::Notifier,
    plugin::Extensions,
};

#[derive(Default)]
pub struct House {
    pub before: Mutex<Vec<Arc<dyn BeforeHook>>>,
    pub after: Mutex<Vec<Arc<dyn AfterHook>>>,
    pub jobs: Mutex<Vec<Arc<dyn JobRunner>>>,
    pub notifiers: Mutex<Vec<Arc<dyn Notifier>>>,
    pub providers: Mutex<Vec<Arc<dyn AuthProvider>>>,
    pub generation: AtomicU64,
    /// How often somebody looked whether anything changed.
    pub glances: AtomicU64,
}

impl House {
    pub fn changed(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }
}

impl Extensions for House {
    fn before_hooks(&self) -> Vec<Arc<dyn BeforeHook>> {
        self.before.lock().unwrap().clone()
    }

    fn after_hooks(&self) -> Vec<Arc<dyn AfterHook>> {
        self.after.lock().unwrap().clone()
    }

    fn job_runners(&self) -> Vec<Arc<dyn JobRunner>> {
        self.jobs.lock().unwrap().clone()
    }

    fn notifiers(&self) -> Vec<Arc<dyn Notifier>> {
        self.notifiers.lock().unwrap().clone()
    }

    fn auth_providers(&self) -> Vec<Arc<dyn AuthProvider>> {
        self.providers.lock().unwrap().clone()
    }

    fn generation(&self) -> u64 {
        self.glances.fetch_add(1, Ordering::SeqCst);
        self.generation.load(Ordering::SeqCst)
    }
}
