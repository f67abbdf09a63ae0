//! The ranker as the domain sees it.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::plugin::PluginFailure;

/// One named column: one value per item, in the order of the items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Column {
    F32(Vec<f32>),
    U32(Vec<u32>),
    U64(Vec<u64>),
}

/// What a ranker may know of the asking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RankContext {
    /// The list: `recommended-courses`.
    pub surface: String,
    pub locale: String,
    /// Milliseconds since 1970.
    pub now_ms: i64,
    pub count: u32,
}

/// Orders items by a score; the highest comes first. Pure.
#[async_trait]
pub trait Ranker: Send + Sync {
    /// The plugin's id, which the caller is told as the maker of the order.
    fn name(&self) -> &str;

    /// The columns it wants, each one of [`super::COLUMNS`].
    fn columns(&self) -> &[String];

    /// One finite score for each item.
    ///
    /// # Errors
    /// The caller falls back to the default order.
    async fn rank(&self, context: &RankContext, columns: Vec<(String, Column)>) -> Result<Vec<f32>, PluginFailure>;
}
