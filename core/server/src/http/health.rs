//! Whether the process lives, and whether it can work.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Extension, Json, extract::State, http::StatusCode};
use lyceum_domain::Domains;
use lyceum_store::failed;
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::client::ClientAddress;

/// A check that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a result holds: so often the database and the search engine are
/// asked at most, whoever asks us how often.
const LIFETIME: Duration = Duration::from_secs(1);

pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// The checks, with their last result. Cheap to clone.
#[derive(Clone)]
pub(super) struct Checks {
    domains: Domains,
    last: Arc<Mutex<Option<(Instant, Findings)>>>,
}

/// What works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Findings {
    database: bool,
    schema: bool,
    search: bool,
}

/// 503 without database or content tables. Without search the server is
/// `degraded` and stays in service: content can be read. Which part fails is
/// only for this machine to know.
pub(super) async fn ready(
    State(checks): State<Checks>,
    Extension(client): Extension<ClientAddress>,
) -> (StatusCode, Json<Value>) {
    let findings = checks.findings().await;
    let status = findings.status();
    let code = if status == "unavailable" { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let body = match client.is_local {
        true => json!({ "status": status, "checks": findings.report() }),
        false => json!({ "status": status }),
    };
    (code, Json(body))
}

impl Checks {
    pub fn new(domains: Domains) -> Self {
        Self { domains, last: Arc::default() }
    }

    /// Who asks while a check runs waits for its result.
    async fn findings(&self) -> Findings {
        let mut last = self.last.lock().await;
        match *last {
            Some((at, findings)) if at.elapsed() < LIFETIME => findings,
            _ => {
                let findings = self.check().await;
                *last = Some((Instant::now(), findings));
                findings
            }
        }
    }

    async fn check(&self) -> Findings {
        let (reads, writes, schema, search) = tokio::join!(
            answers(query(&self.domains, "SELECT 1 AS n")),
            answers(self.domains.database.takes_writes()),
            answers(query(&self.domains, "SELECT COUNT(*) AS n FROM content_type")),
            answers(async { self.domains.search.index().count().await.is_ok() }),
        );
        Findings { database: reads && writes, schema, search }
    }
}

impl Findings {
    fn status(self) -> &'static str {
        match (self.database && self.schema, self.search) {
            (true, true) => "ready",
            (true, false) => "degraded",
            (false, _) => "unavailable",
        }
    }

    fn report(self) -> Value {
        let word = |fine: bool| if fine { "ok" } else { "failed" };
        json!({ "database": word(self.database), "schema": word(self.schema), "search": word(self.search) })
    }
}

async fn answers(check: impl Future<Output = bool>) -> bool {
    tokio::time::timeout(PATIENCE, check).await.unwrap_or(false)
}

/// Whether the statement reports a number above zero.
async fn query(domains: &Domains, sql: &str) -> bool {
    let statement = Statement::from_string(domains.database.dialect().backend(), sql);
    let row = domains.database.reader().query_one_raw(statement).await.map_err(failed);
    let read =
        |row: sea_orm::QueryResult| row.try_get::<i64>("", "n").or_else(|_| row.try_get::<i32>("", "n").map(i64::from));
    matches!(row.map(|row| row.map(read)), Ok(Some(Ok(1..))))
}
