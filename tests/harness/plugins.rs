//! Components, and the administrator who installs them.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value as Json, json};

use crate::{Person, TestApp, at_root, gateway};

/// A committed component in base64: `ranking-default`, `hostile/ranking`.
#[must_use]
pub fn component(name: &str) -> String {
    let path = at_root(&format!("plugins/components/{name}.wasm"));
    STANDARD.encode(std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

pub(crate) async fn install_first_party(app: &TestApp, name: &str) {
    let grants = match name {
        "payment-sandbox" => json!({
            "http": { "hosts": [app.gateway().origin] },
            "crypto": {},
            "secret-ref": { "names": ["api_key", "webhook_secret"] },
        }),
        _ => json!({}),
    };
    app.admin.installs(name, grants).await;
    let full = format!("lyceum/{name}");
    if name == "payment-sandbox" {
        app.admin.sets_secret(&full, "api_key", gateway::API_KEY).await;
        app.admin.sets_secret(&full, "webhook_secret", gateway::WEBHOOK_SECRET).await;
    }
    app.admin.enables(&full).await;
}

impl Person {
    /// Installs a committed component.
    pub async fn installs(&self, name: &str, grants: Json) -> Json {
        let install = "mutation ($component: String!, $grants: JSON) { installPlugin(input: { component: $component, grants: $grants }) { plugin { name state } } }";
        self.data(install, json!({ "component": component(name), "grants": grants })).await["installPlugin"]["plugin"]
            .clone()
    }

    pub async fn enables(&self, name: &str) {
        let enable =
            "mutation ($name: String!) { enablePlugin(input: { name: $name }) { plugin { state lastError } } }";
        let made = self.data(enable, json!({ "name": name })).await;
        assert_eq!(made["enablePlugin"]["plugin"]["state"], "ENABLED", "{made}");
    }

    pub async fn disables(&self, name: &str) {
        let disable =
            "mutation ($name: String!) { disablePlugin(input: { name: $name, force: true }) { plugin { state } } }";
        let made = self.data(disable, json!({ "name": name })).await;
        assert_eq!(made["disablePlugin"]["plugin"]["state"], "DISABLED", "{made}");
    }

    pub async fn sets_secret(&self, plugin: &str, name: &str, value: &str) {
        let set = "mutation ($plugin: String!, $name: String!, $value: String!) { setPluginSecret(input: { name: $plugin, secret: $name, value: $value }) { plugin { name } } }";
        self.data(set, json!({ "plugin": plugin, "name": name, "value": value })).await;
    }
}
