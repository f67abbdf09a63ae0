//! What histories say: which items go with those that a person has. Pure.
//!
//! An item goes with one of the person's when the same people have both, the more
//! so when they took both about the same time, and the less the more people have
//! either anyway. The person's latest items say most. Figures for the constants
//! come from `lyceum plugin evaluate ranking` on a set of books read.

/// So many of a person's items count, the latest.
pub const REMEMBERED: usize = 20;
/// So many holders of each of those items are looked at, the latest.
pub const HOLDERS: usize = 500;
/// So many of them have a say, those who share most.
pub const NEIGHBOURS: usize = 200;
/// What each earlier item weighs beside the one after it.
const FADE: f32 = 0.8;
/// Two items that stand so far apart in somebody's history go together half as
/// much as two neighbours.
const NEAR: f32 = 20.0;

/// An item by its number, and how many people have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    pub item: u32,
    pub holders: u32,
}

/// For each candidate how strongly it goes with `mine`, which is the latest first.
/// `others` are the histories of other people, the earliest first. Not negative;
/// comparable within one call only. Takes time in the length of `others`.
#[must_use]
pub fn co_enrolment(mine: &[Holding], others: &[Vec<u32>], candidates: &[Holding]) -> Vec<f32> {
    let mine = &mine[..mine.len().min(REMEMBERED)];
    let ranks = Places::of(mine);
    let places = Places::of(candidates);
    let worth = worth(mine, &ranks, others);
    let mut scores = vec![0.0; candidates.len()];
    for other in others {
        let shared: Vec<(usize, f32)> = other
            .iter()
            .enumerate()
            .filter_map(|(at, item)| ranks.of_item(*item).map(|rank| (at, worth[rank])))
            .collect();
        if !shared.is_empty() {
            add(&mut scores, &places, other, &shared);
        }
    }
    let share = |(score, candidate): (f32, &Holding)| score / (candidate.holders.max(1) as f32).sqrt();
    scores.into_iter().zip(candidates).map(share).collect()
}

/// What it is worth that somebody has the item at each rank: less for those
/// behind, and less for one that many have. Over the holders looked at, for not
/// all may be.
fn worth(mine: &[Holding], ranks: &Places, others: &[Vec<u32>]) -> Vec<f32> {
    let mut looked_at = vec![0_u32; mine.len()];
    for rank in others.iter().flatten().filter_map(|item| ranks.of_item(*item)) {
        looked_at[rank] += 1;
    }
    let mut fade = 1.0;
    let each = mine.iter().zip(looked_at).map(|(holding, looked_at)| {
        let worth = fade * (holding.holders.max(1) as f32).sqrt() / looked_at.max(1) as f32;
        fade *= FADE;
        worth
    });
    each.collect()
}

/// Adds what one history says: `shared` are its places with items of the person.
fn add(scores: &mut [f32], places: &Places, other: &[u32], shared: &[(usize, f32)]) {
    for (at, item) in other.iter().enumerate() {
        if let Some(place) = places.of_item(*item) {
            let near = |(shared, worth): &(usize, f32)| worth / (1.0 + at.abs_diff(*shared) as f32 / NEAR);
            scores[place] += shared.iter().map(near).sum::<f32>();
        }
    }
}

/// Where in a list each item stands, by the item's number.
struct Places(Vec<u32>);

impl Places {
    fn of(list: &[Holding]) -> Self {
        let length = list.iter().map(|holding| holding.item as usize + 1).max().unwrap_or_default();
        let mut places = vec![u32::MAX; length];
        for (place, holding) in list.iter().enumerate().rev() {
            places[holding.item as usize] = place as u32;
        }
        Self(places)
    }

    fn of_item(&self, item: u32) -> Option<usize> {
        self.0.get(item as usize).filter(|place| **place != u32::MAX).map(|place| *place as usize)
    }
}

/// The share of the person's items that are by each candidate's author; `None` is
/// an item without one. Of `mine` the latest are first and count alone.
#[must_use]
pub fn author_affinity<A: PartialEq>(mine: &[Option<A>], candidates: &[Option<A>]) -> Vec<f32> {
    let mine = &mine[..mine.len().min(REMEMBERED)];
    let count = |author: &A| mine.iter().filter(|of| of.as_ref() == Some(author)).count() as f32;
    let share = |author: &Option<A>| author.as_ref().map_or(0.0, |author| count(author) / mine.len().max(1) as f32);
    candidates.iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(item: u32, holders: u32) -> Holding {
        Holding { item, holders }
    }

    #[test]
    fn what_the_same_people_have_goes_together() {
        let candidates = [holding(1, 4), holding(2, 1), holding(3, 1)];
        // One of two holders of item 0 took 1 next to it, and the other 2, two places on.
        let scores = co_enrolment(&[holding(0, 4)], &[vec![0, 1], vec![0, 9, 2]], &candidates);
        // √4 / 2 holders · 1 / (1 + 1/20) / √4; then the same with 1 / (1 + 2/20) and √1.
        assert_eq!(scores, [0.5 * (2.0 / 2.1), 1.0 / 1.1, 0.0].map(|score: f32| score));
    }

    #[test]
    fn the_latest_item_says_most() {
        let candidates = [holding(2, 1), holding(3, 1)];
        let scores = co_enrolment(&[holding(0, 1), holding(1, 1)], &[vec![0, 2], vec![1, 3]], &candidates);
        assert!((scores[1] / scores[0] - FADE).abs() < 1e-6, "{scores:?}");
    }

    #[test]
    fn without_a_history_nothing_goes_with_it() {
        assert_eq!(co_enrolment(&[], &[vec![1, 2]], &[holding(1, 1)]), [0.0]);
        assert_eq!(co_enrolment(&[holding(0, 1)], &[], &[holding(1, 1)]), [0.0]);
    }

    #[test]
    fn an_author_has_the_share_of_the_persons_items() {
        let mine = [Some("ana"), Some("bo"), None, Some("ana")];
        assert_eq!(author_affinity(&mine, &[Some("ana"), Some("cy"), None]), [0.5, 0.0, 0.0]);
        assert_eq!(author_affinity(&[], &[Some("ana")]), [0.0]);
    }
}
