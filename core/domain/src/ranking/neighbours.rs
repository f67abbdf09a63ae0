//! The histories around one person, from the database.

use std::collections::HashMap;

use lyceum_kernel::{Id, Result};
use lyceum_store::{Database, failed};
use sea_orm::{ConnectionTrait, Statement, Value};

use super::{
    history::{HOLDERS, Holding, NEIGHBOURS, REMEMBERED, co_enrolment},
    order::RankItem,
};

/// So many rows of histories are read at most.
const MOST_ROWS: usize = 40_000;

/// Sets `co_enrolment` of the items. One statement, of which each part is bounded:
/// the person's latest courses, the latest who have each, of those the people who
/// share most, and their courses.
pub(super) async fn fill(database: &Database, user: Id, items: &mut [RankItem]) -> Result<()> {
    let bounds = [REMEMBERED, HOLDERS, NEIGHBOURS, MOST_ROWS];
    let bounds = bounds.map(|bound| Value::from(i64::try_from(bound).unwrap_or(i64::MAX)));
    let values: Vec<Value> = std::iter::once(user.to_string().into()).chain(bounds).collect();
    let statement = Statement::from_sql_and_values(database.dialect().backend(), SQL, values);
    let rows = database.reader().query_all_raw(statement).await.map_err(failed)?;
    let mut around = Around::default();
    for row in rows {
        let person: String = row.try_get("", "user_id").map_err(failed)?;
        let course: String = row.try_get("", "course_id").map_err(failed)?;
        let holders: i64 = row.try_get("", "holders").map_err(failed)?;
        around.add(person == user.as_str(), person, course, holders);
    }
    let scores = around.scores(items);
    items.iter_mut().zip(scores).for_each(|(item, score)| item.co_enrolment = score);
    Ok(())
}

/// Ids are in the order of time. The holders of a course are counted only where
/// they are needed, for the person's own.
const SQL: &str = "WITH mine AS ( \
        SELECT course_id FROM entitlement \
        WHERE user_id = $1 AND kind = 'course' AND revoked_at IS NULL ORDER BY id DESC LIMIT $2), \
      near AS (SELECT e.user_id FROM mine m JOIN entitlement e ON e.course_id = m.course_id \
        WHERE e.user_id <> $1 AND e.id IN (SELECT x.id FROM entitlement x \
          WHERE x.course_id = m.course_id AND x.revoked_at IS NULL ORDER BY x.id DESC LIMIT $3) \
        GROUP BY e.user_id ORDER BY count(*) DESC, e.user_id DESC LIMIT $4) \
    SELECT e.user_id, e.course_id, \
      CASE WHEN e.user_id = $1 THEN (SELECT count(*) FROM entitlement h \
        WHERE h.course_id = e.course_id AND h.revoked_at IS NULL) ELSE 0 END AS holders \
    FROM entitlement e WHERE e.kind = 'course' AND e.revoked_at IS NULL \
      AND (e.user_id = $1 OR e.user_id IN (SELECT n.user_id FROM near n)) \
    ORDER BY CASE WHEN e.user_id = $1 THEN 0 ELSE 1 END, e.user_id, e.id LIMIT $5";

/// Histories by number in place of id.
#[derive(Default)]
struct Around {
    numbers: HashMap<String, u32>,
    /// The person's, the earliest first.
    mine: Vec<Holding>,
    others: Vec<Vec<u32>>,
    last: Option<String>,
}

impl Around {
    fn number(&mut self, course: String) -> u32 {
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX - 1);
        *self.numbers.entry(course).or_insert(next)
    }

    /// Rows come person by person.
    fn add(&mut self, own: bool, person: String, course: String, holders: i64) {
        let item = self.number(course);
        if own {
            self.mine.push(Holding { item, holders: u32::try_from(holders).unwrap_or(u32::MAX) });
            return;
        }
        if self.last.as_ref() != Some(&person) {
            self.others.push(Vec::new());
            self.last = Some(person);
        }
        let history = self.others.last_mut().expect("one was pushed for the first row");
        if !history.contains(&item) {
            history.push(item);
        }
    }

    fn scores(mut self, items: &[RankItem]) -> Vec<f32> {
        self.mine.reverse();
        let candidates: Vec<Holding> = items
            .iter()
            .map(|item| Holding { item: self.number(item.id.to_string()), holders: item.enrolments })
            .collect();
        co_enrolment(&self.mine, &self.others, &candidates)
    }
}
