//! Rankers in the shadow: asked after the answer was given, only to be compared.
//!
//! **Invariant:** a request pays for none of it: what only a shadow asks for is
//! read after the answer, and for no comparison that is left out.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use lyceum_kernel::{Id, Viewer};

use super::{RankContext, RankedBy, Ranker, order::RankItem, service::ask};
use crate::plugin::{Pair, RankingTally, ShadowBook, Tally};

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

/// The rankers in the shadow, and what they are asked.
pub(super) struct Beside {
    pub shadows: Vec<Arc<dyn Ranker>>,
    pub viewer: Viewer,
    pub context: RankContext,
}

/// Compares an order with what the rankers in the shadow make of the same
/// items, which are made ready behind the scenes too.
pub(super) fn compare(
    book: &Arc<ShadowBook>,
    beside: Beside,
    mut given: Given,
    items: impl Future<Output = Option<Vec<RankItem>>> + Send + 'static,
) {
    book.compare(async move {
        let (Beside { shadows, viewer, context }, Some(items)) = (beside, items.await) else { return Vec::new() };
        let still: HashSet<Id> = items.iter().map(|item| item.id).collect();
        given.order.retain(|id| still.contains(id));
        let mut found = Vec::new();
        for shadow in shadows {
            let pair = Pair { active: given.by.clone(), shadow: shadow.name().to_owned() };
            let tally = ordered(shadow.as_ref(), &viewer, (&items, &context), &given).await;
            found.push((pair, Tally::Ranking(tally)));
        }
        found
    });
}

async fn ordered(
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
