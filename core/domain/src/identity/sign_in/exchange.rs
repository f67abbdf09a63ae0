//! The exchange with a provider: a person is sent out, comes back, and is
//! signed in.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use lyceum_kernel::{ErrorCode, Event, Failure, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{SignIns, about_attempt, account::account_of, invalid};
use crate::{
    identity::{
        device,
        limit::{self, CountedTries, give_back},
        model::{Peer, SignedIn},
        port::{AuthCallback, AuthProvider, AuthStart},
        redirect,
        secret::{AttemptSecret, SignInState, random_text},
        session,
        sign_in_rows::{self, At},
    },
    plugin::{FailedAttempt, FailureKind},
};

/// How long a person may take at the provider.
const PATIENCE: Duration = Duration::from_secs(600);
/// Longest word of a provider that a client is told, in characters.
const WORDS: usize = 200;
/// What a provider may send back.
const PARAMS: usize = 50;
const PARAM_BYTES: usize = 4096;

#[derive(Debug, Clone)]
pub struct BeginSignIn {
    /// The key of a provider.
    pub provider: String,
    pub redirect_uri: String,
    /// The person's language; the default one when it is none of ours.
    pub locale: Option<String>,
}

/// Where to send the person, and what the browser keeps until she is back.
#[derive(Debug, Clone)]
pub struct Begun {
    pub url: String,
    pub attempt: AttemptSecret,
}

#[derive(Debug, Clone)]
pub struct CompleteSignIn {
    pub provider: String,
    /// What the provider sent along, decoded.
    pub params: Vec<(String, String)>,
    pub state: SignInState,
    pub attempt: AttemptSecret,
}

/// What is kept, sealed, until the person is back.
#[derive(Serialize, Deserialize)]
struct Kept {
    nonce: String,
    verifier: String,
    keep: String,
}

impl SignIns {
    /// Begins a sign-in: makes what must come back and asks the provider for
    /// its page.
    ///
    /// # Errors
    /// NOT_FOUND without such a provider; BAD_USER_INPUT at `input.redirectUri`
    /// when it is not on the owner's list; RATE_LIMITED; PLUGIN_FAILED.
    pub async fn begin(&self, input: &BeginSignIn, peer: &Peer) -> Result<Begun> {
        let provider = self.provider(&input.provider)?;
        redirect::check(&input.redirect_uri, &self.identity.config.redirect_uris, self.dev)?;
        self.count_begin(peer).await?;
        let asked = input.locale.as_deref().and_then(|asked| self.locales.find(asked).ok());
        let locale = asked.unwrap_or(self.locales.default_locale());
        let (state, attempt) = (SignInState::generate(), AttemptSecret::generate());
        let (nonce, verifier) = (random_text(), random_text());
        let start = AuthStart {
            redirect_uri: input.redirect_uri.clone(),
            state: state.expose().to_owned(),
            nonce: nonce.clone(),
            code_challenge: URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())),
            locale: locale.to_string(),
        };
        let way = provider.begin(&start).await.map_err(plugin_failed)?;
        let kept = serde_json::to_vec(&Kept { nonce, verifier, keep: way.keep }).map_err(Failure::internal)?;
        let begun = sign_in_rows::Attempt {
            state: &state,
            attempt: &attempt,
            provider: provider.name(),
            redirect_uri: &input.redirect_uri,
            locale: locale.as_str(),
            sealed: &self.sealed(provider.name(), &about_attempt(&state), kept),
        };
        let write = self.identity.db.write().await?;
        sign_in_rows::begin(&write, &begun, PATIENCE).await?;
        write.commit().await?;
        Ok(Begun { url: way.url, attempt })
    }

    async fn count_begin(&self, peer: &Peer) -> Result<()> {
        if let Some(network) = peer.network() {
            let by_network =
                (format!("begin-sign-in:address:{network}"), self.identity.config.begin_per_address.into());
            let _counts_always = limit::take(&self.identity.db, vec![by_network]).await?;
        }
        Ok(())
    }

    /// Ends a sign-in: asks the provider who came back, finds or makes the
    /// account, and opens a session.
    ///
    /// # Errors
    /// INVALID_CREDENTIALS when this sign-in was not begun by the same browser,
    /// is over or was used, and when the provider refuses; CONFLICT when the
    /// address has an account that cannot be linked; FORBIDDEN for a disabled
    /// account; NOT_FOUND; RATE_LIMITED; PLUGIN_FAILED.
    pub async fn complete(&self, input: CompleteSignIn, peer: &Peer) -> Result<SignedIn> {
        let provider = self.provider(&input.provider)?;
        check_params(&input.params)?;
        let config = &self.identity.config;
        let by_network = peer.network().map(|n| (format!("sign-in:address:{n}"), config.sign_in_per_address.into()));
        let tries = limit::take(&self.identity.db, by_network.into_iter().collect()).await?;
        let (callback, locale) = self.callback(provider.as_ref(), input).await?;
        let identity = match provider.complete(&callback).await {
            Ok(identity) => identity,
            Err(attempt) => return Err(self.not_signed_in(attempt, tries).await?),
        };
        let at = At { provider: provider.name(), subject: &identity.subject };
        let mut write = self.identity.db.write().await?;
        give_back(&write, tries).await?;
        let user = account_of(&mut write, at, &identity, &locale).await?;
        let keep = self.sealed_keep(at, &identity.keep);
        sign_in_rows::keep(&write, at, keep.as_deref()).await?;
        let facts = json!({ "provider": at.provider });
        write.emit(&Event::new("user", "signed-in", user).by(Some(user)).with(facts)).await?;
        let open = session::open(&write, user, peer.agent(), config.session_terms()).await?;
        sign_in_rows::note_session(&write, open.session, at).await?;
        let mut signed_in = self.identity.signed_in(user, open)?;
        signed_in.device_token = Some(device::note(&write, user, None).await?);
        write.commit().await?;
        Ok(signed_in)
    }

    /// What the plugin is given, and the person's language. The attempt is
    /// used up, whatever the provider says.
    async fn callback(&self, provider: &dyn AuthProvider, input: CompleteSignIn) -> Result<(AuthCallback, String)> {
        let CompleteSignIn { provider: _, params, state, attempt } = input;
        let write = self.identity.db.write().await?;
        let taken = sign_in_rows::take(&write, &state, &attempt, provider.name()).await?;
        write.commit().await?;
        let taken = taken.ok_or_else(|| {
            invalid("This sign-in was not begun in this browser, took too long, or was used already. Begin it again.")
        })?;
        let plain = self.opened(provider.name(), &about_attempt(&state), &taken.sealed)?;
        let kept: Kept = serde_json::from_slice(plain.expose()).map_err(Failure::internal)?;
        let Kept { nonce, verifier, keep } = kept;
        let redirect_uri = taken.redirect_uri;
        Ok((AuthCallback { params, redirect_uri, nonce, code_verifier: verifier, keep }, taken.locale))
    }

    /// A plugin that fails is no failed try of the person's.
    async fn not_signed_in(&self, attempt: FailedAttempt, tries: CountedTries) -> Result<Failure> {
        let failure = refused(attempt);
        if failure.code() == ErrorCode::PluginFailed {
            let write = self.identity.db.write().await?;
            give_back(&write, tries).await?;
            write.commit().await?;
        }
        Ok(failure)
    }
}

fn check_params(params: &[(String, String)]) -> Result<()> {
    let small = params.iter().all(|(name, value)| name.len() + value.len() <= PARAM_BYTES);
    if params.len() <= PARAMS && small {
        return Ok(());
    }
    let text = format!("At most {PARAMS} parameters, of at most {PARAM_BYTES} bytes each.");
    Err(Failure::input("input.params", text))
}

/// The provider's own no, in its own words; anything else is the plugin's fault.
fn refused(attempt: FailedAttempt) -> Failure {
    if attempt.failure.kind != FailureKind::Refused || attempt.retryable {
        return plugin_failed(attempt);
    }
    let words: String = attempt.failure.detail.chars().filter(|c| !c.is_control()).take(WORDS).collect();
    invalid(&format!("The provider did not sign you in: {words}")).caused_by(attempt)
}

fn plugin_failed(attempt: FailedAttempt) -> Failure {
    let text = "The sign-in provider cannot be used at this moment.";
    let plugin = attempt.failure.plugin.clone();
    Failure::new(ErrorCode::PluginFailed, text).with("plugin", plugin).caused_by(attempt)
}
