//! The provider of sign-in as the domain sees it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::plugin::FailedAttempt;

/// What the person sees on the button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthAbout {
    /// By language tag.
    pub labels: BTreeMap<String, String>,
    /// Whether [`AuthProvider::refresh`] does anything.
    pub refreshes: bool,
}

/// A person wants to sign in. The host made the values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthStart {
    pub redirect_uri: String,
    pub state: String,
    pub nonce: String,
    /// The PKCE challenge, method `S256`.
    pub code_challenge: String,
    pub locale: String,
}

/// Where to send the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthWay {
    pub url: String,
    /// Given back to [`AuthProvider::complete`].
    pub keep: String,
}

/// The person came back, with the right `state`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthCallback {
    pub params: Vec<(String, String)>,
    pub redirect_uri: String,
    pub nonce: String,
    pub code_verifier: String,
    pub keep: String,
}

/// Who a person is, as the provider says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalIdentity {
    /// The provider's id of the person. It never changes.
    pub subject: String,
    pub email: Option<String>,
    /// Whether the provider has checked the address.
    pub email_verified: bool,
    pub name: Option<String>,
    pub picture: Option<String>,
    /// Given back to [`AuthProvider::refresh`].
    pub keep: String,
}

/// Says who a person is.
#[async_trait]
pub trait AuthProvider: Send + Sync {
    /// The plugin's id.
    fn name(&self) -> &str;

    /// The plugin's name without its publisher and without `auth-`
    /// (`lyceum/auth-oidc` → `oidc`).
    fn key(&self) -> &str;

    fn about(&self) -> &AuthAbout;

    /// # Errors
    /// The person cannot sign in this way now.
    async fn begin(&self, start: &AuthStart) -> Result<AuthWay, FailedAttempt>;

    /// # Errors
    /// Nobody is signed in.
    async fn complete(&self, callback: &AuthCallback) -> Result<ExternalIdentity, FailedAttempt>;

    /// # Errors
    /// A code `gone` in the failure's detail: the provider does not know the
    /// person any more.
    async fn refresh(&self, keep: &str) -> Result<ExternalIdentity, FailedAttempt>;
}
