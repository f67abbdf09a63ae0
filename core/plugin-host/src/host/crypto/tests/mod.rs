//! Through the functions a guest calls.
//!
//! The keys, certificates and signatures in `fixtures/` were made for these
//! tests with OpenSSL. They are public: never trust or ship them.

mod formats;
mod inline;
mod limits;
mod page;
mod providers;
mod roundtrip;
mod trust;
mod vectors;

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lyceum_domain::plugin::Secret;
use lyceum_kernel::ManualClock;

use super::{CallState, Context, Failure, crypto::Host as _};
use crate::{egress::Secrets, limits::World};

/// A file in `fixtures/`.
macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("fixtures/", $name))
    };
}
use fixture;

const MESSAGE: &[u8] = b"a message of Lyceum";

/// A plugin with secrets, and what it is told: a failure as words.
struct Plugin {
    state: CallState,
}

type Told<T> = Result<T, String>;

impl Plugin {
    fn with<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let secrets: BTreeMap<_, _> =
            secrets.into_iter().map(|(name, value)| (name.to_owned(), Secret::new(value))).collect();
        let mut plugin = Self { state: CallState::for_test(World::Job.limits()) };
        plugin.context().secrets = Secrets::new(secrets);
        plugin.at("2026-11-21T00:00:00Z");
        plugin
    }

    fn context(&mut self) -> &mut Context {
        Arc::get_mut(&mut self.state.context).expect("nobody else has it")
    }

    /// With one secret, named `key`.
    fn with_key(secret: impl AsRef<[u8]>) -> Self {
        Self::with([("key", secret.as_ref())])
    }

    fn sign(&mut self, key: &str, alg: &str, message: &[u8]) -> Told<Vec<u8>> {
        told(self.state.sign(key.into(), alg.into(), message.into()))
    }

    fn verify(&mut self, key: &str, alg: &str, message: &[u8], signature: &[u8]) -> Told<()> {
        told(self.state.verify(key.into(), alg.into(), message.into(), signature.into()))
    }

    fn open(&mut self, key: &str, alg: &str, nonce: &[u8], aad: &[u8], sealed: &[u8]) -> Told<Vec<u8>> {
        told(self.state.open(key.into(), alg.into(), nonce.into(), aad.into(), sealed.into()))
    }

    fn seal(&mut self, key: &str, alg: &str, plain: &[u8]) -> Told<Vec<u8>> {
        told(self.state.seal(key.into(), alg.into(), plain.into()))
    }

    fn trust(&mut self, name: &str, certificate: impl AsRef<[u8]>) -> Told<String> {
        told(self.state.trust(name.into(), certificate.as_ref().into()))
    }

    fn hash(&mut self, alg: &str, message: &[u8]) -> Told<Vec<u8>> {
        told(self.state.hash(alg.into(), message.into()))
    }

    fn public_key(&mut self, key: &str) -> Told<Vec<u8>> {
        told(self.state.public_key(key.into()))
    }

    fn at(&mut self, time: &str) {
        self.context().clock = Arc::new(ManualClock::at(time.parse().expect("RFC 3339")));
    }
}

fn told<T>(answer: wasmtime::Result<Result<T, Failure>>) -> Told<T> {
    answer.expect("the call has host calls left").map_err(|failure| match failure {
        Failure::NoSuchKey => "no such key".into(),
        Failure::Mismatch => "mismatch".into(),
        Failure::Malformed(why) => format!("malformed: {why}"),
        Failure::Other(why) => format!("other: {why}"),
    })
}

fn refused<T>(why: &str) -> Told<T> {
    Err(why.to_owned())
}

fn unhex(digits: &str) -> Vec<u8> {
    hex::decode(digits).expect("hex")
}

fn unbase64(text: &str) -> Vec<u8> {
    STANDARD.decode(text.trim()).expect("base64")
}

/// The DER in a PEM of one section, as bare base64.
fn bare(pem: &str) -> String {
    pem.lines().filter(|line| !line.starts_with("-----")).collect()
}
