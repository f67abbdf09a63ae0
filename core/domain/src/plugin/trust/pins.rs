//! The pinned keys: the only SQL of this module.

use lyceum_kernel::{Id, Result, Timestamp};
use lyceum_store::failed;
use sea_orm::{ConnectionTrait, Statement, Value};

use super::{Publisher, Signer};

/// The publisher with its pinned key, if any is pinned.
///
/// # Errors
/// Internal.
pub async fn publisher(on: &impl ConnectionTrait, name: &str) -> Result<Option<Publisher>> {
    let sql = "SELECT public_key, key_id FROM plugin_publisher WHERE publisher = $1";
    let statement = Statement::from_sql_and_values(on.get_database_backend(), sql, [name.into()]);
    let Some(row) = on.query_one_raw(statement).await.map_err(failed)? else { return Ok(None) };
    let text = |column: &str| row.try_get::<String>("", column).map_err(failed);
    let signer = Signer { key_id: text("key_id")?, public_key: text("public_key")? };
    Ok(Some(Publisher { name: name.to_owned(), signer }))
}

/// Pins a key, in the place of the one that was pinned.
///
/// # Errors
/// Internal.
pub async fn pin(on: &impl ConnectionTrait, publisher: &Publisher, by: Option<Id>, at: Timestamp) -> Result<()> {
    let sql = "INSERT INTO plugin_publisher (publisher, public_key, key_id, pinned_at, pinned_by) \
               VALUES ($1, $2, $3, $4, $5) ON CONFLICT (publisher) DO UPDATE SET public_key = excluded.public_key, \
               key_id = excluded.key_id, pinned_at = excluded.pinned_at, pinned_by = excluded.pinned_by";
    let values: [Value; 5] = [
        publisher.name.as_str().into(),
        publisher.signer.public_key.as_str().into(),
        publisher.signer.key_id.as_str().into(),
        at.to_string().into(),
        by.map(|id| id.to_string()).into(),
    ];
    let statement = Statement::from_sql_and_values(on.get_database_backend(), sql, values);
    on.execute_raw(statement).await.map_err(failed)?;
    Ok(())
}

/// Forgets a publisher's key: the next package of it pins its own. For an
/// owner who was told of a lost key some other way.
///
/// # Errors
/// Internal.
pub async fn forget(on: &impl ConnectionTrait, name: &str) -> Result<()> {
    let sql = "DELETE FROM plugin_publisher WHERE publisher = $1";
    let statement = Statement::from_sql_and_values(on.get_database_backend(), sql, [name.into()]);
    on.execute_raw(statement).await.map_err(failed)?;
    Ok(())
}
