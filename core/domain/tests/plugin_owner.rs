//! The owner's side of plugins: staged updates, going back, going, narrower
//! grants, configuration by schema, sealed secrets, other servers.
#![allow(clippy::unwrap_used)]

mod owner;
mod people;

use std::sync::Arc;

use lyceum_domain::plugin::{
    Addition, AdditionCheck, FailureKind, Grants, Pair, PluginData, PluginNotice, PluginState, Plugins, RankingTally,
    Role, Secret, ShadowBook, Tally,
};
use lyceum_kernel::{ErrorCode, Viewer};
use owner::{Host, NAME, Shop, asks, failure, settings, shop};
use people::{Bed, each_database};
use serde_json::{Value as Json, json};

const A: &str = "https://a.example";
const B: &str = "https://b.example";

/// A plugin that runs with the grant of one origin.
async fn running(bed: &Bed) -> Shop {
    let shop = shop(bed).await;
    shop.install(&format!("{NAME} 1.0.0 {A}"), Some(asks(&[A]))).await.unwrap();
    shop.plugins.enable(&shop.owner, NAME).await.unwrap();
    shop
}

/// An update that asks for another origin waits.
async fn staged(bed: &Bed) -> Shop {
    let shop = running(bed).await;
    let refused = shop.install(&format!("{NAME} 2.0.0 {A} {B}"), None).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::PluginConsentRequired);
    let diff = &refused.details().iter().find(|(name, _)| *name == "diff").unwrap().1;
    assert_eq!(diff["widened"][0]["to"]["hosts"], json!([A, B]));
    assert_eq!((&diff["added"], &diff["from"]), (&json!([]), &json!("1.0.0")));
    shop
}

fn hash(hosts: &str) -> String {
    format!("hash of {hosts}")
}

#[tokio::test]
async fn a_staged_update_is_put_in_place_by_consent_to_what_was_read() {
    each_database(async |bed| {
        let shop = staged(&bed).await;
        let (plugins, owner) = (&shop.plugins, &shop.owner);
        let waiting = plugins.overview(owner, NAME).await.unwrap().staged.unwrap();
        assert_eq!((waiting.version.as_str(), waiting.diff.widened.len()), ("2.0.0", 1));
        assert_eq!(shop.host.running().as_deref(), Some("1.0.0 {}"));
        let other = plugins.approve(owner, NAME, &hash(A), None).await.unwrap_err();
        assert_eq!(other.code(), ErrorCode::PluginConsentRequired);
        let approved = plugins.approve(owner, NAME, &hash(&format!("{A} {B}")), None).await.unwrap();
        assert_eq!((approved.version.as_str(), approved.grants), ("2.0.0", asks(&[A, B])));
        assert_eq!(shop.host.running().as_deref(), Some("2.0.0 {}"));
        let last = shop.host.last.lock().unwrap().clone().unwrap();
        assert_eq!((last.0, last.1.as_deref()), (Role::Active, Some("1.0.0")));
        let none = plugins.approve(owner, NAME, "", None).await.unwrap_err();
        assert_eq!(none.code(), ErrorCode::InvalidState);
        let events: Vec<String> = bed.events().await.into_iter().filter(|name| name.starts_with("plugin.")).collect();
        assert_eq!(events, ["plugin.installed", "plugin.enabled", "plugin.update_staged", "plugin.updated"]);
    })
    .await;
}

#[tokio::test]
async fn a_staged_update_can_be_thrown_away() {
    each_database(async |bed| {
        let shop = staged(&bed).await;
        shop.plugins.discard_staged(&shop.owner, NAME).await.unwrap();
        let overview = shop.plugins.overview(&shop.owner, NAME).await.unwrap();
        assert_eq!((overview.staged, overview.plugin.version.as_str()), (None, "1.0.0"));
        let again = shop.plugins.discard_staged(&shop.owner, NAME).await.unwrap_err();
        assert_eq!(again.code(), ErrorCode::InvalidState);
    })
    .await;
}

#[tokio::test]
async fn consent_counts_only_for_what_was_read() {
    each_database(async |bed| {
        let shop = shop(&bed).await;
        let input = lyceum_domain::plugin::InstallPlugin {
            package: format!("{NAME} 1.0.0 {A} {B}").into_bytes(),
            grants: Some(asks(&[A])),
            expected_permission_hash: Some(hash(A)),
            ..Default::default()
        };
        let refused = shop.plugins.install(&shop.owner, input).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::PluginConsentRequired);
        assert_eq!(shop.plugins.installed(NAME).await.unwrap(), None);
    })
    .await;
}

/// A registry in which a tag stands for what the test says.
struct Registry(&'static str);

#[async_trait::async_trait]
impl lyceum_domain::plugin::PackageSource for Registry {
    async fn fetch(&self, reference: &str) -> Result<(Vec<u8>, String), String> {
        Ok((self.0.as_bytes().to_vec(), format!("{}@sha256:1f", reference.split('@').next().unwrap())))
    }
}

#[tokio::test]
async fn a_grant_to_a_tag_needs_the_hash_of_what_was_read() {
    each_database(async |bed| {
        let shop = shop(&bed).await;
        shop.plugins.get_packages_from(Arc::new(Registry("acme/pay 1.0.0 https://a.example")));
        let install = async |reference: &str, hash: Option<String>| {
            let input = lyceum_domain::plugin::InstallPlugin {
                grants: Some(asks(&[A])),
                expected_permission_hash: hash,
                ..Default::default()
            };
            shop.plugins.install_from(&shop.owner, reference, input).await
        };
        let refused = install("oci://r.example/pay:1", None).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::PluginConsentRequired);
        assert!(refused.details().iter().any(|(name, value)| *name == "permissionHash" && *value == json!(hash(A))));
        assert_eq!(shop.plugins.installed(NAME).await.unwrap(), None);
        let other = install("oci://r.example/pay:1", Some(hash(B))).await.unwrap_err();
        assert_eq!(other.code(), ErrorCode::PluginConsentRequired);
        assert!(install("oci://r.example/pay:1", Some(hash(A))).await.unwrap().changed);
        assert!(install("oci://r.example/pay@sha256:1f", None).await.is_ok(), "a digest is always the same");
    })
    .await;
}

#[tokio::test]
async fn going_back_restores_the_version_its_grants_and_its_configuration() {
    each_database(async |bed| {
        let shop = running(&bed).await;
        let (plugins, owner) = (&shop.plugins, &shop.owner);
        plugins.set_config(owner, NAME, "{\"a\":1}").await.unwrap();
        shop.install(&format!("{NAME} 2.0.0 {A} {B}"), Some(asks(&[A, B]))).await.unwrap();
        plugins.set_config(owner, NAME, "{\"a\":2}").await.unwrap();
        let back = plugins.rollback(owner, NAME).await.unwrap();
        assert_eq!((back.version.as_str(), back.config.as_str(), back.grants), ("1.0.0", "{\"a\":1}", asks(&[A])));
        assert_eq!(shop.host.running().as_deref(), Some("1.0.0 {\"a\":1}"));
        let none = plugins.rollback(owner, NAME).await.unwrap_err();
        assert_eq!(
            (none.code(), none.message()),
            (ErrorCode::InvalidState, "There is no earlier version of acme/pay to go back to.")
        );
    })
    .await;
}

#[tokio::test]
async fn going_back_gives_nothing_back_that_was_taken_away_since() {
    each_database(async |bed| {
        let shop = running(&bed).await;
        let (plugins, owner) = (&shop.plugins, &shop.owner);
        shop.install(&format!("{NAME} 2.0.0 {A} {B}"), Some(asks(&[A, B]))).await.unwrap();
        plugins.set_grants(owner, NAME, asks(&[B])).await.unwrap();
        let back = plugins.rollback(owner, NAME).await.unwrap();
        let mut left = asks(&[A]);
        left.0.remove("http");
        assert_eq!((back.version.as_str(), &back.grants), ("1.0.0", &left));
        assert_eq!(shop.host.last.lock().unwrap().clone().unwrap().2, left);
        let consent = plugins.overview(owner, NAME).await.unwrap().consent.unwrap();
        assert_eq!((consent.by, consent.permission_hash), (owner.user, hash(A)));
    })
    .await;
}

#[tokio::test]
async fn what_the_host_took_back_starts_again_without_what_was_taken_away_since() {
    each_database(async |bed| {
        let shop = running(&bed).await;
        let (plugins, owner) = (&shop.plugins, &shop.owner);
        shop.install(&format!("{NAME} 2.0.0 {A} {B}"), Some(asks(&[A, B]))).await.unwrap();
        plugins.set_grants(owner, NAME, Grants::default()).await.unwrap();
        let consented = plugins.overview(owner, NAME).await.unwrap().consent.unwrap();
        bed.clock.advance(people::MINUTE);
        let notice = PluginNotice::RolledBack {
            plugin: NAME.to_owned(),
            from: "2.0.0".to_owned(),
            to: "1.0.0".to_owned(),
            failure: failure("2.0.0", FailureKind::Trap, "unreachable"),
        };
        plugins.on_notice(notice).await.unwrap();
        assert_eq!(plugins.installed(NAME).await.unwrap().unwrap().grants, Grants::default());
        let consent = plugins.overview(owner, NAME).await.unwrap().consent.unwrap();
        assert_eq!((consent.by, consent.at, consent.permission_hash), (consented.by, consented.at, hash(A)));
        assert_eq!(plugins.reconcile().await.unwrap().len(), 1);
        assert_eq!(shop.host.running().as_deref(), Some("1.0.0 {}"));
        assert_eq!(shop.host.last.lock().unwrap().clone().unwrap().2, Grants::default());
    })
    .await;
}

#[tokio::test]
async fn two_versions_are_kept_to_go_back_to() {
    each_database(async |bed| {
        let shop = running(&bed).await;
        for version in ["1.1.0", "1.2.0", "1.3.0"] {
            shop.install(&format!("{NAME} {version} {A}"), None).await.unwrap();
        }
        let versions = shop.plugins.overview(&shop.owner, NAME).await.unwrap().versions;
        assert_eq!(versions.iter().map(|v| v.version.as_str()).collect::<Vec<_>>(), ["1.2.0", "1.1.0"]);
    })
    .await;
}

#[tokio::test]
async fn what_the_host_took_back_is_recorded_once() {
    each_database(async |bed| {
        let shop = running(&bed).await;
        shop.install(&format!("{NAME} 1.1.0 {A}"), None).await.unwrap();
        let notice = PluginNotice::RolledBack {
            plugin: NAME.to_owned(),
            from: "1.1.0".to_owned(),
            to: "1.0.0".to_owned(),
            failure: failure("1.1.0", FailureKind::Trap, "unreachable"),
        };
        shop.plugins.on_notice(notice.clone()).await.unwrap();
        shop.plugins.on_notice(notice).await.unwrap();
        let plugin = shop.plugins.installed(NAME).await.unwrap().unwrap();
        assert_eq!((plugin.version.as_str(), plugin.state), ("1.0.0", PluginState::Enabled));
        assert_eq!(
            plugin.last_error.as_deref(),
            Some("1.1.0 was taken back soon after it was put in place: unreachable")
        );
        let told = bed.texts("SELECT data FROM outbox WHERE name = 'plugin.rolled_back'").await;
        let told: Json = serde_json::from_str(&told.concat()).unwrap();
        assert_eq!((&told["from"], &told["to"]), (&json!("1.1.0"), &json!("1.0.0")));
    })
    .await;
}

#[tokio::test]
async fn narrower_grants_hold_from_the_next_start_which_is_now() {
    each_database(async |bed| {
        let shop = running(&bed).await;
        let (plugins, owner) = (&shop.plugins, &shop.owner);
        plugins.set_grants(owner, NAME, Grants::default()).await.unwrap();
        assert_eq!(shop.host.last.lock().unwrap().clone().unwrap().2, Grants::default());
        assert_eq!(plugins.installed(NAME).await.unwrap().unwrap().grants, Grants::default());
        let wide = plugins.set_grants(owner, NAME, asks(&[B])).await.unwrap_err();
        assert_eq!((wide.code(), wide.path().join(".")), (ErrorCode::BadUserInput, "input.grants".to_owned()));
        plugins.set_grants(owner, NAME, asks(&[A])).await.unwrap();
        assert_eq!(shop.host.last.lock().unwrap().clone().unwrap().2, asks(&[A]));
    })
    .await;
}

#[tokio::test]
async fn what_goes_leaves_its_data_or_takes_it_along() {
    each_database(async |bed| {
        for (data, kept) in [(PluginData::Keep, 1), (PluginData::Delete, 0)] {
            let shop = Shop { ..running_again(&bed).await };
            shop.plugins.set_secret(&shop.owner, NAME, "key", Secret::new("s3cret")).await.unwrap();
            bed.execute("DELETE FROM plugin_kv", []).await;
            bed.execute(
                "INSERT INTO plugin_kv (plugin, key, value) VALUES ('acme/pay', 'k', $1)",
                [b"v".to_vec().into()],
            )
            .await;
            let gone = shop.plugins.uninstall(&shop.owner, NAME, data, false).await.unwrap();
            assert_eq!((gone.secrets_deleted, gone.values_kept, gone.values_deleted), (1, kept, 1 - kept));
            assert_eq!(shop.host.running(), None);
            assert_eq!(shop.plugins.installed(NAME).await.unwrap(), None);
            assert_eq!(bed.texts("SELECT name FROM plugin_secret").await, Vec::<String>::new());
            assert_eq!(bed.texts("SELECT plugin FROM plugin_kv").await.len() as u64, kept);
        }
    })
    .await;
}

/// As [`running`], with an owner who is there already the second time.
async fn running_again(bed: &Bed) -> Shop {
    let host = Arc::new(Host::default());
    let plugins = Arc::new(Plugins::new(bed.db.clone(), host.clone(), settings(7)));
    let email = format!("owner-{}@example.com", lyceum_kernel::Id::new());
    let shop = Shop { host, plugins, owner: bed.person(&email, &["admin"]).await };
    shop.install(&format!("{NAME} 1.0.0 {A}"), Some(asks(&[A]))).await.unwrap();
    shop.plugins.enable(&shop.owner, NAME).await.unwrap();
    shop
}

#[tokio::test]
async fn what_a_plugin_was_to_be_told_and_to_do_ends_with_it_also_when_its_data_is_kept() {
    each_database(async |bed| {
        for data in [PluginData::Keep, PluginData::Delete] {
            let shop = running_again(&bed).await;
            bed.execute("DELETE FROM plugin_job_run", []).await;
            unfinished_work(&bed, "acme/pay").await;
            unfinished_work(&bed, "acme/rest").await;
            shop.plugins.uninstall(&shop.owner, NAME, data, false).await.unwrap();
            assert_eq!(left(&bed, "acme/pay").await, [Vec::<String>::new(), Vec::new()]);
            assert_eq!(left(&bed, "acme/rest").await, [vec!["dead", "waiting"], vec!["after-hooks:acme/rest"]]);
            let runs = "SELECT plugin || ' ' || state FROM plugin_job_run ORDER BY plugin, state";
            let others = ["acme/rest done", "acme/rest running", "acme/rest waiting"];
            let own: &[&str] = match data {
                PluginData::Keep => &["acme/pay cancelled", "acme/pay cancelled", "acme/pay done"],
                PluginData::Delete => &[],
            };
            assert_eq!(bed.texts(runs).await, [own, &others].concat());

            // Another server did not know yet that it was gone.
            unfinished_work(&bed, "acme/pay").await;
            shop.install(&format!("{NAME} 1.0.0 {A}"), Some(asks(&[A]))).await.unwrap();
            assert_eq!(left(&bed, "acme/pay").await, [Vec::<String>::new(), Vec::new()]);
            let open = "SELECT id FROM plugin_job_run WHERE plugin = 'acme/pay' AND state IN ('waiting', 'running')";
            assert_eq!(bed.texts(open).await, Vec::<String>::new());
            shop.plugins.uninstall(&shop.owner, NAME, PluginData::Delete, false).await.unwrap();
            bed.execute("DELETE FROM plugin_delivery", []).await;
            bed.execute("DELETE FROM outbox_consumer", []).await;
        }
    })
    .await;
}

/// A delivery that waits and a dead one, a place in the outbox, and three runs.
async fn unfinished_work(bed: &Bed, plugin: &str) {
    for state in ["waiting", "dead"] {
        let sql = "INSERT INTO plugin_delivery (id, plugin, kind, subject, position, payload, state, attempts, next_at, created_at) \
                   VALUES ($1, $2, 'after_hook', 'a', 1, '{}', $3, 0, $4, $4)";
        let now = bed.db.now().to_string();
        bed.execute(sql, [lyceum_kernel::Id::new().to_string().into(), plugin.into(), state.into(), now.into()]).await;
    }
    for state in ["waiting", "running", "done"] {
        let sql = "INSERT INTO plugin_job_run (id, plugin, job, origin, payload, state, attempt, due_at, next_at, created_at) \
                   VALUES ($1, $2, 'sweep', 'queue', '{}', $3, 0, $4, $4, $4)";
        let now = bed.db.now().to_string();
        bed.execute(sql, [lyceum_kernel::Id::new().to_string().into(), plugin.into(), state.into(), now.into()]).await;
    }
    let sql = "INSERT INTO outbox_consumer (name, position, updated_at) VALUES ($1, 0, $2)";
    bed.execute(sql, [format!("after-hooks:{plugin}").into(), bed.db.now().to_string().into()]).await;
}

/// The states of its deliveries, and its place in the outbox.
async fn left(bed: &Bed, plugin: &str) -> [Vec<String>; 2] {
    let deliveries = format!("SELECT state FROM plugin_delivery WHERE plugin = '{plugin}' ORDER BY state");
    let place = format!("SELECT name FROM outbox_consumer WHERE name = 'after-hooks:{plugin}'");
    [bed.texts(&deliveries).await, bed.texts(&place).await]
}

/// Takes every addition that no other plugin makes, but for `wrong`.
struct Fitting;

impl AdditionCheck for Fitting {
    fn fits(&self, addition: &Addition, beside: &[Addition]) -> Result<(), String> {
        match beside.iter().find(|other| other.sdl == addition.sdl) {
            Some(other) => Err(format!("{} adds it already", other.plugin)),
            None if addition.sdl == "wrong" => Err("it is wrong".to_owned()),
            None => Ok(()),
        }
    }
}

#[tokio::test]
async fn what_does_not_fit_the_api_is_neither_installed_nor_staged_nor_enabled() {
    each_database(async |bed| {
        let shop = running(&bed).await;
        shop.plugins.check_additions_with(Arc::new(Fitting));
        let wrong = shop.install("acme/rank 1.0.0-adds-wrong", None).await.unwrap_err();
        assert_eq!(wrong.code(), ErrorCode::PluginInvalid);
        assert_eq!(
            wrong.message(),
            "This is not a plugin that this server can run: acme/rank 1.0.0-adds-wrong (lyceum:graphql) does not fit \
             the API: it is wrong. Mend `[graphql] sdl` in its plugin.toml."
        );
        assert_eq!(shop.plugins.installed("acme/rank").await.unwrap(), None);

        // An update that asks for more would wait: one that does not fit is not even that.
        let update = shop.install(&format!("{NAME} 2.0.0-adds-wrong {A} {B}"), None).await.unwrap_err();
        assert_eq!(update.code(), ErrorCode::PluginInvalid);
        assert_eq!(shop.plugins.overview(&shop.owner, NAME).await.unwrap().staged, None);

        // What is not enabled is in nobody's way, and cannot come in the way of others later.
        for name in ["acme/one", "acme/two"] {
            shop.install(&format!("{name} 1.0.0-adds-it"), Some(Grants::default())).await.unwrap();
        }
        shop.plugins.enable(&shop.owner, "acme/one").await.unwrap();
        let second = shop.plugins.enable(&shop.owner, "acme/two").await.unwrap_err();
        assert!(second.message().contains("acme/one adds it already"), "{}", second.message());
        assert_eq!(shop.state("acme/two").await, PluginState::Installed);
        shop.plugins.disable(&shop.owner, "acme/one", false).await.unwrap();
        shop.plugins.enable(&shop.owner, "acme/two").await.unwrap();

        // An update of it does not stand in its own way; going back to what is taken now does not work.
        shop.install("acme/two 1.1.0-adds-it", None).await.unwrap();
        shop.install("acme/two 1.2.0-adds-other", Some(Grants::default())).await.unwrap();
        shop.plugins.enable(&shop.owner, "acme/one").await.unwrap();
        let back = shop.plugins.rollback(&shop.owner, "acme/two").await.unwrap_err();
        assert_eq!(back.code(), ErrorCode::PluginInvalid);
        assert_eq!(shop.plugins.installed("acme/two").await.unwrap().unwrap().version, "1.2.0-adds-other");
    })
    .await;
}

#[tokio::test]
async fn a_configuration_fits_the_schema_and_defaults_reach_the_plugin() {
    each_database(async |bed| {
        let shop = shop(&bed).await;
        let (plugins, owner) = (&shop.plugins, &shop.owner);
        shop.install(&format!("{NAME} 1.0.0-schema"), None).await.unwrap();
        let unready = plugins.enable(owner, NAME).await.unwrap_err();
        assert_eq!((unready.code(), shop.state(NAME).await), (ErrorCode::BadUserInput, PluginState::Installed));
        let wrong = plugins.set_config(owner, NAME, "{\"region\":\"Europe\",\"retries\":-1}").await.unwrap_err();
        assert_eq!((wrong.code(), wrong.path().join(".")), (ErrorCode::BadUserInput, "input.config.region".to_owned()));
        let problems = &wrong.details().iter().find(|(name, _)| *name == "problems").unwrap().1;
        assert_eq!((&problems[0]["path"], &problems[1]["path"]), (&json!("/region"), &json!("/retries")));
        let secret = plugins.set_config(owner, NAME, "{\"region\":\"eu\",\"token\":\"t\"}").await.unwrap_err();
        assert_eq!(secret.path().join("."), "input.config.token");
        plugins.set_config(owner, NAME, "{\"region\":\"eu\"}").await.unwrap();
        plugins.set_secret(owner, NAME, "token", Secret::new("t0ken")).await.unwrap();
        plugins.enable(owner, NAME).await.unwrap();
        assert_eq!(shop.host.running().as_deref(), Some("1.0.0-schema {\"region\":\"eu\",\"retries\":3}t0ken"));
        let secrets = plugins.overview(owner, NAME).await.unwrap().secrets;
        assert_eq!(secrets.iter().map(|s| (s.name.as_str(), s.is_set)).collect::<Vec<_>>(), [("token", true)]);
    })
    .await;
}

#[tokio::test]
async fn secrets_are_sealed_in_the_database_and_old_ones_at_the_next_start() {
    each_database(async |bed| {
        let shop = running(&bed).await;
        shop.plugins.set_secret(&shop.owner, NAME, "key", Secret::new("s3cret")).await.unwrap();
        let plain = || async { bed.texts("SELECT name FROM plugin_secret WHERE sealed = FALSE").await.len() };
        assert_eq!(plain().await, 0);
        bed.execute("UPDATE plugin_secret SET sealed = FALSE, value = $1", [b"0ld".to_vec().into()]).await;
        let host = Arc::new(Host::default());
        let started = Plugins::new(bed.db.clone(), host.clone(), settings(7)).activate_all().await.unwrap();
        assert_eq!((started[0].error.clone(), plain().await), (None, 0));
        assert_eq!(host.running().as_deref(), Some("1.0.0 {}0ld"));
        let stranger = Plugins::new(bed.db.clone(), Arc::new(Host::default()), settings(8));
        let failed = stranger.activate_all().await.unwrap();
        assert!(failed[0].error.as_deref().unwrap().contains("plugins.secret_key"), "{failed:?}");
    })
    .await;
}

#[tokio::test]
async fn another_server_follows_within_one_comparison() {
    each_database(async |bed| {
        let shop = shop(&bed).await;
        let host = Arc::new(Host::default());
        let other = Plugins::new(bed.db.clone(), host.clone(), settings(7));
        shop.install(&format!("{NAME} 1.0.0 {A}"), Some(asks(&[A]))).await.unwrap();
        other.reconcile().await.unwrap();
        assert_eq!(host.running(), None);
        shop.plugins.enable(&shop.owner, NAME).await.unwrap();
        assert_eq!(other.reconcile().await.unwrap().len(), 1);
        assert_eq!(host.running().as_deref(), Some("1.0.0 {}"));
        assert_eq!(other.reconcile().await.unwrap(), []);
        shop.plugins.set_secret(&shop.owner, NAME, "key", Secret::new("k")).await.unwrap();
        other.reconcile().await.unwrap();
        assert_eq!(host.running().as_deref(), Some("1.0.0 {}k"));
        shop.plugins.disable(&shop.owner, NAME, false).await.unwrap();
        other.reconcile().await.unwrap();
        assert_eq!(host.running(), None);
        shop.plugins.enable(&shop.owner, NAME).await.unwrap();
        other.reconcile().await.unwrap();
        shop.plugins.uninstall(&shop.owner, NAME, PluginData::Keep, false).await.unwrap();
        other.reconcile().await.unwrap();
        assert_eq!(host.running(), None);
        // What this server did itself is nothing new to it.
        assert_eq!(shop.plugins.reconcile().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_ranker_runs_in_the_shadow_until_it_is_enabled() {
    each_database(async |bed| {
        let shop = running(&bed).await;
        let (plugins, owner) = (&shop.plugins, &shop.owner);
        let payment = plugins.set_shadow(owner, NAME, true).await.unwrap_err();
        assert_eq!(payment.code(), ErrorCode::InvalidState);
        shop.install("acme/rank 1.0.0", None).await.unwrap();
        let shadow = plugins.set_shadow(owner, "acme/rank", true).await.unwrap();
        assert_eq!((shadow.shadow, shadow.state), (true, PluginState::Enabled));
        assert_eq!(shop.host.last.lock().unwrap().clone().unwrap().0, Role::Shadow);
        let active = plugins.enable(owner, "acme/rank").await.unwrap();
        assert_eq!((active.shadow, active.state), (false, PluginState::Enabled));
        assert_eq!(shop.host.last.lock().unwrap().clone().unwrap().0, Role::Active);
    })
    .await;
}

#[tokio::test]
async fn comparisons_are_added_up_over_flushes() {
    each_database(async |bed| {
        let shop = shop(&bed).await;
        shop.install("acme/rank 1.0.0", None).await.unwrap();
        let book = Arc::new(ShadowBook::default());
        let ids = |text: &str| text.chars().map(|c| c.to_string()).collect::<Vec<_>>();
        for order in ["abcd", "dcba"] {
            let pair = Pair { active: "lyceum/ranking-default".to_owned(), shadow: "acme/rank".to_owned() };
            let tally = Tally::Ranking(RankingTally::of(&ids("abcd"), &ids(order), [1000, 2000]));
            book.compare(async move { vec![(pair, tally)] });
            book.settle().await;
            book.flush(&bed.db).await.unwrap();
        }
        let reports = shop.plugins.shadow_report(&shop.owner, "acme/rank").await.unwrap();
        assert_eq!(reports.len(), 1);
        let (calls, tau) = (&reports[0].report["calls"], &reports[0].report["kendallTau"]);
        assert_eq!((calls, tau), (&json!(2), &json!(0.0)));
    })
    .await;
}

#[tokio::test]
async fn comparisons_of_several_servers_are_all_counted() {
    each_database(async |bed| {
        let shop = shop(&bed).await;
        let flushes = (0..8).map(|_| async {
            let (book, ids) = (Arc::new(ShadowBook::default()), ["a".to_owned(), "b".to_owned()]);
            let pair = Pair { active: "lyceum/ranking-default".to_owned(), shadow: "acme/rank".to_owned() };
            let tally = Tally::Ranking(RankingTally::of(&ids, &ids, [1000, 2000]));
            book.compare(async move { vec![(pair, tally)] });
            book.settle().await;
            book.flush(&bed.db).await.unwrap();
        });
        futures::future::join_all(flushes).await;
        shop.install("acme/rank 1.0.0", None).await.unwrap();
        let reports = shop.plugins.shadow_report(&shop.owner, "acme/rank").await.unwrap();
        assert_eq!((reports.len(), &reports[0].report["calls"]), (1, &json!(8)));
    })
    .await;
}

#[tokio::test]
async fn only_who_manages_plugins_is_told_or_obeyed() {
    each_database(async |bed| {
        let shop = staged(&bed).await;
        let (plugins, editor) = (&shop.plugins, bed.person("editor@example.com", &["editor"]).await);
        for (viewer, code) in [(Viewer::default(), ErrorCode::Unauthenticated), (editor, ErrorCode::Forbidden)] {
            assert_eq!(plugins.overview(&viewer, NAME).await.unwrap_err().code(), code);
            assert_eq!(plugins.approve(&viewer, NAME, "", None).await.unwrap_err().code(), code);
            assert_eq!(plugins.discard_staged(&viewer, NAME).await.unwrap_err().code(), code);
            assert_eq!(plugins.rollback(&viewer, NAME).await.unwrap_err().code(), code);
            assert_eq!(plugins.set_grants(&viewer, NAME, Grants::default()).await.unwrap_err().code(), code);
            assert_eq!(plugins.set_shadow(&viewer, NAME, true).await.unwrap_err().code(), code);
            assert_eq!(plugins.shadow_report(&viewer, NAME).await.unwrap_err().code(), code);
            assert_eq!(plugins.uninstall(&viewer, NAME, PluginData::Delete, true).await.unwrap_err().code(), code);
        }
        assert_eq!(shop.host.running().as_deref(), Some("1.0.0 {}"));
    })
    .await;
}
