//! Recommended courses: ids in the order of the ranking, rows as the asker may
//! read them.

use lyceum_domain::ranking::RankedBy;
use lyceum_kernel::{Locale, Result};
use serde_json::{Map, Value as Json};

use super::{
    Run,
    text::{self, ObjectText},
};
use crate::fields::Selections;

/// Courses when the query does not say how many.
const FIRST: i64 = 10;

impl Run<'_> {
    pub(super) async fn recommended(
        &mut self,
        arguments: &Map<String, Json>,
        below: &Selections<'_>,
        locales: &[Locale],
    ) -> Result<String> {
        let count = arguments.get("first").and_then(Json::as_i64).unwrap_or(FIRST);
        let count = self.meter.page(Some(count), "first")?;
        let (domains, viewer) = (&self.api.domains, &self.asker.viewer);
        let ranked = domains.ranking.recommended_courses(&domains.database, viewer, &locales[0]).await?;
        let (mut ids, ranked_by) = ranked;
        ids.truncate(count as usize);
        let mut out = ObjectText::new();
        for selected in below.fields(&["RecommendedCourses"])? {
            self.meter.field()?;
            let told = match selected.name() {
                "nodes" => {
                    let rows = self.by_ids("course", &ids, &below.below(&selected), locales).await?;
                    text::list(ids.iter().filter_map(|id| rows.get(id)).map(|row| row.get()))
                }
                "rankedBy" => Json::from(name_of(&ranked_by)).to_string(),
                _ => "\"RecommendedCourses\"".to_owned(),
            };
            out.put(selected.key, &told);
        }
        Ok(out.end())
    }
}

fn name_of(ranked_by: &RankedBy) -> &str {
    match ranked_by {
        RankedBy::Plugin(name) => name,
        RankedBy::Default => "default",
    }
}
