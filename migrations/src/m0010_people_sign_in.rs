//! Verified mail addresses, the codes sent to them, and sign-in through
//! providers.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, UP).await
    }
}

// A code or state is never stored, only its SHA-256. What a provider wants
// kept is sealed under the installation's key. `asked_at` is when the provider
// was asked last whether it still knows the person.
const UP: &[&str] = &[
    "ALTER TABLE user_account ADD COLUMN email_verified_at TEXT",
    "ALTER TABLE session ADD COLUMN provider TEXT",
    "ALTER TABLE session ADD COLUMN subject TEXT",
    // A row without a person is of a request for an address that nobody has.
    "CREATE TABLE mail_code (
        hash TEXT PRIMARY KEY,
        purpose TEXT NOT NULL CHECK (purpose IN ('verify', 'reset')),
        user_id TEXT REFERENCES user_account (id) ON DELETE CASCADE,
        email TEXT NOT NULL,
        expires_at TEXT NOT NULL
    )",
    "CREATE INDEX mail_code_user ON mail_code (user_id, purpose)",
    "CREATE INDEX mail_code_expiry ON mail_code (expires_at)",
    "CREATE TABLE auth_attempt (
        state_hash TEXT PRIMARY KEY,
        attempt_hash TEXT NOT NULL,
        provider TEXT NOT NULL,
        redirect_uri TEXT NOT NULL,
        locale TEXT NOT NULL,
        sealed TEXT NOT NULL,
        expires_at TEXT NOT NULL
    )",
    "CREATE INDEX auth_attempt_expiry ON auth_attempt (expires_at)",
    "CREATE TABLE user_identity (
        provider TEXT NOT NULL,
        subject TEXT NOT NULL,
        user_id TEXT NOT NULL REFERENCES user_account (id) ON DELETE CASCADE,
        sealed TEXT,
        linked_at TEXT NOT NULL,
        asked_at TEXT NOT NULL,
        PRIMARY KEY (provider, subject)
    )",
    "CREATE INDEX user_identity_user ON user_identity (user_id)",
];
