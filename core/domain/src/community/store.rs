//! The SQL of comments.

use lyceum_kernel::{Id, Result};
use lyceum_store::{Write, failed};
use sea_orm::{ConnectionTrait, Statement, Value};

use super::model::{Body, CommentState, Subject};

pub(super) struct NewComment<'a> {
    pub id: Id,
    pub subject: Subject,
    pub course: Option<Id>,
    pub author: Id,
    pub body: &'a Body,
    pub locale: &'a str,
    pub state: CommentState,
}

pub(super) async fn insert(write: &Write, comment: &NewComment<'_>) -> Result<()> {
    let sql = "INSERT INTO comment \
               (id, subject_type, subject_id, course_id, author_id, body, locale, state, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)";
    let values: [Value; 9] = [
        comment.id.as_str().into(),
        comment.subject.kind.as_str().into(),
        comment.subject.id.as_str().into(),
        comment.course.map(|id| id.to_string()).into(),
        comment.author.as_str().into(),
        comment.body.as_str().into(),
        comment.locale.into(),
        comment.state.as_str().into(),
        write.now().to_string().into(),
    ];
    write.connection().execute_raw(statement(write, sql, values)).await.map_err(failed)?;
    Ok(())
}

/// Moves a held comment on. Tells whether it was held.
pub(super) async fn release(write: &Write, comment: Id, state: CommentState) -> Result<bool> {
    let sql = "UPDATE comment SET state = $1, updated_at = $2 WHERE id = $3 AND state = 'held'";
    let values: [Value; 3] = [state.as_str().into(), write.now().to_string().into(), comment.as_str().into()];
    let done = write.connection().execute_raw(statement(write, sql, values)).await.map_err(failed)?;
    Ok(done.rows_affected() == 1)
}

fn statement<const N: usize>(write: &Write, sql: &str, values: [Value; N]) -> Statement {
    Statement::from_sql_and_values(write.dialect().backend(), sql, values)
}
