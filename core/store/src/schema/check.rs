//! Whether the data allows a change.

use lyceum_kernel::{ErrorCode, Failure, Result};
use lyceum_model::plan::Check;
use sea_orm::{ConnectionTrait, Statement};

use crate::{Write, failed};

pub(super) async fn run(write: &Write, check: &Check) -> Result<()> {
    let statement = Statement::from_string(write.dialect().backend(), count(check));
    let row = write.connection().query_one_raw(statement).await.map_err(failed)?;
    let count: i64 = row.map(|row| row.try_get("", "n")).transpose().map_err(failed)?.unwrap_or(0);
    if count == 0 { Ok(()) } else { Err(Failure::new(ErrorCode::InvalidState, check.refusal(count))) }
}

/// Counts what is in the way. Values of enumerations are lower-case words, so
/// they need no parameters.
fn count(check: &Check) -> String {
    match check {
        Check::NoRows { table, .. } => format!("SELECT COUNT(*) AS n FROM {table}"),
        Check::NoneMissing { table, column, locale: None, .. } => {
            format!("SELECT COUNT(*) AS n FROM {table} WHERE {column} IS NULL")
        }
        Check::NoneMissing { table, column, locale: Some((locale_table, entry)), .. } => format!(
            "SELECT COUNT(*) AS n FROM {table} e WHERE NOT EXISTS \
             (SELECT 1 FROM {locale_table} l WHERE l.{entry} = e.id AND l.{column} IS NOT NULL)"
        ),
        Check::NoneTwice { table, columns, .. } => {
            let (columns, last) = (columns.join(", "), columns.last().map_or("id", String::as_str));
            format!(
                "SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM {table} WHERE {last} IS NOT NULL \
                 GROUP BY {columns} HAVING COUNT(*) > 1) doubles"
            )
        }
        Check::OnlyValues { table, column, values, .. } => {
            format!("SELECT COUNT(*) AS n FROM {table} WHERE {column} NOT IN ('{}')", values.join("', '"))
        }
        Check::NoneLonger { table, column, max, .. } => {
            format!("SELECT COUNT(*) AS n FROM {table} WHERE LENGTH({column}) > {max}")
        }
    }
}
