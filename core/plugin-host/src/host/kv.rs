//! `kv`: a small store of a plugin's own, kept by the domains.

use std::sync::Arc;

use wasmtime::Result;

use super::{
    CallState,
    services::{error, within},
};
use crate::{
    bindings::host::{kv, lyceum::types::common::Error},
    limits,
};

/// Keys given at once.
const KEYS: u32 = 1000;

/// A database keeps no U+0000 in a text.
fn checked(key: &str) -> Result<(), Error> {
    let fits = (1..=limits::KV_KEY_BYTES).contains(&key.len()) && !key.contains('\0');
    if fits { Ok(()) } else { Err(error("invalid", "a key has 1 to 512 bytes and no U+0000")) }
}

impl kv::Host for CallState {
    async fn get(&mut self, key: String) -> Result<Result<Option<Vec<u8>>, Error>> {
        self.enter()?;
        if let Err(wrong) = checked(&key) {
            return Ok(Err(wrong));
        }
        let context = Arc::clone(&self.context);
        Ok(within(self.time_to_answer(), context.services.kv_get(&context.id, &key)).await)
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> Result<Result<(), Error>> {
        self.enter()?;
        if let Err(wrong) = checked(&key) {
            return Ok(Err(wrong));
        }
        if value.len() > limits::KV_VALUE_BYTES {
            return Ok(Err(error("invalid", "a value has at most 65536 bytes")));
        }
        let context = Arc::clone(&self.context);
        let work = context.services.kv_set(&context.id, &key, &value, context.granted.kv_bytes);
        let fitted = within(self.time_to_answer(), work).await;
        Ok(fitted.and_then(|fitted| if fitted { Ok(()) } else { Err(error("quota", "the store is full")) }))
    }

    async fn delete(&mut self, key: String) -> Result<Result<(), Error>> {
        self.enter()?;
        if let Err(wrong) = checked(&key) {
            return Ok(Err(wrong));
        }
        let context = Arc::clone(&self.context);
        Ok(within(self.time_to_answer(), context.services.kv_delete(&context.id, &key)).await)
    }

    async fn keys(&mut self, prefix: String, after: Option<String>, limit: u32) -> Result<Result<Vec<String>, Error>> {
        self.enter()?;
        let texts = [Some(&prefix), after.as_ref()];
        if texts.iter().flatten().any(|text| text.len() > limits::KV_KEY_BYTES || text.contains('\0')) {
            return Ok(Err(error("invalid", "a prefix has at most 512 bytes and no U+0000")));
        }
        let context = Arc::clone(&self.context);
        let work = context.services.kv_keys(&context.id, &prefix, after.as_deref(), limit.min(KEYS));
        Ok(within(self.time_to_answer(), work).await)
    }
}
