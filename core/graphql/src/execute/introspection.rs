//! Introspection is async-graphql's own.

use async_graphql::{
    Request, Variables,
    parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition, Selection},
};
use lyceum_kernel::{ErrorCode, Failure, Result};
use serde_json::Value as Json;

use super::Run;

impl Run<'_> {
    pub(super) async fn introspect(&self, key: &str) -> Result<String> {
        let variables = Variables::from_json(Json::Object(self.variables.clone()));
        let mut request = Request::new("").variables(variables);
        request.set_parsed_query(only_introspection(self.document));
        let response = self.current.schema.execute(request).await;
        if let Some(error) = response.errors.first() {
            return Err(Failure::new(ErrorCode::GraphqlValidationFailed, error.message.clone()));
        }
        let data = response.data.into_json().map_err(Failure::internal)?;
        Ok(data[key].to_string())
    }
}

/// The document with nothing but introspection in its operations.
fn only_introspection(document: &ExecutableDocument) -> ExecutableDocument {
    let mut document = document.clone();
    let keep = |operation: &mut OperationDefinition| {
        operation.selection_set.node.items.retain(|item| match &item.node {
            Selection::Field(field) => matches!(field.node.name.node.as_str(), "__schema" | "__type"),
            Selection::FragmentSpread(_) | Selection::InlineFragment(_) => false,
        });
    };
    match &mut document.operations {
        DocumentOperations::Single(operation) => keep(&mut operation.node),
        DocumentOperations::Multiple(operations) => {
            operations.values_mut().for_each(|operation| keep(&mut operation.node))
        }
    }
    document
}
