//! A ranker that misbehaves in the way that `context.surface` says, for the
//! host's tests. Any other surface is served well: the score is the first column.

use std::hint::black_box;

use lyceum_sdk::ranking::{Columns, Context, Error, Ranker};

/// Misbehaves on demand.
pub struct Hostile;

impl Ranker for Hostile {
    const COLUMNS: &'static [&'static str] = &["age-hours"];

    fn rank(context: &Context, columns: &Columns) -> Result<Vec<f32>, Error> {
        let count = context.count as usize;
        match context.surface.as_str() {
            "loop" => endless(),
            "memory" => Ok(vec![all_memory(); count]),
            "trap" => panic!("the test asked for a trap"),
            "giant" => Ok(vec![1.0; 16 << 20 >> 2]),
            "short" => Ok(vec![1.0; count.saturating_sub(1)]),
            "nan" => Ok(vec![f32::NAN; count]),
            "refuse" => Err(Error::invalid("the test asked for an error")),
            _ => Ok(columns.f32s("age-hours")?.to_vec()),
        }
    }
}

fn endless() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Takes memory until there is none, and says so by a panic.
fn all_memory() -> f32 {
    let mut taken: Vec<Vec<u8>> = Vec::new();
    loop {
        taken.push(black_box(vec![1; 1 << 20]));
    }
}

lyceum_sdk::export_ranking!(Hostile, manifest: "../plugin.toml");
