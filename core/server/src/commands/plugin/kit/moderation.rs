//! Moderators: every text has a verdict, and always the same.

use lyceum_domain::{
    moderation::{Moderator, ReviewItem, Verdict},
    plugin::Extensions as _,
};

use super::{Kit, expect, told};

const WORLD: &str = "moderation";

pub(super) async fn run(kit: &mut Kit<'_>) {
    let moderators = kit.host().moderators();
    let Some(moderator) = moderators.first().map(AsRef::as_ref) else { return };
    for (name, text) in odd() {
        let outcome = judged(moderator, &[item(0, &text)]).await.map(drop);
        kit.note(WORLD, &format!("{name} has a verdict"), outcome);
    }
    let outcome = labelled(moderator).await;
    kit.note(WORLD, "labels are codes", outcome);
    let outcome = repeated(moderator).await;
    kit.note(WORLD, "the same texts have the same verdicts", outcome);
    let outcome = alone(moderator).await;
    kit.note(WORLD, "a text alone is judged as in a batch", outcome);
}

/// Comments as people write them, in English and Chinese.
pub(super) const COMMENTS: [&str; 10] = [
    "Great lesson, thank you!",
    "Could you explain the second exercise again?",
    "讲得很清楚，谢谢老师！",
    "第三节的视频打不开，请看一下。",
    "Best casino bonus, click here to win $$$ now",
    "加微信 abc12345 领取免费资料",
    "You are an idiot and nobody likes you",
    "你真是个白痴",
    "Call me at +1 202 555 0143 for cheap watches",
    "I finished the course in two weeks. Worth the price.",
];

/// Texts that break careless code.
fn odd() -> [(&'static str, String); 7] {
    [
        ("an empty text", String::new()),
        ("a text of look-alike letters", "Frее саsіnо bоnus, сlісk hеrе".into()),
        ("a text with zero-width characters", "c\u{200b}a\u{200d}s\u{feff}i\u{2060}n\u{200c}o".into()),
        ("a text from right to left", "\u{202e}مرحبا بالعالم \u{202c} שלום".into()),
        ("a Chinese text", "这门课程非常好，强烈推荐！𠮷野家〇々".into()),
        ("a text of emoji and combining marks", "👩‍👩‍👧‍👦 ẑ̸̧̛̟a̵l̶g̷o̸ 🇨🇳".into()),
        ("a text of 100 kB", "Great lesson. 很好的课。 ".repeat(3_600).chars().take(60_000).collect()),
    ]
}

pub(super) fn item(place: usize, text: &str) -> ReviewItem {
    ReviewItem { id: format!("comment:{place}"), kind: "comment".into(), locale: None, text: text.into() }
}

pub(super) fn comments(count: usize) -> Vec<ReviewItem> {
    COMMENTS.iter().cycle().take(count).enumerate().map(|(place, text)| item(place, text)).collect()
}

async fn judged(moderator: &dyn Moderator, items: &[ReviewItem]) -> Result<Vec<Verdict>, String> {
    moderator.review(items).await.map_err(told)
}

async fn labelled(moderator: &dyn Moderator) -> Result<(), String> {
    let verdicts = judged(moderator, &comments(10)).await?;
    let is_code = |label: &&String| {
        let letters = label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.:".contains(c));
        !letters || label.is_empty()
    };
    let odd = verdicts.iter().flat_map(|verdict| &verdict.labels).find(is_code);
    expect(odd.is_none(), || {
        format!("\"{}\" is no code: write `spam`, `abuse`, `contact` …", odd.cloned().unwrap_or_default())
    })
}

async fn repeated(moderator: &dyn Moderator) -> Result<(), String> {
    let items = comments(10);
    let (first, second) = (judged(moderator, &items).await?, judged(moderator, &items).await?);
    same(&items, &first, &second)
}

async fn alone(moderator: &dyn Moderator) -> Result<(), String> {
    let items = comments(10);
    let (batch, mut single) = (judged(moderator, &items).await?, Vec::new());
    for item in &items {
        single.extend(judged(moderator, std::slice::from_ref(item)).await?);
    }
    same(&items, &batch, &single)
}

fn same(items: &[ReviewItem], was: &[Verdict], is: &[Verdict]) -> Result<(), String> {
    let near = |a: &Verdict, b: &Verdict| {
        a.decision == b.decision && a.labels == b.labels && (a.confidence - b.confidence).abs() < 1e-4
    };
    let place = was.iter().zip(is).position(|(was, is)| !near(was, is));
    expect(place.is_none() && was.len() == is.len(), || {
        let place = place.unwrap_or_default();
        let text = items.get(place).map(|item| item.text.as_str()).unwrap_or_default();
        format!(
            "\"{text}\" was judged {:?} and then {:?}: let a verdict depend on the text alone",
            was.get(place),
            is.get(place)
        )
    })
}
