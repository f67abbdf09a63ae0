//! Execution: reads are compiled to one statement a root field, actions are
//! called and their payload is read the same way.

mod payload;
mod query;
mod recommended;
mod rows;
mod search;
pub mod text;

use apollo_compiler::executable::{ExecutableDocument, Operation};
use lyceum_domain::identity::Peer;
use lyceum_kernel::{ErrorCode, Failure, Locale, Result, Viewer};
use serde_json::{Value as Json, json};

pub use self::query::not_allowed;
use self::text::ObjectText;
use crate::{
    api::{Api, Current, STATEMENTS_PLACE},
    coerce::{Coercion, Variables},
    document::{self, Document},
    error::{Refused, error_json},
    extend::{
        AskedField,
        resolve::{Surroundings, resolve},
    },
    fields::{Selected, Selections},
    introspection::{self, Introspection},
    limits::Meter,
};

/// A GraphQL request, taken apart.
#[derive(Debug, Clone, Default)]
pub struct GraphqlRequest {
    pub query: String,
    pub operation_name: Option<String>,
    pub variables: Variables,
    /// The hash of a persisted query. Its text may be missing.
    pub persisted_hash: Option<String>,
}

/// Who asks, and how.
#[derive(Debug, Clone, Default)]
pub struct Asker {
    pub viewer: Viewer,
    pub peer: Peer,
    pub request_id: String,
    /// Whether the request came by GET: then nothing is changed.
    pub safe: bool,
    /// The language of the request where a field names none.
    pub locale: Option<Locale>,
    /// Why the viewer is only a visitor although a token was sent.
    pub rejected_token: Option<RejectedToken>,
}

/// An access token that is not good any more, or never was.
#[derive(Debug, Clone)]
pub struct RejectedToken {
    pub code: ErrorCode,
    pub message: String,
}

impl RejectedToken {
    fn failure(&self) -> Failure {
        Failure::new(self.code, self.message.clone())
    }
}

/// Actions of somebody who has no good token yet: a bad one is not looked at.
const WITHOUT_TOKEN: &[&str] =
    &["beginSignIn", "completeSignIn", "refreshSession", "register", "requestPasswordReset", "resetPassword", "signIn"];

/// The answer to a request.
pub enum Answer {
    /// The operation ran.
    Ran(Ran),
    /// The request failed as a whole.
    Refused(Refused),
}

/// The answer of an operation that ran.
#[derive(Debug)]
pub struct Ran {
    /// The whole response body.
    pub body: String,
    pub is_mutation: bool,
    /// The language of what was read.
    pub locale: String,
    pub cost: u64,
    /// Whether the body has `errors`.
    pub has_errors: bool,
}

/// One operation under way.
struct Run<'a> {
    api: &'a Api,
    current: &'a Current,
    asker: &'a Asker,
    coercion: Coercion<'a>,
    document: &'a ExecutableDocument,
    variables: &'a Variables,
    meter: Meter,
    /// Values of introspection that were read.
    introspected: usize,
    /// Fields of plugins in the root field under way, and its language.
    asked: Vec<AskedField>,
    locale: String,
    /// Whom the payload under way is read for, when a sign-in has changed that.
    reader: Option<Viewer>,
    errors: Vec<Json>,
}

impl Api {
    /// Runs one request, within the time that it may take.
    pub async fn run(&self, request: GraphqlRequest, asker: &Asker) -> Answer {
        match self.try_run(request, asker).await {
            Ok(ran) => Answer::Ran(ran),
            Err(refused) => Answer::Refused(refused),
        }
    }

    async fn try_run(&self, request: GraphqlRequest, asker: &Asker) -> Result<Ran, Refused> {
        let limits = self.options.limits;
        let current = self.current();
        let schema = &current.compiled.schema;
        let document = document::get(&current.documents, schema, &request.query, limits)?;
        let operation = document.operation(request.operation_name.as_deref())?;
        let is_mutation = Document::is_mutation(operation);
        if is_mutation && asker.safe {
            return Err(Failure::new(ErrorCode::MethodNotAllowed, "A mutation is sent by POST.").into());
        }
        introspection::check(&document.0, operation)?;
        let coercion = Coercion { schema };
        let variables = coercion.variables(operation, request.variables)?;
        let run = Run {
            api: self,
            current: &current,
            asker,
            coercion,
            document: &document.0,
            variables: &variables,
            meter: Meter::new(limits),
            introspected: 0,
            asked: Vec::new(),
            locale: self.locale_of(asker).to_string(),
            reader: None,
            errors: Vec::new(),
        };
        let time = if is_mutation { limits.mutation_time } else { limits.query_time };
        let work =
            async { if is_mutation { run.mutation(operation).await } else { run.query_operation(operation).await } };
        tokio::time::timeout(time, work).await.unwrap_or_else(|_| Err(timed_out(time))).map_err(Refused::from)
    }

    /// The language of a request where a field names none.
    pub(crate) fn locale_of<'l>(&'l self, asker: &'l Asker) -> &'l Locale {
        asker.locale.as_ref().unwrap_or_else(|| self.domains.locales.default_locale())
    }
}

fn timed_out(time: std::time::Duration) -> Failure {
    let seconds = time.as_secs();
    let message = format!("The request took longer than {seconds} seconds and was ended. Ask for less, or try again.");
    Failure::new(ErrorCode::QueryTimeout, message).with("limitSeconds", seconds)
}

impl Run<'_> {
    async fn query_operation(mut self, operation: &Operation) -> Result<Ran> {
        let selections = Selections::new(self.document, self.variables, &operation.selection_set);
        let fields = self.root_fields(&selections, "Query")?;
        if let Some(rejected) = &self.asker.rejected_token {
            self.errors.push(error_json(&rejected.failure(), &[], &self.asker.request_id));
        }
        let mut data = data_text();
        for selected in &fields {
            let answer = self.query_root(selected, &selections).await;
            self.put(&mut data, selected, &selections, answer)?;
        }
        self.finish(data.end(), false)
    }

    /// Every root field is planned before the first one acts: a mutation that
    /// is refused has done nothing.
    async fn mutation(mut self, operation: &Operation) -> Result<Ran> {
        let selections = Selections::new(self.document, self.variables, &operation.selection_set);
        let fields = self.root_fields(&selections, "Mutation")?;
        if let Some(rejected) = &self.asker.rejected_token
            && !fields.iter().all(|selected| WITHOUT_TOKEN.contains(&selected.name()))
        {
            return Err(rejected.failure());
        }
        for selected in &fields {
            self.rehearse(selected, &selections).await?;
        }
        let mut data = data_text();
        for selected in &fields {
            let answer = self.mutation_root(selected, &selections).await;
            self.put(&mut data, selected, &selections, answer)?;
        }
        self.finish(data.end(), true)
    }

    fn root_fields<'d>(&self, selections: &Selections<'d>, root: &str) -> Result<Vec<Selected<'d>>> {
        let fields = selections.fields(&[root])?;
        let most = self.api.options.limits.root_fields;
        if fields.len() <= most {
            return Ok(fields);
        }
        let message = format!("An operation has at most {most} root fields.");
        Err(Failure::new(ErrorCode::QueryTooCostly, message).with("limit", most))
    }

    /// The answer of a root field, or null and an error.
    fn put(
        &mut self,
        data: &mut ObjectText,
        selected: &Selected<'_>,
        selections: &Selections<'_>,
        answer: Result<String>,
    ) -> Result<()> {
        match answer {
            Ok(text) => data.put(selected.key, &text),
            Err(failure) if is_refusal_of_the_query(&failure) => return Err(failure),
            Err(failure) => {
                let failure = match selections.location(selected) {
                    Some(place) => failure.with("locations", json!([place])),
                    None => failure,
                };
                self.errors.push(error_json(&failure, &[selected.key.into()], &self.asker.request_id));
                data.put(selected.key, "null");
            }
        }
        Ok(())
    }

    async fn query_root(&mut self, selected: &Selected<'_>, selections: &Selections<'_>) -> Result<String> {
        let below = selections.below(selected);
        match selected.name() {
            "__typename" => Ok("\"Query\"".to_owned()),
            "__schema" | "__type" => self.introspect(selected, &below),
            name => {
                let root = self.api.root(name).ok_or_else(|| Failure::internal(format!("no root field {name}")))?;
                self.meter.field()?;
                let text = self.query(root, selected, &below).await;
                self.with_plugin_fields(text, selected).await
            }
        }
    }

    fn introspect(&mut self, selected: &Selected<'_>, below: &Selections<'_>) -> Result<String> {
        let compiled = &self.current.compiled;
        let values = self.introspected;
        let mut introspection =
            Introspection { schema: &compiled.schema, implementers: &compiled.implementers, values };
        let answer = introspection.root(selected, below);
        self.introspected = introspection.values;
        answer
    }

    async fn mutation_root(&mut self, selected: &Selected<'_>, selections: &Selections<'_>) -> Result<String> {
        match selected.name() {
            "__typename" => Ok("\"Mutation\"".to_owned()),
            name => {
                let text = self.action(name, selected, &selections.below(selected)).await;
                self.with_plugin_fields(text, selected).await
            }
        }
    }

    /// The answer of a root field with what plugins add to it.
    async fn with_plugin_fields(&mut self, text: Result<String>, selected: &Selected<'_>) -> Result<String> {
        let (reader, asked) = (self.reader.take(), std::mem::take(&mut self.asked));
        let text = text?;
        if asked.is_empty() {
            return Ok(text);
        }
        // A plugin is given the viewer whose rows it is given.
        let viewer = reader.as_ref().unwrap_or(&self.asker.viewer).user.map(|id| format!("user_{id}"));
        let around = Surroundings { locale: self.locale.clone(), viewer, root: selected.key };
        resolve(&self.current.additions, &asked, &text, &around, &mut self.errors).await
    }

    fn finish(self, mut body: String, is_mutation: bool) -> Result<Ran> {
        let (has_errors, cost) = (!self.errors.is_empty(), self.meter.cost());
        if has_errors {
            body.push_str(",\"errors\":");
            body.push_str(&serde_json::to_string(&self.errors).map_err(Failure::internal)?);
        }
        body.push_str(&format!(",\"extensions\":{{\"cost\":{cost}"));
        if self.api.options.dev {
            // Filled in by the one who counts the statements.
            body.push_str(STATEMENTS_PLACE);
        }
        body.push_str("}}");
        Ok(Ran { body, is_mutation, locale: self.locale, cost, has_errors })
    }
}

fn data_text() -> ObjectText {
    let mut body = String::with_capacity(1024);
    body.push_str("{\"data\":");
    ObjectText::after(body)
}

/// Whether the query itself is refused, and not one field of its answer.
fn is_refusal_of_the_query(failure: &Failure) -> bool {
    matches!(
        failure.code(),
        ErrorCode::QueryTooDeep
            | ErrorCode::QueryTooCostly
            | ErrorCode::QueryTooLarge
            | ErrorCode::FilterTooLarge
            | ErrorCode::QueryTimeout
            | ErrorCode::GraphqlValidationFailed
    )
}
