//! Whether the process lives, and whether it can work.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode};
use lyceum_domain::Domains;
use lyceum_store::failed;
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};

/// A check that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// 503 without database or content tables. Without search the server is
/// `degraded` and stays in service: content can be read.
pub(super) async fn ready(State(domains): State<Domains>) -> (StatusCode, Json<Value>) {
    let (database, schema, search) = tokio::join!(
        answers(query(&domains, "SELECT 1 AS n")),
        answers(query(&domains, "SELECT COUNT(*) AS n FROM content_type")),
        answers(async { domains.search.index().count().await.is_ok() }),
    );
    let works = database && schema;
    let status = match (works, search) {
        (true, true) => "ready",
        (true, false) => "degraded",
        (false, _) => "unavailable",
    };
    let told = |fine: bool| if fine { "ok" } else { "failed" };
    let checks = json!({ "database": told(database), "schema": told(schema), "search": told(search) });
    let code = if works { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(json!({ "status": status, "checks": checks })))
}

async fn answers(check: impl Future<Output = bool>) -> bool {
    tokio::time::timeout(PATIENCE, check).await.unwrap_or(false)
}

/// Whether the statement tells a number above zero.
async fn query(domains: &Domains, sql: &str) -> bool {
    let statement = Statement::from_string(domains.database.dialect().backend(), sql);
    let row = domains.database.reader().query_one_raw(statement).await.map_err(failed);
    let read =
        |row: sea_orm::QueryResult| row.try_get::<i64>("", "n").or_else(|_| row.try_get::<i32>("", "n").map(i64::from));
    matches!(row.map(|row| row.map(read)), Ok(Some(Ok(1..))))
}
