//! What goes wrong with plugins, in words for the owner.

use lyceum_kernel::{ErrorCode, Failure};
use serde_json::json;

use super::{
    PACKAGE_MAX_BYTES,
    config::FieldProblem,
    diff::AskDiff,
    port::{Inspection, PluginFailure},
    vault::VaultError,
    worlds::deeds,
};

#[derive(Debug, thiserror::Error)]
pub(super) enum PluginError {
    #[error("The package is larger than {} MiB.", PACKAGE_MAX_BYTES >> 20)]
    TooLarge,
    #[error("This is not a plugin that this server can run: {}", .0.detail)]
    Invalid(Box<PluginFailure>),
    #[error("{} {} needs consent: {}. Read `asks`, then install it again with `grants`; `{{}}` grants no permission.", .0.id, .0.version, first_wants(.0))]
    ConsentRequired(Box<Inspection>),
    #[error("{} {} asks for more than {}: {}. It is staged, and {} runs on. Read `diff`, then use `approvePlugin` or `discardStagedPlugin`.", .0.id, .0.version, .1.from, update_wants(.1), .1.from)]
    Staged(Box<Inspection>, Box<AskDiff>),
    #[error("{} {} asks for something else than what was consented to. Read `asks` again.", .0.id, .0.version)]
    ConsentChanged(Box<Inspection>),
    #[error("A tag can stand for something else each time it is read, so a grant needs the `permissionHash` of what was read: {} {} has {}. A source with `@sha256:` needs none.", .0.id, .0.version, .0.permission_hash)]
    ConsentUnread(Box<Inspection>),
    #[error("{0}")]
    GrantTooWide(String),
    #[error("The configuration must be a JSON object.")]
    Config,
    #[error("The configuration does not fit: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    ConfigProblems(Vec<FieldProblem>),
    #[error("{plugin} does not ask for a secret \"{secret}\".")]
    UnknownSecret { plugin: String, secret: String },
    #[error("A secret of {plugin} cannot be read: {why}.")]
    SealedSecret { plugin: String, why: VaultError },
    #[error("{} {} does not start: {}", .0.plugin, .0.version, .0.detail)]
    Failed(Box<PluginFailure>),
    #[error("No update of {0} waits for consent.")]
    NothingStaged(String),
    #[error("There is no earlier version of {0} to go back to.")]
    NothingBefore(String),
    #[error("{0} is neither a ranker nor a moderator: only those can run in the shadow of another.")]
    NoShadow(String),
    #[error(
        "{plugin} has {open} open payments or refunds that nobody else can ask about. Wait until they are settled, or use `force`."
    )]
    OpenPayments { plugin: String, open: u64 },
    #[error("{0} was changed meanwhile by another server or the command line. Look at `pluginStatus`, then try again.")]
    ChangedMeanwhile(String),
    #[error("{plugin} is revoked: {reason}")]
    Revoked { plugin: String, reason: String },
}

impl PluginError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::TooLarge | Self::Invalid(_) => ErrorCode::PluginInvalid,
            Self::ConsentRequired(_) | Self::Staged(..) | Self::ConsentChanged(_) | Self::ConsentUnread(_) => {
                ErrorCode::PluginConsentRequired
            }
            Self::GrantTooWide(_) | Self::Config | Self::ConfigProblems(_) | Self::UnknownSecret { .. } => {
                ErrorCode::BadUserInput
            }
            Self::Failed(_) | Self::SealedSecret { .. } => ErrorCode::PluginFailed,
            Self::NothingStaged(_) | Self::NothingBefore(_) | Self::NoShadow(_) | Self::OpenPayments { .. } => {
                ErrorCode::InvalidState
            }
            Self::ChangedMeanwhile(_) => ErrorCode::Conflict,
            Self::Revoked { .. } => ErrorCode::PluginUntrusted,
        }
    }
}

impl From<PluginError> for Failure {
    fn from(error: PluginError) -> Self {
        let failure = Self::new(error.code(), error.to_string());
        match error {
            PluginError::ConsentRequired(is) | PluginError::ConsentChanged(is) | PluginError::ConsentUnread(is) => {
                asking(failure, *is)
            }
            PluginError::Staged(is, diff) => asking(failure, *is).with("diff", json!(diff)).with("staged", true),
            PluginError::Failed(why) => failure.with("plugin", why.plugin.clone()).caused_by(why),
            PluginError::Invalid(why) => failure.caused_by(why),
            PluginError::GrantTooWide(_) => failure.at("input.grants"),
            PluginError::Config => failure.at("input.config"),
            PluginError::ConfigProblems(problems) => {
                let first = problems.first().map(|problem| problem.path.replace('/', ".")).unwrap_or_default();
                failure.at(&format!("input.config{first}")).with("problems", json!(problems))
            }
            PluginError::UnknownSecret { .. } => failure.at("input.secret"),
            PluginError::SealedSecret { plugin, .. } | PluginError::Revoked { plugin, .. } => {
                failure.with("plugin", plugin)
            }
            PluginError::OpenPayments { plugin, open } => failure.with("plugin", plugin).with("openPayments", open),
            PluginError::TooLarge
            | PluginError::NothingStaged(_)
            | PluginError::NothingBefore(_)
            | PluginError::NoShadow(_)
            | PluginError::ChangedMeanwhile(_) => failure,
        }
    }
}

fn first_wants(is: &Inspection) -> String {
    wants(&is.implements, !is.asks.0.is_empty())
}

fn update_wants(diff: &AskDiff) -> String {
    wants(&diff.hooks_added, diff.asks_for_permissions())
}

/// What a plugin is to do, in one sentence.
fn wants(implements: &[String], permissions: bool) -> String {
    let mut wants: Vec<String> = deeds(implements).into_iter().map(|deed| format!("it {deed}")).collect();
    if permissions {
        wants.push("it asks for permissions that were not granted".to_owned());
    } else if wants.is_empty() {
        wants.push("it takes part in more".to_owned());
    }
    wants.join("; ")
}

/// What the owner has to read before consenting.
fn asking(failure: Failure, is: Inspection) -> Failure {
    let failure = failure
        .with("plugin", is.id)
        .with("version", is.version)
        .with("implements", json!(is.implements))
        .with("does", json!(deeds(&is.implements)))
        .with("asks", json!(is.asks))
        .with("extends", json!(is.extends))
        .with("permissionHash", is.permission_hash);
    match is.signer {
        Some(signer) => failure.with("fingerprint", signer.fingerprint()),
        None => failure,
    }
}
