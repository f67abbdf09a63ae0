//! Counts the memory of an instance over all its memories. The engine's own
//! `StoreLimits` counts each memory alone.

use wasmtime::ResourceLimiter;

use crate::limits;

/// Bytes in use and allowed.
#[derive(Debug)]
pub(crate) struct MemoryMeter {
    allowed: usize,
    used: usize,
    last_growth: usize,
    refused: bool,
}

impl MemoryMeter {
    pub fn new(allowed: usize) -> Self {
        Self { allowed, used: 0, last_growth: 0, refused: false }
    }

    /// Whether the guest ever asked for more than it may have.
    pub fn refused(&self) -> bool {
        self.refused
    }

    pub fn used(&self) -> usize {
        self.used
    }

    pub fn allowed(&self) -> usize {
        self.allowed
    }
}

impl ResourceLimiter for MemoryMeter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current);
        let after = self.used.saturating_add(growth);
        if after > self.allowed {
            self.refused = true;
            return Ok(false);
        }
        (self.used, self.last_growth) = (after, growth);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.used = self.used.saturating_sub(std::mem::take(&mut self.last_growth));
        self.refused = true;
        Ok(())
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= limits::TABLE_ELEMENTS)
    }

    fn instances(&self) -> usize {
        limits::CORE_INSTANCES
    }

    fn tables(&self) -> usize {
        limits::TABLES
    }

    fn memories(&self) -> usize {
        limits::MEMORIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 65_536;

    #[test]
    fn two_memories_share_one_limit() {
        let mut meter = MemoryMeter::new(4 * PAGE);
        assert!(meter.memory_growing(0, 3 * PAGE, None).expect("no error"));
        assert!(!meter.memory_growing(0, 2 * PAGE, None).expect("no error"), "a second memory has one page left");
        assert!(meter.refused());
        assert!(meter.memory_growing(0, PAGE, None).expect("no error"));
        assert_eq!(meter.used(), 4 * PAGE);
    }

    #[test]
    fn a_growth_that_failed_is_given_back() {
        let mut meter = MemoryMeter::new(4 * PAGE);
        assert!(meter.memory_growing(PAGE, 3 * PAGE, None).expect("no error"));
        meter.memory_grow_failed(wasmtime::Error::msg("no memory")).expect("no error");
        assert_eq!(meter.used(), 0);
    }
}
