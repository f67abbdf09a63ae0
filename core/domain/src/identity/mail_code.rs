//! Codes that are sent by mail: proof that a person reads an address.
//!
//! **Invariant:** a code works once and for a limited time; only its SHA-256
//! is stored.

use std::time::Duration;

use lyceum_kernel::{Id, Result};
use lyceum_store::{Database, Write, failed};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};

use super::{
    model::Email,
    secret::MailCode,
    store::{execute, id_of},
};
use crate::notification::Template;

/// What a code is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Verify,
    Reset,
    /// The account is to have the address that the code was sent to.
    Change,
}

impl Purpose {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Reset => "reset",
            Self::Change => "change",
        }
    }

    /// The message that brings the code.
    pub const fn template(self) -> Template {
        match self {
            Self::Verify => Template::VerifyEmail,
            Self::Reset => Template::ResetPassword,
            Self::Change => Template::ChangeEmail,
        }
    }

    /// How long a code is good.
    pub const fn ttl(self) -> Duration {
        self.template().good_for()
    }
}

/// Whose code it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    pub user: Id,
    /// The address that the code was sent to.
    pub email: String,
}

/// Without a person the code is nobody's: it is issued for an address without
/// an account too.
pub(super) async fn issue(write: &Write, purpose: Purpose, user: Option<Id>, email: &Email) -> Result<MailCode> {
    let code = MailCode::generate();
    let sql = "INSERT INTO mail_code (hash, purpose, user_id, email, expires_at) VALUES ($1, $2, $3, $4, $5)";
    let values: [Value; 5] = [
        code.hash().into(),
        purpose.name().into(),
        user.map(|user| user.to_string()).into(),
        email.as_str().into(),
        write.now().plus(purpose.ttl()).to_string().into(),
    ];
    execute(write, sql, values).await.map_err(failed)?;
    let now: [Value; 1] = [write.now().to_string().into()];
    execute(write, "DELETE FROM mail_code WHERE expires_at <= $1", now).await.map_err(failed)?;
    Ok(code)
}

/// After a code was sent, another one is not for so long.
const FRESH: Duration = Duration::from_secs(5 * 60);

/// Whether a code that is still good went to this address a moment ago. The
/// same work whether or not it has an account.
pub(super) async fn was_just_sent(database: &Database, purpose: Purpose, email: &Email) -> Result<bool> {
    let sql = "SELECT 1 AS found FROM mail_code WHERE purpose = $1 AND email = $2 AND expires_at > $3 LIMIT 1";
    let sent_since = database.now().plus(purpose.ttl()).minus(FRESH).to_string();
    let values: [Value; 3] = [purpose.name().into(), email.as_str().into(), sent_since.into()];
    let statement = Statement::from_sql_and_values(database.dialect().backend(), sql, values);
    Ok(database.reader().query_one_raw(statement).await.map_err(failed)?.is_some())
}

/// As [`was_just_sent`], to this person: others may ask for the same address.
pub(super) async fn was_just_sent_to(database: &Database, purpose: Purpose, user: Id, email: &Email) -> Result<bool> {
    let sql = "SELECT 1 AS found FROM mail_code \
               WHERE purpose = $1 AND email = $2 AND user_id = $3 AND expires_at > $4 LIMIT 1";
    let sent_since = database.now().plus(purpose.ttl()).minus(FRESH).to_string();
    let values: [Value; 4] = [purpose.name().into(), email.as_str().into(), user.as_str().into(), sent_since.into()];
    let statement = Statement::from_sql_and_values(database.dialect().backend(), sql, values);
    Ok(database.reader().query_one_raw(statement).await.map_err(failed)?.is_some())
}

// Both moments are given as $3; a person who is disabled has no code.
const FIND: &str = "SELECT c.user_id, c.email FROM mail_code c JOIN user_account u ON u.id = c.user_id \
    WHERE c.hash = $1 AND c.purpose = $2 AND c.expires_at > $3 AND u.disabled_at IS NULL";

/// Whose code it is, without using it up.
pub(super) async fn holder(database: &Database, purpose: Purpose, code: &MailCode) -> Result<Option<Holder>> {
    let values: [Value; 3] = [code.hash().into(), purpose.name().into(), database.now().to_string().into()];
    let statement = Statement::from_sql_and_values(database.dialect().backend(), FIND, values);
    let row = database.reader().query_one_raw(statement).await.map_err(failed)?;
    row.as_ref().map(read).transpose()
}

/// Uses a code up, with all others that the person has for the same purpose.
pub(super) async fn take(write: &Write, purpose: Purpose, code: &MailCode) -> Result<Option<Holder>> {
    let lock = match write.dialect().for_update() {
        "" => String::new(),
        lock => format!("{lock} OF c"),
    };
    let values: [Value; 3] = [code.hash().into(), purpose.name().into(), write.now().to_string().into()];
    let statement = Statement::from_sql_and_values(write.dialect().backend(), format!("{FIND}{lock}"), values);
    let row = write.connection().query_one_raw(statement).await.map_err(failed)?;
    let Some(holder) = row.as_ref().map(read).transpose()? else { return Ok(None) };
    forget(write, holder.user, purpose).await?;
    Ok(Some(holder))
}

/// Takes all codes back that a person has for this purpose.
pub(super) async fn forget(write: &Write, user: Id, purpose: Purpose) -> Result<()> {
    let values: [Value; 2] = [user.as_str().into(), purpose.name().into()];
    execute(write, "DELETE FROM mail_code WHERE user_id = $1 AND purpose = $2", values).await.map_err(failed)?;
    Ok(())
}

fn read(row: &QueryResult) -> Result<Holder> {
    Ok(Holder { user: id_of(row, "user_id")?, email: row.try_get("", "email").map_err(failed)? })
}
