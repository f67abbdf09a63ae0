//! An owner with a plugin host played by a fake.
#![allow(clippy::unwrap_used, dead_code, reason = "each test file uses a part of it")]

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use futures::future::BoxFuture;
use lyceum_domain::plugin::{
    Activation, Extends, FailureKind, Grants, Inspection, InstallPlugin, Permission, PluginFailure, PluginRuntime,
    PluginSettings, PluginState, Plugins, Role, Secret, SecretKey, Usage,
    trust::{Policy, Unsigned},
};
use lyceum_kernel::{Result, Viewer};
use serde_json::json;

use super::people::Bed;

pub const NAME: &str = "acme/pay";

/// A host that reads "plugins" of the form `name version hosts…` and notes
/// what runs. A version that ends in `-broken` does not start; one that ends in
/// `-adds-SDL` adds that to the API.
#[derive(Default)]
pub struct Host {
    /// What the last activation said beside configuration and secrets.
    pub last: Mutex<Option<(Role, Option<String>, Grants)>>,
    pub running: Mutex<Vec<(String, String, String)>>,
    /// What happens while the next plugin is compiled.
    pub meanwhile: Mutex<Option<BoxFuture<'static, ()>>>,
}

impl Host {
    /// `version config secrets` of the plugin that runs.
    pub fn running(&self) -> Option<String> {
        self.running.lock().unwrap().last().map(|(_, version, with)| format!("{version} {with}"))
    }
}

pub fn failure(version: &str, kind: FailureKind, detail: &str) -> PluginFailure {
    let [plugin, world, function] = [NAME, "lifecycle", "health"].map(str::to_owned);
    PluginFailure { plugin, version: version.to_owned(), world, function, kind, detail: detail.to_owned() }
}

pub fn asks(hosts: &[&str]) -> Grants {
    if hosts.is_empty() {
        return Grants::default();
    }
    let http = Permission { hosts: hosts.iter().map(ToString::to_string).collect(), ..Permission::default() };
    let secret = Permission { names: vec!["key".to_owned()], ..Permission::default() };
    Grants([("http".to_owned(), http), ("secret-ref".to_owned(), secret)].into())
}

#[async_trait]
impl PluginRuntime for Host {
    fn inspect(&self, wasm: &[u8]) -> Result<Inspection, PluginFailure> {
        let text = std::str::from_utf8(wasm).unwrap();
        let mut words = text.split(' ');
        let (Some(id), Some(version)) = (words.next(), words.next()) else {
            return Err(failure("", FailureKind::Compile, "no manifest"));
        };
        let hosts: Vec<&str> = words.collect();
        Ok(Inspection {
            id: id.to_owned(),
            version: version.to_owned(),
            license: "Apache-2.0".to_owned(),
            summary: [("en".to_owned(), "Pays.".to_owned())].into(),
            implements: worlds(id, version, &hosts),
            config_schema: version.ends_with("-schema").then(schema),
            extends: Extends { sdl: version.split_once("-adds-").map(|(_, sdl)| sdl.to_owned()), ..Extends::default() },
            asks: asks(&hosts),
            digest: format!("digest of {text}"),
            permission_hash: format!("hash of {}", hosts.join(" ")),
            ..Inspection::default()
        })
    }

    async fn activate(&self, activation: Activation) -> Result<Inspection, PluginFailure> {
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile.await;
        }
        let is = self.inspect(&activation.wasm)?;
        if is.version.ends_with("-broken") {
            return Err(failure(&is.version, FailureKind::Trap, "unreachable"));
        }
        let secrets: Vec<&[u8]> = activation.secrets.values().map(Secret::expose).collect();
        let with = format!("{}{}", activation.config, String::from_utf8(secrets.concat()).unwrap());
        *self.last.lock().unwrap() = Some((activation.role, activation.previous_version, activation.grants));
        let mut running = self.running.lock().unwrap();
        running.retain(|(id, ..)| *id != is.id);
        running.push((is.id.clone(), is.version.clone(), with));
        Ok(is)
    }

    fn deactivate(&self, id: &str) {
        self.running.lock().unwrap().retain(|(name, ..)| name != id);
    }

    fn usage(&self, _id: &str) -> Usage {
        Usage::default()
    }
}

pub struct Shop {
    pub host: Arc<Host>,
    pub plugins: Arc<Plugins>,
    pub owner: Viewer,
}

pub async fn shop(bed: &Bed) -> Shop {
    let host = Arc::new(Host::default());
    let owner = bed.person("owner@example.com", &["admin"]).await;
    Shop { plugins: Arc::new(Plugins::new(bed.db.clone(), host.clone(), settings(7))), host, owner }
}

impl Shop {
    pub async fn install(&self, text: &str, grants: Option<Grants>) -> Result<(String, bool)> {
        let input = InstallPlugin { package: text.as_bytes().to_vec(), grants, ..InstallPlugin::default() };
        self.plugins.install(&self.owner, input).await.map(|done| (done.plugin.version, done.changed))
    }

    pub async fn state(&self, name: &str) -> PluginState {
        self.plugins.installed(name).await.unwrap().unwrap().state
    }
}

/// What a plugin does: one that is called so and asks for origins takes
/// payments, others order lists. Words in the version add to it.
fn worlds(id: &str, version: &str, hosts: &[&str]) -> Vec<String> {
    let pays = id.ends_with("/pay") && !hosts.is_empty();
    let first = if pays { "lyceum:payment/provider@1.0.0" } else { "lyceum:ranking/ranker@1.0.0" };
    let more = [
        ("-signs-in", "lyceum:auth/auth-provider@1.0.0"),
        ("-judges", "lyceum:moderation/moderator@1.0.0"),
        ("-cares", "lyceum:lifecycle/lifecycle@1.0.0"),
    ];
    let more = more.iter().filter(|(word, _)| version.ends_with(word)).map(|(_, name)| *name);
    [first].into_iter().chain(more).map(str::to_owned).collect()
}

fn schema() -> serde_json::Value {
    json!({
        "type": "object",
        "required": ["region"],
        "properties": {
            "region": { "type": "string", "pattern": "^[a-z]{2}$" },
            "retries": { "type": "integer", "minimum": 0, "default": 3 },
            "token": { "type": "string", "secret": true },
        },
    })
}

/// Unsigned packages are taken; `key` seals the secrets.
pub fn settings(key: u8) -> PluginSettings {
    PluginSettings {
        policy: Policy { unsigned: Unsigned::DevOnly, dev: true },
        built_in: BTreeSet::new(),
        secret_key: SecretKey::new(&[key; 32]).unwrap(),
    }
}
