//! The one WASM engine of the process.
//!
//! **Invariant:** guest code runs only while a [`Running`] guard lives, because
//! only then the ticker moves the epoch that ends it.

mod meter;
mod ticker;

use std::sync::OnceLock;

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::limits;

pub(crate) use meter::MemoryMeter;
pub(crate) use ticker::{Running, Ticker};

/// Component instances that may be alive at once: those of calls under way and
/// the kept ones. Each may have all that its limits allow, so that instances
/// with much of it take nothing from the others.
const INSTANCES: u32 = 2 * count(limits::CALLS);
/// Largest memory that an owner can grant, in bytes.
const LARGEST_MEMORY: usize = crate::wishes::MEMORY_CEILING as usize;

/// Bytes of a memory or table that stay with its place for the next instance.
const KEPT: usize = 1 << 20;

/// The engine and its clock.
pub(crate) struct PluginEngine {
    pub engine: Engine,
    pub ticker: Ticker,
}

impl PluginEngine {
    /// The engine of this process, made on first use.
    ///
    /// # Errors
    /// The machine cannot run compiled WASM.
    pub fn shared() -> Result<&'static Self, String> {
        static SHARED: OnceLock<Result<PluginEngine, String>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref().map_err(Clone::clone)
    }

    /// An engine whose code the shared one takes, without instances: the pool
    /// does not change the code, and its address space is not needed.
    ///
    /// # Errors
    /// The machine cannot compile WASM.
    pub fn for_compiling() -> wasmtime::Result<Engine> {
        Engine::new(&base())
    }

    fn start() -> Result<Self, String> {
        let engine = pooling().or_else(|reason| {
            tracing::warn!(%reason, "no instance pool on this machine, instances are made one by one");
            Engine::new(&base())
        });
        let engine = engine.map_err(|error| format!("the WASM engine does not start: {error:#}"))?;
        let ticker = Ticker::start(engine.weak()).map_err(|error| format!("the WASM clock does not start: {error}"))?;
        Ok(Self { engine, ticker })
    }
}

/// Fails where the address space is limited (`ulimit -v`): the pool reserves it ahead.
fn pooling() -> wasmtime::Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    let (cores, memories, tables) = (count(limits::CORE_INSTANCES), count(limits::MEMORIES), count(limits::TABLES));
    pool.total_component_instances(INSTANCES)
        .total_core_instances(INSTANCES * cores)
        .total_memories(INSTANCES * memories)
        .total_tables(INSTANCES * tables)
        .total_stacks(INSTANCES)
        .max_core_instances_per_component(cores)
        .max_memories_per_component(memories)
        .max_tables_per_component(tables)
        .table_elements(limits::TABLE_ELEMENTS)
        .max_memory_size(LARGEST_MEMORY)
        // What an instance leaves behind is overwritten, not given back and
        // faulted in again; the kernel tells which pages it touched.
        .linear_memory_keep_resident(KEPT)
        .table_keep_resident(KEPT)
        .pagemap_scan(Enabled::Auto);
    let mut config = base();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
}

/// A limit as the engine counts.
const fn count(limit: usize) -> u32 {
    assert!(limit <= 1 << 16);
    limit as u32
}

fn base() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // Five times cheaper calls; rules out WASI 0.3, which is never linked.
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(limits::WASM_STACK)
        .async_stack_size(limits::WASM_STACK + (1 << 20))
        .memory_init_cow(true);
    config
}
