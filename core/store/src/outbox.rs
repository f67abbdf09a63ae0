//! The outbox: events in the transaction of their change, read in order by
//! consumers with a position of their own.
//!
//! **Invariant:** positions have the order of the commits, and who sees one sees
//! all before it: on SQLite because there is one writer, on PostgreSQL because
//! the database gives the position at the commit, under a lock (migration 17).
//! **Invariant:** a consumer sees every event at least once and in order of
//! position; its position moves only after its work is done, and never back.

use std::sync::Arc;

use lyceum_kernel::{Event, Id, Result, Timestamp};
use sea_orm::{ConnectionTrait, DbErr, Statement, Value};
use tokio::sync::Notify;

use crate::{Database, Dialect, Write, failed};

/// Wakes the consumers of this process after a commit; other processes poll.
#[derive(Clone)]
pub struct Outbox {
    dialect: Dialect,
    woken: Arc<Notify>,
}

/// One event with its place in the order.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    pub position: i64,
    pub event: Event,
    /// When it happened.
    pub at: Timestamp,
}

/// How far a consumer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub position: i64,
    /// When it moved, or gave a sign of life.
    pub updated_at: Timestamp,
}

/// After everything that is committed.
const END: &str = "COALESCE((SELECT MAX(position) FROM outbox), 0)";

pub(crate) async fn insert(connection: &impl ConnectionTrait, event: &Event, now: Timestamp) -> Result<(), DbErr> {
    let sql = "INSERT INTO outbox (name, subject_type, subject_id, actor_id, data, occurred_at) VALUES ($1, $2, $3, $4, $5, $6)";
    let values: [Value; 6] = [
        event.name.as_str().into(),
        event.subject_type.as_str().into(),
        event.subject_id.as_str().into(),
        event.actor.map(|id| id.to_string()).into(),
        event.data.to_string().into(),
        now.to_string().into(),
    ];
    connection.execute_raw(Statement::from_sql_and_values(connection.get_database_backend(), sql, values)).await?;
    Ok(())
}

impl Outbox {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { dialect, woken: Arc::new(Notify::new()) }
    }

    pub(crate) fn wake(&self) {
        self.woken.notify_waiters();
    }

    /// Resolves after the next commit that wrote an event in this process.
    /// Take it before looking for events, so that none is missed between.
    pub fn woken(&self) -> impl Future<Output = ()> {
        self.woken.clone().notified_owned()
    }

    /// The next events for a consumer, at most `limit`.
    ///
    /// # Errors
    /// Internal.
    pub async fn pending(&self, database: &Database, consumer: &str, limit: u64) -> Result<Vec<Delivery>> {
        let sql = "SELECT position, name, subject_type, subject_id, actor_id, data, occurred_at FROM outbox \
             WHERE position > COALESCE((SELECT c.position FROM outbox_consumer c WHERE c.name = $1), 0) \
             ORDER BY position LIMIT $2";
        let values: [Value; 2] = [consumer.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()];
        let statement = Statement::from_sql_and_values(self.dialect.backend(), sql, values);
        let rows = database.reader().query_all_raw(statement).await.map_err(failed)?;
        rows.iter().map(|row| delivery(row).map_err(failed)).collect()
    }

    /// The event at a position; none when it was removed, or there never was one.
    ///
    /// # Errors
    /// Internal.
    pub async fn at(&self, database: &Database, position: i64) -> Result<Option<Delivery>> {
        let sql = "SELECT position, name, subject_type, subject_id, actor_id, data, occurred_at FROM outbox \
                   WHERE position = $1";
        let statement = Statement::from_sql_and_values(self.dialect.backend(), sql, [position.into()]);
        let row = database.reader().query_one_raw(statement).await.map_err(failed)?;
        row.map(|row| delivery(&row).map_err(failed)).transpose()
    }

    /// Events with one of these names after a position, in order, each with its
    /// time. `course.*` is every name that begins with `course.`.
    ///
    /// # Errors
    /// Internal.
    pub async fn named(
        &self,
        database: &Database,
        names: &[String],
        after: i64,
        limit: u64,
    ) -> Result<Vec<(Delivery, Timestamp)>> {
        let mut values: Vec<Value> = vec![after.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()];
        let mut wanted = Vec::new();
        for name in names {
            values.push(name.strip_suffix('*').unwrap_or(name).into());
            let place = values.len();
            wanted.push(match name.ends_with(".*") {
                true => format!("substr(name, 1, length(${place})) = ${place}"),
                false => format!("name = ${place}"),
            });
        }
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT position, name, subject_type, subject_id, actor_id, data, occurred_at FROM outbox \
             WHERE position > $1 AND ({}) ORDER BY position LIMIT $2",
            wanted.join(" OR ")
        );
        let statement = Statement::from_sql_and_values(self.dialect.backend(), sql, values);
        let rows = database.reader().query_all_raw(statement).await.map_err(failed)?;
        rows.iter().map(|row| Ok((delivery(row)?, moment(row)?))).collect::<Result<_, DbErr>>().map_err(failed)
    }

    /// Stores that a consumer is done with everything up to `position`.
    ///
    /// # Errors
    /// Internal.
    pub async fn advance(&self, database: &Database, consumer: &str, position: i64) -> Result<()> {
        let write = database.write().await?;
        self.advance_in(&write, consumer, position).await?;
        write.commit().await
    }

    /// As [`Self::advance`], in the transaction in which the consumer wrote what
    /// it did: both or neither.
    ///
    /// # Errors
    /// Internal.
    pub async fn advance_in(&self, write: &Write, consumer: &str, position: i64) -> Result<()> {
        let sql = "INSERT INTO outbox_consumer (name, position, updated_at) VALUES ($1, $2, $3) \
                   ON CONFLICT (name) DO UPDATE SET updated_at = excluded.updated_at, position = CASE \
                   WHEN excluded.position > outbox_consumer.position THEN excluded.position \
                   ELSE outbox_consumer.position END";
        let values: [Value; 3] = [consumer.into(), position.into(), write.now().to_string().into()];
        self.execute(write, sql, values).await.map(drop)
    }

    /// Where a consumer is; none when it has no place yet, or has it no more.
    ///
    /// # Errors
    /// Internal.
    pub async fn place(&self, database: &Database, consumer: &str) -> Result<Option<Place>> {
        let sql = "SELECT position, updated_at FROM outbox_consumer WHERE name = $1";
        let statement = Statement::from_sql_and_values(self.dialect.backend(), sql, [consumer.into()]);
        let row = database.reader().query_one_raw(statement).await.map_err(failed)?;
        row.map(|row| place(&row).map_err(failed)).transpose()
    }

    /// Gives a consumer a place at the end, unless it has one. Whether it got it
    /// here: of several that try, one does.
    ///
    /// # Errors
    /// Internal.
    pub async fn claim(&self, database: &Database, consumer: &str) -> Result<bool> {
        let write = database.write().await?;
        let sql = format!(
            "INSERT INTO outbox_consumer (name, position, updated_at) SELECT $1, {END}, $2 WHERE TRUE \
             ON CONFLICT (name) DO NOTHING"
        );
        let claimed = self.execute(&write, &sql, [consumer.into(), write.now().to_string().into()]).await? == 1;
        write.commit().await?;
        Ok(claimed)
    }

    /// Moves a consumer to the end: what it works on is about to be made anew
    /// from what is committed now.
    ///
    /// # Errors
    /// Internal.
    pub async fn restart(&self, database: &Database, consumer: &str) -> Result<()> {
        let write = database.write().await?;
        let sql = format!(
            "INSERT INTO outbox_consumer (name, position, updated_at) SELECT $1, {END}, $2 WHERE TRUE \
             ON CONFLICT (name) DO UPDATE SET position = excluded.position, updated_at = excluded.updated_at"
        );
        self.execute(&write, &sql, [consumer.into(), write.now().to_string().into()]).await?;
        write.commit().await
    }

    /// Drops the consumers named `family` or `family:…`, but for `own`, that have
    /// given no sign of life since `before`. Returns how many.
    ///
    /// # Errors
    /// Internal.
    pub async fn drop_silent(&self, database: &Database, family: &str, own: &str, before: Timestamp) -> Result<u64> {
        let write = database.write().await?;
        let sql = "DELETE FROM outbox_consumer \
                   WHERE (name = $1 OR substr(name, 1, length($2)) = $2) AND name <> $3 AND updated_at < $4";
        let values = [family.into(), format!("{family}:").into(), own.into(), before.to_string().into()];
        let dropped = self.execute(&write, sql, values).await?;
        write.commit().await?;
        Ok(dropped)
    }

    async fn execute<const N: usize>(&self, write: &Write, sql: &str, values: [Value; N]) -> Result<u64> {
        let statement = Statement::from_sql_and_values(self.dialect.backend(), sql, values);
        let done = write.connection().execute_raw(statement).await.map_err(failed)?;
        Ok(done.rows_affected())
    }
}

fn place(row: &sea_orm::QueryResult) -> Result<Place, DbErr> {
    let at: String = row.try_get("", "updated_at")?;
    let updated_at = at.parse().map_err(|_| DbErr::Type(at.clone()))?;
    Ok(Place { position: row.try_get("", "position")?, updated_at })
}

fn delivery(row: &sea_orm::QueryResult) -> Result<Delivery, DbErr> {
    let id = |text: String| text.parse::<Id>().map_err(|e| DbErr::Type(e.to_string()));
    let actor: Option<String> = row.try_get("", "actor_id")?;
    let data: String = row.try_get("", "data")?;
    let at: String = row.try_get("", "occurred_at")?;
    Ok(Delivery {
        at: at.parse().map_err(|_| DbErr::Type(at.clone()))?,
        position: row.try_get("", "position")?,
        event: Event {
            name: row.try_get("", "name")?,
            subject_type: row.try_get("", "subject_type")?,
            subject_id: id(row.try_get("", "subject_id")?)?,
            actor: actor.map(id).transpose()?,
            data: serde_json::from_str(&data).map_err(|e| DbErr::Json(e.to_string()))?,
        },
    })
}

fn moment(row: &sea_orm::QueryResult) -> Result<Timestamp, DbErr> {
    let text: String = row.try_get("", "occurred_at")?;
    text.parse().map_err(|_| DbErr::Type(format!("{text} is no moment")))
}
