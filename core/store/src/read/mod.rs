//! Compiled reads: a selection over the type model, for one viewer, becomes one
//! statement that returns JSON text.
//!
//! **Invariant:** one statement for each root field, whatever the number of
//! rows and the depth.
//! **Invariant:** a row the viewer may not read, and a field that is private or
//! gated, never leaves the database.
//!
//! The statement's text depends on the shape of the selection only; values are
//! parameters, so the database prepares each shape once.

mod access;
mod connection;
mod cursor;
mod entity;
mod filter;
mod plan;
mod sql;

use lyceum_kernel::{Failure, Id, Locale, Result, Viewer};
use lyceum_model::TypeModel;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

pub use cursor::Cursor;
pub use plan::{
    AccessOutput, Connection, ConnectionOutput, Direction, EdgeOutput, Entity, Filter, Lookup, MoneyPart, OfferOutput,
    Operator, Output, Page, PageInfoPart, Sort, SortKey,
};

use crate::{Dialect, Statements, failed, statements};
use sql::Sql;

/// What a read is compiled for: the viewer, the languages, the dialect.
pub struct Reading<'a> {
    pub model: &'a TypeModel,
    pub viewer: &'a Viewer,
    /// The locale asked for, then its fallbacks. Never empty.
    pub locales: &'a [Locale],
    /// Whether a required text in none of these languages is null. If not, it
    /// stands in any language that it has.
    pub exact: bool,
    pub dialect: Dialect,
}

/// A read ready to run.
#[derive(Debug, Clone)]
pub struct Compiled(Statement);

impl Compiled {
    #[must_use]
    pub fn sql(&self) -> &str {
        &self.0.sql
    }

    /// The JSON text of the answer; `None` when there is no such row.
    ///
    /// # Errors
    /// Internal.
    pub async fn fetch(self, connection: &impl ConnectionTrait) -> Result<Option<String>> {
        let row = connection.query_one_raw(self.0).await.map_err(failed)?;
        row.map(|row| row.try_get_by_index::<Option<String>>(0)).transpose().map(Option::flatten).map_err(failed)
    }
}

impl Compiled {
    /// As [`Compiled::fetch`], with a `place` that is held until the statement
    /// has ended in the database, also when nobody waits for it any more.
    ///
    /// # Errors
    /// Internal.
    pub async fn fetch_in(
        self,
        connection: &Statements<DatabaseConnection>,
        place: impl Send + 'static,
    ) -> Result<Option<String>> {
        let connection = connection.clone();
        let work = statements::spawn(async move {
            let fetched = self.fetch(&connection).await;
            drop(place);
            fetched
        });
        work.await.map_err(Failure::internal)?
    }
}

impl<'a> Reading<'a> {
    /// One row by id, slug or owner.
    #[must_use]
    pub fn one(&self, entity: &Entity<'_>, lookup: &Lookup<'_>) -> Compiled {
        let mut sql = Sql::new(self);
        sql.one(entity, lookup);
        Compiled(sql.finish())
    }

    /// A list.
    #[must_use]
    pub fn list(&self, connection: &Connection<'_>) -> Compiled {
        let mut sql = Sql::new(self);
        sql.push("SELECT ");
        sql.connection(connection, None);
        Compiled(sql.finish())
    }

    /// The rows with these ids, in this order, those left out that the viewer
    /// may not read. The answer is a JSON array of `[id, entity]`.
    #[must_use]
    pub fn by_ids(&self, entity: &Entity<'_>, ids: &[Id]) -> Compiled {
        let mut sql = Sql::new(self);
        sql.by_ids(entity, ids);
        Compiled(sql.finish())
    }

    /// Whether the viewer may do `action` on the row: `1` or no row.
    #[must_use]
    pub fn may(&self, def: &lyceum_model::TypeDef, id: Id, action: lyceum_kernel::Action) -> Compiled {
        let mut sql = Sql::new(self);
        sql.may(def, id, action);
        Compiled(sql.finish())
    }

    /// Whether the gated fields of the row are open to the viewer: `1` or no row.
    #[must_use]
    pub fn granted(&self, def: &lyceum_model::TypeDef, id: Id) -> Compiled {
        let mut sql = Sql::new(self);
        sql.granted_row(def, id);
        Compiled(sql.finish())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use lyceum_kernel::SystemClock;

    use super::*;
    use crate::{Database, Options};

    /// Counts for minutes, if nothing ends it.
    const ENDLESS: &str =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<10000000000) SELECT max(i)||'' FROM n";

    #[tokio::test]
    async fn the_place_of_a_read_is_free_when_its_statement_has_ended_not_when_its_client_has_gone() {
        let directory = tempfile::TempDir::new().unwrap();
        let mut options = Options::sqlite(&directory.path().join("lyceum.db"));
        options.statement = Duration::from_millis(300);
        let database = Database::connect(&options, Arc::new(SystemClock)).await.unwrap();
        let (place, gone) = tokio::sync::oneshot::channel::<()>();
        let read = Compiled(Statement::from_string(database.dialect().backend(), ENDLESS));
        let client = tokio::time::timeout(Duration::from_millis(10), read.fetch_in(database.reader(), place));
        assert!(client.await.is_err(), "the client has gone");
        let mut gone = gone;
        assert!(matches!(gone.try_recv(), Err(tokio::sync::oneshot::error::TryRecvError::Empty)), "it is still held");
        // Resolves when the sender, which is the place, is dropped.
        assert!(gone.await.is_err());
    }
}
