//! What the scores of all classes together say of each: multinomial logistic
//! regression, by accelerated gradient descent (Nesterov 1983). Every step goes
//! over all texts, so their order changes nothing.

/// A text by its scores, and the class that it is of.
pub struct Point<'a> {
    pub scores: &'a [f32],
    pub class: usize,
}

const STEPS: usize = 600;
/// What a factor of 1 costs, in log-likelihood of a text, over the number of texts.
const PENALTY: f64 = 1.0;

/// For each class its offset, and a factor for the score of each class.
pub fn weigh(points: &[Point<'_>], classes: usize) -> Vec<(f32, Vec<f32>)> {
    let width = classes + 1;
    let mut weights = vec![0.0_f64; classes * width];
    let mut ahead = weights.clone();
    let step = 1.0 / steepest(points);
    for round in 0..STEPS {
        let slopes = slopes(points, classes, &ahead);
        let next: Vec<f64> = ahead.iter().zip(&slopes).map(|(weight, slope)| weight - step * slope).collect();
        let momentum = round as f64 / (round + 3) as f64;
        ahead = next.iter().zip(&weights).map(|(next, weight)| next + momentum * (next - weight)).collect();
        weights = next;
    }
    let class = |row: &[f64]| (row[0] as f32, row[1..].iter().map(|factor| *factor as f32).collect());
    weights.chunks(width).map(class).collect()
}

/// A bound of the curvature: half the mean square of what the weights meet.
fn steepest(points: &[Point<'_>]) -> f64 {
    let square = |point: &Point<'_>| 1.0 + point.scores.iter().map(|score| f64::from(*score).powi(2)).sum::<f64>();
    points.iter().map(square).sum::<f64>() / points.len().max(1) as f64 / 2.0 + 1e-9
}

fn slopes(points: &[Point<'_>], classes: usize, weights: &[f64]) -> Vec<f64> {
    let width = classes + 1;
    let many = points.len().max(1) as f64;
    let mut slopes: Vec<f64> = weights.iter().map(|weight| PENALTY * weight / many).collect();
    let mut shares = vec![0.0; classes];
    for point in points {
        for (share, row) in shares.iter_mut().zip(weights.chunks(width)) {
            *share = row[0] + row[1..].iter().zip(point.scores).map(|(w, score)| w * f64::from(*score)).sum::<f64>();
        }
        let most = shares.iter().copied().fold(f64::MIN, f64::max);
        shares.iter_mut().for_each(|share| *share = (*share - most).exp());
        let all: f64 = shares.iter().sum();
        for (class, row) in slopes.chunks_mut(width).enumerate() {
            let wrong = (shares[class] / all - f64::from(u8::from(class == point.class))) / many;
            row[0] += wrong;
            row[1..].iter_mut().zip(point.scores).for_each(|(slope, score)| *slope += wrong * f64::from(*score));
        }
    }
    slopes
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
}
