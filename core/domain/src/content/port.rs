//! Hooks around changes of content, as the domain sees them.

use std::{collections::BTreeMap, fmt, str::FromStr};

use async_trait::async_trait;
use lyceum_kernel::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::plugin::{FailedAttempt, PluginFailure};

/// A moment in the life of an entry that hooks are called at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Moment {
    Create,
    Update,
    Publish,
    Delete,
}

impl Moment {
    pub const ALL: [Self; 4] = [Self::Create, Self::Update, Self::Publish, Self::Delete];

    /// As the manifest and the WIT call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Publish => "publish",
            Self::Delete => "delete",
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|moment| moment.name() == text);
        known.ok_or_else(|| format!("\"{text}\" is not create, update, publish or delete"))
    }
}

/// Who changes an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The global id of the person.
    pub user: Option<String>,
    pub roles: Vec<String>,
    /// The id of the plugin.
    pub plugin: Option<String>,
}

/// One field in one language.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldValue {
    /// As the input of the API calls it: `title`, `categoryId`, `tagIds`.
    pub field: String,
    /// The language of a localised field.
    pub locale: Option<String>,
    /// References are global ids.
    pub value: Json,
}

/// An entry as hooks see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HookedEntry {
    pub type_name: String,
    /// The global id; none for an entry that is about to be made.
    pub id: Option<String>,
    pub published: bool,
    pub fields: Vec<FieldValue>,
}

/// A change that is about to happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    pub moment: Moment,
    pub actor: Actor,
    /// As it is; for [`Moment::Create`] as it will be.
    pub entry: HookedEntry,
    /// For [`Moment::Update`]: the fields that differ.
    pub changes: Vec<FieldValue>,
}

/// A hook refuses a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    pub field: Option<String>,
    /// For the person who made the change, by language tag.
    pub messages: BTreeMap<String, String>,
}

/// What a hook answers: the fields to be set differently, or a refusal.
pub type HookAnswer = Result<Vec<FieldValue>, Rejection>;

/// Looks at changes before they happen.
#[async_trait]
pub trait BeforeHook: Send + Sync {
    /// The plugin's id.
    fn name(&self) -> &str;

    /// Whether a failure of the plugin refuses the change. Otherwise the
    /// plugin is passed over.
    fn guards(&self) -> bool;

    /// Whether it wants to be called.
    fn wants(&self, moment: Moment, type_name: &str) -> bool;

    /// # Errors
    /// The plugin failed.
    async fn before(&self, proposal: &Proposal) -> Result<HookAnswer, PluginFailure>;
}

/// What happened to an entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// The same over repetitions.
    pub event: String,
    pub moment: Moment,
    pub type_name: String,
    /// The global id.
    pub id: String,
    pub actor: Actor,
    pub at: Timestamp,
    /// The entry as it is now; none when it is gone.
    pub entry: Option<HookedEntry>,
}

/// Learns of changes after they happened.
#[async_trait]
pub trait AfterHook: Send + Sync {
    /// The plugin's id.
    fn name(&self) -> &str;

    /// Whether it wants to be called.
    fn wants(&self, moment: Moment, type_name: &str) -> bool;

    /// # Errors
    /// It failed; whether the same call may succeed later.
    async fn after(&self, fact: &Fact) -> Result<(), FailedAttempt>;
}
