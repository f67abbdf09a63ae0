//! The SQL of sessions and refresh tokens.

use std::time::Duration;

use lyceum_kernel::{Failure, Id, Result, Timestamp};
use lyceum_store::{Database, Dialect, Write, failed};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};

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

/// How long sessions last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// Without being refreshed.
    pub idle: Duration,
    /// However often it is refreshed.
    pub whole: Duration,
}

impl Terms {
    /// When a session of this age ends unless it is refreshed before.
    fn end(&self, begun: Timestamp, now: Timestamp) -> Timestamp {
        now.plus(self.idle).min(begun.plus(self.whole))
    }
}

/// What the database knows of a refresh token that a client sent.
pub(super) struct Presented {
    pub session: Id,
    pub user: Id,
    /// When the session began.
    begun: Timestamp,
    /// When the token was used first.
    used: Option<Timestamp>,
    expires: Timestamp,
    /// The session has not ended, and the account is enabled.
    open: bool,
}

/// What a refresh token is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Good,
    /// Another tab was first.
    JustUsed,
    /// One of its two users stole it.
    UsedAgain,
    Ended,
}

impl Presented {
    pub(super) fn standing(&self, now: Timestamp, grace: Duration) -> Standing {
        match self.used {
            _ if !self.open => Standing::Ended,
            Some(used) if now < used.plus(grace) => Standing::JustUsed,
            Some(_) => Standing::UsedAgain,
            None if self.expires <= now => Standing::Ended,
            None => Standing::Good,
        }
    }
}

pub(super) async fn open(write: &Write, user: Id, agent: Option<String>, terms: Terms) -> Result<Open> {
    let (session, ends) = (Id::new(), terms.end(write.now(), write.now()));
    let sql = "INSERT INTO session (id, user_id, created_at, expires_at, user_agent) VALUES ($1, $2, $3, $4, $5)";
    let values: [Value; 5] = [
        session.as_str().into(),
        user.as_str().into(),
        write.now().to_string().into(),
        ends.to_string().into(),
        agent.into(),
    ];
    execute(write, sql, values).await.map_err(failed)?;
    issue(write, session, ends).await
}

async fn issue(write: &Write, session: Id, expires: Timestamp) -> Result<Open> {
    let token = RefreshToken::generate();
    let sql = "INSERT INTO refresh_token (hash, session_id, issued_at, expires_at) VALUES ($1, $2, $3, $4)";
    let values: [Value; 4] =
        [token.hash().into(), session.as_str().into(), write.now().to_string().into(), expires.to_string().into()];
    execute(write, sql, values).await.map_err(failed)?;
    Ok(Open { session, refresh_token: token, refresh_expires_at: expires })
}

/// Finds a token without a transaction.
pub(super) async fn look_up(database: &Database, token: &RefreshToken) -> Result<Option<Presented>> {
    find(database.reader(), database.dialect(), token, "").await
}

/// Finds a token and locks it: of two refreshes at once the second sees the first.
pub(super) async fn present(write: &Write, token: &RefreshToken) -> Result<Option<Presented>> {
    find(write.connection(), write.dialect(), token, write.dialect().for_update()).await
}

async fn find(
    on: &impl ConnectionTrait,
    dialect: Dialect,
    token: &RefreshToken,
    lock: &str,
) -> Result<Option<Presented>> {
    let sql = format!(
        "SELECT s.id AS session_id, s.user_id AS user_id, s.created_at AS begun_at, t.used_at AS used_at, \
         t.expires_at AS expires_at, \
         CASE WHEN s.revoked_at IS NULL AND u.disabled_at IS NULL THEN 1 ELSE 0 END AS is_open \
         FROM refresh_token t JOIN session s ON s.id = t.session_id JOIN user_account u ON u.id = s.user_id \
         WHERE t.hash = $1{lock}"
    );
    let statement = Statement::from_sql_and_values(dialect.backend(), sql, [Value::from(token.hash())]);
    on.query_one_raw(statement).await.map_err(failed)?.as_ref().map(read).transpose()
}

fn read(row: &QueryResult) -> Result<Presented> {
    let moment = |text: String| text.parse::<Timestamp>().map_err(Failure::internal);
    let text = |column: &str| row.try_get::<String>("", column).map_err(failed);
    let used: Option<String> = row.try_get("", "used_at").map_err(failed)?;
    let open: i32 = row.try_get("", "is_open").map_err(failed)?;
    Ok(Presented {
        session: id_of(row, "session_id")?,
        user: id_of(row, "user_id")?,
        begun: moment(text("begun_at")?)?,
        used: used.map(moment).transpose()?,
        expires: moment(text("expires_at")?)?,
        open: open == 1,
    })
}

/// Uses a token up and issues the next; the session lasts as long as that.
pub(super) async fn rotate(write: &Write, presented: &Presented, token: &RefreshToken, terms: Terms) -> Result<Open> {
    let (session, ends) = (presented.session, terms.end(presented.begun, write.now()));
    let now = write.now().to_string();
    let used: [Value; 2] = [now.clone().into(), token.hash().into()];
    execute(write, "UPDATE refresh_token SET used_at = $1 WHERE hash = $2", used).await.map_err(failed)?;
    let expired: [Value; 2] = [session.as_str().into(), now.into()];
    execute(write, "DELETE FROM refresh_token WHERE session_id = $1 AND expires_at <= $2", expired)
        .await
        .map_err(failed)?;
    let longer: [Value; 2] = [ends.to_string().into(), session.as_str().into()];
    execute(write, "UPDATE session SET expires_at = $1 WHERE id = $2", longer).await.map_err(failed)?;
    issue(write, session, ends).await
}

/// Ends a session. Tells whether it was open.
pub(super) async fn revoke(write: &Write, session: Id) -> Result<bool> {
    let sql = "UPDATE session SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL";
    let values: [Value; 2] = [write.now().to_string().into(), session.as_str().into()];
    Ok(execute(write, sql, values).await.map_err(failed)?.rows_affected() == 1)
}

/// Ends a session of this person. Tells whether it was open.
pub(super) async fn revoke_own(write: &Write, user: Id, session: Id) -> Result<bool> {
    let sql = "UPDATE session SET revoked_at = $1 WHERE id = $2 AND user_id = $3 AND revoked_at IS NULL";
    let values: [Value; 3] = [write.now().to_string().into(), session.as_str().into(), user.as_str().into()];
    Ok(execute(write, sql, values).await.map_err(failed)?.rows_affected() == 1)
}

/// Whether this is a session of this person, open or not.
pub(super) async fn is_own(write: &Write, user: Id, session: Id) -> Result<bool> {
    let sql = "SELECT 1 AS found FROM session WHERE id = $1 AND user_id = $2";
    let values: [Value; 2] = [session.as_str().into(), user.as_str().into()];
    let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, values);
    Ok(write.connection().query_one_raw(statement).await.map_err(failed)?.is_some())
}

/// Ends all sessions of a person. Returns how many were open.
pub(super) async fn revoke_all(write: &Write, user: Id) -> Result<u64> {
    let sql = "UPDATE session SET revoked_at = $1 WHERE user_id = $2 AND revoked_at IS NULL AND expires_at > $1";
    let values: [Value; 2] = [write.now().to_string().into(), user.as_str().into()];
    Ok(execute(write, sql, values).await.map_err(failed)?.rows_affected())
}

/// As [`revoke_all`], without the one that does it.
pub(super) async fn revoke_others(write: &Write, user: Id, kept: Id) -> Result<u64> {
    let sql = "UPDATE session SET revoked_at = $1 \
               WHERE user_id = $2 AND id <> $3 AND revoked_at IS NULL AND expires_at > $1";
    let values: [Value; 3] = [write.now().to_string().into(), user.as_str().into(), kept.as_str().into()];
    Ok(execute(write, sql, values).await.map_err(failed)?.rows_affected())
}

/// A session that a person can still use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSession {
    pub id: Id,
    pub created_at: Timestamp,
    /// When its tokens were issued last.
    pub last_used_at: Timestamp,
    /// When it ends unless it is refreshed before.
    pub expires_at: Timestamp,
    pub user_agent: Option<String>,
}

/// So many sessions are listed.
const LISTED: i64 = 100;

/// The open sessions of a person, the one that was used last first.
pub(super) async fn open_of(database: &Database, user: Id) -> Result<Vec<OpenSession>> {
    let sql = "SELECT s.id, s.created_at, s.expires_at, s.user_agent, COALESCE(\
               (SELECT MAX(t.issued_at) FROM refresh_token t WHERE t.session_id = s.id), s.created_at) AS last_used_at \
               FROM session s WHERE s.user_id = $1 AND s.revoked_at IS NULL AND s.expires_at > $2 \
               ORDER BY last_used_at DESC, s.id DESC LIMIT $3";
    let values: [Value; 3] = [user.as_str().into(), database.now().to_string().into(), LISTED.into()];
    let statement = Statement::from_sql_and_values(database.dialect().backend(), sql, values);
    database.reader().query_all_raw(statement).await.map_err(failed)?.iter().map(read_open).collect()
}

fn read_open(row: &QueryResult) -> Result<OpenSession> {
    let moment = |column: &str| -> Result<Timestamp> {
        row.try_get::<String>("", column).map_err(failed)?.parse().map_err(Failure::internal)
    };
    Ok(OpenSession {
        id: id_of(row, "id")?,
        created_at: moment("created_at")?,
        last_used_at: moment("last_used_at")?,
        expires_at: moment("expires_at")?,
        user_agent: row.try_get("", "user_agent").map_err(failed)?,
    })
}
