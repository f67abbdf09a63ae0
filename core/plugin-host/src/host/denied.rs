//! The implementation of every permission that was not given: it counts the
//! call, writes the refusal into the audit log, and answers with the interface's
//! own word for "denied".
//!
//! That no function is missing here is proved from outside, in
//! `tests/host/permissions.rs`, with a component that calls all of them.

use wasmtime::Result;

use super::CallState;
use crate::{
    bindings::host::{
        content_read, content_write,
        crypto::{self, Failure as CryptoFailure},
        events,
        http::{self, Failure as HttpFailure, Request, Response},
        kv,
        lyceum::types::common::Error,
        secret_ref, smtp,
    },
    interface::Capability,
};

/// A call whose plugin has not this permission.
pub(crate) struct Denied<'a>(pub &'a mut CallState);

impl Denied<'_> {
    fn refuse(&mut self, capability: Capability, function: &'static str) -> Result<()> {
        self.0.enter()?;
        self.0.deny(capability, function, "the permission is not granted");
        Ok(())
    }

    fn error<T>(&mut self, capability: Capability, function: &'static str) -> Result<Result<T, Error>> {
        self.refuse(capability, function)?;
        let message = format!("the permission `{}` is not granted", capability.name());
        Ok(Err(Error { code: "denied".into(), message, retryable: false }))
    }

    fn crypto<T>(&mut self, function: &'static str) -> Result<Result<T, CryptoFailure>> {
        self.refuse(Capability::Crypto, function)?;
        Ok(Err(CryptoFailure::Other("denied".into())))
    }
}

impl http::Host for Denied<'_> {
    async fn send(&mut self, _request: Request) -> Result<Result<Response, HttpFailure>> {
        self.refuse(Capability::Http, "send")?;
        Ok(Err(HttpFailure::Denied))
    }
}

impl smtp::Host for Denied<'_> {
    async fn send(&mut self, _envelope: smtp::Envelope) -> Result<Result<String, Error>> {
        self.error(Capability::Smtp, "send")
    }
}

impl secret_ref::Host for Denied<'_> {
    fn has(&mut self, _name: String) -> Result<Result<bool, Error>> {
        self.error(Capability::SecretRef, "has")
    }
}

impl kv::Host for Denied<'_> {
    async fn get(&mut self, _key: String) -> Result<Result<Option<Vec<u8>>, Error>> {
        self.error(Capability::Kv, "get")
    }

    async fn set(&mut self, _key: String, _value: Vec<u8>) -> Result<Result<(), Error>> {
        self.error(Capability::Kv, "set")
    }

    async fn delete(&mut self, _key: String) -> Result<Result<(), Error>> {
        self.error(Capability::Kv, "delete")
    }

    async fn keys(
        &mut self,
        _prefix: String,
        _after: Option<String>,
        _limit: u32,
    ) -> Result<Result<Vec<String>, Error>> {
        self.error(Capability::Kv, "keys")
    }
}

impl content_read::Host for Denied<'_> {
    async fn get(
        &mut self,
        _type_name: String,
        _id: String,
        _locale: Option<String>,
    ) -> Result<Result<Option<content_read::Entry>, Error>> {
        self.error(Capability::ContentRead, "get")
    }

    async fn list(&mut self, _query: content_read::Query) -> Result<Result<content_read::Page, Error>> {
        self.error(Capability::ContentRead, "list")
    }
}

impl content_write::Host for Denied<'_> {
    async fn create(&mut self, _type_name: String, _input: String) -> Result<Result<String, Error>> {
        self.error(Capability::ContentWrite, "create")
    }

    async fn update(&mut self, _type_name: String, _id: String, _input: String) -> Result<Result<(), Error>> {
        self.error(Capability::ContentWrite, "update")
    }

    async fn publish(&mut self, _type_name: String, _id: String) -> Result<Result<(), Error>> {
        self.error(Capability::ContentWrite, "publish")
    }

    async fn unpublish(&mut self, _type_name: String, _id: String) -> Result<Result<(), Error>> {
        self.error(Capability::ContentWrite, "unpublish")
    }

    async fn delete(&mut self, _type_name: String, _id: String) -> Result<Result<(), Error>> {
        self.error(Capability::ContentWrite, "delete")
    }
}

impl events::Host for Denied<'_> {
    async fn emit(&mut self, _name: String, _subject: Option<String>, _data: String) -> Result<Result<(), Error>> {
        self.error(Capability::Events, "emit")
    }

    async fn read(&mut self, _after: i64, _limit: u32) -> Result<Result<Vec<events::Event>, Error>> {
        self.error(Capability::Events, "read")
    }
}

impl crypto::Host for Denied<'_> {
    fn sign(&mut self, _key: String, _alg: String, _message: Vec<u8>) -> Result<Result<Vec<u8>, CryptoFailure>> {
        self.crypto("sign")
    }

    fn verify(
        &mut self,
        _key: String,
        _alg: String,
        _message: Vec<u8>,
        _sig: Vec<u8>,
    ) -> Result<Result<(), CryptoFailure>> {
        self.crypto("verify")
    }

    fn open(
        &mut self,
        _key: String,
        _alg: String,
        _nonce: Vec<u8>,
        _aad: Vec<u8>,
        _sealed: Vec<u8>,
    ) -> Result<Result<Vec<u8>, CryptoFailure>> {
        self.crypto("open")
    }

    fn seal(&mut self, _key: String, _alg: String, _plain: Vec<u8>) -> Result<Result<Vec<u8>, CryptoFailure>> {
        self.crypto("seal")
    }

    fn trust(&mut self, _name: String, _certificate: Vec<u8>) -> Result<Result<String, CryptoFailure>> {
        self.crypto("trust")
    }

    fn hash(&mut self, _alg: String, _message: Vec<u8>) -> Result<Result<Vec<u8>, CryptoFailure>> {
        self.crypto("hash")
    }

    fn public_key(&mut self, _key: String) -> Result<Result<Vec<u8>, CryptoFailure>> {
        self.crypto("public-key")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::World;

    #[tokio::test]
    async fn a_world_without_requests_denies_them_even_when_http_is_granted() {
        let mut state = CallState::for_test(World::PaymentVerify.limits());
        let request =
            Request { method: "GET".into(), url: "https://a.example/".into(), headers: Vec::new(), body: Vec::new() };
        assert!(matches!(http::Host::send(&mut state, request).await, Ok(Err(HttpFailure::Denied))));
        assert!(!state.sent());
        assert_eq!(state.context.tally.denials(), [("http".to_owned(), 1)].into());
    }

    #[tokio::test]
    async fn a_call_without_host_calls_left_ends() {
        let mut state = CallState::for_test(World::Ranking.limits());
        assert!(kv::Host::get(&mut Denied(&mut state), String::new()).await.is_err());
        assert!(crate::bindings::host::clock::Host::now_ms(&mut state).is_err());
    }

    #[test]
    fn a_secret_that_is_not_granted_is_no_key() {
        let mut state = CallState::for_test(World::Payment.limits());
        let signed = crypto::Host::sign(&mut state, "key".into(), "hmac-sha256".into(), Vec::new()).expect("no trap");
        assert!(matches!(signed, Err(CryptoFailure::NoSuchKey)));
    }
}
