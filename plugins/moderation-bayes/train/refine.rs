//! Bayes weights made to work together.
//!
//! Naive Bayes takes features for independent, and counts one clue many times when
//! it shows in many features. So every Bayes weight gets a factor, which starts the
//! same for all and is changed by logistic regression where texts are judged wrong:
//! Wang and Manning, "Baselines and Bigrams" (ACL 2012), with AdaGrad (Duchi et al.
//! 2011). The order of the texts is fixed, so the result is too.

/// A text as the cells of its features, and whether it has the label.
pub struct Example<'a> {
    pub cells: &'a [u32],
    pub labelled: bool,
}

/// Rounds over all texts. Few, so that factors of rare features stay near the start.
const ROUNDS: usize = 8;
/// Length of a step. Both chosen by cross-validation.
const STEP: f32 = 0.3;
/// The factor that all start from.
const START: f32 = 0.5;

/// The weights, one for each cell, times their factors.
pub fn refine(weights: &[f32], examples: &[Example<'_>]) -> Vec<f32> {
    let mut factors = vec![START; weights.len()];
    let mut squares = vec![1e-2_f32; weights.len()];
    let (mut bias, mut bias_squares) = (-1.0_f32, 1.0_f32);
    for _ in 0..ROUNDS {
        for example in examples {
            let root = (example.cells.len().max(1) as f32).sqrt();
            let sum: f32 = example.cells.iter().map(|at| weights[*at as usize] * factors[*at as usize]).sum();
            let probability = 1.0 / (1.0 + (-(sum / root + bias)).exp());
            let wrong = probability - f32::from(u8::from(example.labelled));
            for at in example.cells {
                let at = *at as usize;
                let slope = wrong * weights[at] / root;
                squares[at] += slope * slope;
                factors[at] -= STEP * slope / squares[at].sqrt();
            }
            bias_squares += wrong * wrong;
            bias -= STEP * wrong / bias_squares.sqrt();
        }
    }
    weights.iter().zip(factors).map(|(weight, factor)| weight * factor).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clue_that_misleads_loses_weight_and_one_that_is_right_gains() {
        let texts = [(&[0_u32, 1][..], true), (&[1][..], false), (&[0][..], true), (&[1][..], false)];
        let examples = texts.map(|(cells, labelled)| Example { cells, labelled });
        let refined = refine(&[1.0, 1.0, 1.0], &examples);
        assert!(refined[0] > START && refined[1] < START, "{refined:?}");
        assert_eq!(refined[2], START);
    }
}
