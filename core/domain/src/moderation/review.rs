//! From the verdicts of all moderators to one.

use super::{Decision, Verdict};
use crate::plugin::PluginFailure;

const LABELS_MAX: usize = 16;
const LABEL_CHARS_MAX: usize = 64;
const REASON_CHARS_MAX: usize = 500;

/// What all moderators together think of one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    pub decision: Decision,
    /// For the person who decides; empty when allowed.
    pub reason: String,
    /// The labels of all moderators, each once.
    pub labels: Vec<String>,
    /// The plugin whose verdict counted; empty when none was asked.
    pub moderator: String,
}

impl Review {
    /// Nobody was asked.
    pub(super) fn unasked() -> Self {
        Self { decision: Decision::Allow, reason: String::new(), labels: Vec::new(), moderator: String::new() }
    }

    /// What one moderator thinks. An answer of the wrong length is a failure.
    pub(super) fn of(moderator: &str, answer: Result<Vec<Verdict>, PluginFailure>) -> Self {
        match answer.map(<[Verdict; 1]>::try_from) {
            Ok(Ok([verdict])) => Self::of_verdict(moderator, verdict),
            Ok(Err(verdicts)) => Self::failed(moderator, &format!("{} verdicts for one text", verdicts.len())),
            Err(failure) => Self::failed(moderator, &failure.to_string()),
        }
    }

    fn of_verdict(moderator: &str, verdict: Verdict) -> Self {
        let labels: Vec<String> =
            verdict.labels.iter().take(LABELS_MAX).map(|label| cut(label, LABEL_CHARS_MAX)).collect();
        let reason = match verdict.note {
            _ if verdict.decision == Decision::Allow => String::new(),
            Some(note) => cut(&note, REASON_CHARS_MAX),
            None => labels.join(", "),
        };
        Self { decision: verdict.decision, reason, labels, moderator: moderator.to_owned() }
    }

    fn failed(moderator: &str, why: &str) -> Self {
        tracing::warn!(moderator, why, "a moderator failed; the text waits for a person");
        let reason = "The moderator failed; a person must look.".to_owned();
        let labels = vec!["moderator-failed".to_owned()];
        Self { decision: Decision::Hold, reason, labels, moderator: moderator.to_owned() }
    }

    /// The stricter of two, with the labels of both.
    pub(super) fn and(self, other: Self) -> Self {
        let (mut strict, mild) =
            if strictness(other.decision) > strictness(self.decision) { (other, self) } else { (self, other) };
        for label in mild.labels {
            if strict.labels.len() < LABELS_MAX && !strict.labels.contains(&label) {
                strict.labels.push(label);
            }
        }
        strict
    }
}

fn strictness(decision: Decision) -> u8 {
    match decision {
        Decision::Allow => 0,
        Decision::Hold => 1,
        Decision::Reject => 2,
    }
}

/// Printable and short: a plugin's text is not to be trusted.
fn cut(text: &str, max: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn review(decision: Decision, label: &str) -> Review {
        let verdict = Verdict { decision, labels: vec![label.to_owned()], confidence: 1.0, note: None };
        Review::of("acme/words", Ok(vec![verdict]))
    }

    #[test]
    fn the_strictest_verdict_counts_with_the_labels_of_all() {
        let all = [review(Decision::Hold, "contact"), review(Decision::Reject, "abuse"), review(Decision::Allow, "ok")];
        let one = all.into_iter().reduce(Review::and).expect("three");
        assert_eq!((one.decision, one.reason.as_str()), (Decision::Reject, "abuse"));
        assert_eq!(one.labels, ["abuse", "contact", "ok"]);
    }

    #[test]
    fn an_answer_of_the_wrong_length_holds() {
        for count in [0, 2] {
            let verdict = Verdict { decision: Decision::Allow, labels: vec![], confidence: 1.0, note: None };
            let review = Review::of("acme/words", Ok(vec![verdict; count]));
            assert_eq!((review.decision, review.labels), (Decision::Hold, vec!["moderator-failed".to_owned()]));
        }
    }

    #[test]
    fn a_flood_of_words_is_cut() {
        let verdict = Verdict {
            decision: Decision::Hold,
            labels: vec!["x".repeat(1000); 1000],
            confidence: 1.0,
            note: Some("n\0\n".repeat(100_000)),
        };
        let review = Review::of("acme/words", Ok(vec![verdict]));
        assert_eq!((review.labels.len(), review.labels[0].len(), review.reason), (16, 64, "n".repeat(500)));
    }
}
