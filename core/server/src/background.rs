//! Work that no request waits for: what the domains state, and what this
//! process writes for others on its machine. The loops are
//! [`lyceum_store::work`].

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use lyceum_domain::{Domains, plugin::RECONCILE_INTERVAL};
use lyceum_kernel::{Failure, Result};
use lyceum_plugin_host::Recorder;
use lyceum_store::work::{Nodes, StopSignal, Task, Work};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    plugin_source::revocations::{Followed, Revoking},
    plugin_usage::UsageReports,
    presence::{self, PresenceReports},
};

/// How often kept calls of plugins are written down.
const RECORDING_INTERVAL: Duration = Duration::from_secs(30);

/// The running tasks.
pub struct Background {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Background {
    /// Ends the tasks: each finishes what it has begun, up to five seconds.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for mut task in self.tasks {
            if tokio::time::timeout(Duration::from_secs(5), &mut task).await.is_err() {
                task.abort();
            }
        }
    }
}

/// What the tasks work with beside the domains.
#[derive(Clone, Default)]
pub(crate) struct Beside {
    /// Keeps calls of plugins, when that is on.
    pub recorder: Option<Arc<Recorder>>,
    /// Where it is told that this server runs, in development mode.
    pub presence: Option<PathBuf>,
    /// Where it is told what plugins have used.
    pub usage: PathBuf,
    /// The list of what is revoked, when there is one.
    pub revocations: Option<Arc<Followed>>,
}

pub(crate) fn spawn(domains: &Domains, beside: &Beside) -> Background {
    let (stop, signal) = StopSignal::new();
    // In development a plugin that was saved is to run at once.
    let follow_every = if beside.presence.is_some() { presence::INTERVAL } else { RECONCILE_INTERVAL };
    let work = domains.work(follow_every).into_iter().chain(beside.work(domains));
    let tasks = work.map(|work| tokio::spawn(work.run_supervised(domains.database.clone(), signal.clone()))).collect();
    Background { stop, tasks }
}

impl Beside {
    fn work(&self, domains: &Domains) -> Vec<Work> {
        let (plugins, usage) = (domains.plugins.clone(), self.usage.clone());
        let presence = |data_dir| Work::task(PresenceReports { data_dir, domains: domains.clone() });
        let mut work = vec![Work::task(UsageReports::new(usage, domains.clone()))];
        work.extend(self.recorder.clone().map(|recorder| Work::task(Recordings(recorder))));
        work.extend(self.presence.clone().map(presence));
        work.extend(self.revocations.clone().map(|list| Work::task(Revoking { list, plugins })));
        work
    }
}

/// Kept calls of plugins, the last ones at the stop.
struct Recordings(Arc<Recorder>);

#[async_trait]
impl Task for Recordings {
    fn name(&self) -> &'static str {
        "plugin recordings"
    }

    fn every(&self) -> Duration {
        RECORDING_INTERVAL
    }

    fn nodes(&self) -> Nodes {
        Nodes::Each
    }

    async fn run(&self) -> Result<bool> {
        self.stop().await.map(|()| false)
    }

    async fn stop(&self) -> Result<()> {
        let recorder = Arc::clone(&self.0);
        let flushed = tokio::task::spawn_blocking(move || recorder.flush()).await;
        flushed.map_err(Failure::internal)?.map_err(Failure::internal)
    }
}
