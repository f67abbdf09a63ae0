//! Sixteen hostile calls at a time in every world, beside calls that behave.
//!
//! Turns are counted, not time: machines differ and are busy. What good calls
//! cost beside endless loops is measured by the benchmark `calls`.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

use lyceum_domain::{
    moderation::Decision,
    plugin::{Extensions as _, FailureKind, Grants, PluginRuntime as _},
};
use lyceum_plugin_host::PluginHost;
use tokio::{sync::Mutex, task::JoinSet};

use crate::{
    lanes::{Ends, LOOP_TICKS, Lane, PARALLEL, PLUGINS, Setting, Way, at_once, lane_limits, lanes},
    support::{activation, active, columns, context, generous, host, item},
};

/// What a hostile plugin does in most worlds, and how it ends.
const MISDEEDS: &[(&str, Ends)] = &[
    ("loop", Err(FailureKind::Timeout)),
    ("memory", Err(FailureKind::Memory)),
    ("stack", Err(FailureKind::Trap)),
    ("giant", Err(FailureKind::InvalidOutput)),
    ("copies", Err(FailureKind::InvalidOutput)),
    ("log", Ok(())),
    ("calls", Err(FailureKind::Denied)),
    ("trap", Err(FailureKind::Trap)),
];
/// Who learns of a change answers nothing that could be too large.
const SILENT: &[(&str, Ends)] = &[
    ("loop", Err(FailureKind::Timeout)),
    ("memory", Err(FailureKind::Memory)),
    ("stack", Err(FailureKind::Trap)),
    ("copies", Err(FailureKind::InvalidOutput)),
    ("log", Ok(())),
    ("calls", Err(FailureKind::Denied)),
    ("trap", Err(FailureKind::Trap)),
];
/// A ranker has no host calls: the first one ends it, so there is no log to flood.
const PURE: &[(&str, Ends)] = &[
    ("loop", Err(FailureKind::Timeout)),
    ("memory", Err(FailureKind::Memory)),
    ("stack", Err(FailureKind::Trap)),
    ("giant", Err(FailureKind::InvalidOutput)),
    ("copies", Err(FailureKind::InvalidOutput)),
    ("calls", Err(FailureKind::Denied)),
    ("trap", Err(FailureKind::Trap)),
];

const WAYS: &[(Way, &[(&str, Ends)])] = &[
    (Way::Rank, PURE),
    (Way::Review, MISDEEDS),
    (Way::ReviewWithHttp, MISDEEDS),
    (Way::Pay, MISDEEDS),
    (Way::Verify, MISDEEDS),
    (Way::Before, MISDEEDS),
    (Way::After, SILENT),
    (Way::Deliver, MISDEEDS),
    (Way::Begin, MISDEEDS),
    (Way::Run, MISDEEDS),
    (Way::Resolve, MISDEEDS),
];

/// What measures, or takes gigabytes, waits for its turn.
static ALONE: Mutex<()> = Mutex::const_new(());

/// The plugins that a community has.
pub async fn well_behaved() -> PluginHost {
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
pub async fn the_pool_is_whole(host: &PluginHost) {
    for _ in 0..50 {
        rank(host).await;
        review(host).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_misdeeds_at_once_end_as_they_should_in_every_world() {
    let _alone = ALONE.lock().await;
    let good = well_behaved().await;
    let lanes = lanes(Setting::within(lane_limits(64 << 20))).await;
    for (way, misdeeds) in WAYS {
        for (word, ends) in *misdeeds {
            at_once(&lanes, |lane| async move { lane.misbehave(*way, word, *ends).await }).await;
        }
    }
    for lane in &lanes {
        for (plugin, _) in PLUGINS {
            assert!(!lane.host.usage(plugin).breaker_open, "{plugin}");
        }
    }
    the_pool_is_whole(&good).await;
}

/// Guests that use all their CPU time leave the only thread at every tick.
#[tokio::test(flavor = "current_thread")]
async fn endless_loops_let_others_have_their_turn_on_one_thread() {
    let lanes = lanes(Setting::within(lane_limits(64 << 20))).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn good_calls_succeed_beside_sixteen_hostile_ones() {
    let _alone = ALONE.lock().await;
    let good = well_behaved().await;
    let lanes = lanes(Setting::within(lane_limits(64 << 20))).await;
    let stop = Arc::new(AtomicBool::new(false));
    let running = load(&lanes, &stop);
    for _ in 0..200 {
        rank(&good).await;
        review(&good).await;
    }
    stop.store(true, Ordering::Relaxed);
    running.join_all().await;
    the_pool_is_whole(&good).await;
}

/// Bytes of this process in memory.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    // 4 KiB a page on the machines that this is built for; a larger page only makes the bound looser.
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// What grows is tried three times: other tests of this process take memory too.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_rounds_of_misdeeds_leave_no_memory_behind() {
    const MOST: usize = 96 << 20;
    let _alone = ALONE.lock().await;
    let lanes = lanes(Setting::within(lane_limits(16 << 20))).await;
    let misdeeds: Vec<_> = MISDEEDS.iter().filter(|(word, _)| *word != "loop").collect();
    let rounds = async |count: usize| {
        for number in 0..count {
            let (word, ends) = *misdeeds[number % misdeeds.len()];
            at_once(&lanes, |lane| async move { lane.misbehave(Way::Resolve, word, ends).await }).await;
        }
    };
    // Pools and allocators fill up first.
    rounds(2 * misdeeds.len()).await;
    let mut grown = Vec::new();
    for _ in 0..3 {
        let before = resident();
        rounds(200).await;
        grown.push(resident().saturating_sub(before) >> 20);
        if grown.last().is_some_and(|mib| *mib < MOST >> 20) {
            return;
        }
    }
    panic!("{grown:?} MiB more after 200 rounds of {PARALLEL} calls each");
}

#[tokio::test]
async fn a_lane_grants_http_and_the_secret_and_nothing_else() {
    // What the table above calls denied is the number of host calls, not a permission.
    let setting = Setting::within(lane_limits(64 << 20));
    let lane = Lane::open(tempfile::tempdir().unwrap().path(), &setting).await;
    assert_eq!(Way::Resolve.call(&lane.host, "denied").await, Err(FailureKind::Denied));
    assert_eq!(lane.host.denials("hostile/graphql"), [("kv".to_owned(), 1)].into());
    assert_eq!(Grants::default(), activation(Vec::new()).grants);
}
