//! Shows the newest first.

use lyceum_sdk::ranking::{Columns, Context, Error, Ranker};

pub struct Plugin;

impl Ranker for Plugin {
    const COLUMNS: &'static [&'static str] = &["age-hours"];

    fn rank(_context: &Context, columns: &Columns) -> Result<Vec<f32>, Error> {
        Ok(columns.f32s("age-hours")?.iter().map(|age| -age).collect())
    }
}

lyceum_sdk::export_ranking!(Plugin, manifest: "../plugin.toml");
