//! What plugins need in the background of each node.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use lyceum_kernel::Result;
use lyceum_store::{
    Database,
    work::{Nodes, Task, Work},
};

use super::{Plugins, ShadowBook};

/// How often comparisons of plugins in the shadow are written down.
const SHADOW_INTERVAL: Duration = Duration::from_secs(10);

impl Plugins {
    /// Follows, at this interval, what the command line or another server does
    /// to plugins.
    #[must_use]
    pub fn work(self: &Arc<Self>, interval: Duration) -> Vec<Work> {
        vec![Work::task(Reconciler { plugins: Arc::clone(self), interval })]
    }
}

impl ShadowBook {
    /// Writes the comparisons down, the last ones at the stop.
    #[must_use]
    pub fn work(self: &Arc<Self>, database: Database) -> Vec<Work> {
        vec![Work::task(ShadowReports { book: Arc::clone(self), database })]
    }
}

struct Reconciler {
    plugins: Arc<Plugins>,
    interval: Duration,
}

#[async_trait]
impl Task for Reconciler {
    fn name(&self) -> &'static str {
        "plugin reconciler"
    }

    fn every(&self) -> Duration {
        self.interval
    }

    fn nodes(&self) -> Nodes {
        Nodes::Each
    }

    async fn run(&self) -> Result<bool> {
        self.plugins.reconcile().await.map(|_| false)
    }
}

struct ShadowReports {
    book: Arc<ShadowBook>,
    database: Database,
}

#[async_trait]
impl Task for ShadowReports {
    fn name(&self) -> &'static str {
        "shadow reports"
    }

    fn every(&self) -> Duration {
        SHADOW_INTERVAL
    }

    fn nodes(&self) -> Nodes {
        Nodes::Each
    }

    async fn run(&self) -> Result<bool> {
        self.book.flush(&self.database).await.map(|()| false)
    }

    async fn stop(&self) -> Result<()> {
        self.book.flush(&self.database).await
    }
}
