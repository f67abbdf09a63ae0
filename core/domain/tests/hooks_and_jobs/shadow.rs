//! Rankers in the shadow of the active one.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use lyceum_domain::{
    plugin::{Extensions, PluginFailure, ShadowBook},
    ranking::{Column, RankContext, RankedBy, Ranker, Ranking},
};
use lyceum_kernel::{Id, Result};
use lyceum_store::StatementLog;
use serde_json::{Value as Json, json};

use crate::{
    house::{desk, titled},
    people::{DAY, each_database},
};

/// Scores by its first column.
struct Scores {
    name: &'static str,
    columns: Vec<String>,
    given: Mutex<Vec<(String, Column)>>,
}

fn scores(name: &'static str, columns: &[&str]) -> Arc<Scores> {
    let columns = columns.iter().map(|&name| name.to_owned()).collect();
    Arc::new(Scores { name, columns, given: Mutex::default() })
}

#[async_trait]
impl Ranker for Scores {
    fn name(&self) -> &str {
        self.name
    }

    fn columns(&self) -> &[String] {
        &self.columns
    }

    async fn rank(&self, _: &RankContext, columns: Vec<(String, Column)>) -> Result<Vec<f32>, PluginFailure> {
        let scores = match &columns[0].1 {
            Column::F32(values) => values.clone(),
            Column::U32(values) => values.iter().map(|value| *value as f32).collect(),
            Column::U64(values) => values.iter().map(|value| *value as f32).collect(),
        };
        *self.given.lock().unwrap() = columns;
        Ok(scores)
    }
}

struct Rankers {
    active: Arc<Scores>,
    shadow: Option<Arc<Scores>>,
}

impl Extensions for Rankers {
    fn ranker(&self) -> Option<Arc<dyn Ranker>> {
        Some(self.active.clone())
    }

    fn shadow_rankers(&self) -> Vec<Arc<dyn Ranker>> {
        self.shadow.iter().map(|shadow| shadow.clone() as Arc<dyn Ranker>).collect()
    }
}

#[tokio::test]
async fn what_only_a_shadow_asks_for_is_read_after_the_answer() {
    each_database(async |bed| {
        let desk = desk(&bed).await;
        let mut courses: Vec<Id> = Vec::new();
        for title in ["Old", "New"] {
            courses.push(desk.create("course", titled(title)).await.unwrap());
            desk.publish("course", courses[courses.len() - 1]).await.unwrap();
            bed.clock.advance(DAY);
        }
        let (ana, ben) = (bed.member("ana@example.com").await, bed.member("ben@example.com").await);
        let now = bed.db.now().to_string();
        let sql = "INSERT INTO entitlement (id, user_id, kind, course_id, starts_at, created_at) VALUES ($1, $2, 'course', $3, $4, $4)";
        let (entitlement, ben) = (Id::new().to_string(), ben.user.unwrap().to_string());
        bed.execute(sql, [entitlement.into(), ben.into(), courses[1].to_string().into(), now.into()]).await;

        let shadow = scores("acme/shadow", &["recent-enrolments", "co-enrolment"]);
        let mut statements = Vec::new();
        for shadow in [None, Some(shadow.clone())] {
            let rankers = Rankers { active: scores("acme/active", &["age-hours"]), shadow };
            let book = Arc::new(ShadowBook::default());
            let ranking = Ranking::new(Arc::new(rankers)).compared_in(book.clone());
            let log = Arc::new(StatementLog::default());
            let locale = "en".parse().unwrap();
            let asked = ranking.recommended_courses(&bed.db, &ana, &locale);
            let (order, by) = log.clone().record(asked).await.unwrap();
            assert_eq!((&order, by), (&courses, RankedBy::Plugin("acme/active".to_owned())));
            statements.push(log.statements());
            book.settle().await;
            book.flush(&bed.db).await.unwrap();
        }
        assert_eq!((statements[0].len(), &statements[0]), (1, &statements[1]), "a request pays nothing for a shadow");
        let recent = ("recent-enrolments".to_owned(), Column::U32(vec![1, 0]));
        let co_enrolment = ("co-enrolment".to_owned(), Column::F32(vec![0.0, 0.0]));
        assert_eq!(*shadow.given.lock().unwrap(), [recent, co_enrolment], "the newest first");
        let reports = bed.texts("SELECT report FROM plugin_shadow").await;
        let report: Json = serde_json::from_str(&reports.concat()).unwrap();
        assert_eq!((&report["ranking"]["calls"], &report["ranking"]["identical"]), (&json!(1), &json!(0)));
    })
    .await;
}
