//! One call of a guest, from the breaker to the bookkeeping.
//!
//! **Invariants:** no guest runs without limits on time, memory and host calls;
//! every call that was opened and not dropped by its caller is counted; a failure
//! of the plugin tells the breaker, a refusal in the world's own words does not;
//! an input that is shut out, or a plugin that was taken back, costs no guest call.

use std::{
    fmt,
    future::Future,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use lyceum_domain::plugin::{FailureKind, PluginFailure, PluginNotice, Usage};
use lyceum_kernel::{Clock, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::{PoolConcurrencyLimitError, Store, StoreContextMut, Trap, UpdateDeadline};

use crate::{
    breaker::{Breaker, Permit},
    engine::{PluginEngine, Running},
    host::{CallState, Context, Ended},
    limits::{self, LimitTable, Limits, World},
    places::Places,
    quarantine::{self, InputDigest, Quarantine},
    record::Record,
    wishes::Wishes,
    worlds::NotTaken,
};

/// An active plugin: everything but its exports.
pub(crate) struct Plugin {
    context: Arc<Context>,
    engine: &'static PluginEngine,
    breaker: Breaker,
    quarantine: Quarantine,
    /// Another version serves again in its place.
    taken_back: AtomicBool,
    places: Weak<Places>,
    record: Arc<Record>,
    table: LimitTable,
    wishes: Wishes,
    slots: Arc<Semaphore>,
}

/// What a [`Plugin`] needs besides its context.
pub(crate) struct Surroundings {
    pub engine: &'static PluginEngine,
    pub clock: Arc<dyn Clock>,
    pub record: Arc<Record>,
    pub table: LimitTable,
    pub slots: Arc<Semaphore>,
    /// Where the plugin will stand; told when its breaker opens.
    pub places: Weak<Places>,
}

/// What a guest is called with, as the host sees it.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    bytes: usize,
    looks: Option<&'a (dyn fmt::Debug + Sync)>,
}

impl<'a> Input<'a> {
    /// `looks` says all of it that can make a guest fail, and nothing that is
    /// new with each attempt.
    pub fn new(bytes: usize, looks: &'a (dyn fmt::Debug + Sync)) -> Self {
        Self { bytes, looks: Some(looks) }
    }

    /// Never shut out. A payment provider's webhook must be tried again until
    /// it is taken, and an activation is the owner's to try again.
    pub const fn exempt(bytes: usize) -> Self {
        Self { bytes, looks: None }
    }

    fn digest(self, world: World, function: &str) -> Option<InputDigest> {
        self.looks.map(|looks| InputDigest::of(world.name(), function, looks))
    }
}

/// How a guest's part of a call ended.
pub(crate) enum Outcome<R> {
    Answered(R),
    Broke(wasmtime::Error),
    OutOfTime,
}

/// A call under way. Dropped without [`Call::close`], it leaves no trace: the
/// caller went away.
pub(crate) struct Call<'p> {
    plugin: &'p Plugin,
    world: World,
    function: &'static str,
    input: Input<'p>,
    limits: Limits,
    deadline: Instant,
    permit: Permit<'p>,
    _running: Running,
    _slot: OwnedSemaphorePermit,
}

impl Plugin {
    pub fn new(context: Context, wishes: Wishes, surroundings: Surroundings) -> Self {
        let Surroundings { engine, clock, record, table, slots, places } = surroundings;
        Self {
            context: Arc::new(context),
            engine,
            breaker: Breaker::new(clock),
            quarantine: Quarantine::default(),
            taken_back: AtomicBool::new(false),
            places,
            record,
            table,
            wishes,
            slots,
        }
    }

    pub fn context(&self) -> &Context {
        &self.context
    }

    pub fn usage(&self) -> Usage {
        self.record.usage(self.breaker.is_open(), |world| self.limits(world, 1))
    }

    pub fn limits(&self, world: World, times: u32) -> Limits {
        self.wishes.applied(world, self.table.of(world), &self.context.granted.limits).scaled(times)
    }

    /// Begins a call, `times` as long as usual.
    ///
    /// # Errors
    /// The input is too large or shut out, the breaker is open, or no slot became free.
    pub async fn open<'p>(
        &'p self,
        world: World,
        function: &'static str,
        input: Input<'p>,
        times: u32,
    ) -> Result<Call<'p>, PluginFailure> {
        let limits = self.limits(world, times);
        let deadline = Instant::now() + limits.wall;
        let fail = |kind, detail| self.failure(world, function, kind, detail);
        if input.bytes > limits.input {
            let detail = format!("the input has {} bytes; at most {}", input.bytes, limits.input);
            return Err(fail(FailureKind::InvalidInput, detail));
        }
        if self.taken_back.load(Ordering::Acquire) {
            return Err(fail(FailureKind::Tripped, "it was taken back and another version serves".into()));
        }
        if let Some(digest) = self.shut_out(world, function, input) {
            return Err(fail(FailureKind::Quarantined, quarantined(digest)));
        }
        let permit = self.breaker.admit().map_err(|until| fail(FailureKind::Tripped, tripped(until)))?;
        let slot = tokio::time::timeout_at(deadline.into(), Arc::clone(&self.slots).acquire_owned());
        let Ok(Ok(slot)) = slot.await else {
            return Err(fail(FailureKind::Timeout, "too many plugin calls are under way".into()));
        };
        let running = self.engine.ticker.run();
        Ok(Call { plugin: self, world, function, input, limits, deadline, permit, _running: running, _slot: slot })
    }

    /// No call begins any more; those under way end normally.
    pub fn take_back(&self) {
        self.taken_back.store(true, Ordering::Release);
    }

    fn shut_out(&self, world: World, function: &str, input: Input<'_>) -> Option<InputDigest> {
        self.quarantine.holds(|| input.digest(world, function), self.context.clock.now())
    }

    /// Remembers what it failed on, and tells the owner when that is shut out.
    fn suspect(&self, world: World, input: Input<'_>, failure: &PluginFailure) {
        let Some(digest) = input.digest(world, &failure.function) else { return };
        if self.quarantine.failed(digest, self.context.clock.now()) {
            self.context.services.notice(PluginNotice::Quarantined {
                plugin: failure.plugin.clone(),
                world: failure.world.clone(),
                function: failure.function.clone(),
                input_digest: digest.to_string(),
                failure: failure.clone(),
            });
        }
    }

    /// The breaker opened.
    fn tripped(&self, failure: &PluginFailure) {
        let plugin = || failure.plugin.clone();
        let services = &self.context.services;
        services.notice(PluginNotice::Tripped { plugin: plugin(), failure: failure.clone() });
        let to = self.places.upgrade().and_then(|places| places.take_back(self));
        if let Some(to) = to {
            let (from, failure) = (failure.version.clone(), failure.clone());
            services.notice(PluginNotice::RolledBack { plugin: plugin(), from, to, failure });
        }
    }

    fn failure(&self, world: World, function: &str, kind: FailureKind, detail: String) -> PluginFailure {
        PluginFailure {
            plugin: self.context.id.clone(),
            version: self.context.version.clone(),
            world: world.name().to_owned(),
            function: function.to_owned(),
            kind,
            detail,
        }
    }
}

fn tripped(until: Timestamp) -> String {
    format!("it failed too often and is not called before {until}")
}

fn quarantined(digest: InputDigest) -> String {
    let minutes = quarantine::REMEMBERED.as_secs() / 60;
    format!("it failed {} times on this input ({digest}) and does not get it for {minutes} min", quarantine::FAILURES)
}

/// A tick came while the guest ran.
fn on_tick(mut store: StoreContextMut<'_, CallState>) -> wasmtime::Result<UpdateDeadline> {
    Ok(if store.data_mut().tick() { UpdateDeadline::Yield(1) } else { UpdateDeadline::Interrupt })
}

impl Call<'_> {
    /// How long it has taken so far, its wait for a slot included.
    fn wall(&self) -> Duration {
        let begun = self.deadline.checked_sub(self.limits.wall).unwrap_or(self.deadline);
        begun.elapsed()
    }

    /// Bytes the answer may have.
    pub fn output(&self) -> usize {
        self.limits.output
    }

    /// A store for a fresh instance.
    pub fn store(&self) -> Store<CallState> {
        let state = CallState::new(Arc::clone(&self.plugin.context), self.limits, self.deadline);
        let mut store = Store::new(&self.plugin.engine.engine, state);
        store.limiter(|state| &mut state.meter);
        store.set_hostcall_fuel(limits::HOSTCALL_FUEL);
        // Before the callback: a far deadline would be kept until it is reached.
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(on_tick);
        store
    }

    /// Makes a kept instance's store ready for this call.
    pub fn renew(&self, store: &mut Store<CallState>) {
        store.data_mut().renew(self.limits, self.deadline);
        store.set_epoch_deadline(1);
    }

    /// Runs the guest's part within the wall time.
    pub async fn bounded<R>(&self, guest: impl Future<Output = wasmtime::Result<R>>) -> Outcome<R> {
        match tokio::time::timeout_at(self.deadline.into(), guest).await {
            Ok(Ok(answer)) => Outcome::Answered(answer),
            Ok(Err(error)) => Outcome::Broke(error),
            Err(_) => Outcome::OutOfTime,
        }
    }

    /// Checks the answer and does the bookkeeping.
    ///
    /// # Errors
    /// The call failed, or its answer is not taken.
    pub fn close<R, T>(
        self,
        state: &CallState,
        outcome: Outcome<R>,
        check: impl FnOnce(R) -> Result<T, NotTaken>,
    ) -> Result<T, PluginFailure> {
        self.plugin.record.called(self.world, state.spent(self.wall()));
        let innocent = self.input_is_innocent(&outcome, state);
        let checked = match outcome {
            Outcome::Answered(answer) => check(answer),
            Outcome::Broke(error) => Err(broken(&error, state)),
            Outcome::OutOfTime => Err(out_of_time(self.limits)),
        };
        match checked {
            Ok(answer) => {
                self.permit.succeeded();
                Ok(answer)
            }
            Err(not_taken) => Err(self.fail(not_taken, state, innocent)),
        }
    }

    /// Whether time ended the call that the guest did not use up: the machine
    /// was busy, or a server elsewhere slow. The input has no part in that.
    fn input_is_innocent<R>(&self, outcome: &Outcome<R>, state: &CallState) -> bool {
        let wall_ms = self.limits.wall.as_millis();
        match outcome {
            Outcome::Answered(_) => false,
            Outcome::Broke(error) => error.is::<PoolConcurrencyLimitError>(),
            Outcome::OutOfTime => u128::from(state.spent(self.wall()).cpu_ms) * 2 < wall_ms,
        }
    }

    fn fail(self, not_taken: NotTaken, state: &CallState, innocent: bool) -> PluginFailure {
        let gave_up = state.denied() && matches!(not_taken.kind, FailureKind::Trap | FailureKind::Refused);
        let kind = if gave_up { FailureKind::Denied } else { not_taken.kind };
        let opened = if kind == FailureKind::Refused {
            self.permit.succeeded();
            false
        } else {
            self.permit.failed()
        };
        let failure = self.plugin.failure(self.world, self.function, kind, not_taken.detail);
        self.plugin.record.failed(self.world, &failure, self.plugin.context.clock.now());
        if !innocent && blames_input(kind) {
            self.plugin.suspect(self.world, self.input, &failure);
        }
        if opened {
            self.plugin.tripped(&failure);
        }
        tracing::warn!(plugin = %failure.plugin, function = %failure.function, ?kind, detail = %failure.detail, "a plugin call failed");
        failure
    }
}

/// What the same input is likely to bring about again.
const fn blames_input(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::Trap | FailureKind::Timeout | FailureKind::Memory | FailureKind::InvalidOutput)
}

fn out_of_time(limits: Limits) -> NotTaken {
    NotTaken { kind: FailureKind::Timeout, detail: format!("it took longer than {} ms", limits.wall.as_millis()) }
}

/// What an error of the engine says about the guest.
fn broken(error: &wasmtime::Error, state: &CallState) -> NotTaken {
    let trap = error.downcast_ref::<Trap>().copied();
    let kind = if state.meter.refused() {
        FailureKind::Memory
    } else if error.is::<Ended>() {
        FailureKind::Denied
    } else if error.is::<PoolConcurrencyLimitError>() || trap == Some(Trap::Interrupt) {
        FailureKind::Timeout
    } else if trap.is_some() {
        FailureKind::Trap
    } else {
        // Not the guest's code but its data: not UTF-8, out of bounds, too much of it.
        FailureKind::InvalidOutput
    };
    let detail = match kind {
        FailureKind::Memory => format!("it wanted more than {} bytes of memory", state.meter.allowed()),
        FailureKind::Timeout if trap.is_some() => "it used more CPU time than its world has".to_owned(),
        _ => shortened(&format!("{error:#}")),
    };
    NotTaken { kind, detail }
}

/// A backtrace of a deep recursion would fill the log.
fn shortened(text: &str) -> String {
    const MOST: usize = 2_000;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.context.id, self.context.version)
    }
}
