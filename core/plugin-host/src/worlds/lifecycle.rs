//! `lyceum:lifecycle`: asked once, before a plugin serves.

use lyceum_domain::plugin::PluginFailure;
use wasmtime::component::InstancePre;

use super::answer::NotTaken;
use crate::{
    bindings::lifecycle::LifecyclePluginPre,
    call::{Outcome, Plugin},
    host::CallState,
    limits::World,
};

/// # Errors
/// The plugin says that it cannot serve, or fails at saying anything.
pub(crate) async fn check_health(plugin: &Plugin, pre: &InstancePre<CallState>) -> Result<(), PluginFailure> {
    let call = plugin.open(World::Lifecycle, "health", 0, 1).await?;
    let mut store = call.store();
    let outcome = call
        .bounded(async {
            let guest = LifecyclePluginPre::new(pre.clone())?.instantiate_async(&mut store).await?;
            guest.lyceum_lifecycle_lifecycle().call_health(&mut store).await
        })
        .await;
    call.close(store.data(), outcome, |health| health.map_err(|e| NotTaken::refused(&e.code, &e.message)))
}

/// A plugin without a lifecycle is healthy when it can be instantiated.
///
/// # Errors
/// It cannot.
pub(crate) async fn check_instance(plugin: &Plugin, pre: &InstancePre<CallState>) -> Result<(), PluginFailure> {
    let call = plugin.open(World::Lifecycle, "instantiate", 0, 1).await?;
    let mut store = call.store();
    let outcome: Outcome<()> = call.bounded(async { pre.instantiate_async(&mut store).await.map(drop) }).await;
    call.close(store.data(), outcome, Ok)
}
