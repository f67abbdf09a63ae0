//! Tables of the identity domain.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, UP).await
    }
}

const UP: &[&str] = &[
    "CREATE TABLE user_account (
        id TEXT PRIMARY KEY,
        email TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        password_hash TEXT NOT NULL,
        locale TEXT NOT NULL,
        bio TEXT,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        disabled_at TEXT
    )",
    // `version` grows with each change of the rules, so that a server knows
    // whether the rules in its memory are the current ones.
    "CREATE TABLE role (
        key TEXT PRIMARY KEY,
        rules TEXT NOT NULL,
        built_in BOOLEAN NOT NULL,
        version BIGINT NOT NULL
    )",
    "CREATE TABLE user_role (
        user_id TEXT NOT NULL REFERENCES user_account (id) ON DELETE CASCADE,
        role_key TEXT NOT NULL REFERENCES role (key),
        PRIMARY KEY (user_id, role_key)
    )",
    "CREATE TABLE session (
        id TEXT PRIMARY KEY,
        user_id TEXT NOT NULL REFERENCES user_account (id) ON DELETE CASCADE,
        created_at TEXT NOT NULL,
        expires_at TEXT NOT NULL,
        revoked_at TEXT,
        user_agent TEXT
    )",
    "CREATE INDEX session_by_user ON session (user_id)",
    // The token itself is never stored, only its SHA-256.
    "CREATE TABLE refresh_token (
        hash TEXT PRIMARY KEY,
        session_id TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
        issued_at TEXT NOT NULL,
        used_at TEXT,
        expires_at TEXT NOT NULL
    )",
    "CREATE INDEX refresh_token_session ON refresh_token (session_id)",
    // Tries that count against a limit until they expire; shared by all servers.
    "CREATE TABLE attempt (
        id TEXT PRIMARY KEY,
        key TEXT NOT NULL,
        expires_at TEXT NOT NULL
    )",
    "CREATE INDEX attempt_key ON attempt (key, expires_at)",
    "CREATE INDEX attempt_expiry ON attempt (expires_at)",
];
