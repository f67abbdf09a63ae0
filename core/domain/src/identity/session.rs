//! The SQL of sessions and refresh tokens.

use std::time::Duration;

use lyceum_kernel::{Id, Result, Timestamp};
use lyceum_store::{Write, failed};
use sea_orm::{ConnectionTrait, Statement, Value};

use super::{
    secret::RefreshToken,
    store::{execute, id_of},
};

/// A session that was opened or goes on.
pub(super) struct Open {
    pub session: Id,
    pub refresh_token: RefreshToken,
    pub refresh_expires_at: Timestamp,
}

/// What the database knows of a refresh token that a client sent.
pub(super) struct Presented {
    pub session: Id,
    pub user: Id,
    /// It was used before.
    pub used: bool,
    /// Neither it nor its session has ended, and the account is enabled.
    pub alive: bool,
}

pub(super) async fn open(write: &Write, user: Id, agent: Option<String>, ttl: Duration) -> Result<Open> {
    let session = Id::new();
    let sql = "INSERT INTO session (id, user_id, created_at, expires_at, user_agent) VALUES ($1, $2, $3, $4, $5)";
    let values: [Value; 5] = [
        session.as_str().into(),
        user.as_str().into(),
        write.now().to_string().into(),
        write.now().plus(ttl).to_string().into(),
        agent.into(),
    ];
    execute(write, sql, values).await.map_err(failed)?;
    issue(write, session, ttl).await
}

async fn issue(write: &Write, session: Id, ttl: Duration) -> Result<Open> {
    let (token, expires) = (RefreshToken::generate(), write.now().plus(ttl));
    let sql = "INSERT INTO refresh_token (hash, session_id, issued_at, expires_at) VALUES ($1, $2, $3, $4)";
    let values: [Value; 4] =
        [token.hash().into(), session.as_str().into(), write.now().to_string().into(), expires.to_string().into()];
    execute(write, sql, values).await.map_err(failed)?;
    Ok(Open { session, refresh_token: token, refresh_expires_at: expires })
}

/// Finds a token and locks it: of two refreshes at once the second sees the first.
pub(super) async fn present(write: &Write, token: &RefreshToken) -> Result<Option<Presented>> {
    let sql = format!(
        "SELECT s.id AS session_id, s.user_id AS user_id, t.used_at AS used_at, \
         CASE WHEN t.expires_at > $2 AND s.revoked_at IS NULL AND u.disabled_at IS NULL THEN 1 ELSE 0 END AS alive \
         FROM refresh_token t JOIN session s ON s.id = t.session_id JOIN user_account u ON u.id = s.user_id \
         WHERE t.hash = $1{}",
        write.dialect().for_update()
    );
    let values: [Value; 2] = [token.hash().into(), write.now().to_string().into()];
    let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, values);
    let Some(row) = write.connection().query_one_raw(statement).await.map_err(failed)? else { return Ok(None) };
    let used_at: Option<String> = row.try_get("", "used_at").map_err(failed)?;
    let alive: i32 = row.try_get("", "alive").map_err(failed)?;
    let (session, user) = (id_of(&row, "session_id")?, id_of(&row, "user_id")?);
    Ok(Some(Presented { session, user, used: used_at.is_some(), alive: alive == 1 }))
}

/// Uses a token up and issues the next; the session lasts as long as that.
pub(super) async fn rotate(write: &Write, session: Id, token: &RefreshToken, ttl: Duration) -> Result<Open> {
    let now = write.now().to_string();
    let used: [Value; 2] = [now.clone().into(), token.hash().into()];
    execute(write, "UPDATE refresh_token SET used_at = $1 WHERE hash = $2", used).await.map_err(failed)?;
    let expired: [Value; 2] = [session.as_str().into(), now.into()];
    execute(write, "DELETE FROM refresh_token WHERE session_id = $1 AND expires_at <= $2", expired)
        .await
        .map_err(failed)?;
    let longer: [Value; 2] = [write.now().plus(ttl).to_string().into(), session.as_str().into()];
    execute(write, "UPDATE session SET expires_at = $1 WHERE id = $2", longer).await.map_err(failed)?;
    issue(write, session, ttl).await
}

/// Ends a session. Tells whether it was open.
pub(super) async fn revoke(write: &Write, session: Id) -> Result<bool> {
    let sql = "UPDATE session SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL";
    let values: [Value; 2] = [write.now().to_string().into(), session.as_str().into()];
    Ok(execute(write, sql, values).await.map_err(failed)?.rows_affected() == 1)
}

/// Ends all sessions of a person.
pub(super) async fn revoke_all(write: &Write, user: Id) -> Result<()> {
    let sql = "UPDATE session SET revoked_at = $1 WHERE user_id = $2 AND revoked_at IS NULL";
    let values: [Value; 2] = [write.now().to_string().into(), user.as_str().into()];
    execute(write, sql, values).await.map_err(failed)?;
    Ok(())
}
