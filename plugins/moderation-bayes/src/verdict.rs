//! One verdict from the answers of all tables.

use lyceum_sdk::moderation::Verdict;

use crate::model::Answer;

/// Held or refused for every label whose answer says so; the surest one gives the
/// confidence. Of an allowed text it is how sure it is that nothing is wrong.
#[must_use]
pub fn of(answers: &[Answer]) -> Verdict {
    let found: Vec<&Answer> = answers.iter().filter(|answer| answer.hold).collect();
    let surest = found.iter().map(|answer| answer.probability).fold(0.0, f32::max);
    if found.is_empty() {
        let likeliest = answers.iter().map(|answer| answer.probability).fold(0.0, f32::max);
        return Verdict { confidence: 1.0 - likeliest, ..Verdict::allow() };
    }
    let verdict = match found.iter().any(|answer| answer.reject) {
        true => Verdict::reject(labels(&found), surest),
        false => Verdict::hold(labels(&found), surest),
    };
    verdict.noting(note(&found))
}

/// Both scripts may find the same.
fn labels(found: &[&Answer]) -> Vec<String> {
    let mut labels: Vec<String> = found.iter().map(|answer| answer.label.to_owned()).collect();
    labels.sort_unstable();
    labels.dedup();
    labels
}

fn note(found: &[&Answer]) -> String {
    let parts = found.iter().map(|answer| format!("{} {:.0} %", answer.label, answer.probability * 100.0));
    format!("looks like {}", parts.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAM: Answer = Answer { label: "spam", probability: 0.75, hold: true, reject: false };
    const ABUSE: Answer = Answer { label: "abuse", probability: 0.25, hold: false, reject: false };

    #[test]
    fn nothing_found_is_allowed_with_the_rest_as_confidence() {
        let verdict = of(&[ABUSE]);
        assert_eq!((verdict.decision.as_str(), verdict.labels.len(), verdict.confidence), ("allow", 0, 0.75));
    }

    #[test]
    fn what_is_found_is_held_and_named() {
        let verdict = of(&[SPAM, ABUSE]);
        assert_eq!(
            (verdict.decision.as_str(), verdict.labels, verdict.confidence),
            ("hold", vec!["spam".into()], 0.75)
        );
        assert_eq!(verdict.note.as_deref(), Some("looks like spam 75 %"));
    }

    #[test]
    fn one_sure_answer_refuses() {
        let sure = Answer { probability: 0.98, hold: true, reject: true, ..ABUSE };
        let verdict = of(&[SPAM, sure]);
        assert_eq!((verdict.decision.as_str(), verdict.labels.len(), verdict.confidence), ("reject", 2, 0.98));
    }
}
