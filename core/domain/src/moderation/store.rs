//! The SQL of moderation items.

use lyceum_kernel::{Failure, Id, Result};
use lyceum_store::{Write, failed};
use sea_orm::{ConnectionTrait, Statement, Value};

use super::Review;

/// What an item is about.
pub(super) struct Subject {
    pub kind: String,
    pub id: Id,
}

pub(super) async fn insert(write: &Write, kind: &str, subject: Id, state: &str, review: &Review) -> Result<Id> {
    let id = Id::new();
    let sql = "INSERT INTO moderation_item \
               (id, subject_type, subject_id, state, reason, labels, moderator, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let values: [Value; 8] = [
        id.as_str().into(),
        kind.into(),
        subject.as_str().into(),
        state.into(),
        review.reason.as_str().into(),
        serde_json::to_string(&review.labels).map_err(Failure::internal)?.into(),
        review.moderator.as_str().into(),
        write.now().to_string().into(),
    ];
    write.connection().execute_raw(statement(write, sql, values)).await.map_err(failed)?;
    Ok(id)
}

/// Decides an item that is still pending. Tells whether it was.
pub(super) async fn decide(write: &Write, item: Id, state: &str, by: Id, note: Option<&str>) -> Result<bool> {
    let sql = "UPDATE moderation_item SET state = $1, decided_by = $2, decided_at = $3, note = $4 \
               WHERE id = $5 AND state = 'pending'";
    let values: [Value; 5] = [
        state.into(),
        by.as_str().into(),
        write.now().to_string().into(),
        note.map(str::to_owned).into(),
        item.as_str().into(),
    ];
    let done = write.connection().execute_raw(statement(write, sql, values)).await.map_err(failed)?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn subject(write: &Write, item: Id) -> Result<Option<Subject>> {
    let sql = "SELECT subject_type, subject_id FROM moderation_item WHERE id = $1";
    let row = write.connection().query_one_raw(statement(write, sql, [item.as_str().into()])).await.map_err(failed)?;
    let Some(row) = row else { return Ok(None) };
    let id: String = row.try_get("", "subject_id").map_err(failed)?;
    let kind = row.try_get("", "subject_type").map_err(failed)?;
    Ok(Some(Subject { kind, id: id.parse().map_err(Failure::internal)? }))
}

fn statement<const N: usize>(write: &Write, sql: &str, values: [Value; N]) -> Statement {
    Statement::from_sql_and_values(write.dialect().backend(), sql, values)
}
