//! `events`: what happened, by granted names, and events of the plugin's own.

use std::sync::Arc;

use lyceum_domain::plugin::PluginEvent;
use wasmtime::Result;

use super::{
    CallState,
    json::EVENT_BYTES,
    services::{error, within},
};
use crate::bindings::host::{
    events::{self, Event},
    lyceum::types::common::Error,
};

/// Events given at once.
const EVENTS: u32 = 100;
/// Events that a call may tell, and a plugin in an hour, over its versions. They
/// are kept in the outbox, and every one of them is read by all who listen.
pub(crate) const EVENTS_PER_CALL: u32 = 100;
pub(crate) const EVENTS_PER_HOUR: u32 = 10_000;

impl events::Host for CallState {
    async fn emit(&mut self, name: String, subject: Option<String>, data: String) -> Result<Result<(), Error>> {
        self.enter()?;
        if let Err(full) = self.room_for_an_event() {
            return Ok(Err(full));
        }
        let facts = match self.parsed("data", &data, EVENT_BYTES) {
            Ok(facts) => facts,
            Err(wrong) => return Ok(Err(wrong)),
        };
        let context = Arc::clone(&self.context);
        let work = context.services.emit_event(&context.id, &name, subject.as_deref(), &facts);
        Ok(within(self.time_to_answer(), work).await)
    }

    async fn read(&mut self, after: i64, limit: u32) -> Result<Result<Vec<Event>, Error>> {
        self.enter()?;
        let context = Arc::clone(&self.context);
        let work = context.services.events(&context.granted.events, after, limit.min(EVENTS));
        Ok(within(self.time_to_answer(), work).await.map(|found| found.into_iter().map(event).collect()))
    }
}

impl CallState {
    /// Counts what is asked for, so that asking wrongly is no way around it.
    fn room_for_an_event(&mut self) -> Result<(), Error> {
        if !self.may_emit() {
            return Err(error("quota", &format!("a call tells at most {EVENTS_PER_CALL} events")));
        }
        if !self.context.tally.may_emit(self.context.clock.now()) {
            let full = error("quota", &format!("a plugin tells at most {EVENTS_PER_HOUR} events in an hour"));
            return Err(Error { retryable: true, ..full });
        }
        Ok(())
    }
}

fn event(event: PluginEvent) -> Event {
    Event {
        position: event.position,
        name: event.name,
        subject: event.subject,
        at_ms: event.at.as_millis(),
        data: event.data.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lyceum_kernel::{ManualClock, Timestamp};

    use super::{super::ContextParts, events::Host as _, *};
    use crate::{MemoryServices, host::Tally, limits::World};

    struct Bench {
        services: Arc<MemoryServices>,
        clock: Arc<ManualClock>,
        tally: Arc<Tally>,
    }

    impl Bench {
        fn new() -> Self {
            let clock = Arc::new(ManualClock::at(Timestamp::from_millis(0)));
            Self { services: Arc::default(), clock, tally: Arc::default() }
        }

        fn call(&self) -> CallState {
            let (tally, clock) = (Arc::clone(&self.tally), self.clock.clone());
            let parts = ContextParts { services: self.services.clone(), clock, tally, ..ContextParts::for_test() };
            CallState::of_test(World::Job.limits(), parts)
        }
    }

    async fn told(call: &mut CallState, data: &str) -> Result<(), (String, bool)> {
        let told = call.emit("done".into(), None, data.into()).await.expect("host calls are left");
        told.map_err(|error| (error.code, error.retryable))
    }

    #[tokio::test]
    async fn a_call_tells_a_hundred_events_and_no_more() {
        let bench = Bench::new();
        let mut call = bench.call();
        for _ in 0..EVENTS_PER_CALL {
            assert_eq!(told(&mut call, "{}").await, Ok(()));
        }
        assert_eq!(told(&mut call, "{}").await, Err(("quota".into(), false)));
        assert_eq!(told(&mut bench.call(), "{}").await, Ok(()), "the next call has its own");
        assert_eq!(bench.services.all_events().len(), 101);
    }

    #[tokio::test]
    async fn a_plugin_tells_ten_thousand_events_in_an_hour_over_its_calls() {
        let bench = Bench::new();
        for _ in 0..100 {
            let mut call = bench.call();
            for _ in 0..100 {
                // What is no JSON is no event, and counts.
                assert_eq!(told(&mut call, "").await, Err(("invalid".into(), false)));
            }
        }
        assert_eq!(told(&mut bench.call(), "{}").await, Err(("quota".into(), true)));
        bench.clock.advance(Duration::from_secs(3_600));
        assert_eq!(told(&mut bench.call(), "{}").await, Ok(()));
    }
}
