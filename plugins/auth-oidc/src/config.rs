//! What the owner decides; `config.schema.json` beside the manifest says it in full.

use lyceum_sdk::host::{Error, Host};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Config {
    pub issuer: String,
    pub client_id: String,
    #[serde(default)]
    pub client_auth: ClientAuth,
    #[serde(default)]
    pub key_algorithm: Algorithm,
    #[serde(default = "default_scopes")]
    pub scopes: Vec<String>,
}

/// How the client signs in at the token endpoint (OpenID Connect Core, 9).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClientAuth {
    #[default]
    None,
    ClientSecretBasic,
    ClientSecretJwt,
    PrivateKeyJwt,
}

/// A signature of RFC 7518.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Algorithm {
    #[default]
    RS256,
    PS256,
    ES256,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    /// As the host calls it.
    pub fn host_name(self) -> &'static str {
        match self {
            Self::RS256 => "rsa-sha256",
            Self::PS256 => "rsa-pss-sha256",
            Self::ES256 => "ecdsa-p256-sha256",
            Self::EdDsa => "ed25519",
        }
    }

    /// As RFC 7518 calls it.
    pub fn jose_name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::PS256 => "PS256",
            Self::ES256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

fn default_scopes() -> Vec<String> {
    ["openid", "email", "profile"].map(str::to_owned).into()
}

impl Config {
    pub fn read(host: &impl Host) -> Result<Self, Error> {
        let mut config: Self = serde_json::from_str(&host.config())
            .map_err(|why| Error::invalid(format!("the configuration is not complete: {why}")))?;
        if !config.scopes.iter().any(|scope| scope == "openid") {
            config.scopes.insert(0, "openid".into());
        }
        Ok(config)
    }
}
