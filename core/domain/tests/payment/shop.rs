//! A shop to test in: a real database, a clock turned by hand, the fake
//! provider, a tier with a plan, and people.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use lyceum_domain::{
    membership::{CreatePlan, Interval, Memberships},
    payment::{
        Account, Balance, Catalog, Checkout, CheckoutOutcome, Payments, ProviderAccount, Reply, SellableCourse,
        Settings, Status, trial_balance,
    },
    plugin::SecretKey,
};
use lyceum_kernel::{
    Action, Clock, Currency, Failure, Id, ManualClock, Money, Result, RowScope, Rule, Rules, Timestamp, Viewer,
};
use lyceum_store::{Database, Options, Write};
use sea_orm::{ConnectionTrait, QueryResult, Statement};

use crate::gateway::{Gateway, Note, OnlyFake};

pub const PRICE: Money = Money::new(1900, Currency::CNY);

/// Courses by what their ids say, which a test chooses.
#[derive(Default)]
pub struct Shelf {
    state: Mutex<Stock>,
}

#[derive(Default)]
struct Stock {
    deleted: Vec<Id>,
    reprice: Option<i64>,
    tier: Option<Id>,
}

#[async_trait]
impl Catalog for Shelf {
    async fn sellable_course(&self, id: Id) -> Result<Option<SellableCourse>> {
        let stock = self.state.lock().expect("no test panics within");
        let course = |price: Option<i64>, published| {
            let price = price.map(|minor| Money::new(minor, Currency::CNY));
            Some(SellableCourse { id, title: "Rust".into(), price, published, tier: stock.tier })
        };
        Ok(match id {
            id if stock.deleted.contains(&id) => None,
            id if id == Shelf::priced() => course(Some(stock.reprice.unwrap_or(9900)), true),
            id if id == Shelf::free() => course(Some(0), true),
            id if id == Shelf::unpriced() => course(None, true),
            id if id == Shelf::draft() => course(Some(9900), false),
            _ => None,
        })
    }

    async fn course_exists(&self, _: &Write, id: Id) -> Result<bool> {
        Ok(self.sellable_course(id).await?.is_some())
    }
}

impl Shelf {
    pub fn delete(&self, id: Id) {
        self.state.lock().expect("no test panics within").deleted.push(id);
    }
    /// The priced course has this price from now on.
    pub fn reprice(&self, minor: i64) {
        self.state.lock().expect("no test panics within").reprice = Some(minor);
    }
    /// The courses are read by the members of this tier.
    pub fn open_by(&self, tier: Id) {
        self.state.lock().expect("no test panics within").tier = Some(tier);
    }
    pub fn priced() -> Id {
        Id::from_bits(101)
    }
    pub fn free() -> Id {
        Id::from_bits(102)
    }
    pub fn unpriced() -> Id {
        Id::from_bits(103)
    }
    pub fn draft() -> Id {
        Id::from_bits(104)
    }
}

pub struct Shop {
    pub db: Database,
    pub clock: Arc<ManualClock>,
    pub gateway: Arc<Gateway>,
    pub shelf: Arc<Shelf>,
    pub payments: Payments,
    pub memberships: Memberships,
    pub buyer: Viewer,
    pub admin: Viewer,
    pub tier: Id,
    pub plan: Id,
    keeper: Keeper,
}

/// What goes when the shop closes.
enum Keeper {
    Sqlite(tempfile::TempDir),
    Postgres { server: String, name: String },
}

/// A shop on each database that is there: SQLite always, PostgreSQL when
/// `LYCEUM_TEST_POSTGRES_URL` names a server.
pub async fn shops() -> Vec<Shop> {
    let mut shops = vec![sqlite().await];
    if let Ok(server) = std::env::var("LYCEUM_TEST_POSTGRES_URL") {
        shops.push(postgres(server).await);
    }
    shops
}

async fn sqlite() -> Shop {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let options = Options::sqlite(&dir.path().join("lyceum.db"));
    Shop::open(options, Keeper::Sqlite(dir)).await
}

async fn postgres(server: String) -> Shop {
    let name = format!("lyceum_payment_{}", Id::new());
    run_on_server(&server, &format!("CREATE DATABASE {name}")).await;
    let (base, query) = server.split_once('?').map_or((server.as_str(), String::new()), |(b, q)| (b, format!("?{q}")));
    let host = base.rsplit_once('/').expect("the URL names a database").0;
    let options = Options::new(format!("{host}/{name}{query}"));
    Shop::open(options, Keeper::Postgres { server, name }).await
}

async fn run_on_server(server: &str, sql: &str) {
    let connection = sea_orm::Database::connect(server).await.expect("the PostgreSQL server answers");
    connection.execute_unprepared(sql).await.expect("the server runs it");
    connection.close().await.expect("the connection closes");
}

pub fn viewer(rules: Vec<Rule>) -> Viewer {
    Viewer { user: Some(Id::new()), rules: Arc::new(Rules::new(rules)), ..Viewer::default() }
}

fn secret() -> SecretKey {
    SecretKey::new(&[5; 32]).expect("32 bytes")
}

pub fn settings() -> Settings {
    let account = Account { id: "shop".into(), live: false, settings: Vec::new() };
    let provider = ProviderAccount {
        provider: "fake".into(),
        account,
        notify_url: "https://learn.example/webhooks/payments/fake".into(),
        return_page_url: None,
    };
    Settings { accounts: vec![provider], return_hosts: vec!["learn.example".into()], ..Settings::default() }
}

impl Shop {
    async fn open(options: Options, keeper: Keeper) -> Self {
        let start: Timestamp = "2026-03-01T09:00:00Z".parse().expect("a time");
        let clock = Arc::new(ManualClock::at(start));
        let db = Database::connect(&options, clock.clone()).await.expect("the database answers");
        db.migrate().await.expect("the migrations apply");
        let gateway = Arc::new(Gateway::default());
        let fake = Arc::new(OnlyFake(gateway.clone()));
        let shelf = Arc::new(Shelf::default());
        let payments = Payments::new(db.clone(), fake, shelf.clone(), settings(), secret());
        let memberships = Memberships::new(db.clone());
        let all = Rule { subject: "*".into(), actions: vec![Action::Manage], rows: RowScope::All, fields: None };
        let admin = viewer(vec![all]);
        let names = vec![("en".parse().expect("a locale"), "Gold".to_owned())];
        let tier = memberships.create_tier(&admin, "gold", names, 20).await.expect("a tier").id;
        let plan = CreatePlan { key: None, tier, interval: Interval::Month, price: PRICE, trial_days: 0 };
        let plan = memberships.create_plan(&admin, plan).await.expect("a plan").id;
        Self { db, clock, gateway, shelf, payments, memberships, buyer: viewer(Vec::new()), admin, tier, plan, keeper }
    }

    /// Closes the database and removes it.
    pub async fn close(self) {
        self.db.close().await.expect("the database closes");
        match self.keeper {
            Keeper::Sqlite(dir) => dir.close().expect("the directory goes"),
            Keeper::Postgres { server, name } => {
                run_on_server(&server, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
            }
        }
    }

    pub fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// A server that starts anew on the same database.
    pub fn restarted(&self) -> Payments {
        self.server(settings())
    }

    /// One more server, with other settings.
    pub fn server(&self, settings: Settings) -> Payments {
        let fake = Arc::new(OnlyFake(self.gateway.clone()));
        Payments::new(self.db.clone(), fake, self.shelf.clone(), settings, secret())
    }

    /// A person with an account.
    pub async fn person(&self, email: &str, verified: bool) -> Viewer {
        let person = viewer(Vec::new());
        let (id, since) = (person.user.expect("signed in"), if verified { "'now'" } else { "NULL" });
        self.run(&format!(
            "INSERT INTO user_account (id, email, name, password_hash, locale, created_at, updated_at, email_verified_at) \
             VALUES ('{id}', '{email}', 'Ana', '', 'en', 'now', 'now', {since})"
        ))
        .await;
        person
    }

    pub fn order_of_plan(&self, key: &str) -> Checkout {
        Checkout {
            plan_id: Some(self.plan),
            course_id: None,
            provider: "fake".into(),
            return_url: "https://learn.example/thanks".into(),
            idempotency_key: key.into(),
        }
    }

    pub fn order_of_course(&self, course: Id, key: &str) -> Checkout {
        Checkout { plan_id: None, course_id: Some(course), ..self.order_of_plan(key) }
    }

    pub async fn check_out(&self, key: &str) -> Result<CheckoutOutcome, Failure> {
        self.payments.checkout(&self.buyer, self.order_of_plan(key)).await
    }

    /// Orders the plan and gives the order and its merchant reference.
    pub async fn ordered(&self, key: &str) -> (Id, String) {
        let outcome = self.check_out(key).await.expect("the order is placed");
        (outcome.order_id, self.reference_of(outcome.order_id).await)
    }

    pub async fn paid(&self, key: &str) -> (Id, String) {
        let (order, reference) = self.ordered(key).await;
        self.gateway.set(&reference, Status::Succeeded);
        let reply = self.notify(&Note::payment(&format!("paid-{key}"), &reference, Status::Succeeded, PRICE)).await;
        assert_eq!(reply.status, 200);
        (order, reference)
    }

    pub async fn notify(&self, note: &Note) -> Reply {
        self.payments.receive_webhook("fake", note.signed("good")).await
    }

    pub async fn sweep(&self) {
        self.payments.query_open(self.clock.now()).await.expect("the janitor runs");
    }

    pub async fn reference_of(&self, order: Id) -> String {
        self.text(&format!("SELECT merchant_ref AS x FROM payment WHERE order_id = '{order}'")).await
    }

    /// `state` of the order.
    pub async fn state(&self, order: Id) -> String {
        self.text(&format!("SELECT state AS x FROM customer_order WHERE id = '{order}'")).await
    }

    pub async fn payment_state(&self, order: Id) -> String {
        self.text(&format!("SELECT state AS x FROM payment WHERE order_id = '{order}'")).await
    }

    async fn row(&self, sql: &str) -> QueryResult {
        let statement = Statement::from_string(self.db.dialect().backend(), sql);
        self.db.reader().query_one_raw(statement).await.expect("it runs").expect("there is a row")
    }

    pub async fn run(&self, sql: &str) {
        let write = self.db.write().await.expect("a transaction begins");
        write.connection().execute_unprepared(sql).await.expect("it runs");
        write.commit().await.expect("it commits");
    }

    pub async fn text(&self, sql: &str) -> String {
        self.row(sql).await.try_get("", "x").expect("a text")
    }

    pub async fn count(&self, from: &str) -> i64 {
        self.row(&format!("SELECT COUNT(*) AS x FROM {from}")).await.try_get("", "x").expect("a number")
    }

    pub async fn events(&self, name: &str) -> i64 {
        self.count(&format!("outbox WHERE name = '{name}'")).await
    }

    /// Whether the buyer has the tier now.
    pub async fn entitled(&self) -> bool {
        let user = self.buyer.user.expect("the buyer is signed in");
        self.memberships.entitlements_of(user).await.expect("it runs").tiers.contains(&self.tier)
    }

    /// Balances by account, without the order's id in receivables.
    pub async fn balances(&self) -> Vec<(String, i128)> {
        let balances = trial_balance(self.db.reader()).await.expect("it runs");
        assert_eq!(balances.iter().map(|b| b.minor).sum::<i128>(), 0, "{balances:?}");
        balances.into_iter().map(|Balance { account, minor, .. }| (account, minor)).collect()
    }
}

/// Balances as written in a test.
pub fn balances(list: &[(&str, i128)]) -> Vec<(String, i128)> {
    list.iter().map(|(account, minor)| ((*account).to_owned(), *minor)).collect()
}
