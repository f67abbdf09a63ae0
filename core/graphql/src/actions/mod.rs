//! Actions: a typed input, a typed payload, one call of a domain.

mod community;
mod content;
mod identity;
mod membership;
mod plugin;
mod plugin_work;
mod sign_in;

use std::{borrow::Cow, sync::Arc};

use futures::future::BoxFuture;
use lyceum_domain::{Domains, identity::Peer};
use lyceum_kernel::{Failure, Id, Result, Viewer};
use lyceum_model::TypeModel;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use crate::{
    inputs::{Input, InputType, Inputs},
    outputs::{Output, Outputs},
};

/// A field of `Mutation`.
pub struct Action {
    pub name: String,
    pub description: String,
    pub arguments: Vec<Input>,
    pub payload: String,
    pub run: Handler,
}

/// What an action is given: the use cases, the one who acts, the input.
pub struct Call {
    pub domains: Domains,
    pub viewer: Viewer,
    pub peer: Peer,
}

pub type Handler = Arc<dyn Fn(Call, Map<String, Json>) -> BoxFuture<'static, Result<Done>> + Send + Sync>;

/// What an action made, by the names of the payload's fields.
#[derive(Debug, Clone, PartialEq)]
pub enum Made {
    Nothing,
    Json(Json),
    /// A row of a type, to be read as the selection asks.
    Entity(String, Id),
    Fields(Vec<(Cow<'static, str>, Made)>),
}

impl Made {
    pub fn fields(fields: Vec<(&'static str, Made)>) -> Self {
        Self::Fields(fields.into_iter().map(|(name, made)| (Cow::Borrowed(name), made)).collect())
    }

    pub fn field(&self, name: &str) -> &Made {
        match self {
            Self::Fields(fields) => {
                fields.iter().find(|(known, _)| *known == name).map_or(&Self::Nothing, |(_, made)| made)
            }
            _ => &Self::Nothing,
        }
    }
}

/// The outcome of an action. `viewer` is set when the payload is to be read
/// as somebody else: as the one who has just signed in.
pub struct Done {
    pub made: Made,
    pub viewer: Option<Viewer>,
}

impl Done {
    pub fn new(fields: Vec<(&'static str, Made)>) -> Self {
        Self { made: Made::fields(fields), viewer: None }
    }
}

/// Collects the actions with their types.
pub struct Registry<'r> {
    pub inputs: &'r mut Inputs,
    pub outputs: &'r mut Outputs,
    pub actions: Vec<Action>,
}

impl Registry<'_> {
    /// Adds an action `name(input: NameInput!): NamePayload`. Without input
    /// fields it takes no argument.
    pub fn add<F>(
        &mut self,
        name: &str,
        description: &str,
        input: Vec<Input>,
        payload: Vec<Output>,
        run: impl Fn(Call, Map<String, Json>) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = Result<Done>> + Send + 'static,
    {
        let pascal = lyceum_model::names::pascal(name);
        let mut arguments = Vec::new();
        if !input.is_empty() {
            let object = format!("{pascal}Input");
            self.inputs.object(&object, &format!("The input of `{name}`."), input);
            arguments.push(Input::new("input", InputType::Object(object), "What to do.").required());
        }
        let object = format!("{pascal}Payload");
        self.outputs.object(&object, &format!("What `{name}` answers."), payload);
        self.actions.push(Action {
            name: name.to_owned(),
            description: description.to_owned(),
            arguments,
            payload: object,
            run: Arc::new(move |call, input| Box::pin(run(call, input))),
        });
    }
}

/// Every action of the schema.
pub fn actions(model: &TypeModel, inputs: &mut Inputs, outputs: &mut Outputs) -> Vec<Action> {
    let mut registry = Registry { inputs, outputs, actions: Vec::new() };
    identity::register(&mut registry);
    sign_in::register(&mut registry);
    content::register(&mut registry, model);
    membership::register(&mut registry);
    community::register(&mut registry);
    plugin::register(&mut registry);
    plugin_work::register(&mut registry);
    registry.actions
}

/// A checked input as the type that a domain takes.
fn typed<T: DeserializeOwned>(input: Map<String, Json>) -> Result<T> {
    serde_json::from_value(Json::Object(input)).map_err(Failure::internal)
}

/// The id of a thing with this prefix at `input.<name>`.
fn id_at(input: &Map<String, Json>, name: &str, prefix: &str) -> Result<Id> {
    let text = input.get(name).and_then(Json::as_str).unwrap_or_default();
    lyceum_kernel::GlobalId::expect(text, prefix)
        .map_err(|error| Failure::input(&format!("input.{name}"), error.to_string()))
}

/// As [`id_at`], for a field that may be absent.
fn optional_id_at(input: &Map<String, Json>, name: &str, prefix: &str) -> Result<Option<Id>> {
    match input.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(_) => id_at(input, name, prefix).map(Some),
    }
}

fn text_at<'i>(input: &'i Map<String, Json>, name: &str) -> &'i str {
    input.get(name).and_then(Json::as_str).unwrap_or_default()
}
