//! A running application.

use std::{sync::Arc, time::Duration};

use lyceum::{
    Stop,
    app::App,
    config::{Config, PaymentAccount},
    serve,
};
use lyceum_domain::identity::{Actor, CreateUser, Password};
use lyceum_kernel::{ErrorCode, ManualClock};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value as Json, json};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{Gateway, PASSWORD, Person, Place, gateway, plugins, until};

/// One application on its own port, with an administrator.
pub struct TestApp {
    pub app: App,
    pub clock: Arc<ManualClock>,
    /// `http://127.0.0.1:port`
    pub address: String,
    pub admin: Person,
    gateway: Option<Gateway>,
    stop: Stop,
    serving: JoinHandle<()>,
}

/// How an application is to be started.
#[must_use]
pub struct Start<'p> {
    place: &'p Place,
    gateway: bool,
    plugins: Vec<&'static str>,
    change: Box<dyn Fn(&mut Config) + 'p>,
}

impl<'p> Start<'p> {
    pub(crate) fn new(place: &'p Place) -> Self {
        Self { place, gateway: false, plugins: Vec::new(), change: Box::new(|_| ()) }
    }

    /// With a payment provider beside it and the plugin that speaks to it.
    pub fn that_sells(mut self) -> Self {
        self.gateway = true;
        self.plugins.push("payment-sandbox");
        self
    }

    pub fn with_ranker(mut self) -> Self {
        self.plugins.push("ranking-default");
        self
    }

    pub fn with_moderator(mut self) -> Self {
        self.plugins.push("moderation-wordlist");
        self
    }

    /// With another configuration.
    pub fn configured(mut self, change: impl Fn(&mut Config) + 'p) -> Self {
        self.change = Box::new(change);
        self
    }

    /// What it would be started with, for a test that starts it otherwise.
    #[must_use]
    pub fn config(self) -> Config {
        let mut config = self.place.config(0);
        (self.change)(&mut config);
        config
    }

    /// Starts it. At the second start in one place, people and data are there.
    pub async fn start(self) -> TestApp {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let gateway = if self.gateway { Some(Gateway::start(self.place.clock.clone()).await) } else { None };
        let mut config = self.place.config(port);
        config.payments.accounts = gateway.iter().map(account).collect();
        (self.change)(&mut config);
        let app = App::open(&config, self.place.clock.clone()).await.unwrap_or_else(|error| panic!("{error}"));
        let address = format!("http://127.0.0.1:{port}");
        administrator(&app).await;
        let stop = Stop::default();
        let serving = tokio::spawn(serving(app.clone(), listener, stop.clone()));
        let admin = Person::nobody(&address).signed_in("admin@example.com").await;
        let app = TestApp { app, clock: self.place.clock.clone(), address, admin, gateway, stop, serving };
        for name in self.plugins {
            plugins::install_first_party(&app, name).await;
        }
        app
    }
}

fn account(gateway: &Gateway) -> PaymentAccount {
    PaymentAccount {
        provider: "sandbox".to_owned(),
        account: gateway::ACCOUNT.to_owned(),
        live: false,
        settings: [("gateway-url".to_owned(), gateway.origin.clone())].into(),
    }
}

async fn serving(app: App, listener: TcpListener, stop: Stop) {
    serve(&app, listener, &stop, Duration::from_secs(5)).await.unwrap();
}

/// As `lyceum user create --role admin`; at a second start there is one.
async fn administrator(app: &App) {
    match create_user(app, "admin@example.com", &["admin"]).await {
        Ok(()) => {}
        Err(failure) => assert_eq!(failure.code(), ErrorCode::Conflict, "{failure:?}"),
    }
}

async fn create_user(app: &App, email: &str, roles: &[&str]) -> lyceum_kernel::Result<()> {
    let input = CreateUser {
        email: email.to_owned(),
        password: Password::new(PASSWORD),
        name: email.split('@').next().unwrap_or_default().to_owned(),
        locale: "en".parse().unwrap(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
    };
    app.domains().identity.create_user(Actor::System, input).await.map(drop)
}

impl TestApp {
    /// The payment provider.
    ///
    /// # Panics
    /// When the application was not started with [`Start::that_sells`].
    #[must_use]
    pub fn gateway(&self) -> &Gateway {
        self.gateway.as_ref().expect("the application was started with a payment provider")
    }

    #[must_use]
    pub fn visitor(&self) -> Person {
        Person::nobody(&self.address)
    }

    /// Somebody who registers over the API.
    pub async fn member(&self, name: &str) -> Person {
        self.visitor().registered(&format!("{name}@example.com"), name).await
    }

    /// Somebody with a role, signed in.
    pub async fn with_role(&self, role: &str, name: &str) -> Person {
        let email = format!("{name}@example.com");
        create_user(&self.app, &email, &[role]).await.unwrap();
        self.visitor().signed_in(&email).await
    }

    /// Waits until the indexes of all nodes hold what is published.
    pub async fn indexed(&self) {
        let behind = "SELECT 1 FROM outbox WHERE position > \
                      COALESCE((SELECT MIN(position) FROM outbox_consumer WHERE name LIKE 'search%'), 0)";
        let database = &self.app.domains().database;
        until("the index has caught up", async || {
            self.app.domains().search.index_pending().await.unwrap();
            let statement = Statement::from_string(database.dialect().backend(), behind);
            database.reader().query_one_raw(statement).await.unwrap().is_none().then_some(())
        })
        .await;
    }

    /// A tier with a monthly plan; returns both ids.
    pub async fn tier(&self, key: &str, rank: i64, price: i64) -> (String, String) {
        let create = "mutation ($key: String!, $rank: Int!) { createTier(input: { key: $key, rank: $rank, names: [{ locale: \"en\", text: $key }] }) { tier { id } } }";
        let made = self.admin.data(create, json!({ "key": key, "rank": rank })).await;
        let tier = text(&made["createTier"]["tier"]["id"]);
        let create = "mutation ($tier: ID!, $minor: Long!) { createPlan(input: { tierId: $tier, interval: MONTH, price: { minor: $minor, currency: \"CNY\" } }) { plan { id } } }";
        let made = self.admin.data(create, json!({ "tier": tier, "minor": price })).await;
        (tier, text(&made["createPlan"]["plan"]["id"]))
    }

    /// Ends it; requests under way finish.
    pub async fn stop(self) {
        self.stop.now();
        self.serving.await.unwrap();
    }
}

pub(crate) fn text(value: &Json) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
