//! The moderator as the domain sees it.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::plugin::PluginFailure;

/// A text to be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewItem {
    pub id: String,
    /// `comment`.
    pub kind: String,
    /// A language tag, when known.
    pub locale: Option<String>,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    Allow,
    /// A person must look at it.
    Hold,
    Reject,
}

/// What a moderator thinks of one item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub decision: Decision,
    /// Why, as codes of an open set: `spam`, `abuse`, `advertising`, `contact`.
    pub labels: Vec<String>,
    /// Sureness from 0 to 1.
    pub confidence: f32,
    /// For the person who decides.
    pub note: Option<String>,
}

/// Looks at texts before they are shown.
#[async_trait]
pub trait Moderator: Send + Sync {
    /// The plugin's id.
    fn name(&self) -> &str;

    /// One verdict for each item, in order.
    ///
    /// # Errors
    /// The caller holds the items for a person.
    async fn review(&self, items: &[ReviewItem]) -> Result<Vec<Verdict>, PluginFailure>;
}
