//! Parts of a plugin whose answered calls are kept.
//!
//! **Invariant:** nothing is copied for a call that is not kept.

use std::sync::Arc;

use async_trait::async_trait;
use lyceum_domain::{
    content::{BeforeHook, HookAnswer, Moment, Proposal},
    moderation::{Moderator, ReviewItem, Verdict},
    plugin::{FieldRequest, FieldResolver, PluginFailure},
    ranking::{Column, RankContext, Ranker},
};
use serde::Serialize;
use serde_json::Value as Json;

use super::{Call, Recorder, keeper::Track};
use crate::extension::Parts;

/// A part and where its calls are kept.
struct Kept<P: ?Sized> {
    part: Arc<P>,
    track: Arc<Track>,
}

impl Recorder {
    /// The parts of a plugin, with their answered calls kept.
    pub(crate) fn wrap(&self, parts: Parts) -> Parts {
        let Parts { ranker, moderator, before, fields, .. } = parts;
        Parts {
            ranker: ranker.map(|part| Arc::new(Kept { track: self.track(part.name()), part }) as Arc<dyn Ranker>),
            moderator: moderator
                .map(|part| Arc::new(Kept { track: self.track(part.name()), part }) as Arc<dyn Moderator>),
            before: before.map(|part| Arc::new(Kept { track: self.track(part.name()), part }) as Arc<dyn BeforeHook>),
            fields: fields
                .map(|part| Arc::new(Kept { track: self.track(part.name()), part }) as Arc<dyn FieldResolver>),
            ..parts
        }
    }
}

impl<P: ?Sized> Kept<P> {
    /// Keeps an answered call, which is described only when it is its turn.
    fn keep(&self, call: impl FnOnce() -> Call, answer: &impl Serialize) {
        if self.track.is_next() {
            self.track.keep(call(), answer);
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
        // The ranker takes the columns away, so they are copied before it is known whether it answers.
        let call = self.track.is_next().then(|| Call::Rank { context: context.clone(), columns: columns.clone() });
        let answer = self.part.rank(context, columns).await?;
        if let Some(call) = call {
            self.track.keep(call, &answer);
        }
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
        self.keep(|| Call::Review { items: items.to_vec() }, &answer);
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
        self.keep(|| Call::Before { proposal: proposal.clone() }, &answer);
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
        self.keep(call, &answer);
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers with as many scores as there are candidates.
    struct Same;

    #[async_trait]
    impl Ranker for Same {
        fn name(&self) -> &str {
            "acme/same"
        }

        fn columns(&self) -> &[String] {
            &[]
        }

        async fn rank(&self, context: &RankContext, _: Vec<(String, Column)>) -> Result<Vec<f32>, PluginFailure> {
            Ok(vec![1.0; usize::try_from(context.count).expect("a small list")])
        }
    }

    #[tokio::test]
    async fn calls_are_kept_as_they_were_made_each_at_its_turn() {
        let directory = tempfile::tempdir().expect("a directory");
        let recorder = Recorder::new(directory.path().to_owned());
        let parts = recorder.wrap(Parts { ranker: Some(Arc::new(Same)), ..Parts::default() });
        let ranker = parts.ranker.expect("it was wrapped");
        for count in 0..160 {
            let context = RankContext { surface: "s".into(), locale: "en".into(), now_ms: 0, count };
            let columns = vec![("age".to_owned(), Column::U32(vec![count]))];
            let answer = ranker.rank(&context, columns).await.expect("it answers");
            assert_eq!(answer.len(), usize::try_from(count).expect("a small list"));
        }
        recorder.flush().expect("written");
        let kept = Recorder::read(directory.path(), "acme/same").expect("read");
        let counts = kept.iter().map(|recording| match &recording.call {
            Call::Rank { context, columns } => {
                assert_eq!(columns, &[("age".to_owned(), Column::U32(vec![context.count]))]);
                assert_eq!(recording.answer, serde_json::json!(vec![1.0; context.count as usize]));
                context.count
            }
            other => panic!("{other:?}"),
        });
        assert_eq!(counts.collect::<Vec<_>>(), (2..100).chain([100, 150]).collect::<Vec<_>>());
    }
}
