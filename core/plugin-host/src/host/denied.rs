//! The implementation of every permission that was not given: it counts the
//! call, writes the refusal into the audit log, and answers with the interface's
//! own word for "denied".

use wasmtime::Result;

use super::CallState;
use crate::{
    bindings::host::{
        crypto::{self, Failure as CryptoFailure},
        http::{self, Failure as HttpFailure, Request, Response},
        kv,
        lyceum::types::common::Error,
        secret_ref,
    },
    interface::Capability,
};

/// A call whose plugin has not this permission.
pub(crate) struct Denied<'a>(pub &'a mut CallState);

impl Denied<'_> {
    fn refuse(&mut self, capability: Capability, function: &str) -> Result<()> {
        self.0.enter()?;
        self.0.deny(capability, function, "the permission is not granted");
        Ok(())
    }

    fn error<T>(&mut self, capability: Capability, function: &str) -> Result<Result<T, Error>> {
        self.refuse(capability, function)?;
        let message = format!("the permission `{}` is not granted", capability.name());
        Ok(Err(Error { code: "denied".into(), message, retryable: false }))
    }

    fn crypto<T>(&mut self, function: &str) -> Result<Result<T, CryptoFailure>> {
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

impl secret_ref::Host for Denied<'_> {
    fn has(&mut self, _name: String) -> Result<Result<bool, Error>> {
        self.error(Capability::SecretRef, "has")
    }
}

impl kv::Host for Denied<'_> {
    fn get(&mut self, _key: String) -> Result<Result<Option<Vec<u8>>, Error>> {
        self.error(Capability::Kv, "get")
    }

    fn set(&mut self, _key: String, _value: Vec<u8>) -> Result<Result<(), Error>> {
        self.error(Capability::Kv, "set")
    }

    fn delete(&mut self, _key: String) -> Result<Result<(), Error>> {
        self.error(Capability::Kv, "delete")
    }

    fn keys(&mut self, _prefix: String, _after: Option<String>, _limit: u32) -> Result<Result<Vec<String>, Error>> {
        self.error(Capability::Kv, "keys")
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
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::limits::World;

    /// Functions of each permission, read from the WIT.
    fn functions_in_wit() -> BTreeMap<&'static str, u64> {
        let wit = include_str!("../../../../schema/wit/host/1.0.0/host.wit");
        let of = |name: &str| {
            let start = wit.find(&format!("interface {name} {{")).expect("the interface is in the WIT");
            let body = &wit[start..start + wit[start..].find("\n}").expect("it ends")];
            u64::try_from(body.matches(": func(").count()).expect("few")
        };
        Capability::GRANTED.iter().map(|capability| (capability.name(), of(capability.name()))).collect()
    }

    fn request() -> Request {
        Request { method: "GET".into(), url: "https://a.example/".into(), headers: Vec::new(), body: Vec::new() }
    }

    #[tokio::test]
    async fn every_function_of_every_permission_refuses_and_is_audited() {
        let mut state = CallState::for_test(World::Payment.limits());
        let mut denied = Denied(&mut state);
        let code = |error: Error| error.code;
        let (text, bytes) = (String::new, Vec::new);
        assert!(matches!(http::Host::send(&mut denied, request()).await, Ok(Err(HttpFailure::Denied))));
        let d = &mut denied;
        assert_eq!(secret_ref::Host::has(d, text()).expect("no trap").map_err(code), Err("denied".into()));
        assert_eq!(kv::Host::get(d, text()).expect("no trap").map_err(code), Err("denied".into()));
        assert_eq!(kv::Host::set(d, text(), bytes()).expect("no trap").map_err(code), Err("denied".into()));
        assert_eq!(kv::Host::delete(d, text()).expect("no trap").map_err(code), Err("denied".into()));
        assert_eq!(kv::Host::keys(d, text(), None, 1).expect("no trap").map_err(code), Err("denied".into()));
        let refused = |failure: CryptoFailure| matches!(failure, CryptoFailure::Other(word) if word == "denied");
        assert!(crypto::Host::sign(d, text(), text(), bytes()).expect("no trap").is_err_and(refused));
        assert!(crypto::Host::verify(d, text(), text(), bytes(), bytes()).expect("no trap").is_err_and(refused));
        assert!(crypto::Host::open(d, text(), text(), bytes(), bytes(), bytes()).expect("no trap").is_err_and(refused));
        assert!(crypto::Host::seal(d, text(), text(), bytes()).expect("no trap").is_err_and(refused));
        assert!(crypto::Host::trust(d, text(), bytes()).expect("no trap").is_err_and(refused));
        let audited = state.context.denials().into_iter().map(|(c, count)| (c.name(), count)).collect();
        assert_eq!(functions_in_wit(), audited, "one refusal for each function of the WIT");
    }

    #[tokio::test]
    async fn a_world_without_requests_denies_them_even_when_http_is_granted() {
        let mut state = CallState::for_test(World::PaymentVerify.limits());
        assert!(matches!(http::Host::send(&mut state, request()).await, Ok(Err(HttpFailure::Denied))));
        assert!(!state.sent());
        assert_eq!(state.context.denials(), [(Capability::Http, 1)].into());
    }

    #[test]
    fn a_call_without_host_calls_left_ends() {
        let mut state = CallState::for_test(World::Ranking.limits());
        assert!(kv::Host::get(&mut Denied(&mut state), String::new()).is_err());
        assert!(crate::bindings::host::clock::Host::now_ms(&mut state).is_err());
    }

    #[test]
    fn a_secret_that_is_not_granted_is_no_key() {
        let mut state = CallState::for_test(World::Payment.limits());
        let signed = crypto::Host::sign(&mut state, "key".into(), "hmac-sha256".into(), Vec::new()).expect("no trap");
        assert!(matches!(signed, Err(CryptoFailure::NoSuchKey)));
    }
}
