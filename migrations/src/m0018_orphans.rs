//! What outlived the entries it hung on: comments, what moderation holds of
//! them, revisions and marks of plugins.
//!
//! **Invariant:** only what belongs to one entry alone goes. Orders, payments,
//! the ledger and entitlements stay.

use sea_orm_migration::{prelude::*, sea_orm::ConnectionTrait};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for subject in ["course", "lesson"] {
            if manager.has_table(subject).await? {
                forget_comments(manager, subject).await?;
            }
        }
        let connection = manager.get_connection();
        let sql = "SELECT name FROM content_type".to_owned();
        let types = connection
            .query_all_raw(sea_orm_migration::sea_orm::Statement::from_string(manager.get_database_backend(), sql))
            .await?;
        for row in types {
            let name: String = row.try_get("", "name")?;
            let table = table_of(&name);
            if manager.has_table(&table).await? {
                forget_entries(manager, &name, &table).await?;
            }
        }
        Ok(())
    }
}

async fn forget_comments(manager: &SchemaManager<'_>, subject: &str) -> Result<(), DbErr> {
    let orphans = format!(
        "SELECT c.id FROM comment c WHERE c.subject_type = '{subject}' \
         AND NOT EXISTS (SELECT 1 FROM {subject} s WHERE s.id = c.subject_id)"
    );
    let items = format!("DELETE FROM moderation_item WHERE subject_type = 'comment' AND subject_id IN ({orphans})");
    crate::run(manager, &[&items, &format!("DELETE FROM comment WHERE id IN ({orphans})")]).await
}

async fn forget_entries(manager: &SchemaManager<'_>, name: &str, table: &str) -> Result<(), DbErr> {
    let gone = |column: &str| format!("NOT EXISTS (SELECT 1 FROM {table} e WHERE e.id = {column})");
    let revisions = format!("DELETE FROM revision WHERE subject_type = '{name}' AND {}", gone("revision.subject_id"));
    let marks = format!("DELETE FROM plugin_entry WHERE type = '{name}' AND {}", gone("plugin_entry.entry_id"));
    crate::run(manager, &[&revisions, &marks]).await
}

/// The table of a content type: `quizAnswer` is in `quiz_answer`. One whose name
/// had to be shortened is not found, and what hangs there stays.
fn table_of(name: &str) -> String {
    let mut table = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            table.push('_');
        }
        table.push(c.to_ascii_lowercase());
    }
    table
}
