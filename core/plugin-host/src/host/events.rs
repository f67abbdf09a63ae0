//! `events`: what happened, by granted names, and events of the plugin's own.

use std::sync::Arc;

use lyceum_domain::plugin::PluginEvent;
use serde_json::Value as Json;
use wasmtime::Result;

use super::{
    CallState,
    services::{error, within},
};
use crate::bindings::host::{
    events::{self, Event},
    lyceum::types::common::Error,
};

/// Events given at once.
const EVENTS: u32 = 100;
/// Largest facts of one event, in bytes.
const DATA_BYTES: usize = 16 << 10;

impl events::Host for CallState {
    async fn emit(&mut self, name: String, subject: Option<String>, data: String) -> Result<Result<(), Error>> {
        self.enter()?;
        if data.len() > DATA_BYTES {
            return Ok(Err(error("invalid", "data: at most 16 KiB fit here")));
        }
        let Ok(facts) = serde_json::from_str::<Json>(&data) else {
            return Ok(Err(error("invalid", "data: this is no JSON")));
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

fn event(event: PluginEvent) -> Event {
    Event {
        position: event.position,
        name: event.name,
        subject: event.subject,
        at_ms: event.at.as_millis(),
        data: event.data.to_string(),
    }
}
