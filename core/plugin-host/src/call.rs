//! One call of a guest, from the breaker to the bookkeeping.
//!
//! **Invariants:** no guest runs without limits on time, memory and host calls;
//! every call that was opened is counted; a failure of the plugin tells the
//! breaker of that world, a refusal in the world's own words does not;
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
use tokio::sync::{Semaphore, SemaphorePermit};
use wasmtime::{PoolConcurrencyLimitError, Store, StoreContextMut, Trap, UpdateDeadline};

use crate::{
    breaker::{Breaker, Permit},
    engine::{PluginEngine, Running},
    host::{CallState, Context, Ended},
    limits::{self, LimitTable, Limits, TABLE, World},
    places::Places,
    quarantine::{self, InputDigest, Quarantine},
    record::{Record, Spent},
    slots::Slots,
    wishes::Wishes,
    worlds::NotTaken,
};

/// An active plugin: everything but its exports.
pub(crate) struct Plugin {
    context: Arc<Context>,
    engine: &'static PluginEngine,
    /// One of each world, as are the limits.
    breakers: [Breaker; TABLE.len()],
    limits: [Limits; TABLE.len()],
    quarantine: Quarantine,
    /// Another version serves again in its place.
    taken_back: AtomicBool,
    places: Weak<Places>,
    record: Arc<Record>,
    slots: Slots,
}

/// What a [`Plugin`] needs besides its context.
pub(crate) struct Surroundings {
    pub engine: &'static PluginEngine,
    pub clock: Arc<dyn Clock>,
    pub record: Arc<Record>,
    pub table: LimitTable,
    /// For the calls of all plugins.
    pub slots: Arc<Semaphore>,
    /// Where the plugin will stand; told when its breaker opens.
    pub places: Weak<Places>,
}

/// Share of its wall time after which a call that its caller drops is a failure.
/// A chain of hooks ends when the first of them has used up the time of all.
const GIVEN_UP: f64 = 0.9;

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

/// A call under way. Dropped without [`Call::close`], its caller went away: it is
/// counted, and is a failure when next to nothing of its time was left.
pub(crate) struct Call<'p> {
    plugin: &'p Plugin,
    world: World,
    function: &'static str,
    input: Input<'p>,
    limits: Limits,
    deadline: Instant,
    permit: Permit<'p>,
    closed: bool,
    _running: Running<'p>,
    _slots: [SemaphorePermit<'p>; 2],
}

impl Plugin {
    pub fn new(context: Context, wishes: &Wishes, surroundings: Surroundings) -> Self {
        let Surroundings { engine, clock, record, table, slots, places } = surroundings;
        let limits = |world| wishes.applied(world, table.of(world), &context.granted.limits);
        Self {
            engine,
            breakers: std::array::from_fn(|_| Breaker::new(Arc::clone(&clock))),
            limits: std::array::from_fn(|place| limits(TABLE[place].world)),
            context: Arc::new(context),
            quarantine: Quarantine::default(),
            taken_back: AtomicBool::new(false),
            places,
            record,
            slots: Slots::new(slots),
        }
    }

    pub fn context(&self) -> &Context {
        &self.context
    }

    pub fn usage(&self) -> Usage {
        self.record.usage(self.breakers.iter().any(Breaker::is_open), |world| self.limits(world, 1))
    }

    pub fn limits(&self, world: World, times: u32) -> Limits {
        self.limits[world.index()].scaled(times)
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
        let breaker = &self.breakers[world.index()];
        let permit = breaker.admit().map_err(|until| fail(FailureKind::Tripped, tripped(until)))?;
        let Some(slots) = self.slots.take(world, deadline).await else {
            return Err(fail(FailureKind::Timeout, "too many plugin calls are under way".into()));
        };
        let (_running, _slots) = (self.engine.ticker.run(), slots);
        Ok(Call { plugin: self, world, function, input, limits, deadline, permit, closed: false, _running, _slots })
    }

    /// No call begins any more; those under way end normally.
    pub fn take_back(&self) {
        self.taken_back.store(true, Ordering::Release);
    }

    fn shut_out(&self, world: World, function: &str, input: Input<'_>) -> Option<InputDigest> {
        self.quarantine.holds(self.context.clock.as_ref(), || input.digest(world, function))
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
        mut self,
        state: &CallState,
        outcome: Outcome<R>,
        check: impl FnOnce(R) -> Result<T, NotTaken>,
    ) -> Result<T, PluginFailure> {
        self.closed = true;
        let spent = state.spent(self.wall());
        self.plugin.record.called(self.world, spent);
        let checked = match outcome {
            Outcome::Answered(answer) => check(answer).map_err(Verdict::of_answer),
            Outcome::Broke(error) => Err(Verdict::of_error(&error, state)),
            Outcome::OutOfTime => Err(Verdict::out_of_time(self.limits, spent)),
        };
        match checked {
            Ok(answer) => {
                self.permit.succeeded();
                Ok(answer)
            }
            Err(verdict) if state.denied() => Err(self.fail(verdict.or_denied())),
            Err(verdict) => Err(self.fail(verdict)),
        }
    }

    fn fail(&mut self, Verdict { why, blames }: Verdict) -> PluginFailure {
        let opened = match blames {
            Blames::Nobody => false,
            Blames::Caller => {
                self.permit.succeeded();
                false
            }
            Blames::Plugin | Blames::PluginOnInput => self.permit.failed(),
        };
        let failure = self.plugin.failure(self.world, self.function, why.kind, why.detail);
        self.plugin.record.failed(self.world, &failure, self.plugin.context.clock.now());
        if blames == Blames::PluginOnInput {
            self.plugin.suspect(self.world, self.input, &failure);
        }
        if opened {
            self.plugin.tripped(&failure);
        }
        let kind = failure.kind;
        tracing::warn!(plugin = %failure.plugin, function = %failure.function, ?kind, detail = %failure.detail, "a plugin call failed");
        failure
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if self.closed {
            return;
        }
        let spent = Spent { wall: self.wall(), cpu_ms: 0, memory: 0, host_calls: 0 };
        self.plugin.record.called(self.world, spent);
        if spent.wall >= self.limits.wall.mul_f64(GIVEN_UP) {
            self.fail(Verdict::given_up(spent.wall));
        }
    }
}

/// Why a call failed and who is to blame.
struct Verdict {
    why: NotTaken,
    blames: Blames,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Blames {
    /// The machine had no room.
    Nobody,
    /// The plugin refused in the world's own words.
    Caller,
    Plugin,
    /// The same input is likely to bring it about again.
    PluginOnInput,
}

impl Verdict {
    fn of_answer(why: NotTaken) -> Self {
        let blames = match why.kind {
            FailureKind::Refused => Blames::Caller,
            FailureKind::InvalidOutput => Blames::PluginOnInput,
            _ => Blames::Plugin,
        };
        Self { why, blames }
    }

    /// What an error of the engine says about the guest.
    fn of_error(error: &wasmtime::Error, state: &CallState) -> Self {
        let trap = error.downcast_ref::<Trap>().copied();
        let (kind, blames) = if state.meter.refused() {
            (FailureKind::Memory, Blames::PluginOnInput)
        } else if error.is::<Ended>() {
            (FailureKind::Denied, Blames::Plugin)
        } else if error.is::<PoolConcurrencyLimitError>() {
            (FailureKind::Timeout, Blames::Nobody)
        } else if trap == Some(Trap::Interrupt) {
            (FailureKind::Timeout, Blames::PluginOnInput)
        } else if trap.is_some() {
            (FailureKind::Trap, Blames::PluginOnInput)
        } else {
            // Not the guest's code but its data: not UTF-8, out of bounds, too much of it.
            (FailureKind::InvalidOutput, Blames::PluginOnInput)
        };
        let detail = match kind {
            FailureKind::Memory => format!("it wanted more than {} bytes of memory", state.meter.allowed()),
            FailureKind::Timeout if blames == Blames::Nobody => "too many plugin instances are alive".to_owned(),
            FailureKind::Timeout => "it used more CPU time than its world has".to_owned(),
            _ => shortened(&format!("{error:#}")),
        };
        Self { why: NotTaken { kind, detail }, blames }
    }

    /// When the guest did not use up the time, the machine was busy or a server
    /// elsewhere slow: the input has no part in that.
    fn out_of_time(limits: Limits, spent: Spent) -> Self {
        let wall_ms = limits.wall.as_millis();
        let blames = if u128::from(spent.cpu_ms) * 2 < wall_ms { Blames::Plugin } else { Blames::PluginOnInput };
        Self {
            why: NotTaken { kind: FailureKind::Timeout, detail: format!("it took longer than {wall_ms} ms") },
            blames,
        }
    }

    fn given_up(after: Duration) -> Self {
        let detail = format!("its caller gave up after {} ms", after.as_millis());
        Self { why: NotTaken { kind: FailureKind::Timeout, detail }, blames: Blames::Plugin }
    }

    /// A plugin that was denied something and then gave up, failed for that.
    fn or_denied(mut self) -> Self {
        if matches!(self.why.kind, FailureKind::Trap | FailureKind::Refused) {
            self.why.kind = FailureKind::Denied;
            self.blames = Blames::Plugin;
        }
        self
    }
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
