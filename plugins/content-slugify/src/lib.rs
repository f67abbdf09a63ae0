//! Gives a new entry a slug in Latin letters, made from its title: Chinese
//! becomes pinyin without tones.
//!
//! **Invariant:** a slug that somebody wrote is left alone, and so is an entry
//! that exists: an address never changes by itself.
//! **Invariant:** the same title always gives the same slug. Making it unique
//! is the host's matter.

mod phrases;
mod slug;

use lyceum_sdk::{
    content::{Actor, BeforeHooks, Entry, FieldValue, Rejection},
    host::Host,
};

pub use slug::slug;

/// The hook of this plugin.
pub struct Slugify;

/// Where titles stand, the first one that is there.
const TITLES: [&str; 2] = ["title", "name"];

impl BeforeHooks for Slugify {
    fn before_create(_: &impl Host, _: &Actor, proposed: &Entry) -> Result<Vec<FieldValue>, Rejection> {
        if proposed.value("slug").is_some_and(|slug| slug != "null") {
            return Ok(Vec::new());
        }
        let title = TITLES.iter().find_map(|field| text(proposed.value(field)?));
        let slug = title.map(|title| slug(&title)).filter(|slug| !slug.is_empty());
        Ok(slug.map(|slug| FieldValue::new("slug", serde_json::Value::from(slug).to_string())).into_iter().collect())
    }
}

fn text(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}

lyceum_sdk::export_before_hooks!(Slugify, manifest: "../plugin.toml");
