//! What host functions work with: the plugin's [`Context`], the same for all
//! its calls, and the [`CallState`] of one call.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use lyceum_domain::plugin::{HostServices, PluginNotice};
use lyceum_kernel::{Clock, Timestamp};
use tokio::sync::Semaphore;

use super::{Tally, crypto::Keyring};
use crate::{
    egress::{Egress, Secrets},
    engine::MemoryMeter,
    grants::Granted,
    interface::Capability,
    limits::{self, Limits},
    record::Spent,
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
    log_lines: Mutex<(Timestamp, u32)>,
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
        let log_lines = Mutex::new((Timestamp::from_millis(0), 0));
        Self {
            id,
            version,
            config,
            granted,
            secrets,
            services,
            tally,
            egress,
            clock,
            http_slots,
            keys: Keyring::default(),
            log_lines,
        }
    }

    /// Whether one more log line fits into this second.
    pub fn may_log(&self) -> bool {
        let now = self.clock.now();
        let mut lines = self.log_lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.0.plus(Duration::from_secs(1)) <= now {
            *lines = (now, 0);
        }
        lines.1 += 1;
        lines.1 <= limits::LOG_LINES_PER_SECOND
    }
}

/// One call: what it has used and may still use.
pub(crate) struct CallState {
    pub context: Arc<Context>,
    pub meter: MemoryMeter,
    limits: Limits,
    deadline: Instant,
    ticks: u32,
    host_calls: u32,
    http_calls: u32,
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
            host_calls: 0,
            http_calls: 0,
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
        self.ticks += 1;
        self.ticks < self.limits.cpu_ticks
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

    /// Writes a refusal into the audit log, counts it and tells the owner.
    pub fn deny(&mut self, capability: Capability, function: &str, reason: &str) {
        self.denials += 1;
        let Context { id, version, tally, services, .. } = &*self.context;
        tally.denied(capability);
        let capability = capability.name();
        services.notice(PluginNotice::Denied {
            plugin: id.clone(),
            version: version.clone(),
            permission: capability.to_owned(),
            function: function.to_owned(),
            reason: reason.to_owned(),
        });
        tracing::warn!(target: "lyceum::audit", plugin = %id, %version, capability, function, reason, "denied");
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
        let context = Context::new(ContextParts {
            id: "acme/test".into(),
            version: "1.0.0".into(),
            config: "{}".into(),
            granted: Granted::default(),
            secrets: Secrets::default(),
            services: Arc::new(crate::MemoryServices::default()),
            tally: Arc::default(),
            egress: Arc::new(Egress::new().expect("a client")),
            clock: Arc::new(lyceum_kernel::SystemClock),
        });
        Self::new(Arc::new(context), limits, Instant::now() + limits.wall)
    }
}
