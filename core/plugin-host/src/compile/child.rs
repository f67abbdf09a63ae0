//! The child that compiles one component.
//!
//! **Invariant:** the limits stand before the first byte of the component is
//! looked at by the compiler.

use std::{
    io::{self, Read as _, Write as _},
    process::ExitCode,
};

use crate::{
    engine::PluginEngine,
    limits::{COMPILE_BASE, COMPILE_SHARE},
    wishes::COMPONENT_CEILING,
};

const MIB: u64 = 1 << 20;

/// Address space that compiling a component of so many bytes may take, in bytes.
///
/// Most of it is the code's own: see [`COMPILE_SHARE`].
#[must_use]
pub const fn memory_allowed(component: u64) -> u64 {
    COMPILE_BASE as u64 + COMPILE_SHARE as u64 * component
}

/// Compiles the component on the standard input and writes the code to the
/// standard output. What is in the way is the last line of the standard error.
#[must_use]
pub fn compile_child() -> ExitCode {
    match compiled() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{}", reason.replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}

fn compiled() -> Result<(), String> {
    let wasm = component()?;
    process::limit(wasm.len() as u64).map_err(|error| format!("the compiler cannot limit itself: {error}"))?;
    let engine = PluginEngine::for_compiling().map_err(|error| format!("{error:#}"))?;
    let code = engine.precompile_component(&wasm).map_err(|error| format!("{error:#}"))?;
    io::stdout().lock().write_all(&code).map_err(|error| format!("the code was not taken: {error}"))
}

fn component() -> Result<Vec<u8>, String> {
    let mut wasm = Vec::new();
    let read = io::stdin().lock().take(COMPONENT_CEILING + 1).read_to_end(&mut wasm);
    read.map_err(|error| format!("the component cannot be read: {error}"))?;
    if wasm.len() as u64 > COMPONENT_CEILING {
        return Err(format!("the component has more than {} MiB", COMPONENT_CEILING / MIB));
    }
    Ok(wasm)
}

#[cfg(target_os = "linux")]
mod process {
    use rustix::{
        io::Result,
        process::{Resource, Rlimit, nice, setrlimit},
    };

    use super::memory_allowed;
    use crate::limits::COMPILE_TIME;

    /// The lowest priority that there is.
    const NICEST: i32 = 19;

    /// Memory, processor time, no core file, and the lowest priority.
    pub fn limit(component: u64) -> Result<()> {
        let of = |resource, most: u64| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
        of(Resource::Core, 0)?;
        // At the first the process is told by a signal of its own, at the second it is killed.
        let (told, killed) = (COMPILE_TIME.as_secs(), COMPILE_TIME.as_secs() + 1);
        setrlimit(Resource::Cpu, Rlimit { current: Some(told), maximum: Some(killed) })?;
        of(Resource::As, memory_allowed(component))?;
        nice(NICEST).map(drop)
    }
}

/// Elsewhere the parent's clock is the only limit.
#[cfg(not(target_os = "linux"))]
mod process {
    pub fn limit(_component: u64) -> std::io::Result<()> {
        Ok(())
    }
}
