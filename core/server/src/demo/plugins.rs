//! The first-party plugins of the demo, granted what they ask for.

use lyceum_domain::plugin::{InstallPlugin, PluginState, Secret, Source};
use lyceum_kernel::Viewer;

use super::Gateway;
use crate::{
    StartError,
    app::App,
    commands::plugin::{granting_all, inspection},
    first_party::{OF_THE_DEMO, component},
};

const PAYMENT: &str = "lyceum/payment-sandbox";

/// Installs them; starts those that were never started. One that the owner has
/// disabled stays so.
pub(super) async fn install(app: &App, viewer: &Viewer, gateway: &Gateway) -> Result<(), StartError> {
    let plugins = &app.domains().plugins;
    for wasm in OF_THE_DEMO.into_iter().filter_map(component) {
        let is = inspection(wasm)?;
        // The gateway's port may be another at each start.
        let grants = Some(granting_all(&is, std::slice::from_ref(&gateway.origin)));
        let package =
            InstallPlugin { package: wasm.to_vec(), grants, source: Source::BuiltIn, ..InstallPlugin::default() };
        let installed = plugins.install(viewer, package).await?;
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
