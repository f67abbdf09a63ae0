//! The worlds this host calls, and how each becomes a trait of the domain.
//!
//! **Invariant:** what a guest says is checked before the domain sees it, and an
//! answer that breaks the world's rules counts as a failed call.

mod answer;
mod auth;
mod field;
mod fresh;
#[cfg(any(test, feature = "fuzzing"))]
mod fuzzed;
mod hooks;
mod job;
mod lifecycle;
mod moderation;
mod notify;
mod payment;
mod ranking;
mod warm;
mod weight;

pub(crate) use answer::{NotTaken, cut};
pub(crate) use auth::{PluginAuth, auth_key};
pub(crate) use field::PluginFields;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use fuzzed::answer as answer_of_a_fuzzer;
pub(crate) use hooks::{PluginAfterHook, PluginBeforeHook};
pub(crate) use job::PluginJobs;
pub(crate) use lifecycle::{check_config, check_health, check_instance, migrate};
pub(crate) use moderation::PluginModerator;
pub(crate) use notify::PluginNotifier;
pub(crate) use payment::{PluginPayments, provider_key};
pub(crate) use ranking::PluginRanker;

use crate::{interface::InterfaceName, limits::World};

pub(crate) const PROVIDER: &str = "lyceum:payment/provider";
pub(crate) const INBOUND: &str = "lyceum:payment/inbound";
pub(crate) const RANKER: &str = "lyceum:ranking/ranker";
pub(crate) const MODERATOR: &str = "lyceum:moderation/moderator";
pub(crate) const BEFORE_HOOKS: &str = "lyceum:content/before-hooks";
pub(crate) const AFTER_HOOKS: &str = "lyceum:content/after-hooks";
pub(crate) const NOTIFIER: &str = "lyceum:notify/notifier";
pub(crate) const AUTH_PROVIDER: &str = "lyceum:auth/auth-provider";
pub(crate) const JOB: &str = "lyceum:job/job";
pub(crate) const FIELD_RESOLVER: &str = "lyceum:graphql/field-resolver";
pub(crate) const LIFECYCLE: &str = "lyceum:lifecycle/lifecycle";
/// Optional exports of a payment plugin: accepted, not called yet.
const STATEMENTS: &str = "lyceum:payment/statements";
const MANDATES: &str = "lyceum:payment/mandates";

/// The world whose limits an export's calls have.
pub(crate) fn world(path: &str) -> Option<World> {
    match path {
        PROVIDER | INBOUND | STATEMENTS | MANDATES => Some(World::Payment),
        RANKER => Some(World::Ranking),
        MODERATOR => Some(World::Moderation),
        BEFORE_HOOKS => Some(World::BeforeHook),
        AFTER_HOOKS => Some(World::AfterHook),
        NOTIFIER => Some(World::Notify),
        AUTH_PROVIDER => Some(World::Auth),
        JOB => Some(World::Job),
        FIELD_RESOLVER => Some(World::GraphqlField),
        LIFECYCLE => Some(World::Lifecycle),
        _ => None,
    }
}

/// Whether this host has the interface in this version.
pub(crate) fn known(name: &InterfaceName) -> bool {
    name.version.major == 1 && world(&name.path).is_some()
}

/// The payment world is two interfaces, and one without the other is no use.
///
/// # Errors
/// What is missing.
pub(crate) fn whole(exports: &[InterfaceName]) -> Result<(), String> {
    let has = |path: &str| exports.iter().any(|name| name.path == path);
    match (has(PROVIDER), has(INBOUND)) {
        (true, false) => Err(format!("a payment plugin exports `{PROVIDER}` and `{INBOUND}`; the second is missing")),
        (false, true) => Err(format!("a payment plugin exports `{PROVIDER}` and `{INBOUND}`; the first is missing")),
        _ => Ok(()),
    }
}
