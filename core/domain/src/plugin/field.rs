//! Fields that plugins add to the API, as the API sees them.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::PluginFailure;

/// One field of many parents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldRequest {
    /// The parent's type: `Lesson`.
    pub type_name: String,
    pub field: String,
    /// A JSON object.
    pub args: Json,
    pub locale: String,
    /// The global id of the viewer; none for a visitor.
    pub viewer: Option<String>,
}

/// Resolves fields, many parents at once.
#[async_trait]
pub trait FieldResolver: Send + Sync {
    /// The plugin's id.
    fn name(&self) -> &str;

    /// What it adds: type definitions and extensions in GraphQL SDL, where
    /// `@needs(fields: […])` names the parent's fields that it is given.
    fn sdl(&self) -> &str;

    /// One answer for each parent, in order; the text of an error is for the
    /// log and the client's `errors`.
    ///
    /// # Errors
    /// The field is null for all parents.
    async fn resolve(
        &self,
        request: &FieldRequest,
        parents: &[Json],
    ) -> Result<Vec<Result<Json, String>>, PluginFailure>;
}
