//! What the host offers, as a trait: [`Wasm`] is the real one, tests bring
//! their own. Secrets are named, never seen.
//!
//! A double answers only what its test needs: every function has a default
//! that answers as the host does when the permission is not granted.

#[doc(hidden)]
#[allow(missing_docs, clippy::all)]
pub mod bindings {
    wit_bindgen::generate!({
        inline: "
            package lyceum:guest-host;
            world everything {
                import lyceum:types/common@1.0.0;
                import lyceum:host/log@1.0.0;
                import lyceum:host/config@1.0.0;
                import lyceum:host/clock@1.0.0;
                import lyceum:host/random@1.0.0;
                import lyceum:host/metrics@1.0.0;
                import lyceum:host/secret-ref@1.0.0;
                import lyceum:host/kv@1.0.0;
                import lyceum:host/http@1.0.0;
                import lyceum:host/smtp@1.0.0;
                import lyceum:host/crypto@1.0.0;
                import lyceum:host/content-read@1.0.0;
                import lyceum:host/content-write@1.0.0;
                import lyceum:host/events@1.0.0;
            }
        ",
        path: ["../../../schema/wit/types/1.0.0", "../../../schema/wit/host/1.0.0"],
        generate_all,
        generate_unused_types: true,
    });
}

use bindings::lyceum::host as imports;

pub use bindings::lyceum::types::common::{Error, Ext, Money};
pub use imports::{
    content_read::{Entry as ContentEntry, Page as ContentPage, Query as ContentQuery},
    crypto::Failure as CryptoFailure,
    events::Event as HostEvent,
    http::{Failure as HttpFailure, HeaderValue, Request, Response},
    log::Level,
    smtp::{Envelope, Login},
};

impl Error {
    /// The arguments break the world's rules. Not worth a second try.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { code: "invalid".into(), message: message.into(), retryable: false }
    }

    /// It may work later.
    #[must_use]
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self { code: "unavailable".into(), message: message.into(), retryable: true }
    }

    /// A permission is missing.
    #[must_use]
    pub fn denied(message: impl Into<String>) -> Self {
        Self { code: "denied".into(), message: message.into(), retryable: false }
    }
}

fn no<T>() -> Result<T, Error> {
    Err(Error::denied("the permission is not granted"))
}

/// The host interfaces. The errors of a function are those of its interface in
/// `schema/wit/host`.
#[allow(unused_variables, clippy::missing_errors_doc)]
pub trait Host {
    /// Makes one attempt at a request. Follows no redirect.
    fn send(&self, request: &Request) -> Result<Response, HttpFailure> {
        Err(HttpFailure::Denied)
    }

    /// Signs with the key of this name.
    fn sign(&self, key: &str, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        Err(CryptoFailure::Other("denied".into()))
    }

    /// Checks a signature with the key of this name, in constant time.
    /// `Mismatch` when it is not right.
    fn verify(&self, key: &str, algorithm: &str, message: &[u8], signature: &[u8]) -> Result<(), CryptoFailure> {
        Err(CryptoFailure::Other("denied".into()))
    }

    /// Decrypts.
    fn open(
        &self,
        key: &str,
        algorithm: &str,
        nonce: &[u8],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, CryptoFailure> {
        Err(CryptoFailure::Other("denied".into()))
    }

    /// Encrypts.
    fn seal(&self, key: &str, algorithm: &str, plain: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        Err(CryptoFailure::Other("denied".into()))
    }

    /// Checks a certificate's chain and gives its serial number.
    fn trust(&self, name: &str, certificate: &[u8]) -> Result<String, CryptoFailure> {
        Err(CryptoFailure::Other("denied".into()))
    }

    /// Hashes: `sha256` and others.
    fn hash(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        Err(CryptoFailure::Other("denied".into()))
    }

    /// The public half of a key, in DER.
    fn public_key(&self, key: &str) -> Result<Vec<u8>, CryptoFailure> {
        Err(CryptoFailure::Other("denied".into()))
    }

    /// Milliseconds since 1970.
    fn now_ms(&self) -> u64 {
        0
    }

    /// Random bytes, at most 4096.
    fn random(&self, length: u32) -> Vec<u8> {
        vec![0; length as usize]
    }

    /// One line in the server's log.
    fn log(&self, level: Level, message: &str) {}

    /// The plugin's configuration as JSON text.
    fn config(&self) -> String {
        "{}".into()
    }

    /// Adds to a counter.
    fn count(&self, name: &str, add: u64, labels: &[(String, String)]) {}

    /// Records one value of a distribution.
    fn observe(&self, name: &str, value: f64, labels: &[(String, String)]) {}

    /// Whether a secret of this name is granted and has a value.
    fn has_secret(&self, name: &str) -> Result<bool, Error> {
        no()
    }

    /// A value of the plugin's own store.
    fn kv_get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        no()
    }

    /// Writes a value of at most 64 KiB.
    fn kv_set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        no()
    }

    /// Removes a key.
    fn kv_delete(&self, key: &str) -> Result<(), Error> {
        no()
    }

    /// Keys that begin with a prefix, after the given one.
    fn kv_keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, Error> {
        no()
    }

    /// Makes one attempt at a mail.
    fn send_mail(&self, envelope: &Envelope) -> Result<String, Error> {
        no()
    }

    /// One entry, or none.
    fn entry(&self, type_name: &str, id: &str, locale: Option<&str>) -> Result<Option<ContentEntry>, Error> {
        no()
    }

    /// A page of entries.
    fn entries(&self, query: &ContentQuery) -> Result<ContentPage, Error> {
        no()
    }

    /// Makes a draft from an input object as JSON text; its id.
    fn create_entry(&self, type_name: &str, input: &str) -> Result<String, Error> {
        no()
    }

    /// Changes a draft.
    fn update_entry(&self, type_name: &str, id: &str, input: &str) -> Result<(), Error> {
        no()
    }

    /// Shows the latest draft.
    fn publish_entry(&self, type_name: &str, id: &str) -> Result<(), Error> {
        no()
    }

    /// Hides an entry again.
    fn unpublish_entry(&self, type_name: &str, id: &str) -> Result<(), Error> {
        no()
    }

    /// Removes an entry.
    fn delete_entry(&self, type_name: &str, id: &str) -> Result<(), Error> {
        no()
    }

    /// Records an event of the plugin's own, with facts as JSON text.
    fn emit(&self, name: &str, subject: Option<&str>, data: &str) -> Result<(), Error> {
        no()
    }

    /// Granted events after a position.
    fn events(&self, after: i64, limit: u32) -> Result<Vec<HostEvent>, Error> {
        no()
    }
}

/// The host around a running component.
#[derive(Debug, Clone, Copy)]
pub struct Wasm;

impl Host for Wasm {
    fn send(&self, request: &Request) -> Result<Response, HttpFailure> {
        imports::http::send(request)
    }

    fn sign(&self, key: &str, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        imports::crypto::sign(key, algorithm, message)
    }

    fn verify(&self, key: &str, algorithm: &str, message: &[u8], signature: &[u8]) -> Result<(), CryptoFailure> {
        imports::crypto::verify(key, algorithm, message, signature)
    }

    fn open(
        &self,
        key: &str,
        algorithm: &str,
        nonce: &[u8],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, CryptoFailure> {
        imports::crypto::open(key, algorithm, nonce, aad, sealed)
    }

    fn seal(&self, key: &str, algorithm: &str, plain: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        imports::crypto::seal(key, algorithm, plain)
    }

    fn trust(&self, name: &str, certificate: &[u8]) -> Result<String, CryptoFailure> {
        imports::crypto::trust(name, certificate)
    }

    fn hash(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        imports::crypto::hash(algorithm, message)
    }

    fn public_key(&self, key: &str) -> Result<Vec<u8>, CryptoFailure> {
        imports::crypto::public_key(key)
    }

    fn now_ms(&self) -> u64 {
        imports::clock::now_ms()
    }

    fn random(&self, length: u32) -> Vec<u8> {
        imports::random::bytes(length)
    }

    fn log(&self, level: Level, message: &str) {
        imports::log::write(level, message, &[]);
    }

    fn config(&self) -> String {
        imports::config::get()
    }

    fn count(&self, name: &str, add: u64, labels: &[(String, String)]) {
        imports::metrics::count(name, add, labels);
    }

    fn observe(&self, name: &str, value: f64, labels: &[(String, String)]) {
        imports::metrics::observe(name, value, labels);
    }

    fn has_secret(&self, name: &str) -> Result<bool, Error> {
        imports::secret_ref::has(name)
    }

    fn kv_get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        imports::kv::get(key)
    }

    fn kv_set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        imports::kv::set(key, value)
    }

    fn kv_delete(&self, key: &str) -> Result<(), Error> {
        imports::kv::delete(key)
    }

    fn kv_keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, Error> {
        imports::kv::keys(prefix, after, limit)
    }

    fn send_mail(&self, envelope: &Envelope) -> Result<String, Error> {
        imports::smtp::send(envelope)
    }

    fn entry(&self, type_name: &str, id: &str, locale: Option<&str>) -> Result<Option<ContentEntry>, Error> {
        imports::content_read::get(type_name, id, locale)
    }

    fn entries(&self, query: &ContentQuery) -> Result<ContentPage, Error> {
        imports::content_read::list(query)
    }

    fn create_entry(&self, type_name: &str, input: &str) -> Result<String, Error> {
        imports::content_write::create(type_name, input)
    }

    fn update_entry(&self, type_name: &str, id: &str, input: &str) -> Result<(), Error> {
        imports::content_write::update(type_name, id, input)
    }

    fn publish_entry(&self, type_name: &str, id: &str) -> Result<(), Error> {
        imports::content_write::publish(type_name, id)
    }

    fn unpublish_entry(&self, type_name: &str, id: &str) -> Result<(), Error> {
        imports::content_write::unpublish(type_name, id)
    }

    fn delete_entry(&self, type_name: &str, id: &str) -> Result<(), Error> {
        imports::content_write::delete(type_name, id)
    }

    fn emit(&self, name: &str, subject: Option<&str>, data: &str) -> Result<(), Error> {
        imports::events::emit(name, subject, data)
    }

    fn events(&self, after: i64, limit: u32) -> Result<Vec<HostEvent>, Error> {
        imports::events::read(after, limit)
    }
}
