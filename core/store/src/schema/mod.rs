//! The tables of content types: what was applied, what a change needs, and
//! how it is carried out.
//!
//! **Invariant:** the table `content_type` and the tables it tells of change
//! in one transaction: all of a plan is applied, or nothing.
//! **Invariant:** a plan is applied only to the state it was made for.
//! **Invariant:** no value is lost without `allow_destructive`, in the tables
//! or in the saved states of entries, which follow their types.

mod check;
mod drift;
mod revisions;
mod state;
mod statement;
mod taken;

use lyceum_kernel::{ErrorCode, Failure, Locale, Result};
use lyceum_model::{
    content::{ContentType, layout},
    plan::{self, Plan, Step},
};

pub use drift::Drift;
pub use taken::{Taken, taken};

use crate::{Database, Dialect, Write};
use state::execute;

/// A plan, and how the tables differ from what was applied last.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    pub plan: Plan,
    pub drift: Vec<Drift>,
}

/// How a plan may be applied.
#[derive(Debug, Clone)]
pub struct Apply {
    /// Whether steps may lose values.
    pub allow_destructive: bool,
    /// Whose values a field has when it becomes localised or ceases to be.
    pub default_locale: Locale,
}

/// The content types as they were applied last, by id.
///
/// # Errors
/// Internal.
pub async fn applied(database: &Database) -> Result<Vec<ContentType>> {
    state::read(database.reader(), database.dialect()).await
}

/// What leads from the database to `wanted`, which must be all content types.
/// Changes nothing.
///
/// # Errors
/// Internal.
pub async fn plan(database: &Database, wanted: &[ContentType]) -> Result<Proposal> {
    let applied = applied(database).await?;
    let drift = drift::find(database, &layout(&applied)).await?;
    Ok(Proposal { plan: plan::diff(&applied, wanted), drift })
}

/// Carries a plan out and tells its steps, a line each.
///
/// # Errors
/// INVALID_STATE when the plan would lose values and may not, when values are
/// in the way, or when the database changed since the plan was made. Then
/// nothing is changed.
pub async fn apply(database: &Database, plan: &Plan, how: &Apply) -> Result<Vec<String>> {
    refuse_losses(plan, how)?;
    let write = database.write().await?;
    lock(&write).await?;
    refuse_other_state(&write, plan).await?;
    for check in &plan.checks {
        check::run(&write, check).await?;
    }
    for operation in &plan.operations {
        for sql in statement::of(operation, write.dialect(), &how.default_locale) {
            execute(&write, &sql, []).await?;
        }
    }
    revisions::follow(&write, plan, how.default_locale.as_str()).await?;
    state::replace(&write, plan).await?;
    write.commit().await?;
    Ok(plan.describe())
}

fn refuse_losses(plan: &Plan, how: &Apply) -> Result<()> {
    if how.allow_destructive || !plan.is_destructive() {
        return Ok(());
    }
    let lost: Vec<String> = plan.steps.iter().filter(|step| step.is_destructive()).map(Step::describe).collect();
    let message = format!("These steps lose data; allow it with --allow-destructive:\n{}", lost.join("\n"));
    Err(Failure::new(ErrorCode::InvalidState, message).with("steps", lost))
}

/// Two servers that start at once apply one after the other. A SQLite write
/// transaction already holds the only lock.
async fn lock(write: &Write) -> Result<()> {
    match write.dialect() {
        Dialect::Sqlite => Ok(()),
        Dialect::Postgres => execute(write, "LOCK TABLE content_type IN EXCLUSIVE MODE", []).await,
    }
}

async fn refuse_other_state(write: &Write, plan: &Plan) -> Result<()> {
    let mut expected = plan.applied.clone();
    expected.sort_by(|a, b| a.id.cmp(&b.id));
    if state::read(write.connection(), write.dialect()).await? == expected {
        return Ok(());
    }
    let message = "The content types in the database have changed since this plan was made. Make a new plan.";
    Err(Failure::new(ErrorCode::InvalidState, message))
}
