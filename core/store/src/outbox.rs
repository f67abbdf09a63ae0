//! The outbox: events in the transaction of their change, read in order by
//! consumers with a position of their own.
//!
//! **Invariant:** a consumer sees every event at least once and in order of
//! position; its position moves only after its work is done.

use std::sync::Arc;

use lyceum_kernel::{Event, Id, Result, Timestamp};
use sea_orm::{ConnectionTrait, DbErr, Statement, Value};
use tokio::sync::Notify;

use crate::{Database, Dialect, failed};

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
        let settled = self.settled();
        let sql = format!(
            "SELECT position, name, subject_type, subject_id, actor_id, data, occurred_at FROM outbox \
             WHERE position > COALESCE((SELECT c.position FROM outbox_consumer c WHERE c.name = $1), 0){settled} \
             ORDER BY position LIMIT $2"
        );
        let values: [Value; 2] = [consumer.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()];
        let statement = Statement::from_sql_and_values(self.dialect.backend(), sql, values);
        let rows = database.reader().query_all_raw(statement).await.map_err(failed)?;
        rows.iter().map(|row| delivery(row).map_err(failed)).collect()
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
             WHERE position > $1 AND ({}){} ORDER BY position LIMIT $2",
            wanted.join(" OR "),
            self.settled()
        );
        let statement = Statement::from_sql_and_values(self.dialect.backend(), sql, values);
        let rows = database.reader().query_all_raw(statement).await.map_err(failed)?;
        rows.iter().map(|row| Ok((delivery(row)?, moment(row)?))).collect::<Result<_, DbErr>>().map_err(failed)
    }

    /// On PostgreSQL a lower position can still be uncommitted: stop before
    /// the oldest transaction that is open.
    fn settled(&self) -> &'static str {
        match self.dialect {
            Dialect::Sqlite => "",
            Dialect::Postgres => " AND txid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint",
        }
    }

    /// Notes that a consumer is done with everything up to `position`.
    ///
    /// # Errors
    /// Internal.
    pub async fn advance(&self, database: &Database, consumer: &str, position: i64) -> Result<()> {
        let write = database.write().await?;
        let sql = "INSERT INTO outbox_consumer (name, position, updated_at) VALUES ($1, $2, $3) \
                   ON CONFLICT (name) DO UPDATE SET position = excluded.position, updated_at = excluded.updated_at";
        let values: [Value; 3] = [consumer.into(), position.into(), write.now().to_string().into()];
        let statement = Statement::from_sql_and_values(self.dialect.backend(), sql, values);
        write.connection().execute_raw(statement).await.map_err(failed)?;
        write.commit().await
    }
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
