//! Rankers in the shadow: asked after the answer was given, only to be compared.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lyceum_kernel::{Id, Viewer};

use super::{RankContext, RankedBy, Ranker, order::RankItem, service::ask};
use crate::plugin::{Extensions, Pair, RankingTally, ShadowBook, Tally};

/// An order that was given.
pub(super) struct Given {
    pub by: String,
    pub order: Vec<Id>,
    /// Microseconds.
    pub took: u64,
}

impl Given {
    pub fn new(by: &RankedBy, order: &[Id], took: Duration) -> Self {
        let by = match by {
            RankedBy::Plugin(name) => name.clone(),
            RankedBy::Default => "default".to_owned(),
        };
        Self { by, order: order.to_vec(), took: u64::try_from(took.as_micros()).unwrap_or(u64::MAX) }
    }
}

/// Compares an order with what the rankers in the shadow make of the same items.
pub(super) fn compare(
    book: &Arc<ShadowBook>,
    extensions: &dyn Extensions,
    viewer: &Viewer,
    (items, context): (&[RankItem], &RankContext),
    given: impl FnOnce() -> Given,
) {
    let shadows = extensions.shadow_rankers();
    if shadows.is_empty() || items.is_empty() {
        return;
    }
    let (viewer, items, context, given) = (viewer.clone(), items.to_vec(), context.clone(), given());
    book.compare(async move {
        let mut found = Vec::new();
        for shadow in shadows {
            let pair = Pair { active: given.by.clone(), shadow: shadow.name().to_owned() };
            let tally = beside(shadow.as_ref(), &viewer, (&items, &context), &given).await;
            found.push((pair, Tally::Ranking(tally)));
        }
        found
    });
}

async fn beside(
    shadow: &dyn Ranker,
    viewer: &Viewer,
    (items, context): (&[RankItem], &RankContext),
    given: &Given,
) -> RankingTally {
    let started = Instant::now();
    let Some(order) = ask(shadow, viewer, items, context.clone()).await else { return RankingTally::failed() };
    let texts = |ids: &[Id]| -> Vec<String> { ids.iter().map(ToString::to_string).collect() };
    let took = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    RankingTally::of(&texts(&given.order), &texts(&order), [given.took, took])
}
