//! Documents: parsed and validated once by async-graphql, then kept.
//!
//! **Invariant:** nothing is executed that async-graphql did not validate
//! against the schema in use.

use std::sync::Arc;

use async_graphql::{
    Request, Response,
    dynamic::Schema,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute},
    parser::types::{
        DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet,
    },
};
use lyceum_kernel::{ErrorCode, Failure, Result};
use quick_cache::sync::Cache;

use serde_json::Value as Json;

use crate::{inputs::Variables, limits::Limits};

/// A document that fits the schema.
#[derive(Debug)]
pub struct Document(pub ExecutableDocument);

/// The documents seen lately.
pub struct Documents {
    cache: Cache<String, Arc<Document>>,
}

impl Default for Documents {
    fn default() -> Self {
        Self { cache: Cache::new(1000) }
    }
}

/// Marks a request that is to be validated and not executed.
#[derive(Clone, Copy)]
struct ValidateOnly;

/// The extension that ends such a request before it is executed.
pub struct StopAfterValidation;

impl ExtensionFactory for StopAfterValidation {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait::async_trait]
impl Extension for StopAfterValidation {
    async fn execute(
        &self,
        ctx: &ExtensionContext<'_>,
        operation_name: Option<&str>,
        next: NextExecute<'_>,
    ) -> Response {
        match ctx.data_opt::<ValidateOnly>() {
            Some(_) => Response::new(async_graphql::Value::Null),
            None => next.run(ctx, operation_name).await,
        }
    }
}

impl Documents {
    /// The document of a query text: from the cache, or parsed and validated.
    ///
    /// # Errors
    /// `GRAPHQL_PARSE_FAILED`, `GRAPHQL_VALIDATION_FAILED` (with `locations`),
    /// `TOO_MANY_ALIASES`.
    pub async fn get(
        &self,
        schema: &Schema,
        query: &str,
        variables: &Variables,
        operation: Option<&str>,
        limits: Limits,
    ) -> Result<Arc<Document>> {
        if let Some(found) = self.cache.get(query) {
            return Ok(found);
        }
        let parsed = async_graphql::parser::parse_query(query).map_err(|error| parse_failure(&error))?;
        check_aliases(&parsed, limits)?;
        let mut request = Request::new("")
            .variables(async_graphql::Variables::from_json(Json::Object(variables.clone())))
            .data(ValidateOnly);
        request.operation_name = operation.map(str::to_owned);
        request.set_parsed_query(parsed.clone());
        let response = schema.execute(request).await;
        if let Some(error) = response.errors.first() {
            return Err(validation_failure(error));
        }
        let document = Arc::new(Document(parsed));
        self.cache.insert(query.to_owned(), document.clone());
        Ok(document)
    }
}

fn parse_failure(error: &async_graphql::parser::Error) -> Failure {
    let places: Vec<_> = error.positions().map(|p| serde_json::json!({ "line": p.line, "column": p.column })).collect();
    Failure::new(ErrorCode::GraphqlParseFailed, format!("The query does not parse: {error}")).with("locations", places)
}

fn validation_failure(error: &async_graphql::ServerError) -> Failure {
    let places: Vec<_> =
        error.locations.iter().map(|p| serde_json::json!({ "line": p.line, "column": p.column })).collect();
    let code = if error.message.contains("nested too deep") {
        ErrorCode::QueryTooDeep
    } else {
        ErrorCode::GraphqlValidationFailed
    };
    Failure::new(code, error.message.clone()).with("locations", places)
}

fn check_aliases(document: &ExecutableDocument, limits: Limits) -> Result<()> {
    let operations: usize = document.operations.iter().map(|(_, op)| aliases(&op.node.selection_set.node)).sum();
    let fragments: usize = document.fragments.values().map(|f| aliases(&f.node.selection_set.node)).sum();
    if operations + fragments <= limits.aliases {
        return Ok(());
    }
    let message = format!("The query has more than {} aliases.", limits.aliases);
    Err(Failure::new(ErrorCode::TooManyAliases, message).with("limit", limits.aliases))
}

fn aliases(set: &SelectionSet) -> usize {
    let of = |selection: &Selection| match selection {
        Selection::Field(field) => usize::from(field.node.alias.is_some()) + aliases(&field.node.selection_set.node),
        Selection::InlineFragment(fragment) => aliases(&fragment.node.selection_set.node),
        Selection::FragmentSpread(_) => 0,
    };
    set.items.iter().map(|item| of(&item.node)).sum()
}

impl Document {
    /// The operation to run.
    ///
    /// # Errors
    /// `BAD_REQUEST` when the name is missing or unknown.
    pub fn operation(&self, name: Option<&str>) -> Result<&OperationDefinition> {
        match (&self.0.operations, name) {
            (DocumentOperations::Single(operation), None) => Ok(&operation.node),
            (DocumentOperations::Multiple(operations), Some(name)) => {
                operations.get(name).map(|operation| &operation.node).ok_or_else(|| {
                    Failure::new(ErrorCode::BadRequest, format!("The document has no operation \"{name}\"."))
                })
            }
            (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => operations
                .values()
                .next()
                .map(|operation| &operation.node)
                .ok_or_else(|| Failure::new(ErrorCode::BadRequest, "The document has no operation.")),
            (DocumentOperations::Multiple(_), None) => Err(Failure::new(
                ErrorCode::BadRequest,
                "The document has several operations: say which with \"operationName\".",
            )),
            (DocumentOperations::Single(_), Some(name)) => {
                Err(Failure::new(ErrorCode::BadRequest, format!("The document has no operation \"{name}\".")))
            }
        }
    }

    pub fn is_mutation(operation: &OperationDefinition) -> bool {
        operation.ty == OperationType::Mutation
    }
}
