//! Sixteen hostile calls at a time in every world, beside calls that behave.
//!
//! **A lane** is a host of its own with every hostile plugin in it: sixteen lanes
//! share the engine and its pool of instances, and each has its own breaker, so
//! that no call is spared because another one failed. A good call after each bad
//! one and two hours between them, by the lanes' own clocks, keep the breakers
//! closed and quarantines empty.
//!
//! No time is asserted alone. Machines differ and are busy, so latencies are
//! compared with those of the same run without load, and tried three times.

use std::{
    future::{Future, poll_fn},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::{Duration, Instant},
};

use lyceum_domain::{
    moderation::Decision,
    notification::{Delivery, DeliveryStatus},
    plugin::{Activation, Extensions as _, FailureKind, Grants, Permission, PluginRuntime as _},
};
use lyceum_kernel::{ManualClock, Timestamp};
use lyceum_plugin_host::{LimitTable, Limits, PluginHost, PluginHostConfig, limits::TABLE};
use tokio::{io::AsyncWriteExt as _, net::TcpListener, task::JoinSet};

use crate::{
    auth, fields, hooks, hostile, jobs, notify,
    support::{activation, active, columns, component, context, generous, grants, host, item},
};

const PARALLEL: usize = 16;
/// Milliseconds of CPU that a loop gets in a lane, in every world.
const LOOP_TICKS: u32 = 100;
/// Between two calls of a lane: longer than a breaker's minute and a quarantine's hour.
const APART: Duration = Duration::from_secs(2 * 60 * 60);
const PLUGINS: [&str; 7] = [
    "hostile/ranking",
    "hostile/moderation",
    "hostile/content",
    "hostile/notify",
    "hostile/auth",
    "hostile/job",
    "hostile/graphql",
];

type Ends = Result<(), FailureKind>;

/// One kind of call.
#[derive(Debug, Clone, Copy)]
enum Way {
    Rank,
    Review,
    Before,
    After,
    Deliver,
    Begin,
    Run,
    Resolve,
}

/// What a hostile plugin does in most worlds, and how it ends.
const MISDEEDS: &[(&str, Ends)] = &[
    ("loop", Err(FailureKind::Timeout)),
    ("memory", Err(FailureKind::Memory)),
    ("stack", Err(FailureKind::Trap)),
    ("giant", Err(FailureKind::InvalidOutput)),
    ("log", Ok(())),
    ("calls", Err(FailureKind::Denied)),
    ("trap", Err(FailureKind::Trap)),
];
/// Who learns of a change answers nothing that could be too large.
const SILENT: &[(&str, Ends)] = &[
    ("loop", Err(FailureKind::Timeout)),
    ("memory", Err(FailureKind::Memory)),
    ("stack", Err(FailureKind::Trap)),
    ("log", Ok(())),
    ("calls", Err(FailureKind::Denied)),
    ("trap", Err(FailureKind::Trap)),
];
/// Rankers and moderators import nothing: there is no host to flood.
const PURE: &[(&str, Ends)] = &[
    ("loop", Err(FailureKind::Timeout)),
    ("giant", Err(FailureKind::InvalidOutput)),
    ("trap", Err(FailureKind::Trap)),
];

const WAYS: &[(Way, &[(&str, Ends)])] = &[
    (Way::Rank, PURE),
    (Way::Rank, &[("memory", Err(FailureKind::Memory))]),
    (Way::Review, PURE),
    (Way::Before, MISDEEDS),
    (Way::After, SILENT),
    (Way::Deliver, MISDEEDS),
    (Way::Begin, MISDEEDS),
    (Way::Run, MISDEEDS),
    (Way::Resolve, MISDEEDS),
];

struct Lane {
    host: PluginHost,
    clock: Arc<ManualClock>,
}

/// As the table has it, with walls for a busy machine and little CPU time.
fn lane_limits(memory: usize) -> LimitTable {
    TABLE.iter().fold(LimitTable::default(), |table, row| {
        let (wall, cpu_ticks) = (Duration::from_secs(120), LOOP_TICKS);
        table.with(row.world, Limits { wall, cpu_ticks, memory: row.limits.memory.min(memory), ..row.limits })
    })
}

impl Lane {
    async fn open(cache: &Path, limits: LimitTable) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
        let (cache_dir, shared) = (Some(cache.to_owned()), Arc::<ManualClock>::clone(&clock));
        let config = PluginHostConfig { cache_dir, limits, clock: shared, ..PluginHostConfig::default() };
        let host = PluginHost::new(config).unwrap();
        for plugin in PLUGINS {
            active(&host, plugin).await;
        }
        Self { host, clock }
    }

    async fn call(&self, way: Way, word: &str) -> Ends {
        match way {
            Way::Rank => hostile::ranked(&self.host, word).await.map(drop),
            Way::Review => hostile::reviewed(&self.host, word).await.map(drop),
            Way::Before => hooks::created(&self.host, word).await,
            Way::After => hooks::noticed(&self.host, word).await,
            Way::Deliver => notify::sent(&self.host, word).await,
            Way::Begin => auth::begun(&self.host, word).await,
            Way::Run => jobs::ran(&self.host, word).await,
            Way::Resolve => fields::asked(&self.host, word).await,
        }
    }

    /// A bad call, and a good one after it.
    async fn misbehave(&self, way: Way, word: &str, ends: Ends) {
        assert_eq!(self.call(way, word).await, ends, "{way:?}: {word}");
        assert_eq!(self.call(way, "fine").await, Ok(()), "{way:?}: after {word}");
        self.clock.advance(APART);
    }
}

async fn lanes(limits: &LimitTable) -> Vec<Arc<Lane>> {
    let cache = tempfile::tempdir().unwrap();
    let mut lanes = Vec::new();
    for _ in 0..PARALLEL {
        lanes.push(Arc::new(Lane::open(cache.path(), limits.clone()).await));
    }
    lanes
}

/// The same in every lane at once.
async fn at_once<F>(lanes: &[Arc<Lane>], each: impl Fn(Arc<Lane>) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut running = JoinSet::new();
    lanes.iter().for_each(|lane| drop(running.spawn(each(Arc::clone(lane)))));
    running.join_all().await;
}

/// The plugins that a community has.
async fn well_behaved() -> PluginHost {
    let host = host(generous());
    for plugin in ["ranking-default", "moderation-wordlist"] {
        active(&host, plugin).await;
    }
    host
}

async fn rank(host: &PluginHost) {
    let ranker = host.ranker().unwrap();
    let scores = ranker.rank(&context("recommended-courses", 20), columns(ranker.columns(), 20)).await.unwrap();
    assert_eq!(scores.len(), 20);
}

async fn review(host: &PluginHost) {
    let verdicts = host.moderators().remove(0).review(&[item("想要资料的加微信")]).await.unwrap();
    assert_eq!(verdicts[0].decision, Decision::Hold);
}

/// A hundred good calls in the places that hostile ones had.
async fn the_pool_is_whole(host: &PluginHost) {
    for _ in 0..50 {
        rank(host).await;
        review(host).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_misdeeds_at_once_end_as_they_should_in_every_world() {
    let good = well_behaved().await;
    let lanes = lanes(&lane_limits(64 << 20)).await;
    for (way, misdeeds) in WAYS {
        for (word, ends) in *misdeeds {
            at_once(&lanes, |lane| async move { lane.misbehave(*way, word, *ends).await }).await;
        }
    }
    for lane in &lanes {
        for plugin in PLUGINS {
            assert!(!lane.host.usage(plugin).breaker_open, "{plugin}");
        }
    }
    the_pool_is_whole(&good).await;
}

/// Answers with a body that never ends, a byte at a time.
async fn dripping_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
                let mut open = stream.write_all(head).await.is_ok();
                while open {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    open = stream.write_all(b"x").await.is_ok();
                }
            });
        }
    });
    origin
}

fn granted(origin: &str) -> Activation {
    let http = Permission { hosts: vec![origin.to_owned()], ..Permission::default() };
    Activation { grants: grants(&[("http", http)]), ..activation(component("hostile/notify")) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_slow_bodies_end_with_their_calls_and_hold_nobody_up() {
    let origin = dripping_server().await;
    let notify = lyceum_plugin_host::World::Notify;
    let wall = Duration::from_secs(3);
    let limits = lane_limits(64 << 20).with(notify, Limits { wall, cpu_ticks: 2_000, ..notify.limits() });
    let lanes = lanes(&limits).await;
    for lane in &lanes {
        lane.host.activate(granted(&origin)).await.unwrap();
    }
    let good = Arc::new(well_behaved().await);
    let beside = tokio::spawn({
        let good = Arc::clone(&good);
        async move { the_pool_is_whole(&good).await }
    });
    at_once(&lanes, |lane| {
        let address = format!("{origin}/");
        async move {
            let delivery = Delivery { address, ..notify::delivery("1", "fetch") };
            let results = lane.host.notifiers().remove(0).deliver(&[delivery]).await.unwrap();
            assert_eq!(results[0].status, DeliveryStatus::Retry(None));
        }
    })
    .await;
    beside.await.unwrap();
}

/// Guests that use all their CPU time leave the only thread at every tick.
#[tokio::test(flavor = "current_thread")]
async fn endless_loops_let_others_have_their_turn_on_one_thread() {
    let lanes = lanes(&lane_limits(64 << 20)).await;
    let done = Arc::new(AtomicBool::new(false));
    let turns = tokio::spawn({
        let done = Arc::clone(&done);
        async move {
            let mut turns = 0_u32;
            while !done.load(Ordering::Relaxed) {
                turns += 1;
                turn().await;
            }
            turns
        }
    });
    let timeout = Err(FailureKind::Timeout);
    at_once(&lanes, |lane| async move { lane.misbehave(Way::Before, "loop", timeout).await }).await;
    done.store(true, Ordering::Relaxed);
    // A hundred ticks each: without yielding, others had one turn a call.
    let turns = turns.await.unwrap();
    assert!(turns >= LOOP_TICKS / 2, "{turns} turns beside {PARALLEL} loops of {LOOP_TICKS} ticks");
}

/// Goes to the end of the run queue. Tokio's own `yield_now` waits for the next
/// look at timers and sockets, which is another thing.
async fn turn() {
    let mut waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The slowest of a hundred but one.
#[derive(Debug, Clone, Copy)]
struct Slowest {
    rank: Duration,
    review: Duration,
    task: Duration,
    /// How much later than asked a task wakes up.
    timer: Duration,
}

async fn p99<F: Future<Output = ()>>(mut call: impl FnMut() -> F) -> Duration {
    let mut times = Vec::with_capacity(200);
    for _ in 0..200 {
        let begun = Instant::now();
        call().await;
        times.push(begun.elapsed());
        // So that the next one comes at any moment of a tick.
        tokio::task::yield_now().await;
    }
    times.sort();
    times[times.len() * 99 / 100]
}

async fn slowest(host: &PluginHost) -> Slowest {
    Slowest {
        rank: p99(|| rank(host)).await,
        review: p99(|| review(host)).await,
        task: p99(|| async { tokio::spawn(async {}).await.unwrap() }).await,
        timer: p99(|| tokio::time::sleep(Duration::from_millis(1))).await,
    }
}

/// Every lane misbehaves on and on, in all ways, until it is told to stop.
fn load(lanes: &[Arc<Lane>], stop: &Arc<AtomicBool>) -> JoinSet<()> {
    let mut running = JoinSet::new();
    for (number, lane) in lanes.iter().enumerate() {
        let (lane, stop) = (Arc::clone(lane), Arc::clone(stop));
        let mut all = every_misdeed();
        // Each lane begins at another one.
        let first = number * 3 % all.len();
        all.rotate_left(first);
        running.spawn(async move {
            for (way, word, ends) in all.into_iter().cycle() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                lane.misbehave(way, word, ends).await;
            }
        });
    }
    running
}

fn every_misdeed() -> Vec<(Way, &'static str, Ends)> {
    let of = |(way, misdeeds): &(Way, &'static [(&'static str, Ends)])| {
        let way = *way;
        misdeeds.iter().map(move |(word, ends)| (way, *word, *ends))
    };
    WAYS.iter().flat_map(of).collect()
}

/// What a call may wait for others: each of the sixteen may have a worker for
/// one tick when the call comes, and again after each of its own ticks or hops.
/// Guests that did not yield would hold it up for their whole CPU time instead:
/// 100 ms each.
const TURN: Duration = Duration::from_millis(2 * PARALLEL as u64);

/// A busy runtime looks at its timers after 61 turns, and each may be a tick.
const WAKE: Duration = Duration::from_millis(61 + 2 * PARALLEL as u64);

fn kept(quiet: Duration, loaded: Duration, turn: Duration) -> bool {
    loaded <= (2 * quiet).max(quiet + turn)
}

impl Slowest {
    fn kept(self, loaded: Self) -> bool {
        let calls = [(self.rank, loaded.rank), (self.review, loaded.review), (self.task, loaded.task)];
        let timer = kept(self.timer, loaded.timer, WAKE);
        timer && calls.into_iter().all(|(quiet, loaded)| kept(quiet, loaded, TURN))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn good_calls_keep_their_p99_beside_sixteen_hostile_ones() {
    let good = Arc::new(well_behaved().await);
    let lanes = lanes(&lane_limits(64 << 20)).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let quiet = measured(&good).await;
        let stop = Arc::new(AtomicBool::new(false));
        let running = load(&lanes, &stop);
        let loaded = measured(&good).await;
        stop.store(true, Ordering::Relaxed);
        running.join_all().await;
        seen.push((quiet, loaded));
        if quiet.kept(loaded) {
            eprintln!("p99 quiet and loaded: {seen:?}");
            the_pool_is_whole(&good).await;
            return;
        }
    }
    panic!("three times slower than twice the quiet p99 and {TURN:?} more: {seen:?}");
}

/// In a task of its own, as a request is.
async fn measured(host: &Arc<PluginHost>) -> Slowest {
    let host = Arc::clone(host);
    tokio::spawn(async move { slowest(&host).await }).await.unwrap()
}

/// Bytes of this process in memory.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    // 4 KiB a page on the machines that this is built for; a larger page only makes the bound looser.
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_rounds_of_misdeeds_leave_no_memory_behind() {
    const MOST: usize = 96 << 20;
    let lanes = lanes(&lane_limits(16 << 20)).await;
    let misdeeds: Vec<_> = MISDEEDS.iter().filter(|(word, _)| *word != "loop").collect();
    let round = async |number: usize| {
        let (word, ends) = *misdeeds[number % misdeeds.len()];
        at_once(&lanes, |lane| async move { lane.misbehave(Way::Resolve, word, ends).await }).await;
    };
    // Pools and allocators fill up first.
    for number in 0..2 * misdeeds.len() {
        round(number).await;
    }
    let before = resident();
    for number in 0..200 {
        round(number).await;
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < MOST, "{} MiB more after 200 rounds of {PARALLEL} calls", grown >> 20);
}

#[tokio::test]
async fn a_lane_has_no_grants_but_those_of_its_manifest() {
    // What the table above calls denied is the number of host calls, not a permission.
    let lane = Lane::open(tempfile::tempdir().unwrap().path(), lane_limits(64 << 20)).await;
    assert_eq!(lane.call(Way::Resolve, "denied").await, Err(FailureKind::Denied));
    assert_eq!(lane.host.denials("hostile/graphql"), [("kv".to_owned(), 1)].into());
    assert_eq!(Grants::default(), activation(Vec::new()).grants);
}
