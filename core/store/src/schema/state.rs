//! What was applied: one row a content type, with its definition.

use lyceum_kernel::{Failure, Result};
use lyceum_model::{content::ContentType, plan::Plan};
use sea_orm::{ConnectionTrait, Statement, Value};

use crate::{Dialect, Write, failed};

pub(super) async fn read(connection: &impl ConnectionTrait, dialect: Dialect) -> Result<Vec<ContentType>> {
    let sql = "SELECT definition FROM content_type";
    let rows = connection.query_all_raw(Statement::from_string(dialect.backend(), sql)).await.map_err(failed)?;
    let mut types = Vec::with_capacity(rows.len());
    for row in rows {
        let text: String = row.try_get("", "definition").map_err(failed)?;
        types.push(serde_json::from_str::<ContentType>(&text).map_err(Failure::internal)?);
    }
    types.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(types)
}

/// Notes what a plan has made. Names are unique and may have been swapped, so
/// the old rows go first.
pub(super) async fn replace(write: &Write, plan: &Plan) -> Result<()> {
    execute(write, "DELETE FROM content_type", []).await?;
    let sql = "INSERT INTO content_type (id, name, definition, applied_at) VALUES ($1, $2, $3, $4)";
    for content_type in &plan.wanted {
        let definition = serde_json::to_string(content_type).map_err(Failure::internal)?;
        let values: [Value; 4] = [
            content_type.id.as_str().into(),
            content_type.name.as_str().into(),
            definition.into(),
            write.now().to_string().into(),
        ];
        execute(write, sql, values).await?;
    }
    Ok(())
}

pub(super) async fn execute<const N: usize>(write: &Write, sql: &str, values: [Value; N]) -> Result<()> {
    let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, values);
    write.connection().execute_raw(statement).await.map_err(failed)?;
    Ok(())
}
