//! What payments do in the background.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use lyceum_kernel::Result;
use lyceum_store::work::{Nodes, Task, Work};

use super::Payments;

/// How often open payments are looked at, and refusals are written.
const INTERVAL: Duration = Duration::from_secs(15);

impl Payments {
    /// Asks about open payments, and counts refused webhooks.
    #[must_use]
    pub fn work(self: &Arc<Self>) -> Vec<Work> {
        vec![Work::task(Janitor(Arc::clone(self))), Work::task(Refusals(Arc::clone(self)))]
    }
}

struct Janitor(Arc<Payments>);

#[async_trait]
impl Task for Janitor {
    fn name(&self) -> &'static str {
        "payment janitor"
    }

    fn every(&self) -> Duration {
        INTERVAL
    }

    async fn run(&self) -> Result<bool> {
        let sweep = self.0.query_open(self.0.db.now()).await?;
        if sweep.payments + sweep.refunds > 0 {
            tracing::debug!(?sweep, "open payments were asked about");
        }
        Ok(sweep.more)
    }
}

/// Refused webhooks are counted in the memory of the node that refused them.
struct Refusals(Arc<Payments>);

#[async_trait]
impl Task for Refusals {
    fn name(&self) -> &'static str {
        "refused webhooks"
    }

    fn every(&self) -> Duration {
        INTERVAL
    }

    fn nodes(&self) -> Nodes {
        Nodes::Each
    }

    async fn run(&self) -> Result<bool> {
        self.0.write_refusals().await.map(|()| false)
    }

    async fn stop(&self) -> Result<()> {
        self.0.write_refusals().await
    }
}
