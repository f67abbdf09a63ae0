//! The first-party plugins of the demo, granted what they ask for.

use lyceum_domain::plugin::{InstallPlugin, PluginState, Secret};
use lyceum_kernel::Viewer;

use super::Gateway;
use crate::{
    StartError,
    app::App,
    commands::plugin::{granting_all, inspection},
    first_party::COMPONENTS,
};

const PAYMENT: &str = "lyceum/payment-sandbox";

/// Installs all; starts those that were never started. One that the owner has
/// disabled stays so.
pub(super) async fn install(app: &App, viewer: &Viewer, gateway: &Gateway) -> Result<(), StartError> {
    let plugins = &app.domains().plugins;
    for (_, wasm) in COMPONENTS {
        let is = inspection(wasm)?;
        // The gateway's port may be another at each start.
        let grants = Some(granting_all(&is, std::slice::from_ref(&gateway.origin)));
        let installed = plugins.install(viewer, InstallPlugin { wasm: wasm.to_vec(), grants, config: None }).await?;
        if installed.plugin.name == PAYMENT {
            for (name, value) in [("api_key", &gateway.api_key), ("webhook_secret", &gateway.webhook_secret)] {
                plugins.set_secret(viewer, PAYMENT, name, Secret::new(value.as_bytes())).await?;
            }
        }
        if matches!(installed.plugin.state, PluginState::Installed | PluginState::Failed) {
            plugins.enable(viewer, &installed.plugin.name).await?;
        }
    }
    Ok(())
}
