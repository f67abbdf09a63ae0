//! The score of one course.
//!
//! **Invariant:** a score is finite for every input, grows with enrolments,
//! comments and affinity, and falls with age.

/// Hours in which a course loses half of its freshness: thirty days.
const HALF_LIFE_HOURS: f32 = 720.0;

/// What a course has for being new. It equals the popularity of a course with
/// seven enrolments: `log2(1 + 7)`.
const FRESHNESS: f32 = 3.0;

/// What a comment weighs beside an enrolment. A comment is more work and less of
/// a promise.
const COMMENTS: f32 = 0.5;

/// The share of its popularity that a course keeps for ever. The rest fades, so
/// that the top of the list does not stay what it was in the first year.
const EVERGREEN: f32 = 0.4;

/// The most that affinity adds. Small: it settles near ties and no more.
const AFFINITY: f32 = 0.5;

/// What is known of a course.
#[derive(Debug, Clone, Copy)]
pub struct Item {
    pub age_hours: f32,
    pub enrolments: u32,
    pub comments: u32,
    /// From 0 to 1.
    pub affinity: f32,
}

/// The score: freshness, plus popularity that fades to its evergreen share,
/// plus a little affinity.
#[must_use]
pub fn score(item: &Item) -> f32 {
    let freshness = freshness(item.age_hours);
    let popularity = log2_1p(item.enrolments) + COMMENTS * log2_1p(item.comments);
    let kept = EVERGREEN + (1.0 - EVERGREEN) * freshness;
    FRESHNESS * freshness + popularity * kept + AFFINITY * between_0_and_1(item.affinity)
}

/// From 1, new, to 0. An age that is no number counts as old, one in the future
/// as new.
fn freshness(age_hours: f32) -> f32 {
    if age_hours.is_nan() { 0.0 } else { (-age_hours.max(0.0) / HALF_LIFE_HOURS).exp2() }
}

fn log2_1p(count: u32) -> f32 {
    (count as f32 + 1.0).log2()
}

fn between_0_and_1(share: f32) -> f32 {
    if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: Item = Item { age_hours: 0.0, enrolments: 0, comments: 0, affinity: 0.0 };

    #[test]
    fn a_new_course_scores_its_freshness() {
        assert_eq!(score(&NEW), 3.0);
    }

    #[test]
    fn freshness_halves_in_thirty_days() {
        assert_eq!(score(&Item { age_hours: 720.0, ..NEW }), 1.5);
        assert_eq!(score(&Item { age_hours: 1440.0, ..NEW }), 0.75);
    }

    #[test]
    fn popularity_is_a_logarithm_and_comments_count_half() {
        assert_eq!(score(&Item { enrolments: 7, ..NEW }), 6.0);
        assert_eq!(score(&Item { comments: 7, ..NEW }), 4.5);
    }

    #[test]
    fn an_old_course_keeps_its_evergreen_share() {
        assert_eq!(score(&Item { age_hours: f32::INFINITY, enrolments: 7, ..NEW }), 1.2);
    }

    #[test]
    fn affinity_settles_ties_only() {
        assert_eq!(score(&Item { affinity: 1.0, ..NEW }), 3.5);
        assert_eq!(score(&Item { affinity: 99.0, ..NEW }), 3.5);
    }

    #[test]
    fn every_input_has_a_finite_score() {
        for age_hours in [f32::NAN, f32::NEG_INFINITY, f32::INFINITY, -5.0, f32::MAX] {
            for affinity in [f32::NAN, f32::INFINITY, -1.0] {
                let item = Item { age_hours, enrolments: u32::MAX, comments: u32::MAX, affinity };
                assert!(score(&item).is_finite(), "{item:?}");
            }
        }
    }

    #[test]
    fn a_year_of_steady_success_beats_an_empty_new_course() {
        let successful = Item { age_hours: 8760.0, enrolments: 5000, comments: 300, affinity: 0.0 };
        assert!(score(&successful) > score(&NEW));
    }
}
