//! Courses for one viewer.

use lyceum_kernel::{Id, Locale, Result, Viewer};
use lyceum_store::Database;

use super::{RankContext, RankedBy, Ranking, candidates};

impl Ranking {
    /// The ids of published courses that the viewer has not bought, best first.
    ///
    /// # Errors
    /// Internal, when the courses cannot be read. A failing ranker is no error.
    pub async fn recommended_courses(
        &self,
        database: &Database,
        viewer: &Viewer,
        locale: &Locale,
    ) -> Result<(Vec<Id>, RankedBy)> {
        let asked = self.asked();
        let items = candidates::load(database, viewer, &asked).await?;
        let context = RankContext {
            surface: "recommended-courses".to_owned(),
            locale: locale.to_string(),
            now_ms: database.now().as_millis(),
            count: 0,
        };
        let more = |items, wanted: Vec<String>| {
            let (database, viewer) = (database.clone(), viewer.clone());
            async move {
                match candidates::lacks(&asked, &wanted) {
                    true => candidates::again(&database, &viewer, &wanted, items).await,
                    false => Some(items),
                }
            }
        };
        Ok(self.order_beside(viewer, items, context, more).await)
    }
}
