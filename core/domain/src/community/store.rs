//! The SQL of comments.

use lyceum_kernel::{Failure, Id, Result};
use lyceum_store::{Database, Write, failed};
use sea_orm::{ConnectionTrait, Statement, Value};

use super::model::{AddedComment, Body, CommentState, Subject};

pub(super) struct NewComment<'a> {
    pub id: Id,
    pub subject: Subject,
    pub course: Option<Id>,
    pub author: Id,
    pub body: &'a Body,
    pub locale: &'a str,
    pub state: CommentState,
    /// The author's key and the hash of the input.
    pub request: Option<(&'a str, &'a str)>,
}

/// A comment that its author made by this key, and the hash of its input.
pub(super) async fn by_key(database: &Database, author: Id, key: &str) -> Result<Option<(AddedComment, String)>> {
    let sql = "SELECT id, state, request_hash FROM comment WHERE author_id = $1 AND idempotency_key = $2";
    let values: [Value; 2] = [author.as_str().into(), key.into()];
    let statement = Statement::from_sql_and_values(database.dialect().backend(), sql, values);
    let Some(row) = database.reader().query_one_raw(statement).await.map_err(failed)? else { return Ok(None) };
    let text = |column: &str| row.try_get::<String>("", column).map_err(failed);
    let state = CommentState::named(&text("state")?).ok_or_else(|| Failure::internal("a comment without a state"))?;
    let id = text("id")?.parse().map_err(Failure::internal)?;
    Ok(Some((AddedComment { id, state }, text("request_hash")?)))
}

/// Whether the row was written; not when the key was used before.
pub(super) async fn insert(write: &Write, comment: &NewComment<'_>) -> Result<bool> {
    let sql = "INSERT INTO comment \
               (id, subject_type, subject_id, course_id, author_id, body, locale, state, created_at, updated_at, \
               idempotency_key, request_hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11) \
               ON CONFLICT (author_id, idempotency_key) DO NOTHING";
    let values: [Value; 11] = [
        comment.id.as_str().into(),
        comment.subject.kind.as_str().into(),
        comment.subject.id.as_str().into(),
        comment.course.map(|id| id.to_string()).into(),
        comment.author.as_str().into(),
        comment.body.as_str().into(),
        comment.locale.into(),
        comment.state.as_str().into(),
        write.now().to_string().into(),
        comment.request.map(|(key, _)| key.to_owned()).into(),
        comment.request.map(|(_, hash)| hash.to_owned()).into(),
    ];
    let done = write.connection().execute_raw(statement(write, sql, values)).await.map_err(failed)?;
    Ok(done.rows_affected() == 1)
}

/// Moves a held comment on. Tells whether it was held.
pub(super) async fn release(write: &Write, comment: Id, state: CommentState) -> Result<bool> {
    let sql = "UPDATE comment SET state = $1, updated_at = $2 WHERE id = $3 AND state = 'held'";
    let values: [Value; 3] = [state.as_str().into(), write.now().to_string().into(), comment.as_str().into()];
    let done = write.connection().execute_raw(statement(write, sql, values)).await.map_err(failed)?;
    Ok(done.rows_affected() == 1)
}

/// Deletes the comments on entries that are being removed, in their removal,
/// and what moderation holds of either.
///
/// # Errors
/// Internal.
pub(crate) async fn forget_subjects(write: &Write, ids: &[Id]) -> Result<()> {
    let places: Vec<String> = (1..=ids.len()).map(|n| format!("${n}")).collect();
    let places = places.join(", ");
    for sql in [
        format!(
            "DELETE FROM moderation_item WHERE subject_type = 'comment' \
             AND subject_id IN (SELECT id FROM comment WHERE subject_id IN ({places}))"
        ),
        format!("DELETE FROM moderation_item WHERE subject_id IN ({places})"),
        format!("DELETE FROM comment WHERE subject_id IN ({places})"),
    ] {
        let values: Vec<Value> = ids.iter().map(|id| id.as_str().into()).collect();
        let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, values);
        write.connection().execute_raw(statement).await.map_err(failed)?;
    }
    Ok(())
}

fn statement<const N: usize>(write: &Write, sql: &str, values: [Value; N]) -> Statement {
    Statement::from_sql_and_values(write.dialect().backend(), sql, values)
}
