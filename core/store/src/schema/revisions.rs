//! The saved states of entries, which follow their content types.

use lyceum_kernel::{ErrorCode, Failure, Result};
use lyceum_model::plan::{Plan, SnapshotChange};
use sea_orm::{ConnectionTrait, QueryResult, Statement};
use serde_json::Value as Json;

use super::state::execute;
use crate::{Write, failed};

/// How many are read at a time.
const BATCH: i64 = 500;

struct Revision {
    id: String,
    /// Whether the entry has no later one.
    latest: bool,
    snapshot: Json,
}

/// Does to the snapshots what the plan does to the tables.
///
/// # Errors
/// INVALID_STATE when an unpublished change holds a value that its field does
/// not take any more.
pub(super) async fn follow(write: &Write, plan: &Plan, default_locale: &str) -> Result<()> {
    let changes = plan.snapshots();
    for change in &changes {
        match change.to {
            Some(_) => rewrite(write, change, default_locale).await?,
            None => {
                execute(write, "DELETE FROM revision WHERE subject_type = $1", [change.from.as_str().into()]).await?
            }
        }
    }
    rename(write, &changes).await
}

async fn rewrite(write: &Write, change: &SnapshotChange, default_locale: &str) -> Result<()> {
    let mut last = String::new();
    loop {
        let batch = next(write, &change.from, &last).await?;
        let Some(end) = batch.last() else { return Ok(()) };
        last.clone_from(&end.id);
        for revision in batch {
            refuse_misfit(change, &revision)?;
            let after = change.apply(&revision.snapshot, default_locale);
            if after != revision.snapshot {
                let values = [after.to_string().into(), revision.id.into()];
                execute(write, "UPDATE revision SET snapshot = $1 WHERE id = $2", values).await?;
            }
        }
    }
}

/// The next revisions of a type, in the order of their ids.
async fn next(write: &Write, subject_type: &str, after: &str) -> Result<Vec<Revision>> {
    let sql = "SELECT r.id, r.snapshot, NOT EXISTS \
                 (SELECT 1 FROM revision later WHERE later.subject_id = r.subject_id AND later.number > r.number) AS latest \
               FROM revision r WHERE r.subject_type = $1 AND r.id > $2 ORDER BY r.id LIMIT $3";
    let values = [subject_type.into(), after.into(), BATCH.into()];
    let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, values);
    let rows = write.connection().query_all_raw(statement).await.map_err(failed)?;
    rows.iter().map(revision).collect()
}

fn revision(row: &QueryResult) -> Result<Revision> {
    let snapshot: String = row.try_get("", "snapshot").map_err(failed)?;
    Ok(Revision {
        id: row.try_get("", "id").map_err(failed)?,
        latest: row.try_get("", "latest").map_err(failed)?,
        snapshot: serde_json::from_str(&snapshot).map_err(Failure::internal)?,
    })
}

fn refuse_misfit(change: &SnapshotChange, revision: &Revision) -> Result<()> {
    let Some(field) = change.misfit(&revision.snapshot).filter(|_| revision.latest) else { return Ok(()) };
    let name = change.to.as_deref().unwrap_or(&change.from);
    let message = format!(
        "{name}.{field}: an entry has an unpublished change with a value that the field will not take any more. \
         Publish or change it first."
    );
    Err(Failure::new(ErrorCode::InvalidState, message))
}

/// All at once, since types may have swapped their names.
async fn rename(write: &Write, changes: &[SnapshotChange]) -> Result<()> {
    let renamed = changes.iter().filter_map(|change| Some((change.from.as_str(), change.to.as_deref()?)));
    let renamed: Vec<(&str, &str)> = renamed.filter(|(from, to)| from != to).collect();
    if renamed.is_empty() {
        return Ok(());
    }
    // Names of types are letters and digits.
    let cases: String = renamed.iter().map(|(from, to)| format!(" WHEN '{from}' THEN '{to}'")).collect();
    let names: Vec<String> = renamed.iter().map(|(from, _)| format!("'{from}'")).collect();
    let sql = format!(
        "UPDATE revision SET subject_type = CASE subject_type{cases} END WHERE subject_type IN ({})",
        names.join(", ")
    );
    execute(write, &sql, []).await
}
