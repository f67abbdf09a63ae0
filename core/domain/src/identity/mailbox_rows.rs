//! The SQL of mailboxes: whose they are, and whether they are proven.

use lyceum_kernel::{Id, Result};
use lyceum_store::{Database, Write, failed};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};

use super::{
    model::Email,
    secret::PasswordHash,
    store::{execute, id_of},
};

/// Whom a mail is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mailbox {
    pub user: Id,
    pub email: String,
    pub name: String,
    pub locale: String,
    pub verified: bool,
    pub disabled: bool,
}

const MAILBOX: &str = "SELECT id, email, name, locale, email_verified_at, disabled_at FROM user_account WHERE ";

pub(super) async fn mailbox_of(database: &Database, user: Id) -> Result<Option<Mailbox>> {
    let statement = found_by(database.dialect().backend(), "id = $1", user.as_str());
    database.reader().query_one_raw(statement).await.map_err(failed)?.as_ref().map(read).transpose()
}

pub(super) async fn mailbox_at(database: &Database, email: &Email) -> Result<Option<Mailbox>> {
    let statement = found_by(database.dialect().backend(), "email = $1", email.as_str());
    database.reader().query_one_raw(statement).await.map_err(failed)?.as_ref().map(read).transpose()
}

/// As [`mailbox_at`], within a transaction.
pub(super) async fn mailbox_now(write: &Write, email: &Email) -> Result<Option<Mailbox>> {
    let statement = found_by(write.dialect().backend(), "email = $1", email.as_str());
    write.connection().query_one_raw(statement).await.map_err(failed)?.as_ref().map(read).transpose()
}

fn found_by(backend: sea_orm::DbBackend, condition: &str, value: &str) -> Statement {
    Statement::from_sql_and_values(backend, format!("{MAILBOX}{condition}"), [Value::from(value)])
}

fn read(row: &QueryResult) -> Result<Mailbox> {
    let text = |column: &str| row.try_get::<String>("", column).map_err(failed);
    let moment = |column: &str| row.try_get::<Option<String>>("", column).map_err(failed);
    Ok(Mailbox {
        user: id_of(row, "id")?,
        email: text("email")?,
        name: text("name")?,
        locale: text("locale")?,
        verified: moment("email_verified_at")?.is_some(),
        disabled: moment("disabled_at")?.is_some(),
    })
}

/// The address of a person who has proven it.
pub(crate) async fn proven_address(write: &Write, user: Id) -> Result<Option<String>> {
    let sql = "SELECT email FROM user_account WHERE id = $1 AND email_verified_at IS NOT NULL";
    let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, [Value::from(user.as_str())]);
    let row = write.connection().query_one_raw(statement).await.map_err(failed)?;
    row.map(|row| row.try_get("", "email").map_err(failed)).transpose()
}

/// Notes that the address is proven. False when it is not the account's any more.
pub(super) async fn set_verified(write: &Write, user: Id, email: &str) -> Result<bool> {
    let sql = "UPDATE user_account SET email_verified_at = COALESCE(email_verified_at, $1), updated_at = $1 \
               WHERE id = $2 AND email = $3";
    let values: [Value; 3] = [write.now().to_string().into(), user.as_str().into(), email.into()];
    Ok(execute(write, sql, values).await.map_err(failed)?.rows_affected() == 1)
}

/// Sets the password of who reads this address. False when it is not the
/// account's any more.
pub(super) async fn set_password(write: &Write, user: Id, email: &str, hash: &PasswordHash) -> Result<bool> {
    let sql = "UPDATE user_account SET password_hash = $4, email_verified_at = COALESCE(email_verified_at, $1), \
               updated_at = $1 WHERE id = $2 AND email = $3";
    let values: [Value; 4] = [write.now().to_string().into(), user.as_str().into(), email.into(), hash.expose().into()];
    Ok(execute(write, sql, values).await.map_err(failed)?.rows_affected() == 1)
}

/// Replaces a password by the next one. False when it is another one by now.
pub(super) async fn replace_password(write: &Write, user: Id, old: &PasswordHash, new: &PasswordHash) -> Result<bool> {
    let sql = "UPDATE user_account SET password_hash = $1, updated_at = $2 \
               WHERE id = $3 AND password_hash = $4 AND disabled_at IS NULL";
    let values: [Value; 4] =
        [new.expose().into(), write.now().to_string().into(), user.as_str().into(), old.expose().into()];
    Ok(execute(write, sql, values).await.map_err(failed)?.rows_affected() == 1)
}

/// Gives an account another address, which is proven. False when the account is
/// disabled.
///
/// # Errors
/// CONFLICT when the address is taken.
pub(super) async fn set_address(write: &Write, user: Id, email: &str) -> Result<bool> {
    let sql = "UPDATE user_account SET email = $1, email_verified_at = $2, updated_at = $2 \
               WHERE id = $3 AND disabled_at IS NULL";
    let values: [Value; 3] = [email.into(), write.now().to_string().into(), user.as_str().into()];
    Ok(execute(write, sql, values).await.map_err(failed)?.rows_affected() == 1)
}

/// Locks an account, so that what is done with it is done in turn.
pub(super) async fn lock(write: &Write, user: Id) -> Result<Option<Mailbox>> {
    let condition = format!("id = $1{}", write.dialect().for_update());
    let statement = found_by(write.dialect().backend(), &condition, user.as_str());
    write.connection().query_one_raw(statement).await.map_err(failed)?.as_ref().map(read).transpose()
}
