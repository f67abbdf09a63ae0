//! Items, their columns, and orders of them. Pure.

use lyceum_kernel::Id;

use super::Column;

/// What is known of one item.
#[derive(Debug, Clone, PartialEq)]
pub struct RankItem {
    pub id: Id,
    /// Hours since publication.
    pub age_hours: f32,
    pub enrolments: u32,
    pub comments: u32,
    /// Minor units.
    pub price_minor: u64,
    pub lessons: u32,
    /// How near the item is to what the viewer has, from 0 to 1.
    pub affinity: f32,
    /// Enrolments of the last thirty days.
    pub recent_enrolments: u32,
    /// How strongly the item goes with what the viewer has, by what others have;
    /// comparable within one list.
    pub co_enrolment: f32,
    /// The share of the viewer's latest items that are by the same author, 0 to 1.
    pub author_affinity: f32,
}

/// One column of all items, if there is one of that name. Without `personal`
/// the viewer's traits are blanked.
pub(super) fn column(name: &str, items: &[RankItem], personal: bool) -> Option<Column> {
    let f32s = |of: fn(&RankItem) -> f32| Column::F32(items.iter().map(of).collect());
    let of_viewer = |of: fn(&RankItem) -> f32| Some(if personal { f32s(of) } else { f32s(|_| 0.0) });
    let u32s = |of: fn(&RankItem) -> u32| Column::U32(items.iter().map(of).collect());
    match name {
        "age-hours" => Some(f32s(|item| item.age_hours)),
        "enrolments" => Some(u32s(|item| item.enrolments)),
        "comments" => Some(u32s(|item| item.comments)),
        "price-minor" => Some(Column::U64(items.iter().map(|item| item.price_minor).collect())),
        "lessons" => Some(u32s(|item| item.lessons)),
        "affinity" => of_viewer(|item| item.affinity),
        "recent-enrolments" => Some(u32s(|item| item.recent_enrolments)),
        "co-enrolment" => of_viewer(|item| item.co_enrolment),
        "author-affinity" => of_viewer(|item| item.author_affinity),
        _ => None,
    }
}

/// Newest first; of the same age, the later id first.
pub(super) fn by_recency(items: &mut [RankItem]) {
    items.sort_by(|a, b| a.age_hours.total_cmp(&b.age_hours).then(b.id.cmp(&a.id)));
}

/// Highest score first; equal scores stay as they are. None when the scores
/// are not one finite number for each item.
pub(super) fn by_scores(items: &[RankItem], scores: &[f32]) -> Option<Vec<Id>> {
    if scores.len() != items.len() || scores.iter().any(|score| !score.is_finite()) {
        return None;
    }
    let mut scored: Vec<(f32, Id)> = scores.iter().copied().zip(items.iter().map(|item| item.id)).collect();
    // Adding zero makes -0 and 0 the same.
    scored.sort_by(|a, b| (b.0 + 0.0).total_cmp(&(a.0 + 0.0)));
    Some(scored.into_iter().map(|(_, id)| id).collect())
}
