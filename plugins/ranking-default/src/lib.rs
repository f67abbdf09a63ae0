//! Orders courses by freshness, popularity and affinity.

mod score;

use lyceum_sdk::ranking::{Columns, Context, Error, Ranker};

pub use score::{Item, score};

/// The ranker of `lyceum demo`.
pub struct Default;

impl Ranker for Default {
    const COLUMNS: &'static [&'static str] = &["age-hours", "enrolments", "comments", "affinity"];

    fn rank(_context: &Context, columns: &Columns) -> Result<Vec<f32>, Error> {
        let ages = columns.f32s("age-hours")?;
        let enrolments = columns.u32s("enrolments")?;
        let comments = columns.u32s("comments")?;
        let affinities = columns.f32s("affinity")?;
        let items = ages.iter().zip(enrolments).zip(comments.iter().zip(affinities));
        let scores = items.map(|((&age_hours, &enrolments), (&comments, &affinity))| {
            score(&Item { age_hours, enrolments, comments, affinity })
        });
        Ok(scores.collect())
    }
}

lyceum_sdk::export_ranking!(Default, manifest: "../plugin.toml");
