//! What people say of themselves, and codes for an address that is not the
//! account's yet.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, UP).await
    }
}

// SQLite drops no CHECK, so the table is made anew; what codes are for is
// checked where they are issued.
const UP: &[&str] = &[
    "ALTER TABLE user_account ADD COLUMN time_zone TEXT",
    "ALTER TABLE user_account ADD COLUMN links TEXT",
    "ALTER TABLE mail_code RENAME TO mail_code_checked",
    "DROP INDEX mail_code_user",
    "DROP INDEX mail_code_expiry",
    "CREATE TABLE mail_code (
        hash TEXT NOT NULL,
        purpose TEXT NOT NULL,
        user_id TEXT REFERENCES user_account (id) ON DELETE CASCADE,
        email TEXT NOT NULL,
        expires_at TEXT NOT NULL,
        CONSTRAINT mail_code_key PRIMARY KEY (hash)
    )",
    "INSERT INTO mail_code (hash, purpose, user_id, email, expires_at)
        SELECT hash, purpose, user_id, email, expires_at FROM mail_code_checked",
    "DROP TABLE mail_code_checked",
    "CREATE INDEX mail_code_user ON mail_code (user_id, purpose)",
    "CREATE INDEX mail_code_expiry ON mail_code (expires_at)",
];
