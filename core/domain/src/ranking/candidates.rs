//! The courses that can be recommended, with what is known of them.

use std::{collections::HashSet, time::Duration};

use lyceum_kernel::{Failure, Id, Result, Timestamp, Viewer};
use lyceum_store::{Database, failed};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};

use super::{
    history::REMEMBERED,
    neighbours,
    order::{RankItem, by_recency},
};

/// At most this many courses are ranked: the newest.
const MOST: i64 = 500;

/// How long an enrolment is recent.
const RECENT: Duration = Duration::from_secs(30 * 86_400);

/// Published courses that the viewer has not bought, the newest first. One
/// statement, and one more when a column asked for needs the histories of others.
/// Affinity is the share of the course's tags that the viewer's bought and
/// commented courses have.
pub(super) async fn load(database: &Database, viewer: &Viewer, asked: &[String]) -> Result<Vec<RankItem>> {
    let asks = |column: &str| asked.iter().any(|name| name == column);
    let user = viewer.user.map(|id| id.to_string()).unwrap_or_default();
    let mut values: Vec<Value> = vec![user.into(), MOST.into()];
    let recent = asks("recent-enrolments");
    if recent {
        values.push(database.now().minus(RECENT).to_string().into());
    }
    let sql = sql(recent, asks("author-affinity"));
    let statement = Statement::from_sql_and_values(database.dialect().backend(), sql, values);
    let rows = database.reader().query_all_raw(statement).await.map_err(failed)?;
    let mut items = rows.iter().map(|row| item(row, database.now())).collect::<Result<Vec<_>>>()?;
    if let (Some(user), true) = (viewer.user, asks("co-enrolment")) {
        neighbours::fill(database, user, &mut items).await?;
    }
    Ok(items)
}

/// Columns that are read only when they are asked for.
const DEAR: [&str; 3] = ["recent-enrolments", "author-affinity", "co-enrolment"];

/// Whether something is wanted that was not read for those who asked.
pub(super) fn lacks(asked: &[String], wanted: &[String]) -> bool {
    wanted.iter().any(|name| DEAR.contains(&name.as_str()) && !asked.contains(name))
}

/// The same courses with other columns, the newest first. None when they cannot
/// be read; a course that is gone meanwhile is left out.
pub(super) async fn again(
    database: &Database,
    viewer: &Viewer,
    wanted: &[String],
    items: Vec<RankItem>,
) -> Option<Vec<RankItem>> {
    let same: HashSet<Id> = items.iter().map(|item| item.id).collect();
    match load(database, viewer, wanted).await {
        Ok(mut items) => {
            items.retain(|item| same.contains(&item.id));
            by_recency(&mut items);
            Some(items)
        }
        Err(failure) => {
            tracing::warn!(cause = ?failure, "courses for a ranker in the shadow could not be read");
            None
        }
    }
}

/// With these columns, or with zeros in their place.
fn sql(recent: bool, authors: bool) -> String {
    let recent = if recent { RECENT_SQL } else { "0" };
    let authored = if authors { AUTHORED_SQL } else { "0" };
    format!(
        "WITH mine AS ( \
        SELECT course_id FROM entitlement WHERE user_id = $1 AND course_id IS NOT NULL AND revoked_at IS NULL \
        UNION SELECT course_id FROM comment WHERE author_id = $1 AND course_id IS NOT NULL), \
      liked AS (SELECT DISTINCT t.tag_id FROM course_tag t JOIN mine m ON m.course_id = t.course_id), \
      latest AS (SELECT k.author_id FROM entitlement e JOIN course k ON k.id = e.course_id \
        WHERE e.user_id = $1 AND e.revoked_at IS NULL ORDER BY e.id DESC LIMIT {REMEMBERED}) \
    SELECT c.id, c.published_at, coalesce(c.price_minor, 0) AS price_minor, \
      (SELECT count(*) FROM entitlement e WHERE e.course_id = c.id AND e.revoked_at IS NULL) AS enrolments, \
      (SELECT count(*) FROM comment k WHERE k.course_id = c.id AND k.state = 'visible') AS comments, \
      (SELECT count(*) FROM lesson l WHERE l.course_id = c.id AND l.status = 'published') AS lessons, \
      (SELECT count(*) FROM course_tag t WHERE t.course_id = c.id) AS tags, \
      (SELECT count(*) FROM course_tag t JOIN liked l ON l.tag_id = t.tag_id WHERE t.course_id = c.id) AS shared, \
      CAST({recent} AS BIGINT) AS recent, CAST({authored} AS BIGINT) AS authored, \
      (SELECT count(*) FROM latest) AS held \
    FROM course c WHERE c.status = 'published' \
      AND NOT EXISTS (SELECT 1 FROM entitlement e WHERE e.course_id = c.id AND e.user_id = $1 AND e.revoked_at IS NULL) \
    ORDER BY c.published_at DESC, c.id DESC LIMIT $2"
    )
}

const RECENT_SQL: &str =
    "(SELECT count(*) FROM entitlement e WHERE e.course_id = c.id AND e.revoked_at IS NULL AND e.created_at > $3)";
const AUTHORED_SQL: &str = "(SELECT count(*) FROM latest a WHERE a.author_id = c.author_id)";

#[allow(clippy::cast_precision_loss, reason = "hours and small counts, to be compared only")]
fn item(row: &QueryResult, now: Timestamp) -> Result<RankItem> {
    let id: String = row.try_get("", "id").map_err(failed)?;
    let published: String = row.try_get("", "published_at").map_err(failed)?;
    let published: Timestamp = published.parse().map_err(Failure::internal)?;
    let count = |name: &str| row.try_get::<i64>("", name).map_err(failed);
    let small = |n: i64| u32::try_from(n).unwrap_or_default();
    let share = |part: i64, whole: i64| if whole == 0 { 0.0 } else { part as f32 / whole as f32 };
    Ok(RankItem {
        id: id.parse::<Id>().map_err(Failure::internal)?,
        age_hours: ((now.as_millis() - published.as_millis()).max(0) as f32) / 3_600_000.0,
        enrolments: small(count("enrolments")?),
        comments: small(count("comments")?),
        price_minor: u64::try_from(count("price_minor")?).unwrap_or_default(),
        lessons: small(count("lessons")?),
        affinity: share(count("shared")?, count("tags")?),
        recent_enrolments: small(count("recent")?),
        co_enrolment: 0.0,
        author_affinity: share(count("authored")?, count("held")?),
    })
}
