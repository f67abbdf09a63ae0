//! What the moderator decides.

use lyceum_sdk::moderation::{Moderator, ReviewItem};
use {{crate}}::Plugin;

fn decided(text: &str) -> String {
    let item = ReviewItem { id: "1".into(), kind: "comment".into(), locale: None, text: text.into(), ext: Vec::new() };
    Plugin::review(&item).decision
}

#[test]
fn an_offer_is_held_and_a_friendly_text_allowed() {
    assert_eq!(decided("Buy followers here"), "hold");
    assert_eq!(decided("谢谢老师"), "allow");
}
