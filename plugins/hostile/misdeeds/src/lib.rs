//! What every hostile plugin can do, whatever its world: use up what it was
//! given, and more.

use std::hint::black_box;

use lyceum_sdk::host::{Host, Level};

/// Bytes beyond the output limit of every world.
pub const GIANT: usize = 3 << 20;

/// Does what the word says. Any other word does nothing.
pub fn misbehave(host: &impl Host, word: &str) {
    match word {
        "loop" => endless(),
        "trap" => panic!("the test asked for a trap"),
        "memory" => all_memory(),
        "stack" => drop(black_box(deep(1))),
        "log" => flood(host),
        "calls" => endless_calls(host),
        "denied" => drop(host.kv_get("key").expect("the test refuses it")),
        _ => {}
    }
}

fn endless() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Takes memory until there is none, and says so by a panic.
fn all_memory() {
    let mut taken: Vec<Vec<u8>> = Vec::new();
    loop {
        taken.push(black_box(vec![1; 1 << 20]));
    }
}

/// Never comes back; what it adds keeps it from being a loop.
#[allow(unconditional_recursion)]
fn deep(depth: u64) -> u64 {
    black_box(deep(black_box(depth + 1))) + 1
}

/// Ten lines, each longer than a call may write in all.
fn flood(host: &impl Host) {
    let line = "x".repeat(20 << 10);
    for _ in 0..10 {
        host.log(Level::Info, &line);
    }
}

fn endless_calls(host: &impl Host) {
    loop {
        black_box(host.now_ms());
    }
}
