//! GraphQL over HTTP: the GET and POST of the specification's draft, its media
//! types and its status codes.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{ConnectInfo, DefaultBodyLimit, Extension, Query, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use lyceum_domain::identity::Peer;
use lyceum_kernel::{ErrorCode, Failure, Result};
use lyceum_store::StatementLog;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::{
    api::{Api, STATEMENTS_PLACE},
    error::error_json,
    execute::{Answer, Asker, GraphqlRequest},
    upload,
};

const GRAPHQL: HeaderValue = HeaderValue::from_static("application/graphql-response+json; charset=utf-8");
const PLAIN: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
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
        let work = self.answer(request, headers, peer, safe);
        let (answer, request_id) = if self.options.dev { log.clone().record(work).await } else { work.await };
        match answer {
            Answer::Ran(body) if self.options.dev => body_response(StatusCode::OK, media, with_statements(&body, &log)),
            Answer::Ran(body) => body_response(StatusCode::OK, media, body),
            Answer::Refused(failure) => refused(&failure, media, &request_id),
        }
    }

    async fn answer(
        &self,
        request: Result<GraphqlRequest>,
        headers: &HeaderMap,
        peer: Option<SocketAddr>,
        safe: bool,
    ) -> (Answer, String) {
        let request_id = text(headers, &REQUEST_ID).unwrap_or_default().to_owned();
        let asker = async {
            let request = request?;
            let viewer = self.domains.identity.viewer_for(bearer(headers)?).await?;
            let user_agent = text(headers, &header::USER_AGENT).map(|agent| agent.chars().take(200).collect());
            let peer = Peer { address: peer.map(|peer| peer.ip()), user_agent };
            Ok((request, Asker { viewer, peer, request_id: request_id.clone(), safe }))
        };
        match asker.await {
            Ok((request, asker)) => (self.run(request, &asker).await, request_id),
            Err(failure) => (Answer::Refused(failure), request_id),
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
}

async fn by_get(
    State(api): State<Arc<Api>>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    Query(parameters): Query<Parameters>,
) -> Response {
    let request = (|| {
        let query = parameters.query.ok_or_else(|| bad_request("The parameter \"query\" is missing."))?;
        let variables = match parameters.variables.as_deref() {
            None | Some("") => Map::new(),
            Some(text) => serde_json::from_str(text)
                .map_err(|_| bad_request("The parameter \"variables\" is not a JSON object."))?,
        };
        let operation_name = parameters.operation_name.filter(|name| !name.is_empty());
        Ok(GraphqlRequest { query, operation_name, variables })
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
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        query: Option<String>,
        operation_name: Option<String>,
        variables: Option<Map<String, Json>>,
    }
    let body: Body = serde_json::from_slice(body)
        .map_err(|error| bad_request(&format!("The body is not a GraphQL request: {error}.")))?;
    let query = body.query.ok_or_else(|| bad_request("The field \"query\" is missing."))?;
    Ok(GraphqlRequest { query, operation_name: body.operation_name, variables: body.variables.unwrap_or_default() })
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

/// The media type that the client takes, ours first among equals.
fn accepted(headers: &HeaderMap) -> Option<Media> {
    let Some(accept) = text(headers, &header::ACCEPT) else { return Some(Media::Graphql) };
    let mut best: Option<(Media, f32)> = None;
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let media = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "application/graphql-response+json" => Media::Graphql,
            "application/json" => Media::Plain,
            "*/*" | "application/*" => Media::Graphql,
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
        let better = best.is_none_or(|(known, w)| {
            weight > w || ((weight - w).abs() < f32::EPSILON && media == Media::Graphql && known == Media::Plain)
        });
        if weight > 0.0 && better {
            best = Some((media, weight));
        }
    }
    best.map(|(media, _)| media)
}

fn refused(failure: &Failure, media: Media, request_id: &str) -> Response {
    let body = json!({ "errors": [error_json(failure, &[], request_id)] }).to_string();
    let status = StatusCode::from_u16(failure.code().http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // The query was understood and refused: older clients read 200.
    let understood = matches!(
        failure.code(),
        ErrorCode::GraphqlParseFailed
            | ErrorCode::GraphqlValidationFailed
            | ErrorCode::QueryTooDeep
            | ErrorCode::QueryTooCostly
            | ErrorCode::TooManyAliases
    );
    let status = if media == Media::Plain && understood { StatusCode::OK } else { status };
    let mut response = body_response(status, media, body);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    response
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
        assert_eq!(media("*/*"), Some(Media::Graphql));
        assert_eq!(media("text/html"), None);
        assert_eq!(accepted(&HeaderMap::new()), Some(Media::Graphql));
    }
}
