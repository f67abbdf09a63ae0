//! A provider of sign-in. A fresh instance for each call: one person's codes
//! can leave nothing behind for the next.
//!
//! **Invariant:** a person is sent only to an address with TLS, and an identity
//! always has a subject.

use std::sync::Arc;

use async_trait::async_trait;
use lyceum_domain::{
    identity::{AuthAbout, AuthCallback, AuthProvider, AuthStart, AuthWay, ExternalIdentity},
    plugin::{FailedAttempt, PluginFailure},
};
use wasmtime::component::InstancePre;

use super::{
    answer::{ID, NotTaken, TEXT, URL, ext, languages, line, text, web_address, within},
    fresh::{attempt, fresh, told},
    weight::Weight,
};
use crate::{
    bindings::auth::{AuthPluginPre, exports::lyceum::auth::auth_provider as guest},
    call::{Input, Plugin},
    host::CallState,
    limits::World,
};

/// Longest label of a button, in characters.
const LABEL: usize = 64;
/// What the host keeps from `begin` to `complete`, and for `refresh`, in bytes.
const KEEP_WAY: usize = 2_048;
const KEEP_IDENTITY: usize = 4_096;
/// Longest mail address (RFC 5321), in bytes.
const EMAIL: usize = 254;

pub(crate) struct PluginAuth {
    plugin: Arc<Plugin>,
    pre: AuthPluginPre<CallState>,
    key: String,
    about: AuthAbout,
}

/// `lyceum/auth-oidc` → `oidc`.
pub(crate) fn auth_key(id: &str) -> String {
    let name = id.rsplit('/').next().unwrap_or(id);
    name.strip_prefix("auth-").unwrap_or(name).to_owned()
}

impl PluginAuth {
    /// # Errors
    /// The exports have not the shape of the world.
    pub fn pre(pre: InstancePre<CallState>) -> wasmtime::Result<AuthPluginPre<CallState>> {
        AuthPluginPre::new(pre)
    }

    /// Asks the guest what it is.
    ///
    /// # Errors
    /// The guest fails, or has no label for its button.
    pub async fn start(plugin: Arc<Plugin>, pre: AuthPluginPre<CallState>) -> Result<Self, PluginFailure> {
        // Under the limits of activation: the first run of a component is the slowest.
        let about = fresh!(
            plugin,
            pre,
            World::Lifecycle,
            "describe",
            Input::exempt(0),
            |guest, store| guest.lyceum_auth_auth_provider().call_describe(store),
            |answer, _most| about(answer)
        )?;
        let key = auth_key(&plugin.context().id);
        Ok(Self { plugin, pre, key, about })
    }
}

#[async_trait]
impl AuthProvider for PluginAuth {
    fn name(&self) -> &str {
        &self.plugin.context().id
    }

    fn key(&self) -> &str {
        &self.key
    }

    fn about(&self) -> &AuthAbout {
        &self.about
    }

    async fn begin(&self, start: &AuthStart) -> Result<AuthWay, FailedAttempt> {
        let start = start_to_guest(start);
        let mut retryable = None;
        let way = fresh!(
            self.plugin,
            self.pre,
            World::Auth,
            "begin",
            Input::new(start.weight(), &start),
            |guest, store| guest.lyceum_auth_auth_provider().call_begin(store, &start),
            |answer, _most| told(answer, &mut retryable).and_then(way)
        );
        way.map_err(|failure| attempt(failure, retryable))
    }

    async fn complete(&self, callback: &AuthCallback) -> Result<ExternalIdentity, FailedAttempt> {
        let callback = callback_to_guest(callback);
        let mut retryable = None;
        let identity = fresh!(
            self.plugin,
            self.pre,
            World::Auth,
            "complete",
            Input::new(callback.weight(), &callback),
            |guest, store| guest.lyceum_auth_auth_provider().call_complete(store, &callback),
            |answer, most| told(answer, &mut retryable).and_then(|given| identity(given, most))
        );
        identity.map_err(|failure| attempt(failure, retryable))
    }

    async fn refresh(&self, keep: &str) -> Result<ExternalIdentity, FailedAttempt> {
        let mut retryable = None;
        let identity = fresh!(
            self.plugin,
            self.pre,
            World::Auth,
            "refresh",
            Input::new(keep.weight(), &keep),
            |guest, store| guest.lyceum_auth_auth_provider().call_refresh(store, keep),
            |answer, most| told(answer, &mut retryable).and_then(|given| identity(given, most))
        );
        identity.map_err(|failure| attempt(failure, retryable))
    }
}

fn start_to_guest(start: &AuthStart) -> guest::Start {
    guest::Start {
        redirect_uri: start.redirect_uri.clone(),
        state: start.state.clone(),
        nonce: start.nonce.clone(),
        code_challenge: start.code_challenge.clone(),
        locale: start.locale.clone(),
        ext: Vec::new(),
    }
}

fn callback_to_guest(callback: &AuthCallback) -> guest::Callback {
    guest::Callback {
        params: callback.params.clone(),
        redirect_uri: callback.redirect_uri.clone(),
        nonce: callback.nonce.clone(),
        code_verifier: callback.code_verifier.clone(),
        keep: callback.keep.clone(),
    }
}

pub(super) fn about(given: guest::About) -> Result<AuthAbout, NotTaken> {
    Ok(AuthAbout { labels: languages("the label", given.labels, LABEL)?, refreshes: given.refreshes })
}

pub(super) fn way(given: guest::Way) -> Result<AuthWay, NotTaken> {
    let url = web_address("the provider's page", given.url, URL)?;
    Ok(AuthWay { url, keep: text("what is to be kept", given.keep, KEEP_WAY)? })
}

pub(super) fn identity(given: guest::Identity, most: usize) -> Result<ExternalIdentity, NotTaken> {
    within(given.weight(), most)?;
    let guest::Identity { subject, email, email_verified, name, picture, keep, ext: more } = given;
    if subject.trim().is_empty() {
        return Err(NotTaken::invalid("the subject is empty"));
    }
    ext("an identity", more)?;
    let email = email.map(mail_address).transpose()?;
    Ok(ExternalIdentity {
        subject: line("the subject", subject, ID)?,
        email_verified: email_verified && email.is_some(),
        email,
        name: name.map(|name| line("the name", name, ID)).transpose()?,
        picture: picture.map(|address| web_address("the picture", address, TEXT)).transpose()?,
        keep: text("what is to be kept", keep, KEEP_IDENTITY)?,
    })
}

/// Only its outline: whether there is such a mailbox, a mail must show.
fn mail_address(address: String) -> Result<String, NotTaken> {
    let address = line("the mail address", address, EMAIL)?;
    let parts = address.rsplit_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    if parts && !address.contains(char::is_whitespace) {
        return Ok(address);
    }
    Err(NotTaken::invalid("the mail address is none"))
}

impl Weight for guest::Start {
    fn weight(&self) -> usize {
        let texts = [&self.redirect_uri, &self.state, &self.nonce, &self.code_challenge, &self.locale];
        texts.iter().map(|text| text.weight()).sum::<usize>() + self.ext.weight()
    }
}

impl Weight for guest::Callback {
    fn weight(&self) -> usize {
        let texts = [&self.redirect_uri, &self.nonce, &self.code_verifier, &self.keep];
        texts.iter().map(|text| text.weight()).sum::<usize>() + self.params.weight()
    }
}

impl Weight for guest::Identity {
    fn weight(&self) -> usize {
        let texts = [&self.email, &self.name, &self.picture];
        let texts = texts.iter().map(|text| text.weight()).sum::<usize>();
        texts + self.subject.weight() + self.keep.weight() + self.ext.weight() + 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given() -> guest::Identity {
        let (name, picture) = (Some("Li".into()), Some("https://id.example/li.png".into()));
        let (subject, email, keep) = ("42".into(), Some("li@a.example".into()), "token".into());
        guest::Identity { subject, email, email_verified: true, name, picture, keep, ext: Vec::new() }
    }

    fn bad(change: impl FnOnce(&mut guest::Identity)) -> bool {
        let mut changed = given();
        change(&mut changed);
        identity(changed, 64 << 10).is_err()
    }

    #[test]
    fn an_identity_is_taken_only_when_every_part_is_right() {
        let taken = identity(given(), 64 << 10).expect("it is right");
        assert_eq!((taken.subject.as_str(), taken.email.as_deref()), ("42", Some("li@a.example")));
        assert!(taken.email_verified);
        assert!(bad(|i| i.subject = " ".into()));
        assert!(bad(|i| i.subject = "x".repeat(256)));
        assert!(bad(|i| i.subject = "4\n2".into()));
        assert!(bad(|i| i.email = Some("nobody".into())));
        assert!(bad(|i| i.email = Some("a b@c.example".into())));
        assert!(bad(|i| i.email = Some(format!("{}@c.example", "x".repeat(250)))));
        assert!(bad(|i| i.name = Some("L\u{1b}i".into())));
        assert!(bad(|i| i.picture = Some("http://id.example/li.png".into())));
        assert!(bad(|i| i.keep = "x".repeat(KEEP_IDENTITY + 1)));
        assert!(bad(|i| i.ext = vec![(String::new(), String::new()); 65]));
        assert!(identity(given(), 20).is_err(), "over the output limit");
    }

    #[test]
    fn no_address_is_never_a_verified_one() {
        let nameless = guest::Identity { email: None, ..given() };
        assert!(!identity(nameless, 64 << 10).expect("it is right").email_verified);
    }

    #[test]
    fn a_way_leads_to_a_page_with_tls_and_keeps_little() {
        let check = |url: &str, keep: usize| way(guest::Way { url: url.into(), keep: "x".repeat(keep) });
        assert!(check("https://id.example/a", KEEP_WAY).is_ok());
        assert!(check("https://id.example/a", KEEP_WAY + 1).is_err());
        assert!(check("http://id.example/a", 0).is_err());
    }

    #[test]
    fn the_key_is_the_name_without_publisher_and_world() {
        assert_eq!(auth_key("lyceum/auth-oidc"), "oidc");
        assert_eq!(auth_key("acme/wechat"), "wechat");
    }
}
