//! Execution: reads are compiled to one statement a root field, actions are
//! called and their payload is read the same way.

mod introspection;
mod payload;
mod query;
mod recommended;
mod rows;
mod search;
mod text;

use std::borrow::Cow;

use async_graphql::parser::types::{ExecutableDocument, OperationDefinition, OperationType};
use lyceum_domain::identity::Peer;
use lyceum_kernel::{ErrorCode, Failure, Result, Viewer};
use serde_json::Value as Json;

pub use self::query::not_allowed;
use self::text::ObjectText;
use crate::{
    api::{Api, Current, STATEMENTS_PLACE},
    document::Document,
    error::error_json,
    extend::{
        AskedField,
        resolve::{Surroundings, resolve},
    },
    fields::{Selected, Selections},
    inputs::Variables,
    limits::Meter,
};

/// A GraphQL request, taken apart.
#[derive(Debug, Clone, Default)]
pub struct GraphqlRequest {
    pub query: String,
    pub operation_name: Option<String>,
    pub variables: Variables,
}

/// Who asks, and how.
#[derive(Debug, Clone, Default)]
pub struct Asker {
    pub viewer: Viewer,
    pub peer: Peer,
    pub request_id: String,
    /// Whether the request came by GET: then nothing is changed.
    pub safe: bool,
}

/// The answer to a request.
pub enum Answer {
    /// The operation ran; the text is the whole response body.
    Ran(String),
    /// The request failed as a whole.
    Refused(Failure),
}

/// One operation under way.
struct Run<'a> {
    api: &'a Api,
    current: &'a Current,
    asker: &'a Asker,
    document: &'a ExecutableDocument,
    variables: &'a Variables,
    meter: Meter,
    /// Fields of plugins in the root field under way, and its language.
    asked: Vec<AskedField>,
    locale: String,
    /// Whom the payload under way is read for, when a sign-in has changed that.
    reader: Option<Viewer>,
    errors: Vec<Json>,
}

impl Api {
    /// Runs one request.
    pub async fn run(&self, request: GraphqlRequest, asker: &Asker) -> Answer {
        match self.try_run(&request, asker).await {
            Ok(body) => Answer::Ran(body),
            Err(failure) => Answer::Refused(failure),
        }
    }

    async fn try_run(&self, request: &GraphqlRequest, asker: &Asker) -> Result<String> {
        let name = request.operation_name.as_deref();
        let current = self.current();
        let Current { documents, schema, .. } = &*current;
        let document = documents.get(schema, &request.query, &request.variables, name, self.options.limits).await?;
        let operation = document.operation(name)?;
        if Document::is_mutation(operation) && asker.safe {
            return Err(Failure::new(ErrorCode::MethodNotAllowed, "A mutation is sent by POST."));
        }
        let run = Run {
            api: self,
            current: &current,
            asker,
            document: &document.0,
            variables: &with_defaults(operation, &request.variables),
            meter: Meter::new(self.options.limits),
            asked: Vec::new(),
            locale: self.domains.locales.default_locale().to_string(),
            reader: None,
            errors: Vec::new(),
        };
        run.operation(operation).await
    }
}

/// The variables with the defaults that the operation declares.
fn with_defaults<'v>(operation: &OperationDefinition, given: &'v Variables) -> Cow<'v, Variables> {
    let mut variables = Cow::Borrowed(given);
    for definition in &operation.variable_definitions {
        let name = definition.node.name.node.as_str();
        if let Some(default) = definition.node.default_value()
            && !variables.contains_key(name)
        {
            let value = default.clone().into_json().unwrap_or(Json::Null);
            variables.to_mut().insert(name.to_owned(), value);
        }
    }
    variables
}

impl Run<'_> {
    async fn operation(mut self, operation: &OperationDefinition) -> Result<String> {
        let selections = Selections::new(self.document, self.variables, &operation.selection_set.node);
        let root_name = if operation.ty == OperationType::Mutation { "Mutation" } else { "Query" };
        let fields = selections.fields(&[root_name]);
        let most = self.api.options.limits.root_fields;
        if fields.len() > most {
            let message = format!("An operation has at most {most} root fields.");
            return Err(Failure::new(ErrorCode::QueryTooCostly, message));
        }
        let mut body = String::with_capacity(1024);
        body.push_str("{\"data\":");
        let mut data = ObjectText::behind(body);
        for selected in &fields {
            match self.root(root_name, selected, &selections).await {
                Ok(text) => data.put(selected.key, &text),
                Err(failure) if is_refusal_of_the_query(&failure) => return Err(failure),
                Err(failure) => {
                    self.errors.push(error_json(&failure, &[selected.key], &self.asker.request_id));
                    data.put(selected.key, "null");
                }
            }
        }
        self.finish(data.end())
    }

    /// The answer of a root field with what plugins add to it.
    async fn root(&mut self, root_name: &str, selected: &Selected<'_>, selections: &Selections<'_>) -> Result<String> {
        let text = self.root_alone(root_name, selected, selections).await;
        let (reader, asked) = (self.reader.take(), std::mem::take(&mut self.asked));
        let text = text?;
        if asked.is_empty() {
            return Ok(text);
        }
        // A plugin is told of the one whose rows it is given.
        let viewer = reader.as_ref().unwrap_or(&self.asker.viewer).user.map(|id| format!("user_{id}"));
        let around = Surroundings { locale: self.locale.clone(), viewer, root: selected.key };
        resolve(&self.current.additions, &asked, &text, &around, &mut self.errors).await
    }

    async fn root_alone(
        &mut self,
        root_name: &str,
        selected: &Selected<'_>,
        selections: &Selections<'_>,
    ) -> Result<String> {
        match selected.name() {
            "__typename" => Ok(format!("\"{root_name}\"")),
            "__schema" | "__type" => self.introspect(selected.key).await,
            name if root_name == "Query" => {
                let root = self.api.root(name).ok_or_else(|| Failure::internal(format!("no root field {name}")))?;
                self.meter.field()?;
                self.query(root, selected, &selections.below(selected)).await
            }
            name => self.action(name, selected, &selections.below(selected)).await,
        }
    }

    fn finish(self, mut body: String) -> Result<String> {
        if !self.errors.is_empty() {
            body.push_str(",\"errors\":");
            body.push_str(&serde_json::to_string(&self.errors).map_err(Failure::internal)?);
        }
        body.push_str(&format!(",\"extensions\":{{\"cost\":{}", self.meter.cost()));
        if self.api.options.dev {
            // Filled in by the one who counts the statements.
            body.push_str(STATEMENTS_PLACE);
        }
        body.push_str("}}");
        Ok(body)
    }
}

/// Whether the query itself is refused, and not one field of its answer.
fn is_refusal_of_the_query(failure: &Failure) -> bool {
    matches!(failure.code(), ErrorCode::QueryTooDeep | ErrorCode::QueryTooCostly | ErrorCode::GraphqlValidationFailed)
}
