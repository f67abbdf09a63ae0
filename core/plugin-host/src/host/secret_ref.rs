//! `secret-ref`: which secrets there are, never what they are.

use wasmtime::Result;

use super::CallState;
use crate::bindings::host::{lyceum::types::common::Error, secret_ref};

impl secret_ref::Host for CallState {
    fn has(&mut self, name: String) -> Result<Result<bool, Error>> {
        self.enter()?;
        Ok(Ok(self.context.secrets.key(&name).is_some()))
    }
}
