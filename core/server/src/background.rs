//! Work that no request waits for.
//!
//! **Invariant:** a task never dies silently: when it ends or panics it is
//! logged and started again, after a pause that grows up to a minute.

use std::{
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures::FutureExt as _;
use lyceum_domain::{
    Domains,
    plugin::{
        RECONCILE_INTERVAL,
        delivery::{self, DeliveryHandler, Feed},
    },
};
use lyceum_plugin_host::Recorder;
use tokio::{sync::watch, task::JoinHandle};

use crate::{plugin_source::revocations::Followed, plugin_usage, presence};

/// How often open payments are looked at.
const JANITOR_INTERVAL: Duration = Duration::from_secs(15);
/// How often what is old is looked for.
const RETENTION_INTERVAL: Duration = Duration::from_secs(3600);
/// How often comparisons of plugins in the shadow are written down.
const SHADOW_INTERVAL: Duration = Duration::from_secs(10);
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
    let (stop, stopped) = watch::channel(false);
    // In development a plugin that was saved is to run at once.
    let follow_every = if beside.presence.is_some() { presence::INTERVAL } else { RECONCILE_INTERVAL };
    let beside = beside.spawn(domains, &stopped);
    let mut tasks = vec![
        tokio::spawn(supervise("search indexer", stopped.clone(), {
            let (domains, stopped) = (domains.clone(), stopped.clone());
            move || index(domains.clone(), stopped.clone())
        })),
        tokio::spawn(supervise("payment janitor", stopped.clone(), {
            let domains = domains.clone();
            let stopped = stopped.clone();
            move || look_after_payments(domains.clone(), stopped.clone())
        })),
        tokio::spawn(supervise("retention", stopped.clone(), {
            let (domains, stopped) = (domains.clone(), stopped.clone());
            move || forget(domains.clone(), stopped.clone())
        })),
        tokio::spawn(supervise("plugin deliveries", stopped.clone(), {
            let (domains, stopped) = (domains.clone(), stopped.clone());
            move || tell_plugins(domains.clone(), stopped.clone())
        })),
        tokio::spawn(supervise("plugin reconciler", stopped.clone(), {
            let (domains, stopped) = (domains.clone(), stopped.clone());
            move || follow_plugins(domains.clone(), follow_every, stopped.clone())
        })),
        tokio::spawn(supervise("shadow reports", stopped.clone(), {
            let (domains, stopped) = (domains.clone(), stopped.clone());
            move || write_shadow_reports(domains.clone(), stopped.clone())
        })),
        tokio::spawn(supervise("plugin jobs", stopped.clone(), {
            let domains = domains.clone();
            move || run_jobs(domains.clone(), stopped.clone())
        })),
    ];
    tasks.extend(beside);
    Background { stop, tasks }
}

impl Beside {
    fn spawn(&self, domains: &Domains, stopped: &watch::Receiver<bool>) -> Vec<JoinHandle<()>> {
        let mut tasks = Vec::new();
        if let Some(recorder) = self.recorder.clone() {
            let until = stopped.clone();
            let work = move || write_recordings(recorder.clone(), until.clone());
            tasks.push(tokio::spawn(supervise("plugin recordings", stopped.clone(), work)));
        }
        if let Some(data_dir) = self.presence.clone() {
            let (domains, until) = (domains.clone(), stopped.clone());
            let work = move || tell_presence(data_dir.clone(), domains.clone(), until.clone());
            tasks.push(tokio::spawn(supervise("presence", stopped.clone(), work)));
        }
        if let Some(list) = self.revocations.clone() {
            let (domains, until) = (domains.clone(), stopped.clone());
            let work = move || follow_revocations(list.clone(), domains.clone(), until.clone());
            tasks.push(tokio::spawn(supervise("revocation list", stopped.clone(), work)));
        }
        let (data_dir, domains, until) = (self.usage.clone(), domains.clone(), stopped.clone());
        let work = move || tell_usage(data_dir.clone(), domains.clone(), until.clone());
        tasks.push(tokio::spawn(supervise("plugin usage", stopped.clone(), work)));
        tasks
    }
}

/// Resolves when the tasks are to end.
async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, which ends the tasks too.
    drop(stopped.wait_for(|stop| *stop).await);
}

async fn supervise<W: Future<Output = ()>>(name: &str, stopped: watch::Receiver<bool>, work: impl Fn() -> W) {
    let mut pause = Duration::from_secs(1);
    loop {
        let started = tokio::time::Instant::now();
        let ended = AssertUnwindSafe(work()).catch_unwind().await;
        if *stopped.borrow() {
            return;
        }
        if started.elapsed() > Duration::from_secs(300) {
            pause = Duration::from_secs(1);
        }
        tracing::error!(task = name, panicked = ended.is_err(), restart_in = ?pause, "a background task ended");
        tokio::select! {
            () = until(stopped.clone()) => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(Duration::from_secs(60));
    }
}

async fn index(domains: Domains, stopped: watch::Receiver<bool>) {
    domains.search.run_indexer(until(stopped)).await;
}

/// At the start, then at intervals; at once while there is more than a batch.
async fn look_after_payments(domains: Domains, stopped: watch::Receiver<bool>) {
    loop {
        let more = sweep_payments(&domains).await;
        let pause = if more { Duration::ZERO } else { JANITOR_INTERVAL };
        let stop = tokio::select! {
            () = until(stopped.clone()) => true,
            () = tokio::time::sleep(pause) => false,
        };
        if let Err(failure) = domains.payments.write_refusals().await {
            tracing::error!(cause = ?failure, "refused webhooks could not be counted");
        }
        if stop {
            return;
        }
    }
}

/// Whether there is more to ask about.
async fn sweep_payments(domains: &Domains) -> bool {
    match domains.payments.query_open(domains.database.now()).await {
        Ok(sweep) => {
            if sweep.payments + sweep.refunds > 0 {
                tracing::debug!(?sweep, "open payments were asked about");
            }
            sweep.more
        }
        Err(failure) => {
            tracing::error!(cause = ?failure, "open payments could not be asked about");
            false
        }
    }
}

/// Forgets what is old: at the start, then at intervals; at once while there is more.
async fn forget(domains: Domains, stopped: watch::Receiver<bool>) {
    loop {
        let more = match domains.retention.sweep().await {
            Ok(swept) => swept.more,
            Err(failure) => {
                tracing::error!(cause = ?failure, "what is old could not be forgotten");
                false
            }
        };
        // Others write too.
        let pause = if more { Duration::from_millis(100) } else { RETENTION_INTERVAL };
        tokio::select! {
            () = until(stopped.clone()) => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Tells plugins what they are to know: content that changed, messages.
async fn tell_plugins(domains: Domains, stopped: watch::Receiver<bool>) {
    let feeds: [Arc<dyn Feed>; 1] = [domains.after_hooks.clone()];
    let handlers: [Arc<dyn DeliveryHandler>; 2] = [domains.after_hooks.clone(), domains.notifications.clone()];
    delivery::run(&domains.deliveries, domains.extensions.as_ref(), &feeds, &handlers, until(stopped)).await;
}

async fn run_jobs(domains: Domains, stopped: watch::Receiver<bool>) {
    domains.jobs.run(until(stopped)).await;
}

/// Follows what the command line or another server does to plugins.
async fn follow_plugins(domains: Domains, interval: Duration, stopped: watch::Receiver<bool>) {
    domains.plugins.run_reconciler(interval, until(stopped)).await;
}

/// Writes the comparisons of plugins in the shadow down, the last ones at the stop.
async fn write_shadow_reports(domains: Domains, stopped: watch::Receiver<bool>) {
    loop {
        let stop = tokio::select! {
            () = until(stopped.clone()) => true,
            () = tokio::time::sleep(SHADOW_INTERVAL) => false,
        };
        if let Err(failure) = domains.shadows.flush(&domains.database).await {
            tracing::error!(cause = ?failure, "comparisons of plugins could not be written down");
        }
        if stop {
            return;
        }
    }
}

/// Writes kept calls of plugins down, the last ones at the stop.
async fn write_recordings(recorder: Arc<Recorder>, stopped: watch::Receiver<bool>) {
    loop {
        let stop = tokio::select! {
            () = until(stopped.clone()) => true,
            () = tokio::time::sleep(RECORDING_INTERVAL) => false,
        };
        let recorder = Arc::clone(&recorder);
        match tokio::task::spawn_blocking(move || recorder.flush()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "calls of plugins could not be written down"),
            Err(error) => tracing::error!(%error, "writing calls of plugins down ended"),
        }
        if stop {
            return;
        }
    }
}

/// Tells commands on the same data directory that this server runs.
async fn tell_presence(data_dir: PathBuf, domains: Domains, stopped: watch::Receiver<bool>) {
    let data_dir: &Path = &data_dir;
    loop {
        presence::write(data_dir, &presence::Presence::of(domains.extensions.as_ref(), &domains.plugins));
        tokio::select! {
            () = until(stopped.clone()) => return presence::remove(data_dir),
            () = tokio::time::sleep(presence::INTERVAL) => {}
        }
    }
}

/// Stops what is revoked while the server runs.
async fn follow_revocations(list: Arc<Followed>, domains: Domains, stopped: watch::Receiver<bool>) {
    list.follow(&domains.plugins, until(stopped)).await;
}

/// Tells commands on the same data directory what plugins have used.
async fn tell_usage(data_dir: PathBuf, domains: Domains, stopped: watch::Receiver<bool>) {
    plugin_usage::tell(&data_dir, &domains, until(stopped)).await;
}
