//! Adds `textLength` to lessons.

use lyceum_sdk::{
    graphql::{FieldResolver, Request},
    host::{Error, Host},
};

pub struct Plugin;

impl FieldResolver for Plugin {
    fn resolve(_host: &impl Host, _request: &Request, parent: &str) -> Result<String, Error> {
        let parent: serde_json::Value = serde_json::from_str(parent).map_err(|error| Error::invalid(error.to_string()))?;
        Ok(match parent["body"].as_str() {
            Some(body) => body.chars().count().to_string(),
            None => "null".into(),
        })
    }
}

lyceum_sdk::export_graphql!(Plugin, manifest: "../plugin.toml");
