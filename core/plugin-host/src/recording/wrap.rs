//! Parts of a plugin whose answered calls are kept.

use std::sync::Arc;

use async_trait::async_trait;
use lyceum_domain::{
    content::{BeforeHook, HookAnswer, Moment, Proposal},
    moderation::{Moderator, ReviewItem, Verdict},
    plugin::{FieldRequest, FieldResolver, PluginFailure},
    ranking::{Column, RankContext, Ranker},
};
use serde_json::Value as Json;

use super::{Call, Recorder};
use crate::extension::Parts;

/// A part and who keeps its calls.
struct Kept<P: ?Sized> {
    part: Arc<P>,
    recorder: Arc<Recorder>,
}

impl Recorder {
    /// The parts, with their answered calls kept.
    pub(crate) fn wrap(self: &Arc<Self>, parts: Parts) -> Parts {
        let recorder = || Arc::clone(self);
        Parts {
            ranker: parts.ranker.map(|part| Arc::new(Kept { part, recorder: recorder() }) as Arc<dyn Ranker>),
            moderator: parts.moderator.map(|part| Arc::new(Kept { part, recorder: recorder() }) as Arc<dyn Moderator>),
            before: parts.before.map(|part| Arc::new(Kept { part, recorder: recorder() }) as Arc<dyn BeforeHook>),
            fields: parts.fields.map(|part| Arc::new(Kept { part, recorder: recorder() }) as Arc<dyn FieldResolver>),
            ..parts
        }
    }
}

#[async_trait]
impl Ranker for Kept<dyn Ranker> {
    fn name(&self) -> &str {
        self.part.name()
    }

    fn columns(&self) -> &[String] {
        self.part.columns()
    }

    async fn rank(&self, context: &RankContext, columns: Vec<(String, Column)>) -> Result<Vec<f32>, PluginFailure> {
        let input = columns.clone();
        let answer = self.part.rank(context, columns).await?;
        let context = context.clone();
        self.recorder.keep(self.name(), || Call::Rank { context, columns: input }, &answer);
        Ok(answer)
    }
}

#[async_trait]
impl Moderator for Kept<dyn Moderator> {
    fn name(&self) -> &str {
        self.part.name()
    }

    async fn review(&self, items: &[ReviewItem]) -> Result<Vec<Verdict>, PluginFailure> {
        let answer = self.part.review(items).await?;
        self.recorder.keep(self.name(), || Call::Review { items: items.to_vec() }, &answer);
        Ok(answer)
    }
}

#[async_trait]
impl BeforeHook for Kept<dyn BeforeHook> {
    fn name(&self) -> &str {
        self.part.name()
    }

    fn guards(&self) -> bool {
        self.part.guards()
    }

    fn wants(&self, moment: Moment, type_name: &str) -> bool {
        self.part.wants(moment, type_name)
    }

    async fn before(&self, proposal: &Proposal) -> Result<HookAnswer, PluginFailure> {
        let answer = self.part.before(proposal).await?;
        self.recorder.keep(self.name(), || Call::Before { proposal: proposal.clone() }, &answer);
        Ok(answer)
    }
}

#[async_trait]
impl FieldResolver for Kept<dyn FieldResolver> {
    fn name(&self) -> &str {
        self.part.name()
    }

    fn sdl(&self) -> &str {
        self.part.sdl()
    }

    async fn resolve(
        &self,
        request: &FieldRequest,
        parents: &[Json],
    ) -> Result<Vec<Result<Json, String>>, PluginFailure> {
        let answer = self.part.resolve(request, parents).await?;
        let call = || Call::Resolve { request: request.clone(), parents: parents.to_vec() };
        self.recorder.keep(self.name(), call, &answer);
        Ok(answer)
    }
}
