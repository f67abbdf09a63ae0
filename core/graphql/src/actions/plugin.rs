//! Installing and running plugins.

use base64::{Engine, engine::general_purpose::STANDARD};
use lyceum_domain::plugin::{Grants, InstallPlugin, InstalledPlugin, Secret};
use lyceum_kernel::{Failure, Result};
use serde_json::{Map, Value as Json};

use super::{Call, Done, Made, Registry, text_at};
use crate::{
    inputs::{Input, InputType},
    outputs::Output,
};

pub fn register(registry: &mut Registry<'_>) {
    let payload = || vec![Output::new("plugin", "Plugin", "The plugin.")];
    let name =
        || Input::new("name", InputType::String, "The publisher and the name: `lyceum/ranking-default`.").required();
    registry.add(
        "installPlugin",
        "Installs a plugin or another version of it. It runs after `enablePlugin`. A plugin that asks for permissions needs grants; without them the error lists what it asks for.",
        vec![
            Input::new("component", InputType::String, "The WASM component with its embedded manifest, in base64. For large ones use the command line.").required(),
            Input::new("grants", InputType::Json, "What it may do: an object of permissions by host interface, within what it asks for."),
            Input::new("config", InputType::Json, "Its configuration: an object."),
        ],
        payload(),
        install,
    );
    registry.add("enablePlugin", "Lets an installed plugin run.", vec![name()], payload(), enable);
    registry.add(
        "disablePlugin",
        "Takes a plugin out of service. Calls under way end normally.",
        vec![name()],
        payload(),
        disable,
    );
    registry.add(
        "setPluginSecret",
        "Gives a plugin a secret that it asked for. It stays in the host and is never told again.",
        vec![
            name(),
            Input::new("secret", InputType::String, "The name of the secret in the manifest.").required(),
            Input::new("value", InputType::String, "The value.").required(),
        ],
        payload(),
        set_secret,
    );
}

async fn install(call: Call, input: Map<String, Json>) -> Result<Done> {
    let wasm = STANDARD
        .decode(text_at(&input, "component"))
        .map_err(|_| Failure::input("input.component", "This is not base64."))?;
    let grants = match input.get("grants") {
        None | Some(Json::Null) => None,
        Some(grants) => {
            let wrong =
                |error: serde_json::Error| Failure::input("input.grants", format!("These are not grants: {error}."));
            Some(serde_json::from_value::<Grants>(grants.clone()).map_err(wrong)?)
        }
    };
    let config = input.get("config").filter(|config| !config.is_null()).map(Json::to_string);
    let installed = call.domains.plugins.install(&call.viewer, InstallPlugin { wasm, grants, config }).await?;
    Ok(done(&installed.plugin))
}

async fn enable(call: Call, input: Map<String, Json>) -> Result<Done> {
    let plugin = call.domains.plugins.enable(&call.viewer, text_at(&input, "name")).await?;
    Ok(done(&plugin))
}

async fn disable(call: Call, input: Map<String, Json>) -> Result<Done> {
    let plugin = call.domains.plugins.disable(&call.viewer, text_at(&input, "name")).await?;
    Ok(done(&plugin))
}

async fn set_secret(call: Call, input: Map<String, Json>) -> Result<Done> {
    let (name, secret) = (text_at(&input, "name"), text_at(&input, "secret"));
    call.domains.plugins.set_secret(&call.viewer, name, secret, Secret::new(text_at(&input, "value"))).await?;
    match call.domains.plugins.installed(name).await? {
        Some(plugin) => Ok(done(&plugin)),
        None => Err(Failure::not_found("plugin")),
    }
}

fn done(plugin: &InstalledPlugin) -> Done {
    Done::new(vec![("plugin", Made::Entity("plugin".into(), plugin.id))])
}
