//! The limits of every world, as one table.
//!
//! **Invariant:** the table is the only place where a limit stands. The host
//! applies it, `docs/plugins-limits.md` is made from it, a test compares them.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use crate::{
    breaker,
    host::{
        events::{EVENTS_PER_CALL, EVENTS_PER_HOUR},
        json,
        refusals::TOLD_PER_SECOND,
    },
    places, quarantine,
};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Largest component, in bytes, unless the owner raises it.
pub const COMPONENT_BYTES: usize = 8 * MIB;
/// Bytes that a guest may copy into the host in one call of either direction.
pub const HOSTCALL_FUEL: usize = 8 * MIB;
/// Stack of the guest, in bytes.
pub const WASM_STACK: usize = 512 * KIB;
/// Memories, tables and core instances of one component instance.
pub const MEMORIES: usize = 4;
pub const TABLES: usize = 64;
/// A component of Python has 38 core instances.
pub const CORE_INSTANCES: usize = 64;
/// Elements of one table.
pub const TABLE_ELEMENTS: usize = 20_000;
/// Bytes a call may write to the log, and lines a plugin may write in a second.
pub const LOG_BYTES_PER_CALL: usize = 16 * KIB;
pub const LOG_LINES_PER_SECOND: u32 = 100;
/// Calls under way at once, over all plugins and for one in one world. The engine has more
/// instances than that, so that kept ones never starve the others.
pub const CALLS: usize = 64;
pub const PLUGIN_CALLS: usize = 16;
/// Largest HTTP response, in bytes, and requests under way at once for a plugin.
pub const HTTP_RESPONSE_BYTES: usize = MIB;
pub const HTTP_CONCURRENT: usize = 4;
/// Largest key and value of the plugin's store, in bytes.
pub const KV_KEY_BYTES: usize = 512;
pub const KV_VALUE_BYTES: usize = 64 * KIB;
/// Random bytes given at once.
pub const RANDOM_BYTES: u32 = 4096;
/// Largest message of one `crypto` call, in bytes.
pub const CRYPTO_MESSAGE_BYTES: usize = MIB;
/// How long compiling one component may take, in processor time and by the clock.
pub const COMPILE_TIME: Duration = Duration::from_secs(120);
/// Address space of a compiler, in bytes, and what is added for each byte of
/// the component.
pub const COMPILE_BASE: usize = 1024 * MIB;
pub const COMPILE_SHARE: usize = 64;
/// Items that the ranking row is for; larger lists get a multiple of it.
pub const RANKING_ITEMS: u32 = 500;
/// Parents of one call for a field; longer lists are several calls.
pub const GRAPHQL_PARENTS: usize = 100;

/// What a call is part of, in the order of [`TABLE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum World {
    PaymentVerify,
    Payment,
    Ranking,
    Moderation,
    ModerationHttp,
    BeforeHook,
    AfterHook,
    Notify,
    Auth,
    Job,
    GraphqlField,
    Lifecycle,
}

/// What one call may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub wall: Duration,
    /// Ticks of one millisecond in which guest code ran.
    pub cpu_ticks: u32,
    /// Bytes over all memories of the instance.
    pub memory: usize,
    /// Bytes of the arguments and of the result.
    pub input: usize,
    pub output: usize,
    pub host_calls: u32,
    pub http_calls: u32,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub world: World,
    /// As the documentation and error messages call it.
    pub name: &'static str,
    pub limits: Limits,
}

/// `row(world, name, wall ms, CPU ms, MiB, in KiB, out KiB, host calls, http calls)`.
#[allow(clippy::too_many_arguments)]
const fn row(
    world: World,
    name: &'static str,
    wall_ms: u64,
    cpu_ticks: u32,
    memory_mib: usize,
    input_kib: usize,
    output_kib: usize,
    host_calls: u32,
    http_calls: u32,
) -> Row {
    let limits = Limits {
        wall: Duration::from_millis(wall_ms),
        cpu_ticks,
        memory: memory_mib * MIB,
        input: input_kib * KIB,
        output: output_kib * KIB,
        host_calls,
        http_calls,
    };
    Row { world, name, limits }
}

/// Every world's limits. A manifest may lower them; raising one needs a grant (`wishes`).
#[rustfmt::skip]
pub const TABLE: &[Row] = &[
    row(World::PaymentVerify,   "payment verify-webhook",    2_000,     50,  32, 1024,   64,    100,   0),
    row(World::Payment,         "payment other",            15_000,    100,  32,  256,   64,    200,   5),
    row(World::Ranking,         "ranking",                      20,     10,  32,  256,   16,      0,   0),
    row(World::Moderation,      "moderation",                  200,    100,  64,  512,   64,     50,   0),
    row(World::ModerationHttp,  "moderation with http",      5_000,    100,  64,  512,   64,     50,   3),
    row(World::BeforeHook,      "before-hook",                 250,     50,  64,  512,  512,     50,   1),
    row(World::AfterHook,       "after-hook",               30_000,    500,  64, 1024,   64,    500,  10),
    row(World::Notify,          "notify",                   30_000,    500,  64, 1024,   64,    500,  10),
    row(World::Auth,            "auth",                     10_000,    100,  32,   64,   64,     50,   5),
    row(World::Job,             "job",                     600_000, 30_000, 128, 1024, 1024, 10_000, 200),
    row(World::GraphqlField,    "graphql field",               500,     50,  64,  512, 1024,    200,   3),
    row(World::Lifecycle,       "lifecycle",                 5_000,    100,  64,  256,   64,    100,   1),
];

impl World {
    /// Its place in [`TABLE`].
    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    fn row(self) -> &'static Row {
        &TABLE[self.index()]
    }

    /// As the documentation and error messages call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    #[must_use]
    pub fn limits(self) -> Limits {
        self.row().limits
    }
}

impl Limits {
    /// The limits for a list that is `times` as long.
    #[must_use]
    pub fn scaled(self, times: u32) -> Self {
        let bytes = usize::try_from(times).unwrap_or(usize::MAX);
        Self {
            wall: self.wall.saturating_mul(times),
            cpu_ticks: self.cpu_ticks.saturating_mul(times),
            input: self.input.saturating_mul(bytes),
            output: self.output.saturating_mul(bytes),
            ..self
        }
    }
}

/// The table with an owner's changes.
#[derive(Debug, Clone, Default)]
pub struct LimitTable(BTreeMap<World, Limits>);

impl LimitTable {
    /// Other limits for one world.
    #[must_use]
    pub fn with(mut self, world: World, limits: Limits) -> Self {
        self.0.insert(world, limits);
        self
    }

    #[must_use]
    pub fn of(&self, world: World) -> Limits {
        self.0.get(&world).copied().unwrap_or_else(|| world.limits())
    }
}

/// The documentation page of the limits.
#[must_use]
pub fn limits_markdown() -> String {
    let mut page = String::from(INTRODUCTION);
    for row in TABLE {
        let l = row.limits;
        let _ = writeln!(
            page,
            "| {} | {} | {} ms | {} | {} | {} | {} | {} |",
            row.name,
            duration(l.wall),
            l.cpu_ticks,
            bytes(l.memory),
            bytes(l.input),
            bytes(l.output),
            l.host_calls,
            l.http_calls
        );
    }
    page.push_str(&common());
    page
}

const INTRODUCTION: &str = "# Limits of plugin calls

This page is made from the table in `core/plugin-host/src/limits.rs`; a test fails when they differ.

A call that reaches its wall time, its CPU time or its number of host calls is ended. Memory over the limit is not
given. Input over the limit is not sent, output over the limit is not taken. An HTTP request over the limit is denied.

| world | wall time | CPU time | memory, all together | input | output | host calls | HTTP requests |
|---|---|---|---|---|---|---|---|
";

fn common() -> String {
    format!(
        "
- The row of `ranking` is for {RANKING_ITEMS} items. Longer lists get a multiple of its times and sizes.
- CPU time counts milliseconds in which the guest's code ran. Waiting for the host is not counted, but its work is:
  what `crypto` computes, reading the guest's JSON, taking secrets out of an answer.
- `graphql field` is for {GRAPHQL_PARENTS} parents. Longer lists are several calls.
- `before-hook` is one plugin's call; all before hooks of a change together have 250 ms.
- `payment verify-webhook` is for `verify` and `read-return`.

Common to all worlds:

| what | limit |
|---|---|
| calls under way at once: all plugins, one plugin in one world | {CALLS}, {PLUGIN_CALLS} |
| component | {} |
| copied from the guest to the host at once | {} |
| stack | {} |
| memories, tables, core instances of an instance | {MEMORIES}, {TABLES}, {CORE_INSTANCES} |
| elements of a table | {TABLE_ELEMENTS} |
| log | {} a call, {LOG_LINES_PER_SECOND} lines a second |
| HTTP response | {} |
| HTTP requests at once, each plugin | {HTTP_CONCURRENT} |
| key and value of the plugin's store | {}, {} |
| random bytes at once | {RANDOM_BYTES} |
| message of `crypto` | {} |
| an entry's values from the guest, an event's data | {}, {} |
| events | {EVENTS_PER_CALL} a call, {EVENTS_PER_HOUR} an hour |
| refusals that are told, each permission and function | {TOLD_PER_SECOND} a second; all are counted |

Compiling happens in a process of its own, at the lowest priority and one component at a time. It may take {} of
processor time and as much by the clock, and {} of address space and {COMPILE_SHARE} times the component's size more.

What fails is not called again and again:

- **Quarantine.** An input on which a plugin fails {} times, by a trap, by its own time or memory, or with an answer that
  breaks the rules, does not reach that version again for {} after its last failure. Inputs are told apart by a
  hash; none is kept. Payments are exempt: a webhook is tried again until it is taken.
- **Breaker.** Each row of the table above has its own. {} failures within {}, or more than half of the last {}
  calls, and the plugin is not called there for {}. Then one call is let through: it closes the breaker, or the
  wait doubles, up to {}. What is in quarantine does not count, nor what the machine had no room for. A call that
  its caller gave up when nine tenths of its wall time were gone is a failure.
- **Rollback.** When that happens within {} after an update, the version before serves again. What the update's
  `migrate` did to the plugin's store stays, so the version before must be able to live with it.

What a caller gets meanwhile is what it gets for every failure of that world.
",
        bytes(COMPONENT_BYTES),
        bytes(HOSTCALL_FUEL),
        bytes(WASM_STACK),
        bytes(LOG_BYTES_PER_CALL),
        bytes(HTTP_RESPONSE_BYTES),
        bytes(KV_KEY_BYTES),
        bytes(KV_VALUE_BYTES),
        bytes(CRYPTO_MESSAGE_BYTES),
        bytes(json::CONTENT_BYTES),
        bytes(json::EVENT_BYTES),
        duration(COMPILE_TIME),
        bytes(COMPILE_BASE),
        quarantine::FAILURES,
        duration(quarantine::REMEMBERED),
        breaker::FAILURES,
        duration(breaker::WINDOW),
        breaker::LAST_CALLS,
        duration(breaker::OPEN_FIRST),
        duration(breaker::OPEN_MOST),
        duration(places::TRIAL),
    )
}

fn duration(wall: Duration) -> String {
    match wall.as_millis() {
        ms if ms >= 60_000 && ms % 60_000 == 0 => format!("{} min", ms / 60_000),
        ms if ms >= 1_000 && ms % 1_000 == 0 => format!("{} s", ms / 1_000),
        ms => format!("{ms} ms"),
    }
}

fn bytes(count: usize) -> String {
    match count {
        n if n >= MIB && n.is_multiple_of(MIB) => format!("{} MiB", n / MIB),
        n if n >= KIB && n.is_multiple_of(KIB) => format!("{} KiB", n / KIB),
        n => format!("{n} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_stand_in_the_order_of_the_worlds() {
        for (place, row) in TABLE.iter().enumerate() {
            assert_eq!((row.world.index(), row.world.name()), (place, row.name));
        }
        assert_eq!(TABLE.len(), World::Lifecycle.index() + 1, "the last world has the last row");
    }

    #[test]
    fn longer_lists_get_longer_times_but_not_more_memory() {
        let twice = World::Ranking.limits().scaled(2);
        assert_eq!((twice.wall, twice.cpu_ticks), (Duration::from_millis(40), 20));
        assert_eq!(twice.memory, 32 * MIB);
    }
}
