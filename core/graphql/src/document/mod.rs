//! Documents: bounded, parsed and validated once, then kept for a while.
//!
//! The order is the protection: [`scan`] bounds the text before it is parsed,
//! [`bounds`] what is parsed before it is validated, and only then do
//! apollo-compiler and our own [`rules`] validate it.
//!
//! **Invariant:** nothing is executed that was not validated against the
//! schema in use. Whether a document is valid does not depend on variables,
//! nor on who sent it before.

mod bounds;
mod cache;
mod rules;
mod scan;

use std::sync::Arc;

use apollo_compiler::{
    ExecutableDocument, Schema,
    ast::OperationType,
    executable::Operation,
    parser::{Parser, SourceMap, SourceSpan},
    validation::{DiagnosticList, Valid},
};
use lyceum_kernel::{ErrorCode, Failure, Result};
use serde_json::{Value as Json, json};

pub use self::cache::{Documents, PersistedQueries};
use crate::{error::Refused, limits::Limits};

/// Problems of one document that are reported.
const REPORTED: usize = 10;
/// Characters of one report. A message repeats names of the document.
const MESSAGE: usize = 300;

/// A document that fits the schema.
#[derive(Debug)]
pub struct Document(pub Valid<ExecutableDocument>);

/// # Errors
/// QUERY_TOO_LARGE, QUERY_TOO_DEEP, TOO_MANY_ALIASES, GRAPHQL_PARSE_FAILED,
/// GRAPHQL_VALIDATION_FAILED, each with `locations` where they are known.
pub fn load(schema: &Valid<Schema>, query: &str, limits: Limits) -> Result<Document, Refused> {
    let text = scan::scan(query, limits)?;
    // The scan has counted: these are only what holds if it missed something.
    let mut parser = Parser::new().recursion_limit(4 * scan::NESTING).token_limit(4 * limits.tokens);
    let parsed = parser
        .parse_ast(text, "query")
        .map_err(|wrong| reported(&wrong.errors, ErrorCode::GraphqlParseFailed, "The query does not parse: "))?;
    bounds::check(&parsed, limits)?;
    let document = match parsed.to_executable_validate(schema) {
        Ok(document) => document,
        Err(wrong) if wrong.errors.iter().all(|problem| is_null_within_json(&problem.error.to_string())) => {
            Valid::assume_valid(wrong.partial)
        }
        Err(wrong) => return Err(reported(&wrong.errors, ErrorCode::GraphqlValidationFailed, "")),
    };
    rules::check(schema, &document)?;
    Ok(Document(document))
}

/// apollo-compiler takes the items of a list within a `JSON!` for `JSON!` too.
/// Our rules refuse the null that is really one there.
fn is_null_within_json(problem: &str) -> bool {
    problem.contains("of type JSON!, found null")
}

/// A field that does not exist has lost its selection when this is looked for.
const WITHOUT_SELECTION: &str = "must have a subselection set";

fn reported(problems: &DiagnosticList, code: ErrorCode, prefix: &str) -> Refused {
    let mut errors: Vec<_> = problems.iter().take(10 * REPORTED).map(|problem| problem.to_json()).collect();
    if errors.iter().any(|error| !error.message.contains(WITHOUT_SELECTION)) {
        errors.retain(|error| !error.message.contains(WITHOUT_SELECTION));
    }
    errors.dedup_by(|one, other| one.message == other.message);
    let failures = errors.into_iter().take(REPORTED).map(|error| {
        let places: Vec<Json> =
            error.locations.iter().map(|at| json!({ "line": at.line, "column": at.column })).collect();
        let message = error.message.strip_prefix("syntax error: ").unwrap_or(&error.message);
        Failure::new(code, format!("{prefix}{}", shortened(message))).with("locations", places)
    });
    Refused(failures.collect())
}

/// What a client wrote is not sent back at any length.
fn shortened(message: &str) -> String {
    match message.char_indices().nth(MESSAGE) {
        None => message.to_owned(),
        Some((end, _)) => format!("{}…", &message[..end]),
    }
}

/// A rule of ours was broken here.
fn invalid(message: String, at: Option<SourceSpan>, sources: &SourceMap) -> Failure {
    let failure = Failure::new(ErrorCode::GraphqlValidationFailed, shortened(&message));
    match location(at, sources) {
        Some(place) => failure.with("locations", vec![place]),
        None => failure,
    }
}

/// The line and column of a place, as an error reports them.
pub fn location(at: Option<SourceSpan>, sources: &SourceMap) -> Option<Json> {
    let place = at?.line_column_range(sources)?.start;
    Some(json!({ "line": place.line, "column": place.column }))
}

fn too_large(of: &'static str, most: impl Into<Json> + Copy + std::fmt::Display) -> Failure {
    let message = format!("The query has more than {most} {of}.");
    Failure::new(ErrorCode::QueryTooLarge, message).with("limited", of).with("limit", most)
}

impl Document {
    /// The operation to run.
    ///
    /// # Errors
    /// `BAD_REQUEST` when the name is missing or unknown.
    pub fn operation(&self, name: Option<&str>) -> Result<&Operation> {
        let operations = &self.0.operations;
        let found = match name {
            Some(name) => operations.named.get(name),
            None if operations.len() == 1 => operations.iter().next(),
            None => None,
        };
        found.map(|operation| &**operation).ok_or_else(|| {
            let message = match name {
                Some(name) => format!("The document has no operation \"{}\".", shortened(name)),
                None if operations.is_empty() => "The document has no operation.".to_owned(),
                None => "The document has several operations: name one in \"operationName\".".to_owned(),
            };
            Failure::new(ErrorCode::BadRequest, message)
        })
    }

    pub fn is_mutation(operation: &Operation) -> bool {
        operation.operation_type == OperationType::Mutation
    }
}

/// The documents of one schema.
///
/// # Errors
/// As [`load`].
pub fn get(
    documents: &Documents,
    schema: &Valid<Schema>,
    query: &str,
    limits: Limits,
) -> Result<Arc<Document>, Refused> {
    if let Some(known) = documents.get(query) {
        return Ok(known);
    }
    let document = Arc::new(load(schema, query, limits)?);
    documents.insert(query, &document);
    Ok(document)
}
