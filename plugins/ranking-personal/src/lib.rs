//! Orders courses by what people with the same courses took about the same time.
//!
//! The host does the looking up: `co-enrolment` says how strongly a course goes with
//! what the viewer has. This plugin weighs it against the viewer's authors and
//! tags, and has an order for viewers without a history.

mod score;

use lyceum_sdk::ranking::{Columns, Context, Error, Ranker};

pub use score::{Item, scores};

/// A ranker for communities whose members have histories.
pub struct Personal;

impl Ranker for Personal {
    const COLUMNS: &'static [&'static str] =
        &["age-hours", "enrolments", "recent-enrolments", "affinity", "co-enrolment", "author-affinity"];

    fn rank(_context: &Context, columns: &Columns) -> Result<Vec<f32>, Error> {
        let (ages, affinities) = (columns.f32s("age-hours")?, columns.f32s("affinity")?);
        let (enrolments, recent) = (columns.u32s("enrolments")?, columns.u32s("recent-enrolments")?);
        let (together, authors) = (columns.f32s("co-enrolment")?, columns.f32s("author-affinity")?);
        let item = |at: usize| Item {
            age_hours: ages[at],
            enrolments: enrolments[at],
            recent_enrolments: recent[at],
            affinity: affinities[at],
            co_enrolment: together[at],
            author_affinity: authors[at],
        };
        Ok(scores(&(0..ages.len()).map(item).collect::<Vec<_>>()))
    }
}

lyceum_sdk::export_ranking!(Personal, manifest: "../plugin.toml");
