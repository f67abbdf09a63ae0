//! Sign-in through a provider: somebody else says who a person is, and we say
//! which account that is.
//!
//! **Invariant:** what comes back is taken only with the state that went out
//! *and* with the secret that the same browser was given at the beginning, for
//! ten minutes and once: a callback address that was stolen or planted signs
//! nobody in (RFC 6749, 10.12).
//! **Invariant:** a person of a provider is told by the plugin's id and the
//! provider's subject. The mail address links an account only when both sides
//! have proven it.
//! **Invariant:** no plugin is called within a transaction; a plugin that
//! fails signs nobody in.
//!
//! Absent on purpose: linking a provider to an account while signed in, and
//! accounts without a mail address.

mod account;
mod again;
mod exchange;

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use lyceum_kernel::{ErrorCode, Failure, Locales, Result};
use serde::Serialize;

pub use self::exchange::{BeginSignIn, Begun, CompleteSignIn};
use super::{Identity, port::AuthProvider, secret::SignInState, sign_in_rows::At};
use crate::plugin::{Extensions, Secret, SecretKey};

/// Sign-in through the active providers.
pub struct SignIns {
    identity: Arc<Identity>,
    extensions: Arc<dyn Extensions>,
    key: SecretKey,
    locales: Locales,
    /// Development mode: people may be sent back to this machine.
    dev: bool,
}

/// A button.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProviderButton {
    /// For `beginSignIn`.
    pub key: String,
    /// By language tag.
    pub labels: BTreeMap<String, String>,
}

impl SignIns {
    #[must_use]
    pub fn new(
        identity: Arc<Identity>,
        extensions: Arc<dyn Extensions>,
        key: SecretKey,
        locales: Locales,
        dev: bool,
    ) -> Self {
        Self { identity, extensions, key, locales, dev }
    }

    /// The providers, in the order of their plugins' ids.
    #[must_use]
    pub fn providers(&self) -> Vec<ProviderButton> {
        let button =
            |p: &Arc<dyn AuthProvider>| ProviderButton { key: p.key().to_owned(), labels: p.about().labels.clone() };
        self.active().iter().map(button).collect()
    }

    /// One for each key: the first by its id, so that no later plugin takes a
    /// button over.
    fn active(&self) -> Vec<Arc<dyn AuthProvider>> {
        let mut all = self.extensions.auth_providers();
        all.sort_by(|a, b| a.name().cmp(b.name()));
        let mut first: Vec<Arc<dyn AuthProvider>> = Vec::with_capacity(all.len());
        for provider in all {
            if first.iter().all(|known| known.key() != provider.key()) {
                first.push(provider);
            }
        }
        first
    }

    fn provider(&self, key: &str) -> Result<Arc<dyn AuthProvider>> {
        let found = self.active().into_iter().find(|provider| provider.key() == key);
        found.ok_or_else(|| Failure::not_found("sign-in provider").at("input.provider"))
    }

    /// What a provider wants kept of a person; none when that is nothing.
    fn sealed_keep(&self, at: At<'_>, keep: &str) -> Option<String> {
        (!keep.is_empty()).then(|| self.sealed(at.provider, &about_identity(at.subject), keep.as_bytes().to_vec()))
    }

    fn sealed(&self, provider: &str, about: &str, plain: Vec<u8>) -> String {
        STANDARD.encode(self.key.seal(provider, about, &Secret::new(plain)))
    }

    fn opened(&self, provider: &str, about: &str, sealed: &str) -> Result<Secret> {
        let bytes = STANDARD.decode(sealed).map_err(Failure::internal)?;
        self.key.open(provider, about, &bytes).map_err(Failure::internal)
    }
}

// What a sealed text is for. The name of a plugin's secret has no colon.
fn about_attempt(state: &SignInState) -> String {
    format!("attempt:{}", state.hash())
}

fn about_identity(subject: &str) -> String {
    format!("identity:{subject}")
}

fn invalid(message: &str) -> Failure {
    Failure::new(ErrorCode::InvalidCredentials, message)
}
