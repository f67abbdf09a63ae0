//! Work that no request waits for.
//!
//! **Invariant:** a task never dies silently: when it ends or panics it is
//! logged and started again, after a pause that grows up to a minute.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt as _;
use lyceum_domain::Domains;
use tokio::{sync::watch, task::JoinHandle};

/// How often open payments are looked at.
const JANITOR_INTERVAL: Duration = Duration::from_secs(15);

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

pub(crate) fn spawn(domains: &Domains, wants_reindex: bool) -> Background {
    let (stop, stopped) = watch::channel(false);
    let tasks = vec![
        tokio::spawn(supervise("search indexer", stopped.clone(), {
            let (domains, stopped) = (domains.clone(), stopped.clone());
            move || index(domains.clone(), wants_reindex, stopped.clone())
        })),
        tokio::spawn(supervise("payment janitor", stopped.clone(), {
            let domains = domains.clone();
            move || look_after_payments(domains.clone(), stopped.clone())
        })),
    ];
    Background { stop, tasks }
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

async fn index(domains: Domains, wants_reindex: bool, stopped: watch::Receiver<bool>) {
    if wants_reindex {
        // What happens meanwhile stays in the outbox and comes after.
        match domains.search.reindex(|_| ()).await {
            Ok(entries) => tracing::info!(entries, "the search index was filled"),
            Err(failure) => return tracing::error!(cause = ?failure, "the search index could not be filled"),
        }
    }
    domains.search.run_indexer(until(stopped)).await;
}

async fn look_after_payments(domains: Domains, stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = until(stopped.clone()) => return,
            () = tokio::time::sleep(JANITOR_INTERVAL) => {}
        }
        match domains.payments.query_open(domains.database.now()).await {
            Ok(sweep) if sweep.payments + sweep.refunds > 0 => {
                tracing::debug!(?sweep, "open payments were asked about")
            }
            Ok(_) => {}
            Err(failure) => tracing::error!(cause = ?failure, "open payments could not be asked about"),
        }
    }
}
