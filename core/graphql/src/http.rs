//! GraphQL over HTTP: the GET and POST of the specification's draft, its media
//! types and its status codes.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{ConnectInfo, DefaultBodyLimit, Extension, Query, Request, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use lyceum_domain::identity::Peer;
use lyceum_kernel::{
    ErrorCode, Failure, Result, Viewer,
    json::{self, JsonError},
};
use lyceum_store::StatementLog;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::{
    api::{Api, STATEMENTS_PLACE},
    budget::Remaining,
    error::{Refused, error_json},
    execute::{Answer, Asker, GraphqlRequest, RejectedToken},
    upload,
};

const GRAPHQL: HeaderValue = HeaderValue::from_static("application/graphql-response+json; charset=utf-8");
const PLAIN: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// What a request costs that is refused before it runs.
const REFUSAL_COST: u64 = 100;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The media type of the answer: it decides the status of a refused request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Media {
    Graphql,
    /// Answers 200 to every well-formed request, as older clients expect.
    Plain,
}

impl Api {
    /// `/graphql`, and the IDE at `/`.
    pub fn router(self: Arc<Self>) -> Router {
        let limit = self.options.limits.body_bytes;
        Router::new()
            .route("/", get(ide))
            // Our own limit is told as a GraphQL error; this one only guards it.
            // An upload has one of its own, which holds for owners alone.
            .route("/graphql", get(by_get).post(by_post))
            .layer(DefaultBodyLimit::max(limit.saturating_mul(2).max(limit + 65_536).max(upload::UPLOAD_BYTES)))
            .with_state(self)
    }

    async fn respond(
        &self,
        request: Result<GraphqlRequest>,
        headers: &HeaderMap,
        peer: Option<SocketAddr>,
        safe: bool,
    ) -> Response {
        let Some(media) = accepted(headers) else {
            let text = "This endpoint answers application/graphql-response+json and application/json.";
            return (StatusCode::NOT_ACCEPTABLE, text).into_response();
        };
        let log = Arc::new(StatementLog::default());
        let persisted = request.as_ref().is_ok_and(|request| request.persisted_hash.is_some());
        let work = self.answer(request, headers, peer, safe);
        let (answer, request_id, remaining) =
            if self.options.dev { log.clone().record(work).await } else { work.await };
        let mut response = self.response(answer, headers, media, (persisted, safe), &log, &request_id);
        if let Some(remaining) = remaining {
            put_rate_limit(response.headers_mut(), remaining);
        }
        response
    }

    fn response(
        &self,
        answer: Answer,
        headers: &HeaderMap,
        media: Media,
        (persisted, safe): (bool, bool),
        log: &StatementLog,
        request_id: &str,
    ) -> Response {
        match answer {
            Answer::Ran(ran) => {
                let by_visitor = safe && !headers.contains_key(header::AUTHORIZATION);
                let sharable = by_visitor && persisted && !ran.has_errors;
                let (locale, is_mutation) = (ran.locale, ran.is_mutation);
                let body = if self.options.dev { with_statements(&ran.body, log) } else { ran.body };
                let mut response = body_response(StatusCode::OK, media, body);
                if let Some(value) = self.cache_control(sharable, by_visitor, is_mutation) {
                    response.headers_mut().insert(header::CACHE_CONTROL, value);
                }
                if let Ok(locale) = HeaderValue::from_str(&locale) {
                    response.headers_mut().insert(header::CONTENT_LANGUAGE, locale);
                }
                response
            }
            Answer::Refused(refused) => refused_response(&refused, media, request_id),
        }
    }

    /// Only what a visitor read by the hash of a persisted query may be kept
    /// by others; her own browser may keep what it got by GET and ask whether
    /// it is still so. What a mutation answered may hold tokens.
    fn cache_control(&self, sharable: bool, by_get: bool, is_mutation: bool) -> Option<HeaderValue> {
        if is_mutation {
            return Some(NO_STORE);
        }
        match (sharable, by_get) {
            (true, _) => HeaderValue::from_str(&format!("public, max-age={}", self.options.max_age.as_secs())).ok(),
            (false, true) => Some(HeaderValue::from_static("private, no-cache")),
            // Whoever stands around the API says what holds for the rest.
            (false, false) => None,
        }
    }

    async fn answer(
        &self,
        request: Result<GraphqlRequest>,
        headers: &HeaderMap,
        peer: Option<SocketAddr>,
        safe: bool,
    ) -> (Answer, String, Option<Remaining>) {
        let request_id = text(headers, &REQUEST_ID).unwrap_or_default().to_owned();
        let asker = async {
            let request = self.persisted_query(request?)?;
            let (viewer, rejected_token) = self.viewer(headers).await?;
            let user_agent = text(headers, &header::USER_AGENT).map(|agent| agent.chars().take(200).collect());
            let peer = Peer { address: peer.map(|peer| peer.ip()), user_agent };
            let locale = text(headers, &header::ACCEPT_LANGUAGE).and_then(|asked| self.domains.locales.accepted(asked));
            let locale = locale.cloned();
            let request_id = request_id.clone();
            Ok::<_, Failure>((request, Asker { viewer, peer, request_id, safe, locale, rejected_token }))
        };
        match asker.await {
            Ok((request, asker)) => {
                let (answer, remaining) = self.run_within_budget(request, &asker).await;
                (answer, request_id, remaining)
            }
            Err(failure) => (Answer::Refused(Refused::from(failure)), request_id, None),
        }
    }

    async fn run_within_budget(&self, request: GraphqlRequest, asker: &Asker) -> (Answer, Option<Remaining>) {
        let Some(budget) = self.budgets.of(&asker.viewer, &asker.peer) else {
            return (self.run(request, asker).await, None);
        };
        if let Err(failure) = budget.check() {
            return (Answer::Refused(Refused::from(failure)), Some(budget.spend(0)));
        }
        let answer = self.run(request, asker).await;
        let cost = match &answer {
            Answer::Ran(ran) => ran.cost,
            // What a refused request costs is its validation.
            Answer::Refused(_) => REFUSAL_COST,
        };
        (answer, Some(budget.spend(cost)))
    }

    /// Who asks. One whose token is not good is a visitor: what needs more
    /// than that says why it is not given.
    async fn viewer(&self, headers: &HeaderMap) -> Result<(Viewer, Option<RejectedToken>)> {
        let identity = &self.domains.identity;
        let found = match bearer(headers) {
            Ok(token) => identity.viewer_for(token).await,
            Err(failure) => Err(failure),
        };
        match found {
            Ok(viewer) => Ok((viewer, None)),
            Err(failure) => match failure.code() {
                ErrorCode::TokenExpired | ErrorCode::SessionRevoked | ErrorCode::Unauthenticated => {
                    let rejected = RejectedToken { code: failure.code(), message: failure.message().to_owned() };
                    Ok((identity.visitor(), Some(rejected)))
                }
                _ => Err(failure),
            },
        }
    }

    /// The request with the query that its hash names (automatic persisted
    /// queries, version 1).
    fn persisted_query(&self, mut request: GraphqlRequest) -> Result<GraphqlRequest> {
        let Some(hash) = &request.persisted_hash else { return Ok(request) };
        let mut bytes = [0; 32];
        hex::decode_to_slice(hash, &mut bytes)
            .map_err(|_| bad_request("\"sha256Hash\" is 64 hexadecimal digits: the SHA-256 of the query."))?;
        if !request.query.is_empty() {
            return match self.persisted.insert(bytes, &request.query) {
                true => Ok(request),
                false => Err(bad_request("The query is not the one that \"sha256Hash\" names.")),
            };
        }
        let known = self.persisted.get(&bytes);
        // The text is what clients of this protocol compare with.
        let unknown = || Failure::new(ErrorCode::PersistedQueryNotFound, "PersistedQueryNotFound");
        request.query = known.ok_or_else(unknown)?.to_string();
        Ok(request)
    }
}

/// As the draft of the IETF has them (`draft-ietf-httpapi-ratelimit-headers`).
fn put_rate_limit(headers: &mut HeaderMap, remaining: Remaining) {
    let Remaining { per_minute, left, seconds } = remaining;
    for (name, value) in [
        ("ratelimit-policy", format!("\"cost\";q={per_minute};w=60")),
        ("ratelimit", format!("\"cost\";r={left};t={seconds}")),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

async fn ide() -> Response {
    let page = include_str!("ide.html");
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

async fn by_get(
    State(api): State<Arc<Api>>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Response {
    let request = (|| {
        let Query(parameters) = parameters.map_err(|error| bad_request(&error.body_text()))?;
        let object = |name: &str, text: Option<&str>| match text {
            None | Some("") => Ok(Json::Null),
            Some(text) => json::parse(text.as_bytes())
                .map_err(|error| unread(&error, |_| format!("The parameter \"{name}\" is not a JSON object."))),
        };
        let mut body = Map::new();
        if let Some(query) = parameters.query {
            body.insert("query".into(), query.into());
        }
        body.insert("operationName".into(), parameters.operation_name.into());
        body.insert("variables".into(), object("variables", parameters.variables.as_deref())?);
        body.insert("extensions".into(), object("extensions", parameters.extensions.as_deref())?);
        of_body(body)
    })();
    api.respond(request, &headers, peer.map(|Extension(ConnectInfo(peer))| peer), true).await
}

async fn by_post(
    State(api): State<Arc<Api>>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    body: Request,
) -> Response {
    let peer = peer.map(|Extension(ConnectInfo(peer))| peer);
    let content_type = text(&headers, &header::CONTENT_TYPE).unwrap_or_default();
    let media = content_type.split(';').next().unwrap_or_default().trim();
    if media.eq_ignore_ascii_case("multipart/form-data") {
        let request = api.uploaded(&headers, body).await;
        return api.respond(request, &headers, peer, false).await;
    }
    if !media.eq_ignore_ascii_case("application/json") {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Send application/json.").into_response();
    }
    let most = api.options.limits.body_bytes;
    let guard = most.saturating_mul(2).max(most + 65_536);
    let Ok(body) = axum::body::to_bytes(body.into_body(), guard).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "The request body is too large.").into_response();
    };
    let request = if body.len() > api.options.limits.body_bytes {
        let message = format!("The request body is larger than {} bytes.", api.options.limits.body_bytes);
        Err(Failure::new(ErrorCode::BodyTooLarge, message).with("limit", api.options.limits.body_bytes))
    } else {
        parse(&body)
    };
    api.respond(request, &headers, peer, false).await
}

/// A request body as the specification has it.
pub(crate) fn parse(body: &[u8]) -> Result<GraphqlRequest> {
    let place =
        |error: &serde_json::Error| format!("The body is not JSON: line {}, column {}.", error.line(), error.column());
    let body = json::parse(body).map_err(|error| unread(&error, place))?;
    match body {
        Json::Object(body) => of_body(body),
        _ => Err(bad_request("The body is a JSON object with \"query\"; batches are not supported.")),
    }
}

/// Why no JSON was read; `syntax` says it where it is none.
fn unread(error: &JsonError, syntax: impl FnOnce(&serde_json::Error) -> String) -> Failure {
    match error {
        JsonError::Syntax(error) => bad_request(&syntax(error)),
        JsonError::Inexact { path, .. } => {
            let below = path.strip_prefix(&["variables".to_owned()]).unwrap_or(path);
            Failure::input(&below.join("."), error.to_string())
        }
    }
}

fn of_body(mut body: Map<String, Json>) -> Result<GraphqlRequest> {
    let mut text = |name: &str| match body.remove(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(_) => Err(bad_request(&format!("\"{name}\" is not a text."))),
    };
    let (query, operation_name) = (text("query")?, text("operationName")?);
    let mut object = |name: &str| match body.remove(name) {
        None | Some(Json::Null) => Ok(Map::new()),
        Some(Json::Object(map)) => Ok(map),
        Some(_) => Err(bad_request(&format!("\"{name}\" is not an object."))),
    };
    let (variables, extensions) = (object("variables")?, object("extensions")?);
    let persisted_hash = persisted_hash(&extensions)?;
    let query = match (query, &persisted_hash) {
        (Some(query), _) => query,
        (None, Some(_)) => String::new(),
        (None, None) => return Err(bad_request("\"query\" is missing.")),
    };
    let operation_name = operation_name.filter(|name| !name.is_empty());
    Ok(GraphqlRequest { query, operation_name, variables, persisted_hash })
}

fn persisted_hash(extensions: &Map<String, Json>) -> Result<Option<String>> {
    match extensions.get("persistedQuery") {
        None | Some(Json::Null) => Ok(None),
        Some(asked) => match (asked["version"].as_i64(), asked["sha256Hash"].as_str()) {
            (Some(1), Some(hash)) => Ok(Some(hash.to_owned())),
            _ => Err(bad_request("\"persistedQuery\" is {\"version\": 1, \"sha256Hash\": …}.")),
        },
    }
}

pub(crate) fn bad_request(message: &str) -> Failure {
    Failure::new(ErrorCode::BadRequest, message)
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<&str>> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let token = value.to_str().ok().and_then(|value| value.split_once(' '));
    match token {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => {
            Err(Failure::new(ErrorCode::Unauthenticated, "The header Authorization is \"Bearer\" and an access token."))
        }
    }
}

/// The media type that the client takes. One that takes everything gets
/// `application/json`, which every client reads.
fn accepted(headers: &HeaderMap) -> Option<Media> {
    let Some(accept) = text(headers, &header::ACCEPT).filter(|accept| !accept.trim().is_empty()) else {
        return Some(Media::Plain);
    };
    let mut best: Option<(Media, bool, f32)> = None;
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let (media, named) = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "application/graphql-response+json" => (Media::Graphql, true),
            "application/json" => (Media::Plain, true),
            "*/*" | "application/*" => (Media::Plain, false),
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
        // Among equals what is named comes before what is not, and ours first.
        let rank = |media: Media, named: bool| (named, media == Media::Graphql);
        let better = best.is_none_or(|(known, known_named, w): (Media, bool, f32)| {
            weight > w || ((weight - w).abs() < f32::EPSILON && rank(media, named) > rank(known, known_named))
        });
        if weight > 0.0 && better {
            best = Some((media, named, weight));
        }
    }
    best.map(|(media, ..)| media)
}

fn refused_response(refused: &Refused, media: Media, request_id: &str) -> Response {
    let errors: Vec<Json> = refused.0.iter().map(|failure| error_json(failure, &[], request_id)).collect();
    let body = json!({ "errors": errors }).to_string();
    let code = refused.code();
    let status = StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // The request was understood and refused: older clients read 200.
    let understood = matches!(
        code,
        ErrorCode::GraphqlParseFailed
            | ErrorCode::GraphqlValidationFailed
            | ErrorCode::BadUserInput
            | ErrorCode::QueryTooDeep
            | ErrorCode::QueryTooCostly
            | ErrorCode::QueryTooLarge
            | ErrorCode::FilterTooLarge
            | ErrorCode::PageTooLarge
            | ErrorCode::TooManyAliases
    );
    let status = if media == Media::Plain && understood { StatusCode::OK } else { status };
    let mut response = body_response(status, media, body);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    match status {
        StatusCode::METHOD_NOT_ALLOWED => drop(headers.insert(header::ALLOW, HeaderValue::from_static("POST"))),
        StatusCode::UNAUTHORIZED => {
            let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        StatusCode::SERVICE_UNAVAILABLE => drop(headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"))),
        _ => {}
    }
    if let Some(seconds) = retry_after(refused) {
        headers.insert(header::RETRY_AFTER, seconds);
    }
    response
}

fn retry_after(refused: &Refused) -> Option<HeaderValue> {
    let (_, seconds) = refused.0.first()?.details().iter().find(|(name, _)| *name == "retryAfterSeconds")?;
    HeaderValue::from_str(&seconds.as_u64()?.to_string()).ok()
}

fn body_response(status: StatusCode, media: Media, body: String) -> Response {
    let content_type = if media == Media::Graphql { GRAPHQL } else { PLAIN };
    (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
}

/// The answer of a development server, with its statements.
fn with_statements(body: &str, log: &StatementLog) -> String {
    let statements = log.statements();
    let told = json!({ "count": statements.len(), "statements": statements });
    body.replacen(STATEMENTS_PLACE, &format!(",\"sql\":{told}"), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(accept: &str) -> Option<Media> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().expect("a header value"));
        accepted(&headers)
    }

    #[test]
    fn the_client_chooses_the_media_type() {
        assert_eq!(media("application/json"), Some(Media::Plain));
        assert_eq!(media("application/graphql-response+json, application/json;q=0.9"), Some(Media::Graphql));
        assert_eq!(media("application/json, application/graphql-response+json;q=0.5"), Some(Media::Plain));
        assert_eq!(media("*/*"), Some(Media::Plain));
        assert_eq!(media("application/graphql-response+json, */*"), Some(Media::Graphql));
        assert_eq!(media("text/html"), None);
        assert_eq!(accepted(&HeaderMap::new()), Some(Media::Plain));
    }

    #[test]
    fn a_number_that_would_become_another_is_refused_at_its_place() {
        let refused = parse(br#"{"query":"{a}","variables":{"input":{"rating":90071992547409.93}}}"#);
        let told = refused.err().map(|failure| (failure.path().join("."), failure.message().to_owned()));
        let why = "The number 90071992547409.93 cannot be kept exactly. Send it as a text.";
        assert_eq!(told, Some(("input.rating".to_owned(), why.to_owned())));
        assert!(parse(br#"{"query":"{a}","variables":{"input":{"rating":4.5,"n":1e3}}}"#).is_ok());
    }
}
