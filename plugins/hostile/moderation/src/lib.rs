//! A moderator that misbehaves in the way that an item's text says, for the
//! host's tests. Any other text is allowed.

use std::hint::black_box;

use lyceum_sdk::moderation::{Error, Moderator, ReviewItem, Verdict};

/// Misbehaves on demand.
pub struct Hostile;

impl Moderator for Hostile {
    fn review(item: &ReviewItem) -> Verdict {
        match item.text.as_str() {
            "loop" => endless(),
            "trap" => panic!("the test asked for a trap"),
            "giant" => Verdict::allow().noting("x".repeat(16 << 20)),
            "nonsense" => Verdict { decision: "perhaps".into(), ..Verdict::allow() },
            "unsure" => Verdict { confidence: f32::NAN, ..Verdict::allow() },
            _ => Verdict::allow(),
        }
    }

    fn review_all(items: &[ReviewItem]) -> Result<Vec<Verdict>, Error> {
        // One verdict too few, for a batch that says so.
        let missing = usize::from(items.iter().any(|item| item.text == "short"));
        Ok(items.iter().skip(missing).map(Self::review).collect())
    }
}

fn endless() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

lyceum_sdk::export_moderation!(Hostile, manifest: "../plugin.toml");
