//! What the shipped model decides.

use lyceum_sdk::moderation::{Moderator, ReviewItem, Verdict};
use moderation_bayes::{Bayes, model::Model};

fn item(text: &str) -> ReviewItem {
    ReviewItem { id: "1".into(), kind: "comment".into(), locale: None, text: text.into(), ext: Vec::new() }
}

fn review(text: &str) -> Verdict {
    Bayes::review(&item(text))
}

#[test]
fn the_shipped_model_is_whole() {
    let model = Model::parse(include_bytes!("../model.bin")).expect("it parses");
    let labels = model
        .tables()
        .map(|(_, table)| table.bounds.iter().map(|bounds| table.classes[usize::from(bounds.class)].label).collect());
    assert_eq!(labels.collect::<Vec<Vec<u8>>>(), [vec![2, 0, 0], vec![1, 2]]);
}

#[test]
fn friendly_texts_are_allowed() {
    for text in ["", "Thanks, see you at home tonight", "谢谢老师，这节课讲得很清楚"] {
        let verdict = review(text);
        assert_eq!((verdict.decision.as_str(), verdict.labels.len()), ("allow", 0), "{text}");
    }
}

#[test]
fn a_prize_by_message_is_spam() {
    let verdict = review("URGENT! You have WON a £1000 cash prize. To claim call 09061234567 now. Txt STOP to end");
    assert_eq!((verdict.decision.as_str(), verdict.labels), ("reject", vec!["spam".to_owned()]));
    assert!(verdict.confidence > 0.9, "{}", verdict.confidence);
}

#[test]
fn a_batch_is_judged_like_its_items() {
    let texts = ["hello", "FREE entry! Text WIN to 80086 to claim £500", "你好"].map(item);
    let batch = Bayes::review_all(&texts).expect("the moderator answers");
    let one_by_one: Vec<_> = texts.iter().map(Bayes::review).collect();
    let both = batch.iter().zip(&one_by_one);
    assert!(both.clone().all(|(a, b)| (&a.decision, a.confidence) == (&b.decision, b.confidence)));
    assert_eq!(both.count(), 3);
}

#[test]
fn strange_texts_are_survived() {
    for text in [&"a".repeat(100_000), &"&".repeat(50_000), "\u{202e}\u{200b}", "🀄️🏳️‍🌈", "١٢٣٤٥٦٧٨٩٠١"]
    {
        let verdict = review(text);
        assert!((0.0..=1.0).contains(&verdict.confidence), "{}", verdict.confidence);
    }
}
