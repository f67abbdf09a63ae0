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

    /// The columns that the active ranker asks for.
    pub(super) fn asked(&self) -> Vec<String> {
        self.extensions.ranker().map(|ranker| ranker.columns().to_vec()).unwrap_or_default()
    }

    /// Orders `items`, all of them, best first. Never fails. The context's
    /// `count` is set here.
    pub async fn order(&self, viewer: &Viewer, items: Vec<RankItem>, context: RankContext) -> (Vec<Id>, RankedBy) {
        self.order_beside(viewer, items, context, |items, _| async { Some(items) }).await
    }

    /// As [`Self::order`]. `more` makes of the items, when the answer is given,
    /// those that rankers in the shadow get, with the columns that they ask for.
    pub(super) async fn order_beside<M>(
        &self,
        viewer: &Viewer,
        mut items: Vec<RankItem>,
        context: RankContext,
        more: impl FnOnce(Vec<RankItem>, Vec<String>) -> M,
    ) -> (Vec<Id>, RankedBy)
    where
        M: Future<Output = Option<Vec<RankItem>>> + Send + 'static,
    {
        by_recency(&mut items);
        let started = Instant::now();
        let (order, by) = self.ordered(viewer, &items, &context).await;
        let shadows = self.extensions.shadow_rankers();
        if !shadows.is_empty() && !items.is_empty() {
            let given = shadow::Given::new(&by, &order, started.elapsed());
            let asked = shadows.iter().flat_map(|ranker| ranker.columns().to_vec()).collect();
            let beside = shadow::Beside { shadows, viewer: viewer.clone(), context };
            shadow::compare(&self.shadows, beside, given, more(items, asked));
        }
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
