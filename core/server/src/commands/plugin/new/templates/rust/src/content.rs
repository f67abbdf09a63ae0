//! Publishes nothing whose title is empty.

use lyceum_sdk::{
    content::{Actor, BeforeHooks, Entry, Rejection},
    host::Host,
};

pub struct Plugin;

impl BeforeHooks for Plugin {
    fn before_publish(_host: &impl Host, _actor: &Actor, entry: &Entry) -> Result<(), Rejection> {
        // Values are JSON texts.
        let empty = |value: &str| value.trim_matches('"').trim().is_empty();
        if entry.fields.iter().any(|field| field.field == "title" && empty(&field.value)) {
            return Err(Rejection::new("The title is empty.", "标题为空。").at("title"));
        }
        Ok(())
    }
}

lyceum_sdk::export_before_hooks!(Plugin, manifest: "../plugin.toml");
