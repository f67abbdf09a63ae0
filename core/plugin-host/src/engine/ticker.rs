//! The engine's clock: an operating-system thread that moves the epoch every
//! millisecond while a guest runs, and sleeps soon after the last one.
//!
//! It is a thread and not a task, because a task would wait behind the very
//! guest that it has to end. It lingers before it sleeps, because to wake it
//! costs a call more than a short guest does.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
};

use wasmtime::EngineWeak;

/// Length of a tick.
const TICK: Duration = Duration::from_millis(1);
/// Ticks without a guest, after which it sleeps.
const LINGER: u32 = 50;

#[derive(Default)]
struct Shared {
    running: AtomicUsize,
    asleep: AtomicBool,
    stop: AtomicBool,
}

/// The clock's handle. Dropping it ends the thread.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

impl Ticker {
    pub fn start(engine: EngineWeak) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let for_thread = Arc::clone(&shared);
        let body = move || tick(&engine, &for_thread);
        let handle = thread::Builder::new().name("lyceum-wasm-clock".into()).spawn(body)?;
        Ok(Self { shared, thread: handle.thread().clone() })
    }

    /// Keeps the clock going until the guard is dropped.
    pub fn run(&self) -> Running<'_> {
        self.shared.running.fetch_add(1, Ordering::SeqCst);
        if self.shared.asleep.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        Running(&self.shared)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// A guest runs.
pub(crate) struct Running<'a>(&'a Shared);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

fn tick(engine: &EngineWeak, shared: &Shared) {
    let mut idle = 0;
    while !shared.stop.load(Ordering::SeqCst) {
        thread::sleep(TICK);
        if shared.running.load(Ordering::SeqCst) > 0 {
            idle = 0;
            let Some(engine) = engine.upgrade() else { return };
            engine.increment_epoch();
            continue;
        }
        idle += 1;
        if idle > LINGER {
            idle = 0;
            sleep(shared);
        }
    }
}

/// Until a guest runs. It says that it sleeps before it looks for a guest, and a
/// guest is counted before it looks for a sleeper, so one of them sees the other.
fn sleep(shared: &Shared) {
    shared.asleep.store(true, Ordering::SeqCst);
    while shared.running.load(Ordering::SeqCst) == 0 && !shared.stop.load(Ordering::SeqCst) {
        // A wake-up between the check and this line is kept: park returns at once.
        thread::park();
    }
    shared.asleep.store(false, Ordering::SeqCst);
}
