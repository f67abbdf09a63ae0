//! Holds texts that offer followers for sale.

use lyceum_sdk::moderation::{Moderator, ReviewItem, Verdict};

const WORDS: &[&str] = &["buy followers", "刷粉"];

pub struct Plugin;

impl Moderator for Plugin {
    fn review(item: &ReviewItem) -> Verdict {
        let text = item.text.to_lowercase();
        match WORDS.iter().find(|word| text.contains(**word)) {
            Some(word) => Verdict::hold(vec!["spam".into()], 0.9).noting(format!("found: {word}")),
            None => Verdict::allow(),
        }
    }
}

lyceum_sdk::export_moderation!(Plugin, manifest: "../plugin.toml");
