//! Moderators in the shadow: asked after the answer was given, only to be
//! compared with what the active ones said together.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Decision, Moderator, Review, ReviewItem};
use crate::plugin::{Extensions, Pair, ReviewTally, ShadowBook, Tally};

/// How the review was come by.
pub(super) struct Given {
    /// The active moderators.
    pub by: String,
    pub took: Duration,
}

/// Compares a review with what the moderators in the shadow think of the text.
pub(super) fn compare(
    book: &Arc<ShadowBook>,
    extensions: &dyn Extensions,
    item: &ReviewItem,
    review: &Review,
    given: impl FnOnce() -> Given,
) {
    let shadows = extensions.shadow_moderators();
    if shadows.is_empty() {
        return;
    }
    let (item, review, Given { by, took }) = (item.clone(), review.clone(), given());
    let active = if by.is_empty() { "none".to_owned() } else { by };
    let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    book.compare(async move {
        let mut found = Vec::new();
        for shadow in shadows {
            let pair = Pair { active: active.clone(), shadow: shadow.name().to_owned() };
            let tally = beside(shadow.as_ref(), &item, &review, took).await;
            found.push((pair, Tally::Moderation(tally)));
        }
        found
    });
}

async fn beside(shadow: &dyn Moderator, item: &ReviewItem, review: &Review, took: u64) -> ReviewTally {
    let started = Instant::now();
    let Ok(verdicts) = shadow.review(std::slice::from_ref(item)).await else { return ReviewTally::failed() };
    let Ok([verdict]) = <[_; 1]>::try_from(verdicts) else { return ReviewTally::failed() };
    let micros = [took, u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)];
    let active = (word(review.decision), review.labels.as_slice());
    ReviewTally::of(&item.id, active, (word(verdict.decision), verdict.labels.as_slice()), micros)
}

fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow => "allow",
        Decision::Hold => "hold",
        Decision::Reject => "reject",
    }
}
