//! A fake of Meilisearch: the routes that the engine calls, with its JSON, and
//! a search that knows substrings only. It reads filters as the engine's
//! documentation writes them and refuses what it cannot read.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, patch, post},
};
use serde_json::{Value, json};

#[derive(Default)]
pub struct Engine {
    created: bool,
    pub settings: Value,
    documents: BTreeMap<String, Value>,
    tasks: u32,
    /// Every search that was asked for.
    pub searches: Vec<Value>,
}

pub type Shared = Arc<Mutex<Engine>>;
type Answer = (StatusCode, Json<Value>);

/// Serves on a free port; gives the address.
pub async fn start() -> (String, Shared) {
    let engine = Shared::default();
    let routes = Router::new()
        .route("/indexes", post(create))
        .route("/indexes/{index}", get(index))
        .route("/indexes/{index}/settings", patch(settings))
        .route("/indexes/{index}/stats", get(stats))
        .route("/indexes/{index}/documents", post(add).delete(clear))
        .route("/indexes/{index}/documents/delete-batch", post(delete))
        .route("/indexes/{index}/search", post(search))
        .route("/multi-search", post(multi_search))
        .route("/tasks/{task}", get(task))
        .with_state(Arc::clone(&engine));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (address, engine)
}

fn accepted(engine: &mut Engine, kind: &str) -> Answer {
    engine.tasks += 1;
    let task = json!({ "taskUid": engine.tasks, "indexUid": "entries", "status": "enqueued", "type": kind,
        "enqueuedAt": "2026-01-01T00:00:00Z" });
    (StatusCode::ACCEPTED, Json(task))
}

async fn task(Path(task): Path<u32>) -> Json<Value> {
    Json(json!({ "uid": task, "indexUid": "entries", "status": "succeeded", "type": "indexCreation",
        "details": { "primaryKey": "id" }, "duration": "PT0.01S", "enqueuedAt": "2026-01-01T00:00:00Z",
        "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:00Z" }))
}

async fn create(State(engine): State<Shared>) -> Answer {
    let mut engine = engine.lock().unwrap();
    engine.created = true;
    accepted(&mut engine, "indexCreation")
}

async fn index(State(engine): State<Shared>) -> Answer {
    if engine.lock().unwrap().created {
        let index = json!({ "uid": "entries", "primaryKey": "id", "createdAt": "2026-01-01T00:00:00Z",
            "updatedAt": "2026-01-01T00:00:00Z" });
        return (StatusCode::OK, Json(index));
    }
    refused(StatusCode::NOT_FOUND, "index_not_found")
}

fn refused(status: StatusCode, code: &str) -> Answer {
    let error = json!({ "message": code, "code": code, "type": "invalid_request", "link": "" });
    (status, Json(error))
}

async fn settings(State(engine): State<Shared>, Json(settings): Json<Value>) -> Answer {
    let mut engine = engine.lock().unwrap();
    engine.settings = settings;
    accepted(&mut engine, "settingsUpdate")
}

async fn stats(State(engine): State<Shared>) -> Json<Value> {
    let documents = engine.lock().unwrap().documents.len();
    Json(json!({ "numberOfDocuments": documents, "numberOfEmbeddedDocuments": 0, "numberOfEmbeddings": 0,
        "rawDocumentDbSize": 0, "avgDocumentSize": 0, "isIndexing": false, "fieldDistribution": {} }))
}

async fn add(State(engine): State<Shared>, Json(documents): Json<Vec<Value>>) -> Answer {
    let mut engine = engine.lock().unwrap();
    for document in documents {
        engine.documents.insert(document["id"].as_str().unwrap().to_owned(), document);
    }
    accepted(&mut engine, "documentAdditionOrUpdate")
}

async fn clear(State(engine): State<Shared>) -> Answer {
    let mut engine = engine.lock().unwrap();
    engine.documents.clear();
    accepted(&mut engine, "documentDeletion")
}

async fn delete(State(engine): State<Shared>, Json(ids): Json<Vec<String>>) -> Answer {
    let mut engine = engine.lock().unwrap();
    ids.iter().for_each(|id| drop(engine.documents.remove(id)));
    accepted(&mut engine, "documentDeletion")
}

async fn search(State(engine): State<Shared>, Json(query): Json<Value>) -> Answer {
    match engine.lock().unwrap().search(&query) {
        Ok(results) => (StatusCode::OK, Json(results)),
        Err(_) => refused(StatusCode::BAD_REQUEST, "invalid_search_filter"),
    }
}

async fn multi_search(State(engine): State<Shared>, Json(body): Json<Value>) -> Answer {
    let mut engine = engine.lock().unwrap();
    let results: Result<Vec<Value>, String> =
        body["queries"].as_array().unwrap().iter().map(|query| engine.search(query)).collect();
    match results {
        Ok(results) => (StatusCode::OK, Json(json!({ "results": results }))),
        Err(_) => refused(StatusCode::BAD_REQUEST, "invalid_search_filter"),
    }
}

impl Engine {
    fn search(&mut self, query: &Value) -> Result<Value, String> {
        self.searches.push(query.clone());
        let words = query["q"].as_str().unwrap_or_default().to_lowercase();
        let mut hits = Vec::new();
        for document in self.documents.values().rev() {
            if passes(document, &query["filter"])? && holds(document, &query["attributesToSearchOn"], &words) {
                hits.push(json!({ "id": document["id"], "type": document["type"], "_rankingScore": 0.5 }));
            }
        }
        let (offset, limit) = (query["offset"].as_u64().unwrap_or(0), query["limit"].as_u64().unwrap_or(20));
        let total = hits.len();
        let hits: Vec<Value> = hits.into_iter().skip(offset as usize).take(limit as usize).collect();
        Ok(json!({ "hits": hits, "offset": offset, "limit": limit, "estimatedTotalHits": total,
            "processingTimeMs": 0, "query": words, "indexUid": "entries" }))
    }
}

fn holds(document: &Value, attributes: &Value, words: &str) -> bool {
    let named = attributes.as_array().into_iter().flatten().filter_map(Value::as_str);
    let texts: String = named.map(|name| document[name].to_string().to_lowercase()).collect();
    words.split_whitespace().all(|word| texts.contains(word))
}

fn passes(document: &Value, clauses: &Value) -> Result<bool, String> {
    let clauses: Vec<&str> = clauses.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    clauses.into_iter().try_fold(true, |passes, clause| Ok(passes && holds_true(document, clause)?))
}

/// `name IN ["a", "b"]`, `name = "a"`, `name >= 1`, `name <= 1`.
fn holds_true(document: &Value, clause: &str) -> Result<bool, String> {
    let (name, rest) = clause.split_once(' ').ok_or(clause)?;
    let (operator, value) = rest.split_once(' ').ok_or(clause)?;
    let value: Value = serde_json::from_str(value).map_err(|error| format!("{clause}: {error}"))?;
    let kept = match &document[name] {
        Value::Array(values) => values.clone(),
        other => vec![other.clone()],
    };
    Ok(match operator {
        "IN" => kept.iter().any(|kept| value.as_array().unwrap().contains(kept)),
        "=" => kept.contains(&value),
        ">=" => kept[0].as_i64().is_some_and(|kept| kept >= value.as_i64().unwrap()),
        "<=" => kept[0].as_i64().is_some_and(|kept| kept <= value.as_i64().unwrap()),
        other => return Err(format!("operator {other}")),
    })
}
