//! The measures. Pure.

use std::time::Duration;

/// What was flagged and what should have been.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Confusion {
    pub true_positives: u32,
    pub false_positives: u32,
    pub false_negatives: u32,
    pub true_negatives: u32,
}

impl Confusion {
    pub fn add(&mut self, positive: bool, flagged: bool) {
        let place = match (positive, flagged) {
            (true, true) => &mut self.true_positives,
            (false, true) => &mut self.false_positives,
            (true, false) => &mut self.false_negatives,
            (false, false) => &mut self.true_negatives,
        };
        *place += 1;
    }

    pub fn precision(&self) -> f64 {
        share(self.true_positives, self.true_positives + self.false_positives)
    }

    pub fn recall(&self) -> f64 {
        share(self.true_positives, self.true_positives + self.false_negatives)
    }

    pub fn f1(&self) -> f64 {
        share(2 * self.true_positives, 2 * self.true_positives + self.false_positives + self.false_negatives)
    }

    pub fn accuracy(&self) -> f64 {
        let right = self.true_positives + self.true_negatives;
        share(right, right + self.false_positives + self.false_negatives)
    }
}

/// 0 of nothing.
fn share(part: u32, whole: u32) -> f64 {
    if whole == 0 { 0.0 } else { f64::from(part) / f64::from(whole) }
}

/// Normalised discounted cumulative gain of the first `n` places, with gain 1 for
/// an answer: Järvelin and Kekäläinen (2002), discount `log2(place + 1)`.
pub fn ndcg(ranked: &[bool], answers: usize, n: usize) -> f64 {
    let discount = |place: usize| 1.0 / (place as f64 + 2.0).log2();
    let gain: f64 = ranked.iter().take(n).enumerate().filter(|(_, hit)| **hit).map(|(place, _)| discount(place)).sum();
    let best: f64 = (0..answers.min(n)).map(discount).sum();
    if best == 0.0 { 0.0 } else { gain / best }
}

/// 1 when an answer is among the first `n`.
pub fn hit_rate(ranked: &[bool], n: usize) -> f64 {
    f64::from(u8::from(ranked.iter().take(n).any(|hit| *hit)))
}

/// The share of the answers that is among the first `n`.
pub fn recall(ranked: &[bool], answers: usize, n: usize) -> f64 {
    ranked.iter().take(n).filter(|hit| **hit).count() as f64 / answers.max(1) as f64
}

/// The call than which this share of calls took no longer, in milliseconds.
pub fn percentile(calls: &mut [Duration], share: f64) -> f64 {
    calls.sort_unstable();
    let place = (calls.len() as f64 * share).ceil() as usize;
    calls.get(place.saturating_sub(1)).map_or(0.0, |call| call.as_secs_f64() * 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_recall_and_f1_are_those_of_the_book() {
        let counted = Confusion { true_positives: 3, false_positives: 1, false_negatives: 2, true_negatives: 4 };
        assert_eq!((counted.precision(), counted.recall(), counted.accuracy()), (0.75, 0.6, 0.7));
        assert_eq!(counted.f1(), 6.0 / 9.0);
        assert_eq!(Confusion::default().f1(), 0.0);
    }

    #[test]
    fn ndcg_of_two_users_by_hand() {
        // Answers at places 1 and 3 of two: (1 + 1/2) / (1 + 1/log2 3).
        let first = ndcg(&[true, false, true], 2, 10);
        assert!((first - 1.5 / (1.0 + 1.0 / 3.0_f64.log2())).abs() < 1e-12);
        // The only answer at place 2, and beyond the tenth it counts nothing.
        assert_eq!(ndcg(&[false, true], 1, 10), 1.0 / 3.0_f64.log2());
        assert_eq!(ndcg(&[[false; 10].as_slice(), &[true]].concat(), 1, 10), 0.0);
        assert_eq!(ndcg(&[true; 10], 10, 10), 1.0);
    }

    #[test]
    fn hit_rate_and_recall_look_at_their_places_only() {
        let ranked = [false, true, false, true];
        assert_eq!((hit_rate(&ranked, 1), hit_rate(&ranked, 2)), (0.0, 1.0));
        assert_eq!((recall(&ranked, 4, 2), recall(&ranked, 4, 20)), (0.25, 0.5));
    }

    #[test]
    fn percentiles_are_of_calls_that_were() {
        let mut calls = [3, 1, 2, 4].map(Duration::from_millis);
        assert_eq!((percentile(&mut calls, 0.5), percentile(&mut calls, 0.99)), (2.0, 4.0));
        assert_eq!(percentile(&mut [], 0.5), 0.0);
    }
}
