//! `kv`: a small store of a plugin's own.
//!
//! Thin: it lives in memory, as long as the process does.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use wasmtime::Result;

use super::CallState;
use crate::{
    bindings::host::{kv, lyceum::types::common::Error},
    limits,
};

/// Keys given at once.
const KEYS: u32 = 1000;

/// The values of one plugin, over its versions.
#[derive(Default)]
pub(crate) struct KvStore(Mutex<BTreeMap<String, Vec<u8>>>);

impl KvStore {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it fitted into the quota.
    fn set(&self, key: String, value: Vec<u8>, quota: u64) -> bool {
        let mut values = self.lock();
        let others: usize = values.iter().filter(|(k, _)| **k != key).map(|(k, v)| k.len() + v.len()).sum();
        let size = others + key.len() + value.len();
        let fits = u64::try_from(size).is_ok_and(|size| size <= quota);
        if fits {
            values.insert(key, value);
        }
        fits
    }

    fn keys(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let values = self.lock();
        let from_start = values.range::<str, _>((start, Bound::Unbounded)).map(|(key, _)| key);
        from_start.take_while(|key| key.starts_with(prefix)).take(limit).cloned().collect()
    }
}

fn error(code: &str, message: &str) -> Error {
    Error { code: code.to_owned(), message: message.to_owned(), retryable: false }
}

impl kv::Host for CallState {
    fn get(&mut self, key: String) -> Result<Result<Option<Vec<u8>>, Error>> {
        self.enter()?;
        Ok(Ok(self.context.kv.lock().get(&key).cloned()))
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> Result<Result<(), Error>> {
        self.enter()?;
        if key.len() > limits::KV_KEY_BYTES || value.len() > limits::KV_VALUE_BYTES {
            return Ok(Err(error("invalid", "the key or the value is too long")));
        }
        let fits = self.context.kv.set(key, value, self.context.granted.kv_bytes);
        Ok(if fits { Ok(()) } else { Err(error("quota", "the store is full")) })
    }

    fn delete(&mut self, key: String) -> Result<Result<(), Error>> {
        self.enter()?;
        self.context.kv.lock().remove(&key);
        Ok(Ok(()))
    }

    fn keys(&mut self, prefix: String, after: Option<String>, limit: u32) -> Result<Result<Vec<String>, Error>> {
        self.enter()?;
        let limit = usize::try_from(limit.min(KEYS)).unwrap_or(0);
        Ok(Ok(self.context.kv.keys(&prefix, after.as_deref(), limit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quota_counts_keys_and_values_and_lets_a_value_be_replaced() {
        let store = KvStore::default();
        assert!(store.set("ab".into(), vec![0; 8], 10));
        assert!(store.set("ab".into(), vec![1; 8], 10));
        assert!(!store.set("c".into(), vec![], 10));
        assert_eq!(store.lock().get("ab"), Some(&vec![1; 8]));
    }

    #[test]
    fn keys_come_in_order_after_the_given_one() {
        let store = KvStore::default();
        for key in ["a/1", "a/2", "a/3", "b/1"] {
            assert!(store.set(key.into(), vec![], 100));
        }
        assert_eq!(store.keys("a/", None, 2), ["a/1", "a/2"]);
        assert_eq!(store.keys("a/", Some("a/2"), 9), ["a/3"]);
        assert_eq!(store.keys("b/", Some("a/2"), 9), ["b/1"]);
    }
}
