//! `crypto`: signs and checks with keys that stay here.
//!
//! Thin: HMAC-SHA-256 only. Other algorithms answer `other("unsupported algorithm")`.

use hmac::{Hmac, Mac};
use sha2::Sha256;
use wasmtime::Result;

use super::CallState;
use crate::bindings::host::crypto::{self, Failure};

impl CallState {
    fn hmac(&self, key: &str, algorithm: &str, message: &[u8]) -> Result<Hmac<Sha256>, Failure> {
        let key = self.context.secrets.get(key).ok_or(Failure::NoSuchKey)?;
        if algorithm != "hmac-sha256" {
            return Err(unsupported());
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        mac.update(message);
        Ok(mac)
    }
}

fn unsupported() -> Failure {
    Failure::Other("unsupported algorithm".into())
}

impl crypto::Host for CallState {
    fn sign(&mut self, key: String, alg: String, message: Vec<u8>) -> Result<Result<Vec<u8>, Failure>> {
        self.enter()?;
        Ok(self.hmac(&key, &alg, &message).map(|mac| mac.finalize().into_bytes().to_vec()))
    }

    fn verify(&mut self, key: String, alg: String, message: Vec<u8>, sig: Vec<u8>) -> Result<Result<(), Failure>> {
        self.enter()?;
        // `verify_slice` takes the same time wherever the first difference is.
        let checked = |mac: Hmac<Sha256>| mac.verify_slice(&sig).map_err(|_| Failure::Mismatch);
        Ok(self.hmac(&key, &alg, &message).and_then(checked))
    }

    fn open(
        &mut self,
        _key: String,
        _alg: String,
        _nonce: Vec<u8>,
        _aad: Vec<u8>,
        _sealed: Vec<u8>,
    ) -> Result<Result<Vec<u8>, Failure>> {
        self.enter()?;
        Ok(Err(unsupported()))
    }

    fn seal(&mut self, _key: String, _alg: String, _plain: Vec<u8>) -> Result<Result<Vec<u8>, Failure>> {
        self.enter()?;
        Ok(Err(unsupported()))
    }

    fn trust(&mut self, _name: String, _certificate: Vec<u8>) -> Result<Result<String, Failure>> {
        self.enter()?;
        Ok(Err(unsupported()))
    }
}
