//! What the scores of all classes together say of each: multinomial logistic
//! regression by Newton's method. Gradient descent had not arrived after 600 steps,
//! and stopping it early cost F1. Every step goes over all texts, so their order
//! changes nothing.

/// A text by its scores, and the class that it is of.
pub struct Point<'a> {
    pub scores: &'a [f32],
    pub class: usize,
}

/// It takes about ten.
const MOST_STEPS: usize = 50;
/// What a factor of 1 costs, in log-likelihood of a text, over the number of texts.
const PENALTY: f64 = 1.0;
/// A step that makes the cost less by no more than this share is the last.
const ENOUGH: f64 = 1e-7;

/// For each class its offset, and a factor for the score of each class.
pub fn weigh(points: &[Point<'_>], classes: usize) -> Vec<(f32, Vec<f32>)> {
    let width = classes + 1;
    let mut weights = vec![0.0_f64; classes * width];
    let mut before = cost(points, &weights, width);
    for _ in 0..MOST_STEPS {
        let (slopes, bends) = slopes(points, &weights, width);
        weights = stepped(points, &weights, &solved(bends, slopes), width);
        let after = cost(points, &weights, width);
        if before - after <= ENOUGH * before {
            break;
        }
        before = after;
    }
    let class = |row: &[f64]| (row[0] as f32, row[1..].iter().map(|factor| *factor as f32).collect());
    weights.chunks(width).map(class).collect()
}

/// The weights after the whole step, or after the half, the quarter, … of it that
/// costs less than no step.
fn stepped(points: &[Point<'_>], weights: &[f64], step: &[f64], width: usize) -> Vec<f64> {
    let cost_here = cost(points, weights, width);
    let after =
        |part: f64| -> Vec<f64> { weights.iter().zip(step).map(|(weight, step)| weight - part * step).collect() };
    let parts = (0..10).map(|halvings| 0.5_f64.powi(halvings));
    parts.map(after).find(|next| cost(points, next, width) < cost_here).unwrap_or_else(|| weights.to_vec())
}

/// How likely a point is of each class.
fn shares(point: &Point<'_>, weights: &[f64], width: usize) -> Vec<f64> {
    let odds = |row: &[f64]| row[0] + row[1..].iter().zip(point.scores).map(|(w, s)| w * f64::from(*s)).sum::<f64>();
    let mut shares: Vec<f64> = weights.chunks(width).map(odds).collect();
    let most = shares.iter().copied().fold(f64::MIN, f64::max);
    shares.iter_mut().for_each(|share| *share = (*share - most).exp());
    let all: f64 = shares.iter().sum();
    shares.iter_mut().for_each(|share| *share /= all);
    shares
}

/// The log-likelihood, negative, with the penalty.
fn cost(points: &[Point<'_>], weights: &[f64], width: usize) -> f64 {
    let own = |point: &Point<'_>| -shares(point, weights, width)[point.class].max(f64::MIN_POSITIVE).ln();
    points.iter().map(own).sum::<f64>() + PENALTY / 2.0 * weights.iter().map(|weight| weight * weight).sum::<f64>()
}

/// The first and the second derivatives of the cost.
fn slopes(points: &[Point<'_>], weights: &[f64], width: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
    let mut slopes: Vec<f64> = weights.iter().map(|weight| PENALTY * weight).collect();
    let mut bends = vec![vec![0.0; weights.len()]; weights.len()];
    bends.iter_mut().enumerate().for_each(|(at, row)| row[at] = PENALTY);
    for point in points {
        let shares = shares(point, weights, width);
        let inputs: Vec<f64> = std::iter::once(1.0).chain(point.scores.iter().map(|score| f64::from(*score))).collect();
        for (class, share) in shares.iter().enumerate() {
            let wrong = share - f64::from(u8::from(class == point.class));
            slopes[class * width..].iter_mut().zip(&inputs).for_each(|(slope, input)| *slope += wrong * input);
            for (other, other_share) in shares.iter().enumerate() {
                let bend = share * (f64::from(u8::from(class == other)) - other_share);
                add_product(&mut bends[class * width..], other * width, &inputs, bend);
            }
        }
    }
    (slopes, bends)
}

/// Adds `by` times the products of all pairs of inputs to a square of the rows.
fn add_product(rows: &mut [Vec<f64>], from: usize, inputs: &[f64], by: f64) {
    for (row, input) in rows.iter_mut().zip(inputs) {
        row[from..].iter_mut().zip(inputs).for_each(|(cell, other)| *cell += by * input * other);
    }
}

/// The `x` of `matrix · x = right`, by elimination. The penalty keeps the matrix
/// positive definite, so no row needs to be exchanged.
fn solved(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    for at in 0..right.len() {
        let (above, below) = matrix.split_at_mut(at + 1);
        let pivot = &above[at];
        for (offset, row) in below.iter_mut().enumerate() {
            let times = row[at] / pivot[at];
            row.iter_mut().zip(pivot).for_each(|(cell, other)| *cell -= times * other);
            right[at + 1 + offset] -= times * right[at];
        }
    }
    for at in (0..right.len()).rev() {
        let known: f64 = matrix[at].iter().zip(&right).skip(at + 1).map(|(cell, one)| cell * one).sum();
        right[at] = (right[at] - known) / matrix[at][at];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_that_misleads_turns_against_its_class() {
        let scores = [[1.0_f32, 0.0], [0.5, 0.0], [-1.0, 0.0], [-0.5, 0.0]];
        let point = |(scores, class)| Point { scores, class };
        let points: Vec<_> = scores.iter().map(|row| &row[..]).zip([1, 1, 0, 0]).map(point).collect();
        let weighed = weigh(&points, 2);
        assert!(weighed[0].1[0] < 0.0 && weighed[1].1[0] > 0.0, "{weighed:?}");
        assert_eq!(weighed[0].1[1], 0.0);
    }

    #[test]
    fn at_the_end_no_slope_is_left() {
        let scores = [[4.0_f32, -3.0], [2.0, 1.0], [-1.0, 5.0], [0.5, -0.5], [-6.0, 2.0]];
        let points: Vec<_> =
            scores.iter().zip([0, 1, 1, 0, 1]).map(|(row, class)| Point { scores: row, class }).collect();
        let flat = |(offset, factors): &(f32, Vec<f32>)| -> Vec<f64> {
            std::iter::once(offset).chain(factors).map(|weight| f64::from(*weight)).collect()
        };
        let weights: Vec<f64> = weigh(&points, 2).iter().flat_map(flat).collect();
        assert!(slopes(&points, &weights, 3).0.iter().all(|slope| slope.abs() < 1e-3), "{weights:?}");
    }

    #[test]
    fn equations_are_solved() {
        assert_eq!(solved(vec![vec![4.0, 2.0], vec![2.0, 3.0]], vec![10.0, 9.0]), [1.5, 2.0]);
    }
}
