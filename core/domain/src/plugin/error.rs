//! What goes wrong with plugins, in words for the owner.

use lyceum_kernel::{ErrorCode, Failure};
use serde_json::json;

use super::{
    COMPONENT_MAX_BYTES,
    port::{Inspection, PluginFailure},
};

#[derive(Debug, thiserror::Error)]
pub(super) enum PluginError {
    #[error("The component is larger than {} MiB.", COMPONENT_MAX_BYTES >> 20)]
    TooLarge,
    #[error("This is not a plugin that this server can run: {}", .0.detail)]
    Invalid(Box<PluginFailure>),
    #[error("{} {} asks for permissions that were not granted. Read `asks`, then install it again with `grants`.", .0.id, .0.version)]
    ConsentRequired(Box<Inspection>),
    #[error("{0}")]
    GrantTooWide(String),
    #[error("The configuration must be a JSON object.")]
    Config,
    #[error("{plugin} does not ask for a secret \"{secret}\".")]
    UnknownSecret { plugin: String, secret: String },
    #[error("{} {} does not start: {}", .0.plugin, .0.version, .0.detail)]
    Failed(Box<PluginFailure>),
}

impl PluginError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::TooLarge | Self::Invalid(_) => ErrorCode::PluginInvalid,
            Self::ConsentRequired(_) => ErrorCode::PluginConsentRequired,
            Self::GrantTooWide(_) | Self::Config | Self::UnknownSecret { .. } => ErrorCode::BadUserInput,
            Self::Failed(_) => ErrorCode::PluginFailed,
        }
    }
}

impl From<PluginError> for Failure {
    fn from(error: PluginError) -> Self {
        let failure = Self::new(error.code(), error.to_string());
        match error {
            PluginError::ConsentRequired(is) => failure
                .with("plugin", is.id)
                .with("version", is.version)
                .with("asks", json!(is.asks))
                .with("permissionHash", is.permission_hash),
            PluginError::Failed(why) => failure.with("plugin", why.plugin.clone()).caused_by(why),
            PluginError::Invalid(why) => failure.caused_by(why),
            PluginError::GrantTooWide(_) => failure.at("input.grants"),
            PluginError::Config => failure.at("input.config"),
            PluginError::UnknownSecret { .. } => failure.at("input.name"),
            PluginError::TooLarge => failure,
        }
    }
}
