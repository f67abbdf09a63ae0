//! A ranker that misbehaves in the way that `context.surface` says, for the
//! host's tests. Any other surface is served well: the score is the first column.
//! It imports the clock alone, which a ranker has no calls for.

use hostile_misdeeds::{COPIES, GIANT, endless_calls, use_up};
use lyceum_sdk::{
    host::Wasm,
    ranking::{Columns, Context, Error, Ranker},
};

/// Misbehaves on demand.
pub struct Hostile;

impl Ranker for Hostile {
    const COLUMNS: &'static [&'static str] = &["age-hours"];

    fn rank(context: &Context, columns: &Columns) -> Result<Vec<f32>, Error> {
        let count = context.count as usize;
        use_up(&context.surface);
        match context.surface.as_str() {
            "calls" => endless_calls(&Wasm),
            "giant" => return Ok(scores(GIANT)),
            "copies" => return Ok(scores(COPIES)),
            "short" => return Ok(vec![1.0; count.saturating_sub(1)]),
            "nan" => return Ok(vec![f32::NAN; count]),
            "refuse" => return Err(Error::invalid("the test asked for an error")),
            _ => {}
        }
        Ok(columns.f32s("age-hours")?.to_vec())
    }
}

fn scores(bytes: usize) -> Vec<f32> {
    vec![1.0; bytes / size_of::<f32>()]
}

lyceum_sdk::export_ranking!(Hostile, manifest: "../plugin.toml");
