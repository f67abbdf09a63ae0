//! A running server follows the list of what is revoked.

use std::{path::Path, sync::Arc, time::Duration};

use lyceum::{app::App, config::Config, plugin_source::revocations::Followed};
use lyceum_domain::plugin::{Grants, InstallPlugin, InstalledPlugin, PluginState, trust::signer_of};
use lyceum_kernel::{Action, ErrorCode, RowScope, Rule, Rules, SystemClock, Viewer};
use minisign::KeyPair;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value as Json, json};

use super::sum;

const NAME: &str = "lyceum/ranking-default";

fn component() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/components/ranking-default.wasm");
    std::fs::read(path).unwrap()
}

fn owner() -> Viewer {
    let all = Rule { subject: "*".to_owned(), actions: vec![Action::Manage], rows: RowScope::All, fields: None };
    Viewer { rules: Arc::new(Rules::new(vec![all])), ..Viewer::default() }
}

/// Puts a list in place, the signature last.
fn publish(place: &Path, pair: &KeyPair, list: &str) {
    let signature = minisign::sign(None, &pair.sk, list.as_bytes(), Some("list"), None).unwrap().into_string();
    std::fs::write(place, list).unwrap();
    std::fs::write(place.with_extension("toml.minisig"), signature).unwrap();
}

async fn plugin(app: &App) -> InstalledPlugin {
    app.domains().plugins.installed(NAME).await.unwrap().unwrap()
}

/// Waits until the plugin is in this state, at most half a minute.
async fn becomes(app: &App, state: PluginState) -> InstalledPlugin {
    for _ in 0..600 {
        let now = plugin(app).await;
        if now.state == state {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?} and never {state:?}", plugin(app).await.state)
}

async fn revocations_told(app: &App) -> Vec<Json> {
    let database = &app.domains().database;
    let sql = "SELECT data FROM outbox WHERE name = 'plugin.revoked' ORDER BY position";
    let backend = database.dialect().backend();
    let rows = database.reader().query_all_raw(Statement::from_string(backend, sql)).await.unwrap();
    rows.iter().map(|row| serde_json::from_str(&row.try_get::<String>("", "data").unwrap()).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_revoked_is_stopped_in_a_running_server() {
    let (directory, pair) = (tempfile::tempdir().unwrap(), KeyPair::generate_unencrypted_keypair().unwrap());
    let list = directory.path().join("revoked.toml");
    publish(&list, &pair, "issued = \"2026-11-20T00:00:00Z\"\n");
    let mut config = Config { data_dir: directory.path().join("data"), ..Config::default() };
    config.plugins.revocations =
        Some((list.display().to_string(), signer_of(&pair.pk.to_base64()).expect("a public key")));
    let app = App::open(&config, Arc::new(SystemClock)).await.unwrap();
    let (plugins, background) = (app.domains().plugins.clone(), app.spawn_background());
    let input = InstallPlugin { package: component(), grants: Some(Grants::default()), ..InstallPlugin::default() };
    plugins.install(&owner(), input).await.unwrap();
    plugins.enable(&owner(), NAME).await.unwrap();
    assert!(app.domains().extensions.ranker().is_some());

    let digest = sum(&component());
    let revoked = format!("[[revoked]]\ndigest = \"{digest}\"\nreason = \"It ranks by price.\"\n");
    publish(&list, &pair, &format!("issued = \"2026-11-21T00:00:00Z\"\n{revoked}"));
    let stopped = becomes(&app, PluginState::Failed).await;
    assert!(app.domains().extensions.ranker().is_none());
    let why = stopped.last_error.unwrap();
    assert!(why.contains("It ranks by price."), "{why}");
    let told = json!({ "name": NAME, "version": stopped.version, "reason": why });
    assert_eq!(revocations_told(&app).await, std::slice::from_ref(&told));
    let again = plugins.enable(&owner(), NAME).await.unwrap_err();
    assert_eq!(again.code(), ErrorCode::PluginUntrusted);

    // A list that nobody signed takes nothing back, and a later one of the
    // owner's does.
    std::fs::write(&list, "issued = \"2026-11-22T00:00:00Z\"\n").unwrap();
    Followed::of(&config).unwrap().apply(&plugins).await.unwrap();
    assert_eq!(plugins.enable(&owner(), NAME).await.unwrap_err().code(), ErrorCode::PluginUntrusted);
    publish(&list, &pair, "issued = \"2026-11-22T00:00:01Z\"\n");
    Followed::of(&config).unwrap().apply(&plugins).await.unwrap();
    assert_eq!(plugins.enable(&owner(), NAME).await.unwrap().state, PluginState::Enabled);
    assert_eq!(revocations_told(&app).await, [told]);
    background.stop().await;
}
