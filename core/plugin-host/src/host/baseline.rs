//! Interfaces every plugin has: log, config, clock, random, metrics.

use rand::RngCore;
use wasmtime::Result;

use super::CallState;
use crate::{
    bindings::host::{
        clock, config,
        log::{self, Level},
        lyceum::types::common::{self, Ext},
        metrics, random,
    },
    limits,
};

impl common::Host for CallState {}

impl log::Host for CallState {
    fn write(&mut self, level: Level, message: String, fields: Ext) -> Result<()> {
        self.enter()?;
        let bytes = message.len() + fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        if !self.may_log(bytes) {
            return Ok(());
        }
        let plugin = self.context.id.as_str();
        let message = one_line(&message);
        match level {
            Level::Trace => tracing::trace!(target: "lyceum::plugin", plugin, ?fields, "{message}"),
            Level::Debug => tracing::debug!(target: "lyceum::plugin", plugin, ?fields, "{message}"),
            Level::Info => tracing::info!(target: "lyceum::plugin", plugin, ?fields, "{message}"),
            Level::Warn => tracing::warn!(target: "lyceum::plugin", plugin, ?fields, "{message}"),
            Level::Error => tracing::error!(target: "lyceum::plugin", plugin, ?fields, "{message}"),
        }
        Ok(())
    }
}

/// A guest must not be able to forge a line of the log.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl config::Host for CallState {
    fn get(&mut self) -> Result<String> {
        self.enter()?;
        Ok(self.context.config.clone())
    }
}

impl clock::Host for CallState {
    fn now_ms(&mut self) -> Result<u64> {
        self.enter()?;
        Ok(u64::try_from(self.context.clock.now().as_millis()).unwrap_or(0))
    }
}

impl random::Host for CallState {
    fn bytes(&mut self, len: u32) -> Result<Vec<u8>> {
        self.enter()?;
        let mut bytes = vec![0; usize::try_from(len.min(limits::RANDOM_BYTES)).unwrap_or(0)];
        rand::rng().fill_bytes(&mut bytes);
        Ok(bytes)
    }
}

impl metrics::Host for CallState {
    fn count(&mut self, name: String, add: u64, labels: Ext) -> Result<()> {
        self.enter()?;
        self.context.tally.measures.count(name, add, labels);
        Ok(())
    }

    fn observe(&mut self, name: String, value: f64, labels: Ext) -> Result<()> {
        self.enter()?;
        self.context.tally.measures.observe(name, value, labels);
        Ok(())
    }
}
