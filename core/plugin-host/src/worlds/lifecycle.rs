//! `lyceum:lifecycle`: asked before a plugin serves, in this order: whether its
//! configuration is right, whether it can serve, and, after another version, to
//! bring its store up. Only the last changes anything, so a plugin that was
//! refused leaves the old version's store as it was.

use lyceum_domain::plugin::PluginFailure;
use wasmtime::component::InstancePre;

use super::{
    answer::{ID, MESSAGE, NotTaken, cut},
    fresh::fresh,
    weight::Weight,
};
use crate::{
    bindings::lifecycle::{LifecyclePlugin, LifecyclePluginPre, exports::lyceum::lifecycle::lifecycle as guest},
    call::{Input, Outcome, Plugin},
    host::CallState,
    limits::World,
};

/// Problems of a configuration that are told.
const PROBLEMS: usize = 20;

/// # Errors
/// What is wrong with the configuration; or the plugin fails at saying anything.
pub(crate) async fn check_config(plugin: &Plugin, pre: &InstancePre<CallState>) -> Result<(), PluginFailure> {
    let config = &plugin.context().config;
    fresh!(
        plugin,
        Unbound(pre),
        World::Lifecycle,
        "configure",
        Input::exempt(config.weight()),
        |guest, store| guest.lyceum_lifecycle_lifecycle().call_configure(store, config),
        |answer, _most| answer.map_err(|problems| wrong_config(&problems))
    )
}

/// # Errors
/// The plugin says that it cannot serve, or fails at saying anything.
pub(crate) async fn check_health(plugin: &Plugin, pre: &InstancePre<CallState>) -> Result<(), PluginFailure> {
    fresh!(
        plugin,
        Unbound(pre),
        World::Lifecycle,
        "health",
        Input::exempt(0),
        |guest, store| guest.lyceum_lifecycle_lifecycle().call_health(store),
        |health, _most| health.map_err(|e| NotTaken::refused(&e.code, &e.message))
    )
}

/// Brings the plugin's store to its version from the one that ran before.
///
/// # Errors
/// The plugin says that it cannot, or fails at it.
pub(crate) async fn migrate(plugin: &Plugin, pre: &InstancePre<CallState>, from: &str) -> Result<(), PluginFailure> {
    fresh!(
        plugin,
        Unbound(pre),
        World::Lifecycle,
        "migrate",
        Input::exempt(from.weight()),
        |guest, store| guest.lyceum_lifecycle_lifecycle().call_migrate(store, from),
        |done, _most| done.map_err(|e| NotTaken::refused(&e.code, &e.message))
    )
}

/// A plugin without a lifecycle is healthy when it can be instantiated.
///
/// # Errors
/// It cannot.
pub(crate) async fn check_instance(plugin: &Plugin, pre: &InstancePre<CallState>) -> Result<(), PluginFailure> {
    let call = plugin.open(World::Lifecycle, "instantiate", Input::exempt(0), 1).await?;
    let mut store = call.store();
    let outcome: Outcome<()> = call.bounded(async { pre.instantiate_async(&mut store).await.map(drop) }).await;
    call.close(store.data(), outcome, Ok)
}

/// A component whose lifecycle is looked up within the call, where a wrong
/// shape counts as the call's failure.
struct Unbound<'a>(&'a InstancePre<CallState>);

impl Unbound<'_> {
    async fn instantiate_async(&self, store: &mut wasmtime::Store<CallState>) -> wasmtime::Result<LifecyclePlugin> {
        LifecyclePluginPre::new(self.0.clone())?.instantiate_async(store).await
    }
}

/// `/gateway-url: there is no such host; /key: it is empty`
fn wrong_config(problems: &[guest::FieldError]) -> NotTaken {
    let lines = problems.iter().take(PROBLEMS).map(|p| format!("{}: {}", cut(&p.path, ID), cut(&p.message, MESSAGE)));
    let mut detail = lines.collect::<Vec<_>>().join("; ");
    if detail.is_empty() {
        "the plugin does not take its configuration".clone_into(&mut detail);
    }
    NotTaken { kind: lyceum_domain::plugin::FailureKind::Refused, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_problems_of_a_configuration_are_told_in_one_line() {
        let problem = |path: &str, message: &str| guest::FieldError { path: path.into(), message: message.into() };
        let told = wrong_config(&[problem("/url", "no\nhost"), problem("/key", "empty")]);
        assert_eq!(told.detail, "/url: no host; /key: empty");
        assert_eq!(wrong_config(&[]).detail, "the plugin does not take its configuration");
    }
}
