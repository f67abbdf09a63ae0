//! The owner's side of plugins: installing, allowing, configuring, going back.

use base64::{Engine, engine::general_purpose::STANDARD};
use lyceum_domain::plugin::{Grants, InstallPlugin, InstalledPlugin, PluginData, Secret};
use lyceum_kernel::{Failure, Result};
use serde_json::{Map, Value as Json};

use super::{Call, Done, Made, Registry, text_at};
use crate::{
    inputs::{Input, InputType},
    outputs::Output,
};

pub fn register(registry: &mut Registry<'_>) {
    register_coming(registry);
    register_staying(registry);
    register_going(registry);
}

fn payload() -> Vec<Output> {
    vec![Output::new("plugin", "Plugin", "The plugin.")]
}

fn name() -> Input {
    Input::new("name", InputType::String, "The publisher and the name: `lyceum/ranking-default`.").required()
}

fn grants(description: &str) -> Input {
    Input::new("grants", InputType::Json, description)
}

fn register_coming(registry: &mut Registry<'_>) {
    registry.add(
        "installPlugin",
        "Installs a plugin or another version of it. It runs after `enablePlugin`. A plugin that asks for permissions, or does more than to order lists, needs grants, if only `{}`; without them the error says what it does and lists what it asks for. An update that asks for more or does more is staged then, and the old version runs on.",
        vec![
            Input::new("component", InputType::String, "The package or component in base64. For large ones use `source`, an upload, or the command line."),
            Input::new("package", InputType::Upload, "The package or component as an uploaded file (GraphQL multipart request)."),
            Input::new("source", InputType::String, "Where it is: `https://…#sha256=<hex>` or `oci://registry/repository:tag`."),
            grants("What it may do: an object of permissions by host interface, within what it asks for."),
            Input::new("permissionHash", InputType::String, "The hash of the permissions that were read. Another one is not consented to."),
            Input::new("config", InputType::Json, "Its configuration: an object."),
        ],
        payload(),
        install,
    );
    registry.add(
        "approvePlugin",
        "Consents to a staged update, which is put in place of the version that runs.",
        vec![
            name(),
            Input::new("permissionHash", InputType::String, "The hash of the permissions that were read.").required(),
            grants("What it may do; all that it asks for when absent."),
        ],
        payload(),
        approve,
    );
    registry.add(
        "discardStagedPlugin",
        "Throws a staged update away. The version that runs stays.",
        vec![name()],
        payload(),
        discard,
    );
    registry.add(
        "enablePlugin",
        "Lets an installed plugin run. One that ran in the shadow serves from now on.",
        vec![name()],
        payload(),
        enable,
    );
}

fn register_staying(registry: &mut Registry<'_>) {
    registry.add(
        "configurePlugin",
        "Sets the configuration. It must fit the plugin's schema; `extensions.problems` names every place that does not.",
        vec![name(), Input::new("config", InputType::Json, "The configuration: an object.").required()],
        payload(),
        configure,
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
    registry.add(
        "setPluginGrants",
        "Sets what a plugin may do, within what it asks for. It holds from the next call on.",
        vec![name(), grants("What it may do: an object of permissions by host interface.").required()],
        payload(),
        set_grants,
    );
    registry.add(
        "setPluginShadow",
        "Lets a ranker or moderator run beside the active one on live calls, only to be compared with it; `pluginShadowReport` tells how they differ. `enablePlugin` makes it the active one.",
        vec![name(), Input::new("shadow", InputType::Boolean, "Whether it runs in the shadow. False stops it.").required()],
        payload(),
        set_shadow,
    );
}

fn register_going(registry: &mut Registry<'_>) {
    let force = || Input::new("force", InputType::Boolean, "Also a payment provider that open payments wait for.");
    registry.add(
        "disablePlugin",
        "Takes a plugin out of service. Calls under way end normally.",
        vec![name(), force()],
        payload(),
        disable,
    );
    registry.add(
        "rollbackPlugin",
        "Puts the version before in place again, with the configuration that it had, and with the grants that it had but for what was taken away since.",
        vec![name()],
        payload(),
        roll_back,
    );
    let choices = [("KEEP", "It stays, for a later installation."), ("DELETE", "It is deleted with the plugin.")];
    registry.inputs.enumeration("PluginDataChoice", "What becomes of the data of a plugin that goes.", choices);
    registry.add(
        "uninstallPlugin",
        "Removes a plugin with its versions, grants, configuration and secrets. Entries that it made are content and stay.",
        vec![
            name(),
            Input::new("data", InputType::Enum("PluginDataChoice".into()), "What it stored: kept for a later installation, or deleted.").required(),
            force(),
        ],
        vec![
            Output::new("name", "String", "The plugin that is gone.").required(),
            Output::new("secretsDeleted", "Int", "Secrets that were deleted.").required(),
            Output::new("valuesDeleted", "Int", "Values of its store that were deleted.").required(),
            Output::new("valuesKept", "Int", "Values of its store that wait for a later installation.").required(),
            Output::new("entriesKept", "Int", "Entries that it made, which stay.").required(),
        ],
        uninstall,
    );
}

async fn install(call: Call, input: Map<String, Json>) -> Result<Done> {
    let plugins = &call.domains.plugins;
    let given = InstallPlugin {
        grants: grants_at(&input)?,
        config: json_at(&input, "config").map(Json::to_string),
        expected_permission_hash: json_at(&input, "permissionHash").and_then(Json::as_str).map(str::to_owned),
        ..InstallPlugin::default()
    };
    let places = ["component", "package", "source"];
    let mut named = places.into_iter().filter_map(|place| Some((place, json_at(&input, place)?.as_str()?)));
    let installed = match (named.next(), named.next()) {
        (Some(("source", source)), None) => plugins.install_from(&call.viewer, source, given).await?,
        (Some((place, text)), None) => {
            let wrong = |_| Failure::input(&format!("input.{place}"), "This is not base64.");
            let package = STANDARD.decode(text).map_err(wrong)?;
            plugins.install(&call.viewer, InstallPlugin { package, ..given }).await?
        }
        _ => return Err(Failure::input("input.source", "Give one of \"component\", \"package\" and \"source\".")),
    };
    Ok(done(&installed.plugin))
}

async fn approve(call: Call, input: Map<String, Json>) -> Result<Done> {
    let (name, hash) = (text_at(&input, "name"), text_at(&input, "permissionHash"));
    let plugin = call.domains.plugins.approve(&call.viewer, name, hash, grants_at(&input)?).await?;
    Ok(done(&plugin))
}

async fn discard(call: Call, input: Map<String, Json>) -> Result<Done> {
    Ok(done(&call.domains.plugins.discard_staged(&call.viewer, text_at(&input, "name")).await?))
}

async fn enable(call: Call, input: Map<String, Json>) -> Result<Done> {
    Ok(done(&call.domains.plugins.enable(&call.viewer, text_at(&input, "name")).await?))
}

async fn disable(call: Call, input: Map<String, Json>) -> Result<Done> {
    let plugin = call.domains.plugins.disable(&call.viewer, text_at(&input, "name"), is_set(&input, "force")).await?;
    Ok(done(&plugin))
}

async fn configure(call: Call, input: Map<String, Json>) -> Result<Done> {
    let config = input.get("config").map(Json::to_string).unwrap_or_default();
    Ok(done(&call.domains.plugins.set_config(&call.viewer, text_at(&input, "name"), &config).await?))
}

async fn set_secret(call: Call, input: Map<String, Json>) -> Result<Done> {
    let (name, secret) = (text_at(&input, "name"), text_at(&input, "secret"));
    call.domains.plugins.set_secret(&call.viewer, name, secret, Secret::new(text_at(&input, "value"))).await?;
    match call.domains.plugins.installed(name).await? {
        Some(plugin) => Ok(done(&plugin)),
        None => Err(Failure::not_found("plugin")),
    }
}

async fn set_grants(call: Call, input: Map<String, Json>) -> Result<Done> {
    let grants = grants_at(&input)?.unwrap_or_default();
    Ok(done(&call.domains.plugins.set_grants(&call.viewer, text_at(&input, "name"), grants).await?))
}

async fn set_shadow(call: Call, input: Map<String, Json>) -> Result<Done> {
    let (name, shadow) = (text_at(&input, "name"), is_set(&input, "shadow"));
    Ok(done(&call.domains.plugins.set_shadow(&call.viewer, name, shadow).await?))
}

async fn roll_back(call: Call, input: Map<String, Json>) -> Result<Done> {
    Ok(done(&call.domains.plugins.rollback(&call.viewer, text_at(&input, "name")).await?))
}

async fn uninstall(call: Call, input: Map<String, Json>) -> Result<Done> {
    let name = text_at(&input, "name");
    let data = if text_at(&input, "data") == "DELETE" { PluginData::Delete } else { PluginData::Keep };
    let gone = call.domains.plugins.uninstall(&call.viewer, name, data, is_set(&input, "force")).await?;
    let number = |n: u64| Made::Json(n.into());
    Ok(Done::new(vec![
        ("name", Made::Json(name.into())),
        ("secretsDeleted", number(gone.secrets_deleted)),
        ("valuesDeleted", number(gone.values_deleted)),
        ("valuesKept", number(gone.values_kept)),
        ("entriesKept", number(gone.entries_kept)),
    ]))
}

fn json_at<'i>(input: &'i Map<String, Json>, name: &str) -> Option<&'i Json> {
    input.get(name).filter(|value| !value.is_null())
}

fn is_set(input: &Map<String, Json>, name: &str) -> bool {
    input.get(name).and_then(Json::as_bool).unwrap_or(false)
}

fn grants_at(input: &Map<String, Json>) -> Result<Option<Grants>> {
    let wrong =
        |_| Failure::input("input.grants", "These are not grants: see `pluginStatus { asks grants }` for their form.");
    json_at(input, "grants").map(|grants| serde_json::from_value(grants.clone()).map_err(wrong)).transpose()
}

fn done(plugin: &InstalledPlugin) -> Done {
    Done::new(vec![("plugin", Made::Entity("plugin".into(), plugin.id))])
}
