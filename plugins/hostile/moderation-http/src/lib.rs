//! A moderator that asks servers elsewhere, and misbehaves in the way that an
//! item's text says, for the host's tests. Any other text is allowed.

use hostile_misdeeds::{GIANT, misbehave};
use lyceum_sdk::{
    host::Wasm,
    moderation::{Moderator, ReviewItem, Verdict},
};

/// Misbehaves on demand.
pub struct Hostile;

impl Moderator for Hostile {
    fn review(item: &ReviewItem) -> Verdict {
        misbehave(&Wasm, &item.text);
        match item.text.as_str() {
            "giant" => Verdict::allow().noting("x".repeat(GIANT)),
            _ => Verdict::allow(),
        }
    }
}

lyceum_sdk::export_moderation!(Hostile, manifest: "../plugin.toml");
