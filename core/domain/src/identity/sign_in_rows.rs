//! The SQL of sign-in through providers: attempts under way, and who is who
//! at a provider.

use std::time::Duration;

use lyceum_kernel::{Id, Result, Timestamp};
use lyceum_store::{Database, Write, failed};
use sea_orm::{ConnectionTrait, Statement, Value};

use super::{
    secret::{AttemptSecret, RefreshToken, SignInState},
    store::{execute, id_of},
};

/// A sign-in that was begun.
pub(super) struct Attempt<'a> {
    pub state: &'a SignInState,
    pub attempt: &'a AttemptSecret,
    /// The plugin's id.
    pub provider: &'a str,
    pub redirect_uri: &'a str,
    pub locale: &'a str,
    /// Nonce, verifier and what the plugin wanted kept.
    pub sealed: &'a str,
}

/// What comes back of it, once.
pub(super) struct Taken {
    pub redirect_uri: String,
    pub locale: String,
    pub sealed: String,
}

pub(super) async fn begin(write: &Write, attempt: &Attempt<'_>, good_for: Duration) -> Result<()> {
    let now: [Value; 1] = [write.now().to_string().into()];
    execute(write, "DELETE FROM auth_attempt WHERE expires_at <= $1", now).await.map_err(failed)?;
    let sql = "INSERT INTO auth_attempt (state_hash, attempt_hash, provider, redirect_uri, locale, sealed, expires_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values: [Value; 7] = [
        attempt.state.hash().into(),
        attempt.attempt.hash().into(),
        attempt.provider.into(),
        attempt.redirect_uri.into(),
        attempt.locale.into(),
        attempt.sealed.into(),
        write.now().plus(good_for).to_string().into(),
    ];
    execute(write, sql, values).await.map_err(failed)?;
    Ok(())
}

/// Takes an attempt out; none when state, secret, provider or time do not fit.
pub(super) async fn take(
    write: &Write,
    state: &SignInState,
    attempt: &AttemptSecret,
    provider: &str,
) -> Result<Option<Taken>> {
    let sql = "DELETE FROM auth_attempt WHERE state_hash = $1 AND attempt_hash = $2 AND provider = $3 \
               AND expires_at > $4 RETURNING redirect_uri, locale, sealed";
    let values: [Value; 4] =
        [state.hash().into(), attempt.hash().into(), provider.into(), write.now().to_string().into()];
    let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, values);
    let Some(row) = write.connection().query_one_raw(statement).await.map_err(failed)? else { return Ok(None) };
    let text = |column: &str| row.try_get::<String>("", column).map_err(failed);
    Ok(Some(Taken { redirect_uri: text("redirect_uri")?, locale: text("locale")?, sealed: text("sealed")? }))
}

/// An account that a provider's person has.
pub(super) struct Linked {
    pub user: Id,
    pub disabled: bool,
}

pub(super) async fn linked(write: &Write, provider: &str, subject: &str) -> Result<Option<Linked>> {
    let sql = "SELECT u.id, u.disabled_at FROM user_identity i JOIN user_account u ON u.id = i.user_id \
               WHERE i.provider = $1 AND i.subject = $2";
    let values: [Value; 2] = [provider.into(), subject.into()];
    let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, values);
    let Some(row) = write.connection().query_one_raw(statement).await.map_err(failed)? else { return Ok(None) };
    let disabled_at: Option<String> = row.try_get("", "disabled_at").map_err(failed)?;
    Ok(Some(Linked { user: id_of(&row, "id")?, disabled: disabled_at.is_some() }))
}

/// Who somebody is at a provider.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    /// The plugin's id.
    pub provider: &'a str,
    pub subject: &'a str,
}

/// # Errors
/// CONFLICT when somebody else was quicker.
pub(super) async fn link(write: &Write, at: At<'_>, user: Id) -> Result<()> {
    let sql = "INSERT INTO user_identity (provider, subject, user_id, linked_at, asked_at) \
               VALUES ($1, $2, $3, $4, $4)";
    let values: [Value; 4] =
        [at.provider.into(), at.subject.into(), user.as_str().into(), write.now().to_string().into()];
    execute(write, sql, values).await.map_err(failed)?;
    Ok(())
}

/// Keeps what the provider wants kept; none when that is nothing. The provider
/// has just been asked.
pub(super) async fn keep(write: &Write, at: At<'_>, sealed: Option<&str>) -> Result<()> {
    let sql = "UPDATE user_identity SET sealed = $3, asked_at = $4 WHERE provider = $1 AND subject = $2";
    let values: [Value; 4] =
        [at.provider.into(), at.subject.into(), sealed.map(str::to_owned).into(), write.now().to_string().into()];
    execute(write, sql, values).await.map_err(failed)?;
    Ok(())
}

pub(super) async fn unlink_all(write: &Write, user: Id) -> Result<()> {
    execute(write, "DELETE FROM user_identity WHERE user_id = $1", [user.as_str().into()]).await.map_err(failed)?;
    Ok(())
}

/// Notes through whom a session was opened.
pub(super) async fn note_session(write: &Write, session: Id, at: At<'_>) -> Result<()> {
    let sql = "UPDATE session SET provider = $1, subject = $2 WHERE id = $3";
    let values: [Value; 3] = [at.provider.into(), at.subject.into(), session.as_str().into()];
    execute(write, sql, values).await.map_err(failed)?;
    Ok(())
}

/// Ends the sessions that were opened through a provider.
pub(super) async fn revoke_sessions(write: &Write, at: At<'_>) -> Result<()> {
    let sql = "UPDATE session SET revoked_at = $1 WHERE provider = $2 AND subject = $3 AND revoked_at IS NULL";
    let values: [Value; 3] = [write.now().to_string().into(), at.provider.into(), at.subject.into()];
    execute(write, sql, values).await.map_err(failed)?;
    Ok(())
}

/// Somebody of whom the provider is to be asked again.
pub(super) struct Due {
    pub user: Id,
    pub provider: String,
    pub subject: String,
    pub sealed: String,
}

/// Whom the session of a good refresh token was opened for, when the provider
/// was last asked at `before` or earlier and keeps something to ask with.
pub(super) async fn due(database: &Database, token: &RefreshToken, before: Timestamp) -> Result<Option<Due>> {
    let sql = "SELECT i.user_id, i.provider, i.subject, i.sealed FROM refresh_token t \
               JOIN session s ON s.id = t.session_id \
               JOIN user_identity i ON i.provider = s.provider AND i.subject = s.subject \
               WHERE t.hash = $1 AND t.used_at IS NULL AND t.expires_at > $2 AND s.revoked_at IS NULL \
               AND i.sealed IS NOT NULL AND i.asked_at <= $3";
    let values: [Value; 3] = [token.hash().into(), database.now().to_string().into(), before.to_string().into()];
    let statement = Statement::from_sql_and_values(database.dialect().backend(), sql, values);
    let Some(row) = database.reader().query_one_raw(statement).await.map_err(failed)? else { return Ok(None) };
    let text = |column: &str| row.try_get::<String>("", column).map_err(failed);
    Ok(Some(Due {
        user: id_of(&row, "user_id")?,
        provider: text("provider")?,
        subject: text("subject")?,
        sealed: text("sealed")?,
    }))
}

/// Of several refreshes at once, one asks.
pub(super) async fn claim(write: &Write, at: At<'_>, before: Timestamp) -> Result<bool> {
    let sql = "UPDATE user_identity SET asked_at = $3 WHERE provider = $1 AND subject = $2 AND asked_at <= $4";
    let values: [Value; 4] =
        [at.provider.into(), at.subject.into(), write.now().to_string().into(), before.to_string().into()];
    Ok(execute(write, sql, values).await.map_err(failed)?.rows_affected() == 1)
}
