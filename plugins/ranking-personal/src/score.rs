//! The scores of a list.
//!
//! **Invariant:** scores are finite for every input, and an item's score does not
//! depend on its place in the list.

/// What is known of a course.
#[derive(Debug, Clone, Copy, Default)]
pub struct Item {
    pub age_hours: f32,
    pub enrolments: u32,
    /// Of the last thirty days.
    pub recent_enrolments: u32,
    /// Share of the course's tags that the viewer's courses have, 0 to 1.
    pub affinity: f32,
    /// How strongly the course goes with the viewer's, from 0, comparable within a list.
    pub co_enrolment: f32,
    /// Share of the viewer's courses that are by its author, 0 to 1.
    pub author_affinity: f32,
}

/// What an author of all the viewer's courses adds, beside the course that goes
/// best with them, which has 1. Chosen on `lyceum plugin evaluate ranking`.
const AUTHOR: f32 = 0.5;
/// What a course with all tags known to the viewer adds. It settles near ties.
const TAGS: f32 = 0.1;
/// The most that being wanted or new adds for somebody with a history. It orders
/// what nobody near has.
const GENERAL: f32 = 0.02;
/// Days in which a course loses half of its freshness.
const HALF_LIFE_DAYS: f32 = 30.0;

/// A score for each item. Without a history the first three parts are 0 for all,
/// and what is wanted lately comes first.
#[must_use]
pub fn scores(items: &[Item]) -> Vec<f32> {
    let most_together = greatest(items, |item| item.co_enrolment);
    let most_wanted = greatest(items, wanted);
    let score = |item: &Item| {
        let together = share(item.co_enrolment, most_together);
        let personal = together + AUTHOR * within(item.author_affinity) + TAGS * within(item.affinity);
        personal + GENERAL * (share(wanted(item), most_wanted) + freshness(item.age_hours)) / 2.0
    };
    items.iter().map(score).collect()
}

/// Enrolments as a logarithm, those of late twice.
fn wanted(item: &Item) -> f32 {
    let log = |count: u32| (count as f32 + 1.0).log2();
    log(item.enrolments) + 2.0 * log(item.recent_enrolments)
}

/// From 1, new, to 0. An age that is no number counts as old.
fn freshness(age_hours: f32) -> f32 {
    if age_hours.is_nan() { 0.0 } else { (-age_hours.max(0.0) / (24.0 * HALF_LIFE_DAYS)).exp2() }
}

fn greatest(items: &[Item], of: impl Fn(&Item) -> f32) -> f32 {
    items.iter().map(of).filter(|value| value.is_finite()).fold(0.0, f32::max)
}

fn share(value: f32, most: f32) -> f32 {
    if most > 0.0 { within(value / most) } else { 0.0 }
}

fn within(value: f32) -> f32 {
    if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Item = Item {
        age_hours: f32::INFINITY,
        enrolments: 0,
        recent_enrolments: 0,
        affinity: 0.0,
        co_enrolment: 0.0,
        author_affinity: 0.0,
    };

    #[test]
    fn what_goes_with_the_viewers_courses_comes_before_what_all_take() {
        let near = Item { co_enrolment: 0.2, ..OLD };
        let nearest = Item { co_enrolment: 0.4, ..OLD };
        let popular = Item { enrolments: 10_000, recent_enrolments: 500, age_hours: 0.0, ..OLD };
        assert_eq!(scores(&[near, nearest, popular]), [0.5, 1.0, 0.02]);
    }

    #[test]
    fn authors_and_tags_add_their_share() {
        let own = Item { author_affinity: 0.5, ..OLD };
        let tagged = Item { affinity: 1.0, ..OLD };
        assert_eq!(scores(&[own, tagged, OLD]), [0.25, 0.1, 0.0]);
    }

    #[test]
    fn without_a_history_what_is_wanted_lately_comes_first() {
        let classic = Item { enrolments: 1023, ..OLD };
        let trending = Item { enrolments: 127, recent_enrolments: 127, ..OLD };
        let scores = scores(&[classic, trending, OLD]);
        assert!(scores[1] > scores[0] && scores[0] > scores[2], "{scores:?}");
    }

    #[test]
    fn every_input_has_a_finite_score() {
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0, f32::MAX] {
            let item = Item {
                age_hours: odd,
                affinity: odd,
                co_enrolment: odd,
                author_affinity: odd,
                enrolments: u32::MAX,
                recent_enrolments: u32::MAX,
            };
            assert!(scores(&[item, OLD]).iter().all(|score| score.is_finite()), "{odd}");
        }
        assert_eq!(scores(&[]), [0.0; 0]);
    }
}
