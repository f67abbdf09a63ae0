//! A moderator that misbehaves in the way that an item's text says, for the
//! host's tests. Any other text is allowed. It asks for no permission.

use hostile_misdeeds::{COPIES, GIANT, endless_calls, use_up};
use lyceum_sdk::{
    host::{Host as _, Level, Wasm},
    moderation::{Error, Moderator, ReviewItem, Verdict},
};

/// Misbehaves on demand.
pub struct Hostile;

impl Moderator for Hostile {
    fn review(item: &ReviewItem) -> Verdict {
        use_up(&item.text);
        match item.text.as_str() {
            "calls" => endless_calls(&Wasm),
            "log" => (0..10).for_each(|_| Wasm.log(Level::Info, &"x".repeat(20 << 10))),
            "giant" => return Verdict::allow().noting("x".repeat(GIANT)),
            "copies" => return Verdict::allow().noting("x".repeat(COPIES)),
            "nonsense" => return Verdict { decision: "perhaps".into(), ..Verdict::allow() },
            "unsure" => return Verdict { confidence: f32::NAN, ..Verdict::allow() },
            _ => {}
        }
        Verdict::allow()
    }

    fn review_all(items: &[ReviewItem]) -> Result<Vec<Verdict>, Error> {
        // One verdict too few, for a batch that says so.
        let missing = usize::from(items.iter().any(|item| item.text == "short"));
        Ok(items.iter().skip(missing).map(Self::review).collect())
    }
}

lyceum_sdk::export_moderation!(Hostile, manifest: "../plugin.toml");
