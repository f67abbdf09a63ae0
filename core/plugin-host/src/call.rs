//! One call of a guest, from the breaker to the bookkeeping.
//!
//! **Invariants:** no guest runs without limits on time, memory and host calls;
//! every call that was opened and not dropped by its caller is counted; a failure
//! of the plugin tells the breaker, a refusal in the world's own words does not.

use std::{
    fmt,
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use lyceum_domain::plugin::{FailureKind, PluginFailure, Usage};
use lyceum_kernel::{Clock, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::{PoolConcurrencyLimitError, Store, StoreContextMut, Trap, UpdateDeadline};

use crate::{
    breaker::{Breaker, Permit},
    engine::{PluginEngine, Running},
    host::{CallState, Context, Ended},
    limits::{self, LimitTable, Limits, World},
    worlds::NotTaken,
};

/// An active plugin: everything but its exports.
pub(crate) struct Plugin {
    context: Arc<Context>,
    engine: &'static PluginEngine,
    breaker: Breaker,
    record: Arc<Record>,
    table: LimitTable,
    memory: Option<usize>,
    slots: Arc<Semaphore>,
}

/// The tally of a plugin, over its versions.
#[derive(Default)]
pub(crate) struct Record {
    calls: AtomicU64,
    failures: AtomicU64,
    last_failure: Mutex<Option<PluginFailure>>,
}

impl Record {
    pub fn usage(&self, breaker_open: bool) -> Usage {
        Usage {
            calls: self.calls.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            last_failure: self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            breaker_open,
        }
    }

    fn failed(&self, failure: &PluginFailure) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure.clone());
    }
}

/// What a [`Plugin`] needs besides its context.
pub(crate) struct Surroundings {
    pub engine: &'static PluginEngine,
    pub clock: Arc<dyn Clock>,
    pub record: Arc<Record>,
    pub table: LimitTable,
    pub slots: Arc<Semaphore>,
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
    limits: Limits,
    deadline: Instant,
    permit: Permit<'p>,
    _running: Running,
    _slot: OwnedSemaphorePermit,
}

impl Plugin {
    pub fn new(context: Context, memory: Option<usize>, surroundings: Surroundings) -> Self {
        let Surroundings { engine, clock, record, table, slots } = surroundings;
        Self { context: Arc::new(context), engine, breaker: Breaker::new(clock), record, table, memory, slots }
    }

    pub fn context(&self) -> &Context {
        &self.context
    }

    pub fn usage(&self) -> Usage {
        self.record.usage(self.breaker.is_open())
    }

    pub fn limits(&self, world: World, times: u32) -> Limits {
        let limits = self.table.of(world).scaled(times);
        Limits { memory: self.memory.map_or(limits.memory, |own| own.min(limits.memory)), ..limits }
    }

    /// Begins a call with `input` bytes of arguments, `times` as long as usual.
    ///
    /// # Errors
    /// The breaker is open, the input is too large, or no slot became free.
    pub async fn open(
        &self,
        world: World,
        function: &'static str,
        input: usize,
        times: u32,
    ) -> Result<Call<'_>, PluginFailure> {
        let limits = self.limits(world, times);
        let deadline = Instant::now() + limits.wall;
        let fail = |kind, detail| self.failure(world, function, kind, detail);
        if input > limits.input {
            let detail = format!("the input has {input} bytes; at most {}", limits.input);
            return Err(fail(FailureKind::InvalidInput, detail));
        }
        let permit = self.breaker.admit().map_err(|until| fail(FailureKind::Tripped, tripped(until)))?;
        let slot = tokio::time::timeout_at(deadline.into(), Arc::clone(&self.slots).acquire_owned());
        let Ok(Ok(slot)) = slot.await else {
            return Err(fail(FailureKind::Timeout, "too many plugin calls are under way".into()));
        };
        let running = self.engine.ticker.run();
        Ok(Call { plugin: self, world, function, limits, deadline, permit, _running: running, _slot: slot })
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

/// A tick came while the guest ran.
fn on_tick(mut store: StoreContextMut<'_, CallState>) -> wasmtime::Result<UpdateDeadline> {
    Ok(if store.data_mut().tick() { UpdateDeadline::Yield(1) } else { UpdateDeadline::Interrupt })
}

impl Call<'_> {
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
        self.plugin.record.calls.fetch_add(1, Ordering::Relaxed);
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
            Err(not_taken) => Err(self.fail(not_taken, state)),
        }
    }

    fn fail(self, not_taken: NotTaken, state: &CallState) -> PluginFailure {
        let gave_up = state.denied() && matches!(not_taken.kind, FailureKind::Trap | FailureKind::Refused);
        let kind = if gave_up { FailureKind::Denied } else { not_taken.kind };
        if kind == FailureKind::Refused {
            self.permit.succeeded();
        } else {
            self.permit.failed();
        }
        let failure = self.plugin.failure(self.world, self.function, kind, not_taken.detail);
        self.plugin.record.failed(&failure);
        tracing::warn!(plugin = %failure.plugin, function = %failure.function, ?kind, detail = %failure.detail, "a plugin call failed");
        failure
    }
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
