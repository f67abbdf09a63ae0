//! What other domains ask of content: prices for the till, and whether an
//! entry may be seen.

use async_trait::async_trait;
use lyceum_kernel::{Action, Currency, Failure, Id, Money, Result, Viewer};
use lyceum_model::Access;
use lyceum_store::{Write, failed, read::Reading};
use sea_orm::{ConnectionTrait, QueryResult, Statement};

use super::{Contents, references};
use crate::{
    community::{Subject, SubjectKind, Subjects},
    payment::{Catalog, SellableCourse},
};

#[async_trait]
impl Subjects for Contents {
    async fn may_see(&self, viewer: &Viewer, kind: SubjectKind, id: Id) -> Result<bool> {
        let def = self.content_type(kind.as_str())?;
        let database = self.database();
        let reading = Reading {
            model: self.model(),
            viewer,
            locales: self.locales().all(),
            exact: false,
            dialect: database.dialect(),
        };
        Ok(reading.may(def, id, Action::Read).fetch(database.reader()).await?.is_some())
    }

    async fn course_of(&self, kind: SubjectKind, id: Id) -> Result<Option<Id>> {
        match kind {
            SubjectKind::Course => Ok(Some(id)),
            SubjectKind::Lesson => {
                let row = self.row("SELECT course_id FROM lesson WHERE id = $1", id).await?;
                row.map(|row| {
                    row.try_get::<String>("", "course_id").map_err(failed)?.parse().map_err(Failure::internal)
                })
                .transpose()
            }
        }
    }

    async fn hold(&self, write: &Write, subject: Subject) -> Result<bool> {
        let def = self.content_type(subject.kind.as_str())?;
        references::hold(write, def, subject.id).await
    }
}

#[async_trait]
impl Catalog for Contents {
    async fn sellable_course(&self, id: Id) -> Result<Option<SellableCourse>> {
        let row = self.row(SELLABLE, id).await?;
        row.map(|row| sellable(id, &row)).transpose()
    }

    async fn course_exists(&self, write: &Write, id: Id) -> Result<bool> {
        let sql = "SELECT 1 AS found FROM course WHERE id = $1";
        let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, [id.to_string().into()]);
        Ok(write.connection().query_one_raw(statement).await.map_err(failed)?.is_some())
    }
}

// The title in the first language that has one: it is what the receipt says.
const SELLABLE: &str = "SELECT c.status, c.price_minor, c.price_currency, c.access, c.access_tier_id, \
    (SELECT l.title FROM course_locale l WHERE l.course_id = c.id AND l.title IS NOT NULL ORDER BY l.locale LIMIT 1) AS title \
    FROM course c WHERE c.id = $1";

fn sellable(id: Id, row: &QueryResult) -> Result<SellableCourse> {
    let minor: Option<i64> = row.try_get("", "price_minor").map_err(failed)?;
    let currency: Option<String> = row.try_get("", "price_currency").map_err(failed)?;
    let currency = currency.map(|code| code.parse::<Currency>()).transpose().map_err(Failure::internal)?;
    let access: Option<String> = row.try_get("", "access").map_err(failed)?;
    let tier: Option<String> = row.try_get("", "access_tier_id").map_err(failed)?;
    let tier = tier.filter(|_| access.as_deref() == Some(Access::Tier.as_str()));
    let status: String = row.try_get("", "status").map_err(failed)?;
    Ok(SellableCourse {
        id,
        title: row.try_get::<Option<String>>("", "title").map_err(failed)?.unwrap_or_default(),
        price: minor.zip(currency).map(|(minor, currency)| Money::new(minor, currency)),
        published: status == "published",
        tier: tier.map(|id| id.parse()).transpose().map_err(Failure::internal)?,
    })
}

impl Contents {
    async fn row(&self, sql: &str, id: Id) -> Result<Option<QueryResult>> {
        let backend = self.database().dialect().backend();
        let statement = Statement::from_sql_and_values(backend, sql, [id.to_string().into()]);
        self.database().reader().query_one_raw(statement).await.map_err(failed)
    }
}
