//! Jobs: steps, schedules, crashes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::FutureExt;
use lyceum_domain::{
    job::{JobOutcome, Jobs, QueueJob, SLOTS},
    plugin::delivery::TRIES,
};
use lyceum_kernel::{ErrorCode, Id, Viewer};
use lyceum_store::{StatementLog, work::LEASE};
use serde_json::json;

use crate::{
    house::{House, Worker, failed, outcome, owner, until},
    people::{Bed, DAY, each_database},
};

const HOUR: Duration = Duration::from_secs(3600);

struct Office {
    house: Arc<House>,
    jobs: Jobs,
    owner: Viewer,
}

fn office(bed: &Bed) -> Office {
    let house = Arc::new(House::default());
    Office { jobs: Jobs::new(bed.db.clone(), house.clone()), house, owner: owner() }
}

impl Office {
    fn employs(&self, worker: Worker) -> Arc<Worker> {
        let worker = Arc::new(worker);
        self.house.jobs.lock().unwrap().push(worker.clone());
        self.house.changed();
        worker
    }

    async fn queues(&self, job: &str) -> Id {
        let job = QueueJob { plugin: "acme/count".into(), job: job.into(), payload: json!({ "to": 3 }) };
        self.jobs.enqueue(&self.owner, &job).await.unwrap()
    }

    /// Works until nothing is due. Tells how many steps were done.
    async fn works(&self) -> usize {
        let mut steps = 0;
        loop {
            self.jobs.schedule().await.unwrap();
            let runs = self.jobs.claim(SLOTS).await.unwrap();
            if runs.is_empty() {
                return steps;
            }
            for run in runs {
                steps += 1;
                self.jobs.step(&run).await.unwrap();
            }
        }
    }
}

/// `state attempt resume` of all runs, the earliest due first.
async fn runs(bed: &Bed) -> Vec<String> {
    bed.texts(
        "SELECT state || ' ' || CAST(attempt AS TEXT) || ' ' || COALESCE(resume, '-') FROM plugin_job_run ORDER BY due_at, id",
    )
    .await
}

#[tokio::test]
async fn a_run_goes_on_step_by_step_with_what_the_step_before_gave() {
    each_database(async |bed| {
        let office = office(&bed);
        let worker = office.employs(
            Worker::new("acme/count", |step| {
                let at: u32 = step.resume.as_deref().map_or(0, |resume| resume.parse().unwrap());
                let resume = (at < 2).then(|| (at + 1).to_string());
                let wait = Duration::from_secs(60);
                Ok(JobOutcome {
                    wait,
                    progress: Some((at + 1) as f32 / 3.0),
                    report: Some(format!("{{\"at\":{at}}}")),
                    resume,
                })
            })
            .with("count", None),
        );
        let id = office.queues("count").await;
        assert_eq!(office.works().await, 1);
        assert_eq!(runs(&bed).await, ["waiting 0 1"]);
        assert_eq!(bed.texts("SELECT CAST(progress AS TEXT) FROM plugin_job_run").await, ["33"]);
        bed.clock.advance(Duration::from_secs(59));
        assert_eq!(office.works().await, 0);
        bed.clock.advance(Duration::from_secs(1));
        assert_eq!(office.works().await, 1);
        bed.clock.advance(Duration::from_secs(60));
        assert_eq!(office.works().await, 1);
        let steps: Vec<(Option<String>, u32)> = worker.heard().into_iter().map(|s| (s.resume, s.attempt)).collect();
        assert_eq!(steps, [(None, 1), (Some("1".into()), 1), (Some("2".into()), 1)]);
        assert_eq!(worker.heard()[0].run, id.to_string());
        assert_eq!(worker.heard()[2].payload, "{\"to\":3}");
        assert_eq!(bed.texts("SELECT state || ' ' || report FROM plugin_job_run").await, ["done {\"at\":2}"]);
        assert_eq!(bed.events().await, ["pluginJobRun.queued", "pluginJobRun.done"]);
    })
    .await;
}

#[tokio::test]
async fn a_step_that_was_cut_off_runs_again_with_the_same_token() {
    each_database(async |bed| {
        let office = office(&bed);
        let dies = Arc::new(AtomicBool::new(false));
        let told = dies.clone();
        let mut worker = Worker::new("acme/count", |step| Ok(outcome(step.resume.is_none().then_some("half"))));
        worker.meanwhile = Some(Box::new(move || {
            let dies = told.clone();
            async move {
                if dies.load(Ordering::SeqCst) {
                    std::future::pending::<()>().await;
                }
            }
            .boxed()
        }));
        let worker = office.employs(worker.with("count", None));
        office.queues("count").await;
        let first = office.jobs.claim(SLOTS).await.unwrap();
        office.jobs.step(&first[0]).await.unwrap();
        dies.store(true, Ordering::SeqCst);
        let second = office.jobs.claim(SLOTS).await.unwrap();
        // The server dies in the middle: the future is dropped.
        assert!(office.jobs.step(&second[0]).now_or_never().is_none());
        assert_eq!(runs(&bed).await, ["running 1 half"]);
        dies.store(false, Ordering::SeqCst);
        bed.clock.advance(LEASE - Duration::from_secs(1));
        assert_eq!(office.works().await, 0);
        bed.clock.advance(Duration::from_secs(1));
        assert_eq!(office.works().await, 1);
        let steps: Vec<(Option<String>, u32)> = worker.heard().into_iter().map(|s| (s.resume, s.attempt)).collect();
        assert_eq!(steps, [(None, 1), (Some("half".into()), 1), (Some("half".into()), 2)]);
        assert_eq!(runs(&bed).await, ["done 0 -"]);
        // Who held it before can no longer change it.
        assert!(!office.jobs.renew(&second[0]).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_renewed_lease_keeps_others_away() {
    each_database(async |bed| {
        let office = office(&bed);
        office.employs(Worker::new("acme/count", |_| Ok(outcome(None))).with("count", None));
        office.queues("count").await;
        let held = office.jobs.claim(SLOTS).await.unwrap();
        bed.clock.advance(LEASE - Duration::from_secs(1));
        assert!(office.jobs.renew(&held[0]).await.unwrap());
        bed.clock.advance(Duration::from_secs(2));
        assert_eq!(office.jobs.claim(SLOTS).await.unwrap(), []);
        office.jobs.release(&held).await.unwrap();
        assert_eq!(runs(&bed).await, ["waiting 0 -"]);
    })
    .await;
}

#[tokio::test]
async fn a_failing_step_is_tried_eight_times_and_keeps_its_token() {
    each_database(async |bed| {
        let office = office(&bed);
        let worker = office.employs(
            Worker::new("acme/count", |step| match step.resume {
                None => Ok(outcome(Some("half"))),
                Some(_) => Err(failed("acme/count", true)),
            })
            .with("count", None),
        );
        office.queues("count").await;
        assert_eq!(office.works().await, 2);
        for attempt in 2..=TRIES {
            assert_eq!(runs(&bed).await, [format!("waiting {} half", attempt - 1)]);
            bed.clock.advance(6 * HOUR);
            assert_eq!(office.works().await, 1);
        }
        assert_eq!(runs(&bed).await, ["dead 8 half"]);
        assert_eq!(worker.heard().len(), 9);
        let error = "plugin acme/count@1.0.0: content/test failed (Refused): as the test says";
        assert_eq!(bed.texts("SELECT last_error FROM plugin_job_run").await, [error]);
    })
    .await;
}

#[tokio::test]
async fn a_schedule_has_one_run_ahead_and_makes_nothing_up() {
    each_database(async |bed| {
        let office = office(&bed);
        let worker =
            office.employs(Worker::new("acme/count", |_| Ok(outcome(None))).with("tidy", Some(HOUR)).with("x", None));
        assert_eq!(office.works().await, 1);
        assert_eq!(runs(&bed).await, ["done 0 -", "waiting 0 -"]);
        let due = bed.after(HOUR);
        assert_eq!(office.jobs.next_due().await.unwrap(), Some(due));
        // The server was away for ten hours.
        bed.clock.advance(10 * HOUR);
        assert_eq!(office.works().await, 1);
        assert_eq!(worker.heard()[1].due, due);
        assert_eq!(office.works().await, 0, "what was missed is not made up for");
        assert_eq!(office.jobs.next_due().await.unwrap(), Some(bed.after(HOUR)));
    })
    .await;
}

#[tokio::test]
async fn two_servers_schedule_one_run() {
    each_database(async |bed| {
        let office = office(&bed);
        office.employs(Worker::new("acme/count", |_| Ok(outcome(None))).with("tidy", Some(HOUR)));
        let another = Jobs::new(bed.db.clone(), office.house.clone());
        let (one, two) = tokio::join!(office.jobs.schedule(), another.schedule());
        one.unwrap();
        two.unwrap();
        assert_eq!(runs(&bed).await, ["waiting 0 -"]);
    })
    .await;
}

#[tokio::test]
async fn a_shorter_interval_brings_the_next_run_forward() {
    each_database(async |bed| {
        let office = office(&bed);
        office.employs(Worker::new("acme/count", |_| Ok(outcome(None))).with("tidy", Some(DAY)));
        office.works().await;
        office.house.jobs.lock().unwrap().clear();
        office.employs(Worker::new("acme/count", |_| Ok(outcome(None))).with("tidy", Some(HOUR)));
        office.jobs.schedule().await.unwrap();
        assert_eq!(office.jobs.next_due().await.unwrap(), Some(bed.after(HOUR)));
    })
    .await;
}

#[tokio::test]
async fn a_run_can_be_cancelled_until_it_is_finished() {
    each_database(async |bed| {
        let office = office(&bed);
        office.employs(Worker::new("acme/count", |_| Ok(outcome(Some("more")))).with("count", None));
        let (waiting, running) = (office.queues("count").await, office.queues("count").await);
        let held = office.jobs.claim(SLOTS).await.unwrap();
        let held = held.iter().find(|run| run.id == running).unwrap();
        office.jobs.cancel(&office.owner, waiting).await.unwrap();
        office.jobs.cancel(&office.owner, running).await.unwrap();
        assert!(!office.jobs.renew(held).await.unwrap(), "the step is cut off at the next sign of life");
        office.jobs.step(held).await.unwrap();
        assert_eq!(bed.texts("SELECT state FROM plugin_job_run").await, ["cancelled", "cancelled"]);
        let again = office.jobs.cancel(&office.owner, waiting).await.unwrap_err();
        assert_eq!(again.code(), ErrorCode::InvalidState);
        assert_eq!(office.jobs.cancel(&office.owner, Id::new()).await.unwrap_err().code(), ErrorCode::NotFound);
        let nobody = office.jobs.cancel(&Viewer::default(), waiting).await.unwrap_err();
        assert_eq!(nobody.code(), ErrorCode::Unauthenticated);
    })
    .await;
}

#[tokio::test]
async fn a_run_is_removed_thirty_days_after_its_end_also_when_it_died() {
    each_database(async |bed| {
        let office = office(&bed);
        let retryable = false;
        office.employs(Worker::new("acme/count", move |_| Err(failed("acme/count", retryable))).with("count", None));
        office.queues("count").await;
        assert_eq!(office.works().await, 1);
        bed.clock.advance(30 * DAY);
        office.queues("count").await;
        assert_eq!(runs(&bed).await, ["dead 1 -", "waiting 0 -"], "not yet");
        bed.clock.advance(Duration::from_millis(1));
        office.queues("count").await;
        assert_eq!(runs(&bed).await, ["waiting 0 -", "waiting 0 -"]);
    })
    .await;
}

#[tokio::test]
async fn only_a_job_that_an_active_plugin_has_is_queued_and_only_by_who_manages() {
    each_database(async |bed| {
        let office = office(&bed);
        office.employs(Worker::new("acme/count", |_| Ok(outcome(None))).with("count", None));
        let job = |plugin: &str, job: &str, payload| QueueJob { plugin: plugin.into(), job: job.into(), payload };
        let refused = async |viewer: &Viewer, job| office.jobs.enqueue(viewer, &job).await.unwrap_err().code();
        let owner = &office.owner;
        assert_eq!(refused(owner, job("acme/count", "other", json!({}))).await, ErrorCode::NotFound);
        assert_eq!(refused(owner, job("acme/other", "count", json!({}))).await, ErrorCode::NotFound);
        let large = json!({ "text": "x".repeat(64 << 10) });
        assert_eq!(refused(owner, job("acme/count", "count", large)).await, ErrorCode::BadUserInput);
        let member = Viewer { user: Some(Id::new()), ..Viewer::default() };
        assert_eq!(refused(&member, job("acme/count", "count", json!({}))).await, ErrorCode::Forbidden);
        assert_eq!(runs(&bed).await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_workers_do_each_step_once() {
    each_database(async |bed| {
        let office = office(&bed);
        let overlapping = Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
        let seen = overlapping.clone();
        let worker = office.employs(
            Worker::new("acme/count", move |step| {
                assert!(seen.lock().unwrap().insert((step.run.clone(), step.resume.clone())), "each step once");
                let at: u32 = step.resume.as_deref().map_or(0, |resume| resume.parse().unwrap());
                Ok(outcome((at < 4).then(|| (at + 1).to_string()).as_deref()))
            })
            .with("count", None),
        );
        for _ in 0..6 {
            office.queues("count").await;
        }
        let workers = (0..3).map(|_| {
            let jobs = Jobs::new(bed.db.clone(), office.house.clone());
            tokio::spawn(async move {
                while jobs.next_due().await.unwrap().is_some() {
                    for run in jobs.claim(1).await.unwrap() {
                        jobs.step(&run).await.unwrap();
                    }
                }
            })
        });
        for worker in futures::future::join_all(workers).await {
            worker.unwrap();
        }
        assert_eq!(worker.heard().len(), 30);
        assert_eq!(runs(&bed).await, vec!["done 0 -"; 6]);
    })
    .await;
}

#[tokio::test]
async fn the_worker_sleeps_without_jobs_and_does_two_steps_at_once() {
    each_database(async |bed| {
        let office = office(&bed);
        let log = Arc::new(StatementLog::default());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let working = log.clone().record(office.jobs.run_until(async { drop(stopped.await) }));
        let most = Arc::new(AtomicUsize::new(0));
        let story = async {
            until(async || office.house.glances.load(Ordering::SeqCst) > 3).await;
            assert_eq!(log.statements(), Vec::<String>::new());
            let (now, most) = (Arc::new(AtomicUsize::new(0)), most.clone());
            let mut worker = Worker::new("acme/count", |_| Ok(outcome(None)));
            worker.meanwhile = Some(Box::new(move || {
                let (now, most) = (now.clone(), most.clone());
                async move {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    now.fetch_sub(1, Ordering::SeqCst);
                }
                .boxed()
            }));
            office.employs(worker.with("count", None));
            for _ in 0..4 {
                office.queues("count").await;
            }
            until(async || runs(&bed).await == ["done 0 -"; 4]).await;
            stop.send(()).unwrap();
        };
        tokio::join!(working, story);
        assert_eq!(most.load(Ordering::SeqCst), SLOTS);
    })
    .await;
}
