//! Sign-in through an OpenID Connect provider: the authorization code flow with
//! PKCE (OpenID Connect Core 1.0, RFC 7636).
//!
//! **Invariant:** nobody is signed in without an identity token whose
//! signature, issuer, audience, times and nonce are right.
//! **Invariant:** a subject is one issuer's: after the owner has named another
//! one, nobody there is taken for somebody here.
//! **Invariant:** the client's secret is never here: the host puts it into a
//! header, or signs with it.

mod config;
mod provider;
mod token;

use lyceum_sdk::{
    auth::{About, AuthProvider, Callback, Identity, Start, Way},
    host::{Error, Host},
};

use crate::{config::Config, provider::Provider};

/// The provider of this plugin.
pub struct Oidc;

impl AuthProvider for Oidc {
    /// The owner's own words come from the configuration; these are for the
    /// case that there are none.
    fn describe() -> About {
        About {
            labels: vec![
                ("en".into(), "Sign in with your organisation".into()),
                ("zh".into(), "使用企业账号登录".into()),
            ],
            refreshes: true,
        }
    }

    fn begin(host: &impl Host, start: &Start) -> Result<Way, Error> {
        let config = Config::read(host)?;
        let provider = Provider::find(host, &config)?;
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &config.client_id)
            .append_pair("redirect_uri", &start.redirect_uri)
            .append_pair("scope", &config.scopes.join(" "))
            .append_pair("state", &start.state)
            .append_pair("nonce", &start.nonce)
            .append_pair("code_challenge", &start.code_challenge)
            .append_pair("code_challenge_method", "S256")
            .append_pair("ui_locales", &start.locale)
            .finish();
        let joint = if provider.authorization_endpoint.contains('?') { '&' } else { '?' };
        Ok(Way { url: format!("{}{joint}{query}", provider.authorization_endpoint), keep: String::new() })
    }

    fn complete(host: &impl Host, callback: &Callback) -> Result<Identity, Error> {
        if let Some(error) = callback.param("error") {
            return Err(Error::invalid(format!("the provider refused: {}", short(error))));
        }
        let config = Config::read(host)?;
        let provider = Provider::find(host, &config)?;
        // RFC 9207: an answer of another provider is not taken.
        if callback.param("iss").is_some_and(|issuer| issuer != config.issuer) {
            return Err(Error::invalid("the answer names another issuer"));
        }
        let code = callback.param("code").ok_or_else(|| Error::invalid("the answer has no code"))?;
        let answer = provider.tokens(
            host,
            &config,
            &[
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", &callback.redirect_uri),
                ("code_verifier", &callback.code_verifier),
            ],
        )?;
        let claims = token::checked(host, &config, &provider, &answer.id_token()?, Some(&callback.nonce))?;
        claims.identity(host, answer.refresh_token.unwrap_or_default())
    }

    fn refresh(host: &impl Host, keep: &str) -> Result<Identity, Error> {
        let config = Config::read(host)?;
        let provider = Provider::find(host, &config)?;
        let answer = provider.tokens(host, &config, &[("grant_type", "refresh_token"), ("refresh_token", keep)])?;
        // A refreshed token need not carry a nonce (OpenID Connect Core, 12.2).
        let claims = token::checked(host, &config, &provider, &answer.id_token()?, None)?;
        claims.identity(host, answer.refresh_token.unwrap_or_else(|| keep.to_owned()))
    }
}

/// A foreign text for the log.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

lyceum_sdk::export_auth!(Oidc, manifest: "../plugin.toml");
lyceum_sdk::embed_config_schema!("../config.schema.json");
