//! The SQL of accounts, roles and viewers.

use std::collections::BTreeMap;

use lyceum_kernel::{Failure, Id, Result, Rule, Timestamp};
use lyceum_store::{Database, Write, failed};
use sea_orm::{ConnectionTrait, DbErr, ExecResult, QueryResult, Statement, Value};

use super::{
    ADMIN, MEMBER, VISITOR,
    model::{Email, PersonName},
    roles::{BuiltInRole, Role, RoleVersion},
    secret::PasswordHash,
    token::Bearer,
};

pub(super) struct NewAccount<'a> {
    pub email: &'a Email,
    pub name: &'a PersonName,
    /// None for somebody who signs in through a provider.
    pub password_hash: Option<&'a PasswordHash>,
    pub locale: &'a str,
}

pub(super) struct Account {
    pub id: Id,
    /// None for somebody who signs in through a provider.
    pub password_hash: Option<PasswordHash>,
    pub disabled: bool,
}

pub(super) async fn execute<const N: usize>(write: &Write, sql: &str, values: [Value; N]) -> Result<ExecResult, DbErr> {
    write.connection().execute_raw(Statement::from_sql_and_values(write.dialect().backend(), sql, values)).await
}

async fn read_all<const N: usize>(database: &Database, sql: &str, values: [Value; N]) -> Result<Vec<QueryResult>> {
    let statement = Statement::from_sql_and_values(database.dialect().backend(), sql, values);
    database.reader().query_all_raw(statement).await.map_err(failed)
}

pub(super) fn id_of(row: &QueryResult, column: &str) -> Result<Id> {
    row.try_get::<String>("", column).map_err(failed)?.parse().map_err(Failure::internal)
}

/// # Errors
/// CONFLICT when the address is taken.
pub(super) async fn insert_account(write: &Write, account: &NewAccount<'_>) -> Result<Id> {
    let id = Id::new();
    let sql = "INSERT INTO user_account (id, email, name, password_hash, locale, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $6)";
    let values: [Value; 6] = [
        id.as_str().into(),
        account.email.as_str().into(),
        account.name.as_str().into(),
        // Empty for none: the column is older than accounts without a password.
        account.password_hash.map_or("", PasswordHash::expose).into(),
        account.locale.into(),
        write.now().to_string().into(),
    ];
    execute(write, sql, values).await.map_err(failed)?;
    Ok(id)
}

const ACCOUNT: &str = "SELECT id, password_hash, disabled_at FROM user_account WHERE ";

pub(super) async fn account(database: &Database, email: &Email) -> Result<Option<Account>> {
    let rows = read_all(database, &format!("{ACCOUNT}email = $1"), [email.as_str().into()]).await?;
    rows.first().map(read_account).transpose()
}

pub(super) async fn account_of(database: &Database, user: Id) -> Result<Option<Account>> {
    let rows = read_all(database, &format!("{ACCOUNT}id = $1"), [user.as_str().into()]).await?;
    rows.first().map(read_account).transpose()
}

fn read_account(row: &QueryResult) -> Result<Account> {
    let disabled_at: Option<String> = row.try_get("", "disabled_at").map_err(failed)?;
    let stored: String = row.try_get("", "password_hash").map_err(failed)?;
    let password_hash = (!stored.is_empty()).then(|| PasswordHash::new(stored));
    Ok(Account { id: id_of(row, "id")?, password_hash, disabled: disabled_at.is_some() })
}

/// Sets or clears the moment since when an account is disabled. Tells whether
/// that changed anything.
pub(super) async fn set_disabled(write: &Write, user: Id, disabled: bool) -> Result<bool> {
    let now = write.now().to_string();
    let sql = "UPDATE user_account SET disabled_at = $1, updated_at = $2 \
               WHERE id = $3 AND (disabled_at IS NULL) = $4";
    let since = disabled.then(|| now.clone());
    let values: [Value; 4] = [since.into(), now.into(), user.as_str().into(), disabled.into()];
    Ok(execute(write, sql, values).await.map_err(failed)?.rows_affected() == 1)
}

pub(super) async fn account_exists(write: &Write, user: Id) -> Result<bool> {
    let sql = "SELECT id FROM user_account WHERE id = $1";
    let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, [user.as_str().into()]);
    Ok(write.connection().query_one_raw(statement).await.map_err(failed)?.is_some())
}

/// Who is an administrator and not disabled. Until the end of the transaction
/// nobody else asks: of two who demote each other at once, one stays.
pub(super) async fn locked_admins(write: &Write) -> Result<Vec<Id>> {
    let lock = format!("SELECT key FROM role WHERE key = $1{}", write.dialect().for_update());
    let sql = "SELECT ur.user_id FROM user_role ur JOIN user_account u ON u.id = ur.user_id \
               WHERE ur.role_key = $1 AND u.disabled_at IS NULL";
    query(write, &lock, ADMIN).await?;
    query(write, sql, ADMIN).await?.iter().map(|row| id_of(row, "user_id")).collect()
}

/// The roles of a person that not everybody has, in order.
pub(super) async fn roles_of(write: &Write, user: Id) -> Result<Vec<String>> {
    let rows = query(write, "SELECT role_key FROM user_role WHERE user_id = $1", user.as_str()).await?;
    let mut roles: Vec<String> =
        rows.iter().map(|row| row.try_get("", "role_key").map_err(failed)).collect::<Result<_>>()?;
    roles.sort();
    Ok(roles)
}

async fn query(write: &Write, sql: &str, value: &str) -> Result<Vec<QueryResult>> {
    let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, [Value::from(value)]);
    write.connection().query_all_raw(statement).await.map_err(failed)
}

/// Gives exactly these roles. False when one of them does not exist.
pub(super) async fn assign_roles(write: &Write, user: Id, roles: &[String]) -> Result<bool> {
    execute(write, "DELETE FROM user_role WHERE user_id = $1", [user.as_str().into()]).await.map_err(failed)?;
    for key in roles {
        let sql = "INSERT INTO user_role (user_id, role_key) SELECT $1, key FROM role WHERE key = $2";
        let done = execute(write, sql, [user.as_str().into(), key.as_str().into()]).await.map_err(failed)?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) async fn seed_role(write: &Write, role: &BuiltInRole) -> Result<()> {
    let sql = "INSERT INTO role (key, rules, built_in, version) VALUES ($1, $2, $3, 1) ON CONFLICT (key) DO NOTHING";
    let rules = serde_json::to_string(&role.rules).map_err(Failure::internal)?;
    let values: [Value; 3] = [role.key.as_str().into(), rules.into(), true.into()];
    execute(write, sql, values).await.map_err(failed)?;
    Ok(())
}

/// Gives a built-in role its new rules where it still has exactly the old ones.
pub(super) async fn replace_rules(write: &Write, old: &BuiltInRole, new: &BuiltInRole) -> Result<()> {
    let sql = "UPDATE role SET rules = $1, version = version + 1 WHERE key = $2 AND rules = $3";
    let text = |role: &BuiltInRole| serde_json::to_string(&role.rules).map_err(Failure::internal);
    let values: [Value; 3] = [text(new)?.into(), new.key.as_str().into(), text(old)?.into()];
    execute(write, sql, values).await.map_err(failed)?;
    Ok(())
}

/// Makes a role or replaces its rules.
pub(super) async fn put_role(write: &Write, key: &str, rules: &[Rule]) -> Result<()> {
    let sql = "INSERT INTO role (key, rules, built_in, version) VALUES ($1, $2, $3, 1) \
               ON CONFLICT (key) DO UPDATE SET rules = excluded.rules, version = role.version + 1";
    let rules = serde_json::to_string(rules).map_err(Failure::internal)?;
    let values: [Value; 3] = [key.into(), rules.into(), false.into()];
    execute(write, sql, values).await.map_err(failed)?;
    Ok(())
}

pub(super) async fn roles(database: &Database) -> Result<BTreeMap<String, Role>> {
    let rows = read_all(database, "SELECT key, rules, version FROM role", []).await?;
    rows.iter().map(role).collect()
}

fn role(row: &QueryResult) -> Result<(String, Role)> {
    let rules: String = row.try_get("", "rules").map_err(failed)?;
    let rules = serde_json::from_str(&rules).map_err(Failure::internal)?;
    let version = row.try_get("", "version").map_err(failed)?;
    Ok((row.try_get("", "key").map_err(failed)?, Role { version, rules }))
}

/// Everything about a viewer that the database knows.
#[derive(Debug, Default)]
pub(super) struct ViewerFacts {
    /// Whether the session is open and the account enabled.
    pub signed_in: bool,
    /// In order of keys.
    pub roles: Vec<RoleVersion>,
    pub tiers: Vec<Id>,
    pub purchases: Vec<Id>,
}

/// Session, roles and entitlements in one statement. A tier opens every tier
/// of its rank and below.
const VIEWER: &str = "\
    SELECT 'session' AS fact, s.id AS value, 0 AS version \
    FROM session s JOIN user_account u ON u.id = s.user_id \
    WHERE s.id = $1 AND s.user_id = $2 AND s.revoked_at IS NULL AND s.expires_at > $3 AND u.disabled_at IS NULL \
    UNION ALL \
    SELECT 'role', r.key, r.version FROM role r \
    WHERE r.key IN ($4, $5) OR r.key IN (SELECT ur.role_key FROM user_role ur WHERE ur.user_id = $2) \
    UNION ALL \
    SELECT 'tier', t.id, 0 FROM tier t WHERE t.rank <= (\
        SELECT MAX(held.rank) FROM entitlement e JOIN tier held ON held.id = e.tier_id \
        WHERE e.user_id = $2 AND e.kind = 'tier' AND e.revoked_at IS NULL \
        AND e.starts_at <= $3 AND (e.ends_at IS NULL OR e.ends_at > $3)) \
    UNION ALL \
    SELECT DISTINCT 'purchase', e.course_id, 0 FROM entitlement e \
    WHERE e.user_id = $2 AND e.kind = 'course' AND e.revoked_at IS NULL \
    AND e.starts_at <= $3 AND (e.ends_at IS NULL OR e.ends_at > $3) \
    ORDER BY 1, 2";

pub(super) async fn viewer(database: &Database, bearer: Bearer, now: Timestamp) -> Result<ViewerFacts> {
    let values: [Value; 5] = [
        bearer.session.as_str().into(),
        bearer.user.as_str().into(),
        now.to_string().into(),
        VISITOR.into(),
        MEMBER.into(),
    ];
    let mut facts = ViewerFacts::default();
    for row in read_all(database, VIEWER, values).await? {
        let fact: String = row.try_get("", "fact").map_err(failed)?;
        match fact.as_str() {
            "role" => facts
                .roles
                .push((row.try_get("", "value").map_err(failed)?, row.try_get("", "version").map_err(failed)?)),
            "tier" => facts.tiers.push(id_of(&row, "value")?),
            "purchase" => facts.purchases.push(id_of(&row, "value")?),
            _ => facts.signed_in = true,
        }
    }
    Ok(facts)
}
