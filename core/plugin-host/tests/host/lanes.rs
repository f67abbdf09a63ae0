//! Every kind of call that a hostile plugin gets, and lanes for sixteen at once.
//!
//! **A lane** is a host of its own with every hostile plugin in it: sixteen lanes
//! share the engine and its pool of instances, and each has its own breaker, so
//! that no call is spared because another one failed. A good call after each bad
//! one and two hours between them, by the lanes' own clocks, keep the breakers
//! closed and quarantines empty.
//!
//! Every guest of a lane also asks for a larger table than it may have, each time
//! that it is instantiated.

use std::{future::Future, path::Path, sync::Arc, time::Duration};

use lyceum_domain::plugin::{Activation, FailureKind, Permission, PluginRuntime as _};
use lyceum_kernel::{ManualClock, Timestamp};
use lyceum_plugin_host::{LimitTable, Limits, Lookup, PluginHost, PluginHostConfig, World, limits::TABLE};
use tokio::task::JoinSet;

use crate::{
    auth, fields, hooks, hostile, hostile_payment, jobs, notify,
    support::{activation, component, grants, secrets},
    tables,
};

pub const PARALLEL: usize = 16;
/// Milliseconds of CPU that a loop gets in a lane, in every world.
pub const LOOP_TICKS: u32 = 100;
/// Between two calls of a lane: longer than a breaker's minute and a quarantine's hour.
const APART: Duration = Duration::from_secs(2 * 60 * 60);
pub const SECRET: &str = "hunter2hunter2hunter2";
/// What they may do: nothing, or send a secret to the origins of a test.
pub const PLUGINS: [(&str, bool); 9] = [
    ("hostile/ranking", false),
    ("hostile/moderation", false),
    ("hostile/moderation-http", true),
    ("hostile/payment", true),
    ("hostile/content", true),
    ("hostile/notify", true),
    ("hostile/auth", true),
    ("hostile/job", true),
    ("hostile/graphql", true),
];

pub type Ends = Result<(), FailureKind>;

/// One kind of call.
#[derive(Debug, Clone, Copy)]
pub enum Way {
    Rank,
    Review,
    ReviewWithHttp,
    Pay,
    Verify,
    Before,
    After,
    Deliver,
    Begin,
    Run,
    Resolve,
}

/// The kinds of calls that may send requests, each with its world and plugin.
pub const WITH_HTTP: [(Way, World, &str); 8] = [
    (Way::ReviewWithHttp, World::ModerationHttp, "hostile/moderation-http"),
    (Way::Pay, World::Payment, "hostile/payment"),
    (Way::Before, World::BeforeHook, "hostile/content"),
    (Way::After, World::AfterHook, "hostile/content"),
    (Way::Deliver, World::Notify, "hostile/notify"),
    (Way::Begin, World::Auth, "hostile/auth"),
    (Way::Run, World::Job, "hostile/job"),
    (Way::Resolve, World::GraphqlField, "hostile/graphql"),
];

impl Way {
    pub async fn call(self, host: &PluginHost, word: &str) -> Ends {
        match self {
            Self::Rank => hostile::ranked(host, word).await.map(drop),
            Self::Review => hostile::reviewed(host, word).await.map(drop),
            Self::ReviewWithHttp => hostile::reviewed_with_http(host, word).await,
            Self::Pay => hostile_payment::paid(host, word).await,
            Self::Verify => hostile_payment::notified(host, word).await,
            Self::Before => hooks::created(host, word).await,
            Self::After => hooks::noticed(host, word).await,
            Self::Deliver => notify::sent(host, word).await,
            Self::Begin => auth::begun(host, word).await,
            Self::Run => jobs::ran(host, word).await,
            Self::Resolve => fields::asked(host, word).await,
        }
    }
}

/// As the table has it, with walls for a busy machine and little CPU time.
pub fn lane_limits(memory: usize) -> LimitTable {
    TABLE.iter().fold(LimitTable::default(), |table, row| {
        let (wall, cpu_ticks) = (Duration::from_secs(120), LOOP_TICKS);
        table.with(row.world, Limits { wall, cpu_ticks, memory: row.limits.memory.min(memory), ..row.limits })
    })
}

/// What the lanes of a test have in common.
#[derive(Clone)]
pub struct Setting {
    pub limits: LimitTable,
    /// Where plugins with `http` may send to.
    pub origins: Vec<String>,
    /// Each lane's own answers to questions for names.
    pub names: fn() -> Option<Arc<dyn Lookup>>,
}

impl Setting {
    /// Plugins with `http` may send to a place where nobody listens.
    pub fn within(limits: LimitTable) -> Self {
        Self { limits, origins: vec!["http://127.0.0.1:9".into()], names: || None }
    }
}

/// What a plugin is activated with when it may send its secret to these origins.
pub fn sending_to(plugin: &str, origins: &[String]) -> Activation {
    let http = Permission { hosts: origins.to_vec(), ..Permission::default() };
    let secret = Permission { names: vec!["key".into()], ..Permission::default() };
    Activation {
        grants: grants(&[("http", http), ("secret-ref", secret)]),
        secrets: secrets(&[("key", SECRET)]),
        ..activation(component(plugin))
    }
}

pub struct Lane {
    pub host: PluginHost,
    clock: Arc<ManualClock>,
}

impl Lane {
    pub async fn open(cache: &Path, setting: &Setting) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
        let (cache_dir, shared) = (Some(cache.to_owned()), Arc::<ManualClock>::clone(&clock));
        let (limits, names) = (setting.limits.clone(), (setting.names)());
        let config = PluginHostConfig { cache_dir, limits, names, clock: shared, ..PluginHostConfig::default() };
        let host = PluginHost::new(config).unwrap();
        for (plugin, sends) in PLUGINS {
            let activation = if sends { sending_to(plugin, &setting.origins) } else { activation(component(plugin)) };
            let wasm = tables::greedy(&activation.wasm).into();
            host.activate(Activation { wasm, ..activation }).await.unwrap();
        }
        Self { host, clock }
    }

    /// A bad call, and a good one after it.
    pub async fn misbehave(&self, way: Way, word: &str, ends: Ends) {
        assert_eq!(way.call(&self.host, word).await, ends, "{way:?}: {word}");
        assert_eq!(way.call(&self.host, "fine").await, Ok(()), "{way:?}: after {word}");
        self.clock.advance(APART);
    }
}

pub async fn lanes(setting: Setting) -> Vec<Arc<Lane>> {
    let cache = tempfile::tempdir().unwrap();
    let mut lanes = Vec::new();
    for _ in 0..PARALLEL {
        lanes.push(Arc::new(Lane::open(cache.path(), &setting).await));
    }
    lanes
}

/// The same in every lane at once.
pub async fn at_once<F>(lanes: &[Arc<Lane>], each: impl Fn(Arc<Lane>) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut running = JoinSet::new();
    lanes.iter().for_each(|lane| drop(running.spawn(each(Arc::clone(lane)))));
    running.join_all().await;
}
