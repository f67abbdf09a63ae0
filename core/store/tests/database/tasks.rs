//! Periodic tasks: one node at a time, taken over, backlogs, the stop.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use lyceum_kernel::{Failure, Result};
use lyceum_store::{
    Database,
    work::{LEASE, Next, Nodes, StopSignal, Task, TaskRunner, Work},
};
use tokio::sync::{Notify, Semaphore};

use crate::fresh::Fresh;

const HOUR: Duration = Duration::from_secs(3600);

struct Sweep {
    nodes: Nodes,
    every: Duration,
    begun: Notify,
    /// A run ends when it gets one.
    ends: Semaphore,
    /// How the next runs end; then nothing more is to do.
    outcomes: Mutex<VecDeque<Result<bool>>>,
    runs: AtomicUsize,
    stops: AtomicUsize,
}

impl Sweep {
    fn new(nodes: Nodes, outcomes: Vec<Result<bool>>) -> Arc<Self> {
        Arc::new(Self {
            nodes,
            every: HOUR,
            begun: Notify::new(),
            ends: Semaphore::new(Semaphore::MAX_PERMITS),
            outcomes: Mutex::new(outcomes.into()),
            runs: AtomicUsize::new(0),
            stops: AtomicUsize::new(0),
        })
    }

    /// Whose runs do not end by themselves.
    fn held() -> Arc<Self> {
        let sweep = Self::new(Nodes::One, Vec::new());
        sweep.ends.forget_permits(Semaphore::MAX_PERMITS);
        sweep
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Task for Sweep {
    fn name(&self) -> &'static str {
        "sweep"
    }

    fn every(&self) -> Duration {
        self.every
    }

    fn nodes(&self) -> Nodes {
        self.nodes
    }

    async fn run(&self) -> Result<bool> {
        self.begun.notify_one();
        self.ends.acquire().await.unwrap().forget();
        self.runs.fetch_add(1, Ordering::SeqCst);
        self.outcomes.lock().unwrap().pop_front().unwrap_or(Ok(false))
    }

    async fn stop(&self) -> Result<()> {
        self.stops.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

fn node(database: &Database, task: &Arc<Sweep>) -> TaskRunner {
    TaskRunner::new(database.clone(), task.clone())
}

#[tokio::test]
async fn one_of_two_nodes_runs_a_task_and_the_other_waits() {
    for fresh in Fresh::all().await {
        let (here, there) = (fresh.open().await, fresh.connect().await);
        let task = Sweep::held();
        let (mut first, mut second) = (node(&here, &task), node(&there, &task));
        let running = tokio::spawn(async move { (first.pass().await.unwrap(), first) });
        task.begun.notified().await;
        tokio::select! {
            next = second.pass() => assert_eq!(next.unwrap(), Next::After(LEASE)),
            () = task.begun.notified() => panic!("both run it"),
        }
        task.ends.add_permits(2);
        let (next, mut first) = running.await.unwrap();
        assert_eq!((next, task.runs()), (Next::After(HOUR), 1));
        // Each runs it at its start; then they share the interval.
        assert_eq!(second.pass().await.unwrap(), Next::After(HOUR));
        assert_eq!(task.runs(), 2);
        fresh.clock.advance(HOUR / 2);
        assert_eq!(first.pass().await.unwrap(), Next::After(HOUR / 2));
        fresh.clock.advance(HOUR / 2);
        task.ends.add_permits(1);
        assert_eq!(first.pass().await.unwrap(), Next::After(HOUR));
        assert_eq!(second.pass().await.unwrap(), Next::After(HOUR));
        assert_eq!(task.runs(), 3);
    }
}

#[tokio::test]
async fn a_task_whose_node_died_is_taken_over_when_the_lease_has_ended() {
    for fresh in Fresh::all().await {
        let (here, there) = (fresh.open().await, fresh.connect().await);
        let task = Sweep::held();
        let (mut first, mut second) = (node(&here, &task), node(&there, &task));
        let running = tokio::spawn(async move { first.pass().await });
        task.begun.notified().await;
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        task.ends.add_permits(1);
        fresh.clock.advance(LEASE - Duration::from_millis(1));
        assert_eq!(second.pass().await.unwrap(), Next::After(Duration::from_millis(1)));
        assert_eq!(task.runs(), 0);
        fresh.clock.advance(Duration::from_millis(1));
        assert_eq!(second.pass().await.unwrap(), Next::After(HOUR));
        assert_eq!(task.runs(), 1);
    }
}

#[tokio::test]
async fn a_task_goes_on_at_once_while_there_is_a_backlog_and_after_a_failure() {
    for fresh in Fresh::all().await {
        let database = fresh.open().await;
        let outcomes = vec![Ok(true), Ok(true), Err(Failure::internal("not today")), Ok(false)];
        let task = Sweep::new(Nodes::One, outcomes);
        let (mut first, mut second) = (node(&database, &task), node(&database, &task));
        assert_eq!(first.pass().await.unwrap(), Next::AtOnce);
        // Whoever comes may go on with it.
        assert_eq!(second.pass().await.unwrap(), Next::AtOnce);
        first.pass().await.unwrap_err();
        assert_eq!(second.pass().await.unwrap(), Next::After(HOUR));
        assert_eq!(first.pass().await.unwrap(), Next::After(HOUR));
        assert_eq!(task.runs(), 4);
    }
}

#[tokio::test]
async fn a_task_of_each_node_needs_no_lease() {
    for fresh in Fresh::all().await {
        let database = fresh.open().await;
        let task = Sweep::new(Nodes::Each, Vec::new());
        let (mut first, mut second) = (node(&database, &task), node(&database, &task));
        for runner in [&mut first, &mut second] {
            assert_eq!(runner.pass().await.unwrap(), Next::After(HOUR));
            assert_eq!(runner.pass().await.unwrap(), Next::After(HOUR));
        }
        assert_eq!(task.runs(), 4);
        assert_eq!(crate::fresh::number(&database, "SELECT COUNT(*) AS n FROM task_lease").await, 0);
    }
}

#[tokio::test]
async fn the_stop_waits_for_the_run_under_way_and_writes_what_is_left() {
    for fresh in Fresh::all().await {
        let database = fresh.open().await;
        let task = Sweep::held();
        let (stop, signal) = StopSignal::new();
        let work = tokio::spawn(Work::Task(task.clone()).run_supervised(database.clone(), signal));
        task.begun.notified().await;
        stop.send_replace(true);
        task.ends.add_permits(1);
        work.await.unwrap();
        assert_eq!((task.runs(), task.stops.load(Ordering::SeqCst)), (1, 1));
        // The lease is free again.
        task.ends.add_permits(1);
        assert_eq!(node(&database, &task).pass().await.unwrap(), Next::After(HOUR));
    }
}
