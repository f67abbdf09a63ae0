//! What the moderator decides.

use lyceum_sdk::moderation::{Moderator, ReviewItem, Verdict};
use moderation_wordlist::Wordlist;

fn review(text: &str) -> Verdict {
    let item = ReviewItem { id: "1".into(), kind: "comment".into(), locale: None, text: text.into(), ext: Vec::new() };
    Wordlist::review(&item)
}

fn decided(text: &str) -> (String, Vec<String>, f32) {
    let verdict = review(text);
    (verdict.decision, verdict.labels, verdict.confidence)
}

fn of(decision: &str, labels: &[&str], confidence: f32) -> (String, Vec<String>, f32) {
    (decision.into(), labels.iter().map(|label| (*label).into()).collect(), confidence)
}

#[test]
fn friendly_comments_are_allowed() {
    for text in [
        "",
        "Great class, the assignment on classes helped me a lot.",
        "老师讲得很清楚，谢谢！第三课的微信支付部分特别好。",
        "See https://doc.example/book for the second lesson.",
        "我在2024年12月31日完成了全部120节课",
    ] {
        assert_eq!(decided(text), of("allow", &[], 1.0), "{text}");
    }
}

#[test]
fn advertising_is_held() {
    assert_eq!(decided("想要资料的加微信"), of("hold", &["advertising"], 0.7));
}

#[test]
fn advertising_with_contact_details_is_rejected() {
    assert_eq!(decided("加微信：abc12345 领取资料"), of("reject", &["advertising", "contact"], 0.95));
    assert_eq!(decided("Add my WeChat: learn_2024"), of("reject", &["advertising", "contact"], 0.95));
}

#[test]
fn spam_is_rejected() {
    assert_eq!(decided("专业代写论文"), of("reject", &["spam"], 0.9));
    assert_eq!(decided("Best 0nline c@sin0 bonus"), of("reject", &["spam"], 0.9));
}

#[test]
fn mild_abuse_is_held_and_strong_abuse_rejected() {
    assert_eq!(decided("only an idiot would buy this"), of("hold", &["abuse"], 0.6));
    assert_eq!(decided("你是傻逼吗"), of("reject", &["abuse"], 0.85));
}

#[test]
fn contact_details_alone_are_held() {
    assert_eq!(decided("有问题打 138 1234 5678"), of("hold", &["contact"], 0.75));
}

#[test]
fn the_note_names_what_was_found() {
    assert_eq!(review("刷单").note.as_deref(), Some("found: 刷单"));
    assert_eq!(review("hello").note, None);
}

#[test]
fn a_batch_is_judged_like_its_items() {
    let texts = ["刷单", "hello", "加微信"];
    let items: Vec<_> = texts
        .iter()
        .map(|text| ReviewItem {
            id: (*text).into(),
            kind: "comment".into(),
            locale: None,
            text: (*text).into(),
            ext: Vec::new(),
        })
        .collect();
    let batch = Wordlist::review_all(&items).expect("the moderator answers");
    let decisions: Vec<_> = batch.iter().map(|verdict| verdict.decision.as_str()).collect();
    assert_eq!(decisions, ["reject", "allow", "hold"]);
}

#[test]
fn strange_texts_are_survived() {
    let long = "a".repeat(100_000);
    for text in [long.as_str(), "\u{202e}\u{200b}", "🀄️🏳️‍🌈", "ﷺ".repeat(1000).as_str(), "١٢٣٤٥٦٧٨٩٠١"]
    {
        assert_eq!(review(text).decision, "allow");
    }
}
