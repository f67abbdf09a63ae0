//! Devices that a person has signed in from.
//!
//! **Invariant:** a device is known for one account; its token is worth nothing
//! for another one. It proves no password: it only lets its owner try while
//! strangers have used the account's tries up.

use std::time::Duration;

use lyceum_kernel::{Id, Result, Timestamp};
use lyceum_store::{Database, Write, failed};
use sea_orm::{ConnectionTrait, Statement, Value};

use super::{model::Email, secret::DeviceToken, store::execute};

/// How long a device is known after its last sign-in.
const KNOWN_FOR: Duration = Duration::from_secs(400 * 24 * 3600);
/// Devices of one person; the one that was used last stays longest.
const PER_PERSON: i64 = 50;

/// Whether this is a device of the account with this address.
pub(super) async fn is_known(database: &Database, email: &Email, token: &DeviceToken) -> Result<bool> {
    let sql = "SELECT 1 AS found FROM known_device d JOIN user_account u ON u.id = d.user_id \
               WHERE d.hash = $1 AND u.email = $2 AND d.expires_at > $3";
    let values: [Value; 3] = [token.hash().into(), email.as_str().into(), database.now().to_string().into()];
    let statement = Statement::from_sql_and_values(database.dialect().backend(), sql, values);
    Ok(database.reader().query_one_raw(statement).await.map_err(failed)?.is_some())
}

/// Notes a sign-in from the device; makes it known when it is not.
pub(super) async fn note(write: &Write, user: Id, known: Option<DeviceToken>) -> Result<DeviceToken> {
    let token = known.unwrap_or_else(DeviceToken::generate);
    let sql = "INSERT INTO known_device (hash, user_id, used_at, expires_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (hash) DO UPDATE SET used_at = excluded.used_at, expires_at = excluded.expires_at";
    let moment = |at: Timestamp| Value::from(at.to_string());
    let values: [Value; 4] =
        [token.hash().into(), user.as_str().into(), moment(write.now()), moment(write.now().plus(KNOWN_FOR))];
    execute(write, sql, values).await.map_err(failed)?;
    let sql = "DELETE FROM known_device WHERE user_id = $1 AND hash NOT IN \
               (SELECT hash FROM known_device WHERE user_id = $1 ORDER BY used_at DESC, hash LIMIT $2)";
    execute(write, sql, [user.as_str().into(), PER_PERSON.into()]).await.map_err(failed)?;
    Ok(token)
}

/// No device of this person is known any more.
pub(super) async fn forget_all(write: &Write, user: Id) -> Result<()> {
    execute(write, "DELETE FROM known_device WHERE user_id = $1", [user.as_str().into()]).await.map_err(failed)?;
    Ok(())
}
