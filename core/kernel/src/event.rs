//! What happened, for those who want to know: the outbox carries events.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Id, Viewer};

/// One event, written in the transaction of the change it tells of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// What happened, as `type.past-tense`: `course.published`, `order.paid`.
    pub name: String,
    /// The type of the thing it happened to: `course`.
    pub subject_type: String,
    pub subject_id: Id,
    /// Who did it, when a person did.
    pub actor: Option<Id>,
    /// Facts that a consumer could not read later.
    #[serde(default)]
    pub data: Value,
}

impl Event {
    pub fn new(subject_type: &str, what: &str, subject_id: Id) -> Self {
        Self {
            name: format!("{subject_type}.{what}"),
            subject_type: subject_type.to_owned(),
            subject_id,
            actor: None,
            data: Value::Null,
        }
    }

    #[must_use]
    pub fn by(mut self, actor: Option<Id>) -> Self {
        self.actor = actor;
        self
    }

    /// Says who did it: a person as the actor, a plugin as the fact `plugin`.
    #[must_use]
    pub fn by_viewer(self, viewer: &Viewer) -> Self {
        let event = self.by(viewer.user);
        match &viewer.plugin {
            Some(plugin) => event.noting("plugin", &**plugin),
            None => event,
        }
    }

    /// Adds a fact to those that it tells.
    #[must_use]
    pub fn noting(mut self, fact: &str, value: impl Into<Value>) -> Self {
        if !self.data.is_object() {
            self.data = Value::Object(serde_json::Map::new());
        }
        self.data[fact] = value.into();
        self
    }

    /// Tells these facts and no others.
    #[must_use]
    pub fn with(mut self, data: Value) -> Self {
        self.data = data;
        self
    }
}
