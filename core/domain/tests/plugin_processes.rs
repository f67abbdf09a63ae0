//! Several processes on the same rows, and changes that are broken off.
#![allow(clippy::unwrap_used)]

mod owner;
mod people;

use std::sync::Arc;

use lyceum_domain::plugin::{Grants, PluginData, PluginState, Plugins, Role};
use lyceum_kernel::ErrorCode;
use owner::{Host, Shop, settings, shop};
use people::{Bed, each_database};
use sea_orm::{ConnectionTrait, Statement};

const RANK: &str = "acme/rank";

/// A server on which a plugin runs.
async fn serving(bed: &Bed) -> Shop {
    let shop = shop(bed).await;
    shop.install("acme/rank 1.0.0", None).await.unwrap();
    shop.plugins.enable(&shop.owner, RANK).await.unwrap();
    shop
}

/// One more process on the same database.
fn another(bed: &Bed) -> (Arc<Host>, Arc<Plugins>) {
    let host = Arc::new(Host::default());
    (host.clone(), Arc::new(Plugins::new(bed.db.clone(), host, settings(7))))
}

/// While `host` compiles the next plugin, `by` disables it.
fn disabled_meanwhile(host: &Host, by: &Arc<Plugins>, shop: &Shop) {
    let (by, owner) = (by.clone(), shop.owner.clone());
    let disabled = async move { drop(by.disable(&owner, RANK, false).await.unwrap()) };
    *host.meanwhile.lock().unwrap() = Some(Box::pin(disabled));
}

#[tokio::test]
async fn a_slow_update_does_not_undo_what_the_command_line_decided_meanwhile() {
    each_database(async |bed| {
        let shop = serving(&bed).await;
        let (_, command_line) = another(&bed);
        disabled_meanwhile(&shop.host, &command_line, &shop);
        let refused = shop.install("acme/rank 1.1.0", None).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Conflict);
        assert_eq!(
            refused.message(),
            "acme/rank was changed meanwhile by another server or the command line. Look at `pluginStatus`, then try \
             again."
        );
        let overview = shop.plugins.overview(&shop.owner, RANK).await.unwrap();
        assert_eq!((overview.plugin.version.as_str(), overview.plugin.state), ("1.0.0", PluginState::Disabled));
        assert_eq!(overview.versions, []);
        shop.plugins.reconcile().await.unwrap();
        assert_eq!(shop.host.running(), None);
        assert!(!bed.events().await.contains(&"plugin.updated".to_owned()));
        // Whoever has looked may go on.
        shop.install("acme/rank 1.1.0", None).await.unwrap();
        assert_eq!(shop.state(RANK).await, PluginState::Disabled);
    })
    .await;
}

#[tokio::test]
async fn a_grant_that_was_taken_away_meanwhile_does_not_come_back() {
    each_database(async |bed| {
        let shop = shop(&bed).await;
        let origin = "https://a.example";
        shop.install(&format!("{RANK} 1.0.0 {origin}"), Some(owner::asks(&[origin]))).await.unwrap();
        shop.plugins.enable(&shop.owner, RANK).await.unwrap();
        let (by, viewer) = (another(&bed).1, shop.owner.clone());
        let narrowed = async move { drop(by.set_grants(&viewer, RANK, Grants::default()).await.unwrap()) };
        *shop.host.meanwhile.lock().unwrap() = Some(Box::pin(narrowed));
        let refused = shop.plugins.set_config(&shop.owner, RANK, "{\"a\":1}").await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Conflict);
        let row = shop.plugins.installed(RANK).await.unwrap().unwrap();
        assert_eq!((row.grants, row.config.as_str()), (Grants::default(), "{}"));
        shop.plugins.reconcile().await.unwrap();
        assert_eq!(shop.host.last.lock().unwrap().clone().unwrap().2, Grants::default());
    })
    .await;
}

#[tokio::test]
async fn a_server_that_started_a_plugin_from_an_old_row_looks_again() {
    each_database(async |bed| {
        let shop = serving(&bed).await;
        let (host, starting) = another(&bed);
        disabled_meanwhile(&host, &shop.plugins, &shop);
        let outcomes = starting.activate_all().await.unwrap();
        assert_eq!((outcomes.len(), outcomes[0].error.as_deref()), (1, None));
        starting.reconcile().await.unwrap();
        assert_eq!((host.running(), shop.state(RANK).await), (None, PluginState::Disabled));

        // One that does not start either leaves the owner's word alone.
        shop.plugins.enable(&shop.owner, RANK).await.unwrap();
        bed.execute("UPDATE plugin_component SET component = $1", [b"acme/rank 1.0.0-broken".to_vec().into()]).await;
        let (host, starting) = another(&bed);
        disabled_meanwhile(&host, &shop.plugins, &shop);
        let outcomes = starting.activate_all().await.unwrap();
        assert!(outcomes[0].error.is_some());
        assert_eq!(shop.state(RANK).await, PluginState::Disabled);
        assert_eq!(another(&bed).1.activate_all().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn what_was_uninstalled_meanwhile_stays_gone() {
    each_database(async |bed| {
        let shop = serving(&bed).await;
        let (by, viewer) = (another(&bed).1, shop.owner.clone());
        let gone = async move {
            by.uninstall(&viewer, RANK, PluginData::Keep, false).await.unwrap();
        };
        *shop.host.meanwhile.lock().unwrap() = Some(Box::pin(gone));
        let refused = shop.plugins.set_config(&shop.owner, RANK, "{\"a\":1}").await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Conflict);
        assert_eq!(shop.plugins.all().await.unwrap(), []);
        shop.plugins.reconcile().await.unwrap();
        assert_eq!(shop.host.running(), None);
    })
    .await;
}

/// Begins something while another transaction holds the rows, and breaks it off
/// as soon as `so`: the client has hung up.
async fn broken_off<T>(bed: &Bed, begun: impl Future<Output = T>, so: impl Fn() -> bool) {
    let write = bed.db.write().await.unwrap();
    let hold = Statement::from_string(bed.db.dialect().backend(), "UPDATE plugin SET name = name");
    write.connection().execute_raw(hold).await.unwrap();
    let waiting = async {
        while !so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = begun => panic!("it waits for the rows"),
        () = waiting => {}
    }
}

#[tokio::test]
async fn a_change_that_is_broken_off_leaves_what_is_recorded_running() {
    each_database(async |bed| {
        let shop = serving(&bed).await;
        let (plugins, owner, host) = (&shop.plugins, &shop.owner, &shop.host);
        let is_off = || host.running().is_none();

        broken_off(&bed, plugins.disable(owner, RANK, false), is_off).await;
        plugins.reconcile().await.unwrap();
        assert_eq!((host.running().as_deref(), shop.state(RANK).await), (Some("1.0.0 {}"), PluginState::Enabled));

        broken_off(&bed, plugins.uninstall(owner, RANK, PluginData::Keep, false), is_off).await;
        plugins.reconcile().await.unwrap();
        assert_eq!(host.running().as_deref(), Some("1.0.0 {}"));

        let role = || host.last.lock().unwrap().clone().unwrap().0;
        broken_off(&bed, plugins.set_shadow(owner, RANK, true), || role() == Role::Shadow).await;
        plugins.reconcile().await.unwrap();
        assert_eq!(role(), Role::Active);

        plugins.disable(owner, RANK, false).await.unwrap();
        broken_off(&bed, plugins.enable(owner, RANK), || host.running().is_some()).await;
        plugins.reconcile().await.unwrap();
        assert_eq!((host.running(), shop.state(RANK).await), (None, PluginState::Disabled));
    })
    .await;
}
