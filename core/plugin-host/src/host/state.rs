//! What host functions work with: the plugin's [`Context`], the same for all
//! its calls, and the [`CallState`] of one call.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use lyceum_domain::plugin::{HostServices, PluginNotice};
use lyceum_kernel::Clock;
use tokio::sync::Semaphore;

use super::{
    Tally,
    crypto::Keyring,
    events::EVENTS_PER_CALL,
    refusals::{REASON, Refusals},
    window::Window,
};
use crate::{
    egress::{Egress, Secrets},
    engine::MemoryMeter,
    grants::Granted,
    interface::Capability,
    limits::{self, Limits},
    record::Spent,
    worlds::cut,
};

/// One active plugin, as its host functions see it.
pub(crate) struct Context {
    pub id: String,
    pub version: String,
    pub config: String,
    pub granted: Granted,
    pub secrets: Secrets,
    pub services: Arc<dyn HostServices>,
    pub tally: Arc<Tally>,
    pub egress: Arc<Egress>,
    pub clock: Arc<dyn Clock>,
    pub http_slots: Semaphore,
    pub keys: Keyring,
    log_lines: Mutex<Window>,
    refusals: Refusals,
}

/// What a [`Context`] is made of.
pub(crate) struct ContextParts {
    pub id: String,
    pub version: String,
    pub config: String,
    pub granted: Granted,
    pub secrets: Secrets,
    pub services: Arc<dyn HostServices>,
    pub tally: Arc<Tally>,
    pub egress: Arc<Egress>,
    pub clock: Arc<dyn Clock>,
}

impl Context {
    pub fn new(parts: ContextParts) -> Self {
        let ContextParts { id, version, config, granted, secrets, services, tally, egress, clock } = parts;
        let http_slots = Semaphore::new(limits::HTTP_CONCURRENT);
        Self {
            id,
            version,
            config,
            secrets: secrets.sending_only(&granted.sendable),
            granted,
            services,
            tally,
            egress,
            clock,
            http_slots,
            keys: Keyring::default(),
            log_lines: Mutex::default(),
            refusals: Refusals::default(),
        }
    }

    /// Whether one more log line fits into this second.
    pub fn may_log(&self) -> bool {
        let mut lines = self.log_lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.has_room(self.clock.now(), Duration::from_secs(1), limits::LOG_LINES_PER_SECOND)
    }
}

/// One call: what it has used and may still use.
pub(crate) struct CallState {
    pub context: Arc<Context>,
    pub meter: MemoryMeter,
    limits: Limits,
    deadline: Instant,
    ticks: u32,
    /// Time of the host that is less than half a tick, in microseconds. Below
    /// zero, a tick was charged for more than half of one.
    owed: i64,
    host_calls: u32,
    http_calls: u32,
    events: u32,
    log_bytes: usize,
    denials: u32,
    sent: bool,
    unanswered: bool,
}

/// A call that the host ended, other than by time or memory.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    #[error("it made more than {0} host calls")]
    HostCalls(u32),
}

impl CallState {
    pub fn new(context: Arc<Context>, limits: Limits, deadline: Instant) -> Self {
        Self {
            context,
            meter: MemoryMeter::new(limits.memory),
            limits,
            deadline,
            ticks: 0,
            owed: 0,
            host_calls: 0,
            http_calls: 0,
            events: 0,
            log_bytes: 0,
            denials: 0,
            sent: false,
            unanswered: false,
        }
    }

    /// Makes a kept instance ready for its next call. Its memory stays counted.
    pub fn renew(&mut self, limits: Limits, deadline: Instant) {
        let meter = std::mem::replace(&mut self.meter, MemoryMeter::new(0));
        *self = Self { meter, ..Self::new(Arc::clone(&self.context), limits, deadline) };
    }

    /// Counts a host call.
    ///
    /// # Errors
    /// There were too many: the call ends.
    pub fn enter(&mut self) -> Result<(), Ended> {
        self.host_calls += 1;
        if self.host_calls > self.limits.host_calls {
            return Err(Ended::HostCalls(self.limits.host_calls));
        }
        Ok(())
    }

    /// Counts a tick in which the guest ran; whether it may go on.
    pub fn tick(&mut self) -> bool {
        self.ticks = self.ticks.saturating_add(1);
        self.ticks < self.limits.cpu_ticks
    }

    /// Does work for the guest and charges it as if the guest had done it.
    pub fn charged<T>(&mut self, work: impl FnOnce(&Context) -> T) -> T {
        let context = Arc::clone(&self.context);
        let started = Instant::now();
        let done = work(&context);
        self.charge(started.elapsed());
        done
    }

    /// Counts ticks of one millisecond, to the nearest over all of the call, so
    /// that many small pieces of work cost what one large one does. A call that
    /// has none left ends at the next tick of its guest.
    pub fn charge(&mut self, spent: Duration) {
        let owed = self.owed.saturating_add(i64::try_from(spent.as_micros()).unwrap_or(i64::MAX));
        let ticks = owed.saturating_add(500) / 1000;
        self.owed = owed.saturating_sub(ticks * 1000);
        self.ticks = self.ticks.saturating_add(u32::try_from(ticks).unwrap_or(u32::MAX));
    }

    /// Counts an event of its own; whether the call may tell it.
    pub fn may_emit(&mut self) -> bool {
        self.events += 1;
        self.events <= EVENTS_PER_CALL
    }

    /// Counts an HTTP request; whether it may be made.
    pub fn may_send(&mut self) -> bool {
        self.http_calls += 1;
        self.http_calls <= self.limits.http_calls
    }

    /// Counts bytes for the log; whether they may be written.
    pub fn may_log(&mut self, bytes: usize) -> bool {
        self.log_bytes = self.log_bytes.saturating_add(bytes);
        let may = self.log_bytes <= limits::LOG_BYTES_PER_CALL && self.context.may_log();
        if !may {
            self.context.tally.dropped_line();
        }
        may
    }

    /// Counts a refusal, writes it into the audit log and tells the owner. Of a
    /// flood a few are told, with how many before them were not.
    pub fn deny(&mut self, capability: Capability, function: &'static str, reason: &str) {
        self.denials += 1;
        let Context { id, version, tally, services, .. } = &*self.context;
        tally.denied(capability);
        let now = self.context.clock.now();
        let Some(untold) = self.context.refusals.note(capability, function, now) else { return };
        let (capability, reason) = (capability.name(), cut(reason, REASON));
        tracing::warn!(
            target: "lyceum::audit", plugin = %id, %version, capability, function, reason, untold, "denied"
        );
        services.notice(PluginNotice::Denied {
            plugin: id.clone(),
            version: version.clone(),
            permission: capability.to_owned(),
            function: function.to_owned(),
            reason,
        });
    }

    /// From here on bytes may leave, and no answer is here.
    pub fn note_unanswered(&mut self) {
        (self.sent, self.unanswered) = (true, true);
    }

    /// What is known once the attempt has ended.
    pub fn restore(&mut self, sent: bool, unanswered: bool) {
        (self.sent, self.unanswered) = (sent, unanswered);
    }

    /// Whether a byte of a request may have left.
    pub fn sent(&self) -> bool {
        self.sent
    }

    /// Whether a request may have left and had no answer.
    pub fn unanswered(&self) -> bool {
        self.unanswered
    }

    pub fn denied(&self) -> bool {
        self.denials > 0
    }

    /// What it used so far; the wall time is the caller's to know.
    pub fn spent(&self, wall: Duration) -> Spent {
        Spent { wall, cpu_ms: self.ticks, memory: self.meter.used(), host_calls: self.host_calls }
    }

    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

#[cfg(test)]
impl CallState {
    /// A call of a plugin that was granted nothing.
    pub fn for_test(limits: Limits) -> Self {
        Self::of_test(limits, ContextParts::for_test())
    }

    pub fn of_test(limits: Limits, parts: ContextParts) -> Self {
        Self::new(Arc::new(Context::new(parts)), limits, Instant::now() + limits.wall)
    }
}

#[cfg(test)]
impl ContextParts {
    /// A plugin that was granted nothing.
    pub fn for_test() -> Self {
        Self {
            id: "acme/test".into(),
            version: "1.0.0".into(),
            config: "{}".into(),
            granted: Granted::default(),
            secrets: Secrets::default(),
            services: Arc::new(crate::MemoryServices::default()),
            tally: Arc::default(),
            egress: Arc::new(Egress::new().expect("a client")),
            clock: Arc::new(lyceum_kernel::SystemClock),
        }
    }
}

#[cfg(test)]
mod tests {
    use lyceum_kernel::{ManualClock, Timestamp};

    use super::*;
    use crate::{MemoryServices, limits::World};

    #[test]
    fn a_flood_of_refusals_is_counted_whole_and_told_in_part_and_short() {
        let (services, clock) =
            (Arc::new(MemoryServices::default()), Arc::new(ManualClock::at(Timestamp::from_millis(0))));
        let parts = ContextParts { services: services.clone(), clock: clock.clone(), ..ContextParts::for_test() };
        let mut state = CallState::of_test(World::Job.limits(), parts);
        let long = format!("the secret `{}` is not granted", "x\n".repeat(1 << 20));
        (0..1_000).for_each(|_| state.deny(Capability::Http, "send", &long));
        state.deny(Capability::Kv, "get", "another one");
        clock.advance(Duration::from_secs(1));
        state.deny(Capability::Http, "send", "a second later");
        let told = services.notices().into_iter().map(|notice| match notice {
            PluginNotice::Denied { permission, function, reason, .. } => (permission, function, reason),
            other => panic!("{other:?}"),
        });
        let told: Vec<_> = told.collect();
        let refused =
            |permission: &str, function: &str, reason: &str| (permission.into(), function.into(), reason.into());
        let short = format!("the secret `{}", "x ".repeat(144));
        let mut expected = vec![refused("http", "send", &short); 5];
        expected.extend([refused("kv", "get", "another one"), refused("http", "send", "a second later")]);
        assert_eq!(told, expected);
        assert_eq!(state.context.tally.denials(), [("http".to_owned(), 1_001), ("kv".to_owned(), 1)].into());
    }

    #[test]
    fn many_small_pieces_of_work_cost_what_a_large_one_does() {
        let mut state = CallState::for_test(World::Job.limits());
        (0..1_000).for_each(|_| state.charge(Duration::from_micros(300)));
        assert_eq!(state.spent(Duration::ZERO).cpu_ms, 300);
    }
}
