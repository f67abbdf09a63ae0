//! Plugins: consent, state and secrets, with a host played by a fake.
#![allow(clippy::unwrap_used)]

mod owner;
mod people;

use std::sync::Arc;

use lyceum_domain::plugin::{Grants, InstallPlugin, PACKAGE_MAX_BYTES, PluginState, Plugins, Secret};
use lyceum_kernel::{ErrorCode, Viewer};
use owner::{Host, NAME, asks, settings, shop};
use people::each_database;
use serde_json::json;

#[tokio::test]
async fn a_plugin_that_asks_for_nothing_is_installed_then_enabled_then_disabled() {
    each_database(async |bed| {
        let shop = shop(&bed).await;
        assert_eq!(shop.install("acme/pay 1.0.0", None).await.unwrap(), ("1.0.0".to_owned(), true));
        assert_eq!(shop.state(NAME).await, PluginState::Installed);
        assert_eq!(shop.host.running(), None);
        shop.plugins.enable(&shop.owner, NAME).await.unwrap();
        assert_eq!(shop.host.running().as_deref(), Some("1.0.0 {}"));
        assert_eq!(shop.state(NAME).await, PluginState::Enabled);
        shop.plugins.disable(&shop.owner, NAME, false).await.unwrap();
        assert_eq!(shop.host.running(), None);
        assert_eq!(shop.state(NAME).await, PluginState::Disabled);
        let events: Vec<String> = bed.events().await.into_iter().filter(|name| name.starts_with("plugin.")).collect();
        assert_eq!(events, ["plugin.installed", "plugin.enabled", "plugin.disabled"]);
        let missing = shop.plugins.enable(&shop.owner, "acme/other").await.unwrap_err();
        assert_eq!(missing.code(), ErrorCode::NotFound);
    })
    .await;
}

#[tokio::test]
async fn what_asks_is_refused_until_the_owner_grants() {
    each_database(async |bed| {
        let shop = shop(&bed).await;
        let package = "acme/pay 1.0.0 https://api.example.com http://127.0.0.1:*";
        let refused = shop.install(package, None).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::PluginConsentRequired);
        let details: Vec<&str> = refused.details().iter().map(|(name, _)| *name).collect();
        assert_eq!(details, ["plugin", "version", "implements", "does", "asks", "extends", "permissionHash"]);
        assert_eq!(refused.details()[4].1["http"]["hosts"], json!(["https://api.example.com", "http://127.0.0.1:*"]));
        assert_eq!(shop.plugins.installed(NAME).await.unwrap(), None);

        let wide = shop.install(package, Some(asks(&["https://evil.example.com"]))).await.unwrap_err();
        assert_eq!((wide.code(), wide.path().join(".")), (ErrorCode::BadUserInput, "input.grants".to_owned()));
        assert_eq!(wide.message(), "The plugin does not ask for \"https://evil.example.com\" of `http`.");

        shop.install(package, Some(asks(&["http://127.0.0.1:8089"]))).await.unwrap();
        let consent = bed.texts("SELECT permission_hash FROM plugin WHERE consent_by IS NOT NULL").await;
        assert_eq!(consent, ["hash of https://api.example.com http://127.0.0.1:*"]);
    })
    .await;
}

#[tokio::test]
async fn what_decides_about_people_needs_consent_though_it_asks_for_no_permission() {
    each_database(async |bed| {
        let shop = shop(&bed).await;
        let refused = shop.install("acme/sso 1.0.0-signs-in", None).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::PluginConsentRequired);
        assert_eq!(
            refused.message(),
            "acme/sso 1.0.0-signs-in needs consent: it signs people in, so it decides whose account somebody gets; it \
             orders lists of entries. Read `asks`, then install it again with `grants`; `{}` grants no permission."
        );
        let judges = shop.install("acme/words 1.0.0-judges", None).await.unwrap_err();
        assert_eq!(judges.code(), ErrorCode::PluginConsentRequired);
        assert_eq!(shop.plugins.all().await.unwrap(), []);

        shop.install("acme/rank 1.0.0-cares", None).await.unwrap();
        shop.install("acme/sso 1.0.0-signs-in", Some(Grants::default())).await.unwrap();
        let consented = bed.texts("SELECT name FROM plugin WHERE consent_by IS NOT NULL").await;
        assert_eq!(consented, ["acme/sso"]);
        // What was consented to stays so.
        assert_eq!(shop.install("acme/sso 1.1.0-signs-in", None).await.unwrap(), ("1.1.0-signs-in".to_owned(), true));
    })
    .await;
}

#[tokio::test]
async fn an_update_that_does_more_waits_for_consent_though_it_asks_for_no_permission() {
    each_database(async |bed| {
        let shop = shop(&bed).await;
        shop.install("acme/rank 1.0.0", None).await.unwrap();
        shop.plugins.enable(&shop.owner, "acme/rank").await.unwrap();
        shop.install("acme/rank 1.0.1-cares", None).await.unwrap();
        let refused = shop.install("acme/rank 1.1.0-signs-in", None).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::PluginConsentRequired);
        assert_eq!(
            refused.message(),
            "acme/rank 1.1.0-signs-in asks for more than 1.0.1-cares: it signs people in, so it decides whose account \
             somebody gets. It is staged, and 1.0.1-cares runs on. Read `diff`, then use `approvePlugin` or \
             `discardStagedPlugin`."
        );
        let diff = &refused.details().iter().find(|(name, _)| *name == "diff").unwrap().1;
        assert_eq!(diff["hooksAdded"], json!(["lyceum:auth/auth-provider@1.0.0"]));
        assert_eq!(shop.host.running().as_deref(), Some("1.0.1-cares {}"));
        shop.plugins.approve(&shop.owner, "acme/rank", "hash of ", None).await.unwrap();
        assert_eq!(shop.host.running().as_deref(), Some("1.1.0-signs-in {}"));
    })
    .await;
}

#[tokio::test]
async fn the_same_again_changes_nothing() {
    each_database(async |bed| {
        let shop = shop(&bed).await;
        let grants = || Some(asks(&["https://a.example"]));
        shop.install("acme/pay 1.0.0 https://a.example", grants()).await.unwrap();
        let before = shop.plugins.installed(NAME).await.unwrap();
        bed.clock.advance(people::MINUTE);
        for given in [None, grants()] {
            assert_eq!(
                shop.install("acme/pay 1.0.0 https://a.example", given).await.unwrap(),
                ("1.0.0".to_owned(), false)
            );
        }
        assert_eq!(shop.plugins.installed(NAME).await.unwrap(), before);
    })
    .await;
}

#[tokio::test]
async fn an_update_that_asks_for_more_waits_and_the_old_one_runs_on() {
    each_database(async |bed| {
        let shop = shop(&bed).await;
        shop.install("acme/pay 1.0.0 https://a.example", Some(asks(&["https://a.example"]))).await.unwrap();
        shop.plugins.enable(&shop.owner, NAME).await.unwrap();
        let wider = "acme/pay 2.0.0 https://a.example https://b.example";
        assert_eq!(shop.install(wider, None).await.unwrap_err().code(), ErrorCode::PluginConsentRequired);
        assert_eq!(shop.host.running().as_deref(), Some("1.0.0 {}"));
        assert_eq!(shop.plugins.installed(NAME).await.unwrap().unwrap().version, "1.0.0");

        shop.install("acme/pay 1.1.0 https://a.example", None).await.unwrap();
        assert_eq!(shop.host.running().as_deref(), Some("1.1.0 {}"));
        shop.install(wider, Some(asks(&["https://a.example", "https://b.example"]))).await.unwrap();
        assert_eq!(shop.host.running().as_deref(), Some("2.0.0 {}"));
    })
    .await;
}

#[tokio::test]
async fn an_update_that_does_not_start_leaves_the_old_one() {
    each_database(async |bed| {
        let shop = shop(&bed).await;
        shop.install("acme/pay 1.0.0", None).await.unwrap();
        shop.plugins.enable(&shop.owner, NAME).await.unwrap();
        let refused = shop.install("acme/pay 1.1.0-broken", None).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::PluginFailed);
        assert_eq!(refused.message(), "acme/pay 1.1.0-broken does not start: unreachable");
        assert_eq!(shop.host.running().as_deref(), Some("1.0.0 {}"));
        assert_eq!(shop.state(NAME).await, PluginState::Enabled);
    })
    .await;
}

#[tokio::test]
async fn at_start_one_that_fails_is_marked_and_the_others_run() {
    each_database(async |bed| {
        let shop = shop(&bed).await;
        for package in ["acme/pay 1.0.0", "acme/rank 1.0.0", "acme/rest 1.0.0"] {
            shop.install(package, None).await.unwrap();
        }
        for name in [NAME, "acme/rank"] {
            shop.plugins.enable(&shop.owner, name).await.unwrap();
        }
        bed.execute("UPDATE plugin_component SET component = $1 WHERE plugin_id = (SELECT id FROM plugin WHERE name = 'acme/pay')", [
            b"acme/pay 1.0.0-broken".to_vec().into(),
        ])
        .await;
        let host = Arc::new(Host::default());
        let restarted = Plugins::new(bed.db.clone(), host.clone(), settings(7));
        let outcomes = restarted.activate_all().await.unwrap();
        let errors: Vec<(&str, bool)> = outcomes.iter().map(|o| (o.name.as_str(), o.error.is_some())).collect();
        assert_eq!(errors, [(NAME, true), ("acme/rank", false)]);
        assert_eq!(host.running.lock().unwrap().len(), 1);
        let failed = restarted.installed(NAME).await.unwrap().unwrap();
        assert_eq!(failed.state, PluginState::Failed);
        assert_eq!(failed.last_error.as_deref(), Some("acme/pay 1.0.0-broken does not start: unreachable"));
    })
    .await;
}

#[tokio::test]
async fn configuration_and_secrets_reach_the_running_plugin() {
    each_database(async |bed| {
        let shop = shop(&bed).await;
        shop.install("acme/pay 1.0.0 https://a.example", Some(asks(&["https://a.example"]))).await.unwrap();
        shop.plugins.enable(&shop.owner, NAME).await.unwrap();
        shop.plugins.set_secret(&shop.owner, NAME, "key", Secret::new("s3cret")).await.unwrap();
        shop.plugins.set_config(&shop.owner, NAME, "{\"a\":1}").await.unwrap();
        assert_eq!(shop.host.running().as_deref(), Some("1.0.0 {\"a\":1}s3cret"));
        let unasked = shop.plugins.set_secret(&shop.owner, NAME, "other", Secret::new("x")).await.unwrap_err();
        assert_eq!(unasked.code(), ErrorCode::BadUserInput);
        assert_eq!(shop.plugins.set_config(&shop.owner, NAME, "[]").await.unwrap_err().code(), ErrorCode::BadUserInput);
        let events = bed.texts("SELECT data FROM outbox WHERE subject_type = 'plugin'").await;
        assert!(events.iter().all(|data| !data.contains("s3cret")));
    })
    .await;
}

#[tokio::test]
async fn only_who_manages_plugins_may_touch_them() {
    each_database(async |bed| {
        let shop = shop(&bed).await;
        shop.install("acme/pay 1.0.0", None).await.unwrap();
        let editor = bed.person("editor@example.com", &["editor"]).await;
        for (viewer, code) in [(Viewer::default(), ErrorCode::Unauthenticated), (editor, ErrorCode::Forbidden)] {
            let input = InstallPlugin { package: b"acme/pay 2.0.0".to_vec(), ..InstallPlugin::default() };
            assert_eq!(shop.plugins.install(&viewer, input).await.unwrap_err().code(), code);
            assert_eq!(shop.plugins.enable(&viewer, NAME).await.unwrap_err().code(), code);
            assert_eq!(shop.plugins.disable(&viewer, NAME, false).await.unwrap_err().code(), code);
            assert_eq!(shop.plugins.set_config(&viewer, NAME, "{}").await.unwrap_err().code(), code);
            let secret = shop.plugins.set_secret(&viewer, NAME, "key", Secret::new("x")).await;
            assert_eq!(secret.unwrap_err().code(), code);
        }
        assert_eq!(shop.plugins.installed(NAME).await.unwrap().unwrap().version, "1.0.0");
        assert_eq!(shop.state(NAME).await, PluginState::Installed);
    })
    .await;
}

#[tokio::test]
async fn what_is_too_large_or_no_plugin_is_refused() {
    each_database(async |bed| {
        let shop = shop(&bed).await;
        let large = InstallPlugin { package: vec![0; PACKAGE_MAX_BYTES + 1], ..InstallPlugin::default() };
        let refused = shop.plugins.install(&shop.owner, large).await.unwrap_err();
        assert_eq!(
            (refused.code(), refused.message()),
            (ErrorCode::PluginInvalid, "The package is larger than 40 MiB.")
        );
        let refused = shop.install("nonsense", None).await.unwrap_err();
        assert_eq!(refused.message(), "This is not a plugin that this server can run: no manifest");
    })
    .await;
}
