//! Tables of the community and moderation domains.

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
    // Subjects are content; their tables follow the type model, so there is no
    // foreign key to them.
    "CREATE TABLE comment (
        id TEXT PRIMARY KEY,
        subject_type TEXT NOT NULL CHECK (subject_type IN ('course', 'lesson')),
        subject_id TEXT NOT NULL,
        course_id TEXT,
        author_id TEXT NOT NULL REFERENCES user_account (id),
        body TEXT NOT NULL,
        locale TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('visible', 'held', 'rejected', 'deleted')),
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL
    )",
    "CREATE INDEX comment_subject ON comment (subject_id, state, id)",
    "CREATE INDEX comment_course ON comment (course_id, state)",
    "CREATE INDEX comment_author ON comment (author_id, id)",
    "CREATE TABLE moderation_item (
        id TEXT PRIMARY KEY,
        subject_type TEXT NOT NULL,
        subject_id TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('pending', 'allowed', 'rejected')),
        reason TEXT NOT NULL,
        labels TEXT NOT NULL,
        moderator TEXT NOT NULL,
        note TEXT,
        decided_by TEXT REFERENCES user_account (id),
        decided_at TEXT,
        created_at TEXT NOT NULL
    )",
    "CREATE INDEX moderation_item_queue ON moderation_item (state, id)",
    "CREATE INDEX moderation_item_subject ON moderation_item (subject_id)",
    "CREATE UNIQUE INDEX moderation_item_pending ON moderation_item (subject_type, subject_id) WHERE state = 'pending'",
];
