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
//! When a session is refreshed, the provider is asked at most once an hour
//! whether it still knows the person. Its `gone` ends the sessions that were
//! opened through it; any other failure keeps them, since a provider that is
//! down for an hour must not sign everybody out.
//!
//! Absent on purpose: linking a provider to an account while signed in, and
//! accounts without a mail address.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use lyceum_kernel::{ErrorCode, Event, Failure, Id, Locales, Result};
use lyceum_store::Write;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    Identity,
    limit::{self, Taken, give_back},
    mailbox_rows,
    model::{Email, Peer, PersonName, SignedIn},
    port::{AuthCallback, AuthProvider, AuthStart, ExternalIdentity},
    redirect,
    secret::{AttemptSecret, RefreshToken, SignInState, random_text},
    service::insert,
    session,
    sign_in_rows::{self, At, Due},
    store::NewAccount,
};
use crate::plugin::{Extensions, FailedAttempt, FailureKind, Secret, SecretKey};

/// How long a person may take at the provider.
const PATIENCE: Duration = Duration::from_secs(600);
/// How often a provider is asked whether it still knows a person.
const ASK_AGAIN: Duration = Duration::from_secs(3600);
/// Longest word of a provider that a client is told, in characters.
const WORDS: usize = 200;
/// What a provider may send back.
const PARAMS: usize = 50;
const PARAM_BYTES: usize = 4096;

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

    /// Begins a sign-in: makes what must come back and asks the provider for
    /// its page.
    ///
    /// # Errors
    /// NOT_FOUND without such a provider; BAD_USER_INPUT at `input.redirectUri`
    /// when it is not on the owner's list; RATE_LIMITED; PLUGIN_FAILED.
    pub async fn begin(&self, input: &BeginSignIn, peer: &Peer) -> Result<Begun> {
        let provider = self.provider(&input.provider)?;
        let config = &self.identity.config;
        redirect::check(&input.redirect_uri, &config.redirect_uris, self.dev)?;
        if let Some(network) = peer.network() {
            let by_network = format!("begin-sign-in:address:{network}");
            let _counts_always = limit::take(&self.identity.db, vec![(by_network, config.begin_per_address)]).await?;
        }
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
        let sealed = self.sealed(provider.name(), &about_attempt(&state), kept);
        let begun = sign_in_rows::Attempt {
            state: &state,
            attempt: &attempt,
            provider: provider.name(),
            redirect_uri: &input.redirect_uri,
            locale: locale.as_str(),
            sealed: &sealed,
        };
        let write = self.identity.db.write().await?;
        sign_in_rows::begin(&write, &begun, PATIENCE).await?;
        write.commit().await?;
        Ok(Begun { url: way.url, attempt })
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
        let by_network = peer.network().map(|n| (format!("sign-in:address:{n}"), config.sign_in_per_address));
        let tries = limit::take(&self.identity.db, by_network.into_iter().collect()).await?;
        let (callback, locale) = self.callback(provider.as_ref(), input).await?;
        let identity = match provider.complete(&callback).await {
            Ok(identity) => identity,
            Err(attempt) => return Err(self.not_signed_in(attempt, tries).await?),
        };
        let at = At { provider: provider.name(), subject: &identity.subject };
        let mut write = self.identity.db.write().await?;
        give_back(&write, tries).await?;
        let user = self.account(&mut write, at, &identity, &locale).await?;
        let keep = self.sealed_keep(at, &identity.keep);
        sign_in_rows::keep(&write, at, keep.as_deref()).await?;
        let facts = json!({ "provider": at.provider });
        write.emit(&Event::new("user", "signed-in", user).by(Some(user)).with(facts)).await?;
        let open = session::open(&write, user, peer.agent(), config.refresh_token_ttl).await?;
        sign_in_rows::note_session(&write, open.session, at).await?;
        let signed_in = self.identity.signed_in(user, open)?;
        write.commit().await?;
        Ok(signed_in)
    }

    /// A plugin that fails is no failed try of the person's.
    async fn not_signed_in(&self, attempt: FailedAttempt, tries: Taken) -> Result<Failure> {
        let failure = refused(attempt);
        if failure.code() == ErrorCode::PluginFailed {
            let write = self.identity.db.write().await?;
            give_back(&write, tries).await?;
            write.commit().await?;
        }
        Ok(failure)
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

    async fn account(&self, write: &mut Write, at: At<'_>, identity: &ExternalIdentity, locale: &str) -> Result<Id> {
        if let Some(known) = sign_in_rows::linked(write, at.provider, at.subject).await? {
            return if known.disabled { Err(disabled()) } else { Ok(known.user) };
        }
        let told = identity.email.as_deref().and_then(|email| Email::parse(email).ok());
        let email =
            told.ok_or_else(|| invalid("The provider tells no e-mail address, and an account needs one here."))?;
        match mailbox_rows::mailbox_now(write, &email).await? {
            Some(mailbox) if !(mailbox.verified && identity.email_verified) => Err(taken()),
            Some(mailbox) if mailbox.disabled => Err(disabled()),
            Some(mailbox) => {
                sign_in_rows::link(write, at, mailbox.user).await?;
                let event = Event::new("user", "identity-linked", mailbox.user).by(Some(mailbox.user));
                write.emit(&event.with(json!({ "provider": at.provider }))).await?;
                Ok(mailbox.user)
            }
            None => self.new_account(write, at, identity, &email, locale).await,
        }
    }

    /// An account without a password.
    async fn new_account(
        &self,
        write: &mut Write,
        at: At<'_>,
        identity: &ExternalIdentity,
        email: &Email,
        locale: &str,
    ) -> Result<Id> {
        let name = name_of(identity, email)?;
        let account = NewAccount { email, name: &name, password_hash: None, locale };
        let user = insert(write, &account).await.map_err(|failure| match failure.code() {
            ErrorCode::Conflict => taken(),
            _ => failure,
        })?;
        if identity.email_verified {
            mailbox_rows::set_verified(write, user, email.as_str()).await?;
        }
        sign_in_rows::link(write, at, user).await?;
        let facts = json!({ "provider": at.provider });
        write.emit(&Event::new("user", "registered", user).by(Some(user)).with(facts)).await?;
        Ok(user)
    }

    /// As [`Identity::refresh`], after asking the provider through which the
    /// session was opened, at most once an hour.
    ///
    /// # Errors
    /// SESSION_REVOKED, whatever is wrong with the token, and when the provider
    /// does not know the person any more.
    pub async fn refresh(&self, token: &RefreshToken) -> Result<SignedIn> {
        let before = self.identity.db.now().minus(ASK_AGAIN);
        if let Some(due) = sign_in_rows::due(&self.identity.db, token, before).await? {
            self.ask_again(&due).await?;
        }
        self.identity.refresh(token).await
    }

    async fn ask_again(&self, due: &Due) -> Result<()> {
        let asked = self.extensions.auth_providers().into_iter();
        let provider = asked.filter(|p| p.about().refreshes).find(|p| p.name() == due.provider);
        let Some(provider) = provider else { return Ok(()) };
        let at = At { provider: &due.provider, subject: &due.subject };
        let write = self.identity.db.write().await?;
        let ours = sign_in_rows::claim(&write, at, write.now().minus(ASK_AGAIN)).await?;
        write.commit().await?;
        // A key that was changed must not sign anybody out.
        let Ok(keep) = self.opened(at.provider, &about_identity(at.subject), &due.sealed) else { return Ok(()) };
        if !ours {
            return Ok(());
        }
        match provider.refresh(&String::from_utf8_lossy(keep.expose())).await {
            Ok(identity) if identity.subject == due.subject => self.note(at, &identity.keep).await,
            Ok(_) => {
                tracing::warn!(provider = due.provider, "the provider answered for another person");
                Ok(())
            }
            Err(attempt) if is_gone(&attempt) => self.end_sessions(at, due.user).await,
            Err(attempt) => {
                tracing::warn!(provider = due.provider, %attempt, "the provider was not asked; the session goes on");
                Ok(())
            }
        }
    }

    async fn note(&self, at: At<'_>, keep: &str) -> Result<()> {
        let write = self.identity.db.write().await?;
        sign_in_rows::keep(&write, at, self.sealed_keep(at, keep).as_deref()).await?;
        write.commit().await
    }

    async fn end_sessions(&self, at: At<'_>, user: Id) -> Result<()> {
        let mut write = self.identity.db.write().await?;
        sign_in_rows::revoke_sessions(&write, at).await?;
        let facts = json!({ "provider": at.provider });
        write.emit(&Event::new("user", "gone-at-provider", user).with(facts)).await?;
        write.commit().await
    }

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

/// The name that the provider tells, or the address's own part.
fn name_of(identity: &ExternalIdentity, email: &Email) -> Result<PersonName> {
    let cut = |text: &str| text.chars().filter(|c| !c.is_control()).take(80).collect::<String>();
    let told = identity.name.as_deref().and_then(|name| PersonName::parse(&cut(name)).ok());
    let own = email.as_str().split('@').next().unwrap_or_default();
    told.map_or_else(|| PersonName::parse(&cut(own)), Ok)
}

fn check_params(params: &[(String, String)]) -> Result<()> {
    let small = params.iter().all(|(name, value)| name.len() + value.len() <= PARAM_BYTES);
    if params.len() <= PARAMS && small {
        return Ok(());
    }
    let text = format!("At most {PARAMS} parameters, of at most {PARAM_BYTES} bytes each.");
    Err(Failure::input("input.params", text))
}

fn invalid(message: &str) -> Failure {
    Failure::new(ErrorCode::InvalidCredentials, message)
}

fn disabled() -> Failure {
    Failure::new(ErrorCode::Forbidden, "This account is disabled.")
}

fn taken() -> Failure {
    let text = "An account has this e-mail address already, and it is not proven on both sides that it is yours. \
                Sign in to that account as before, and verify its address.";
    Failure::new(ErrorCode::Conflict, text)
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

/// The guest's code stands before the colon.
fn is_gone(attempt: &FailedAttempt) -> bool {
    let code = attempt.failure.detail.split(':').next().unwrap_or_default();
    attempt.failure.kind == FailureKind::Refused && code.trim() == "gone"
}
