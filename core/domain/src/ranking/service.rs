//! Asking the active ranker.

use std::{sync::Arc, time::Instant};

use lyceum_kernel::{Id, Viewer};

use super::{
    COLUMNS, Column, RankContext, Ranker,
    order::{RankItem, by_recency, by_scores, column},
    shadow,
};
use crate::plugin::{Extensions, ShadowBook};

/// Who made an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RankedBy {
    /// The plugin of this id.
    Plugin(String),
    /// Newest first: no ranker is active, or it failed.
    Default,
}

/// Orders lists.
pub struct Ranking {
    extensions: Arc<dyn Extensions>,
    shadows: Arc<ShadowBook>,
}

impl Ranking {
    pub fn new(extensions: Arc<dyn Extensions>) -> Self {
        Self { extensions, shadows: Arc::default() }
    }

    /// Where comparisons with rankers in the shadow are written.
    #[must_use]
    pub fn compared_in(self, shadows: Arc<ShadowBook>) -> Self {
        Self { shadows, ..self }
    }

    /// The columns that the active ranker asks for, and those in its shadow.
    pub(super) fn asked(&self) -> Vec<String> {
        let rankers = self.extensions.ranker().into_iter().chain(self.extensions.shadow_rankers());
        rankers.flat_map(|ranker| ranker.columns().to_vec()).collect()
    }

    /// Orders `items`, all of them, best first. Never fails. The context's
    /// `count` is set here.
    pub async fn order(&self, viewer: &Viewer, mut items: Vec<RankItem>, context: RankContext) -> (Vec<Id>, RankedBy) {
        by_recency(&mut items);
        let started = Instant::now();
        let (order, by) = self.ordered(viewer, &items, &context).await;
        shadow::compare(&self.shadows, self.extensions.as_ref(), viewer, (&items, &context), || {
            shadow::Given::new(&by, &order, started.elapsed())
        });
        (order, by)
    }

    async fn ordered(&self, viewer: &Viewer, items: &[RankItem], context: &RankContext) -> (Vec<Id>, RankedBy) {
        if !items.is_empty()
            && let Some(ranker) = self.extensions.ranker()
            && let Some(order) = ask(ranker.as_ref(), viewer, items, context.clone()).await
        {
            return (order, RankedBy::Plugin(ranker.name().to_owned()));
        }
        (items.iter().map(|item| item.id).collect(), RankedBy::Default)
    }
}

pub(super) async fn ask(
    ranker: &dyn Ranker,
    viewer: &Viewer,
    items: &[RankItem],
    context: RankContext,
) -> Option<Vec<Id>> {
    let context = RankContext { count: u32::try_from(items.len()).ok()?, ..context };
    let Some(columns) = columns(ranker, viewer, items) else {
        tracing::warn!(ranker = ranker.name(), asked = ?ranker.columns(), "a ranker asks for columns that there are not");
        return None;
    };
    match ranker.rank(&context, columns).await {
        Ok(scores) => by_scores(items, &scores).or_else(|| {
            tracing::warn!(ranker = ranker.name(), scores = scores.len(), items = items.len(), "useless scores");
            None
        }),
        Err(failure) => {
            tracing::warn!(ranker = ranker.name(), %failure, "a ranker failed");
            None
        }
    }
}

fn columns(ranker: &dyn Ranker, viewer: &Viewer, items: &[RankItem]) -> Option<Vec<(String, Column)>> {
    if ranker.columns().len() > COLUMNS.len() {
        return None;
    }
    let personal = viewer.user.is_some();
    ranker.columns().iter().map(|name| column(name, items, personal).map(|c| (name.clone(), c))).collect()
}
