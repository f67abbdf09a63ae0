//! The configuration, one struct a concern.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use lyceum_domain::{
    identity::{HashingCost, IdentityConfig, Limit},
    limits, payment,
    plugin::{
        SecretKey,
        trust::{Policy, Signer, Unsigned, signer_of},
    },
    retention::RetentionSettings,
};
use lyceum_kernel::{Locale, Locales};
use lyceum_store::Synchronous;
use serde::Deserialize;

use super::{
    secret::Secret,
    server::{Limits, Server, limits, server},
    values::{ConfigError, Sources, Values},
};
use crate::plugin_source::host_of;

/// Everything the operator decides.
#[derive(Debug, Clone)]
pub struct Config {
    pub data_dir: PathBuf,
    /// Development mode.
    pub dev: bool,
    pub locales: Locales,
    pub server: Server,
    pub database: Database,
    pub content: Content,
    pub search: Search,
    pub identity: Identity,
    /// What signs access tokens, 32 bytes in hexadecimal; none: the key of the data directory.
    pub token_key: Option<Secret>,
    pub payments: Payments,
    pub community: Community,
    pub retention: RetentionSettings,
    pub plugins: Plugins,
    pub graphql: GraphqlApi,
    pub log: Log,
    pub metrics: Metrics,
    pub limits: Limits,
}

/// Where the data is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Absent: SQLite in the data directory. It may hold a password.
    pub url: Option<Secret>,
    pub read_connections: u32,
    /// How long one statement of a read may run.
    pub statement: Duration,
    /// For SQLite.
    pub synchronous: Synchronous,
}

/// Content types beside the built-in ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    pub dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    Embedded,
    Meilisearch,
}

/// Which search engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    pub engine: Engine,
    pub url: Option<String>,
    pub key: Option<Secret>,
    pub index: String,
}

/// Tokens, passwords, tries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity(pub IdentityConfig);

/// Merchant accounts and what a checkout may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payments {
    pub accounts: Vec<PaymentAccount>,
    pub return_hosts: Vec<String>,
    pub order_lifetime: Duration,
    pub open_orders: u32,
    pub checkouts_per_person: Limit,
}

/// What people say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Community {
    pub comments_per_person: Limit,
}

/// One `[[payments.accounts]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentAccount {
    /// The provider's key: `sandbox` for the plugin `payment-sandbox`.
    pub provider: String,
    /// The merchant account's id at the provider.
    pub account: String,
    /// Whether real money moves.
    #[serde(default)]
    pub live: bool,
    /// What the provider's plugin reads. No secrets: those are the plugin's.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
}

/// Which plugins are trusted, and how their secrets are kept.
#[derive(Debug, Clone)]
pub struct Plugins {
    pub unsigned: Unsigned,
    pub lock: Option<PathBuf>,
    /// Whether answered calls are kept.
    pub recordings: bool,
    /// A file or an address, and the key that signs it.
    pub revocations: Option<(String, Signer)>,
    /// Hosts inside the owner's network that packages may be fetched from over the API.
    pub private_hosts: Vec<String>,
    /// Under which their secrets are stored; none: the one of the data directory.
    pub secret_key: Option<SecretKey>,
}

/// Figures for a monitoring system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    pub enabled: bool,
    /// Who may read them from elsewhere than this machine.
    pub token: Option<Secret>,
}

/// The limits of one request, and how long its answer may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GraphqlApi {
    pub limits: lyceum_graphql::Limits,
    pub max_age: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Auto,
    Text,
    Json,
}

/// What is logged and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    pub filter: String,
}

impl Config {
    /// Reads and checks everything.
    ///
    /// # Errors
    /// All problems at once.
    pub fn read(sources: &Sources) -> Result<Self, ConfigError> {
        let mut values = sources.read();
        let config = Self::of(&mut values);
        let filter = config.log.filter.parse::<tracing_subscriber::EnvFilter>();
        values.check(filter.is_ok(), "log.filter", "it is no log filter");
        if values.problems.is_empty() { Ok(config) } else { Err(ConfigError(values.problems)) }
    }

    fn of(values: &mut Values) -> Self {
        Self {
            data_dir: values.get("data_dir"),
            dev: values.get("dev"),
            locales: locales(values),
            server: server(values),
            database: database(values),
            content: Content { dir: values.optional("content.dir").map(PathBuf::from) },
            search: search(values),
            identity: identity(values),
            token_key: token_key(values),
            payments: payments(values),
            community: community(values),
            retention: retention(values),
            plugins: plugins(values),
            graphql: graphql(values),
            log: Log { format: values.get("log.format"), filter: values.get("log.filter") },
            metrics: Metrics {
                enabled: values.get("metrics.enabled"),
                token: values.optional("metrics.token").map(Secret::new),
            },
            limits: limits(values),
        }
    }

    /// How clients reach the server, without a slash at the end.
    #[must_use]
    pub fn public_url(&self) -> String {
        let host =
            if self.server.host.contains(':') { format!("[{}]", self.server.host) } else { self.server.host.clone() };
        let reachable = if host == "0.0.0.0" { "127.0.0.1".to_owned() } else { host };
        let scheme = if self.server.tls.is_some() { "https" } else { "http" };
        self.server.public_url.clone().unwrap_or_else(|| format!("{scheme}://{reachable}:{}", self.server.port))
    }

    /// Whose plugins are installed.
    #[must_use]
    pub fn plugin_policy(&self) -> Policy {
        Policy { unsigned: self.plugins.unsigned, dev: self.dev }
    }

    /// Where `plugins.lock` lies.
    #[must_use]
    pub fn plugin_lock(&self) -> PathBuf {
        self.plugins.lock.clone().unwrap_or_else(|| self.data_dir.join("plugins.lock"))
    }

    /// What the payment domain is told.
    #[must_use]
    pub fn payment_settings(&self) -> payment::Settings {
        let base = self.public_url();
        let account = |own: &PaymentAccount| payment::ProviderAccount {
            provider: own.provider.clone(),
            account: payment::Account {
                id: own.account.clone(),
                live: own.live,
                settings: own.settings.clone().into_iter().collect(),
            },
            notify_url: format!("{base}/webhooks/payments/{}", own.provider),
            return_page_url: Some(format!("{base}/payments/return/{}", own.provider)),
        };
        payment::Settings {
            accounts: self.payments.accounts.iter().map(account).collect(),
            return_hosts: self.payments.return_hosts.clone(),
            public_url: Some(base),
            dev: self.dev,
            open_orders: self.payments.open_orders,
            checkouts_per_person: self.payments.checkouts_per_person,
            order_lifetime: self.payments.order_lifetime,
        }
    }
}

impl Default for Config {
    /// What holds without file, environment and flags.
    fn default() -> Self {
        Self::of(&mut Values::defaults())
    }
}

fn locales(values: &mut Values) -> Locales {
    let texts: Vec<String> = values.get("locales");
    let parsed: Result<Vec<Locale>, _> = texts.iter().map(|text| text.parse()).collect();
    let locales = parsed.and_then(Locales::new);
    if let Err(error) = &locales {
        values.check(false, "locales", &error.to_string());
    }
    locales.unwrap_or_default()
}

fn database(values: &mut Values) -> Database {
    let url = values.optional("database.url");
    let known = |url: &String| ["sqlite:", "postgres:", "postgresql:"].iter().any(|scheme| url.starts_with(scheme));
    values.check(url.as_ref().is_none_or(known), "database.url", "it must begin with sqlite: or postgres://");
    let read_connections = u32::try_from(values.within("database.read_connections", 1, 200)).unwrap_or(1);
    let synchronous: String = values.get("database.synchronous");
    values.check(
        matches!(synchronous.as_str(), "full" | "normal"),
        "database.synchronous",
        "it must be `full` or `normal`",
    );
    Database {
        url: url.map(Secret::new),
        read_connections,
        statement: Duration::from_secs(values.within("database.statement_seconds", 1, 60)),
        synchronous: if synchronous == "normal" { Synchronous::Normal } else { Synchronous::Full },
    }
}

fn search(values: &mut Values) -> Search {
    let search = Search {
        engine: values.get("search.engine"),
        url: values.optional("search.url"),
        key: values.optional("search.key").map(Secret::new),
        index: values.get("search.index"),
    };
    let reachable = search.engine == Engine::Embedded || search.url.is_some();
    values.check(reachable, "search.url", "search.engine is meilisearch: its address is needed");
    search
}

fn identity(values: &mut Values) -> Identity {
    const MINUTE: Duration = Duration::from_secs(60);
    let default = IdentityConfig::default();
    let mut tries = |name, default: Limit| limit(values, name, default);
    let sign_in_per_email_and_address =
        tries("identity.sign_in_per_email_and_address", default.sign_in_per_email_and_address);
    let sign_in_per_email = tries("identity.sign_in_per_email", default.sign_in_per_email);
    let sign_in_per_address = tries("identity.sign_in_per_address", default.sign_in_per_address);
    let refresh_per_person = tries("identity.refresh_per_person", default.refresh_per_person);
    let register_per_address = tries("identity.register_per_address", default.register_per_address);
    let mail_per_email = tries("identity.mail_per_email", default.mail_per_email);
    let mail_per_address = tries("identity.mail_per_address", default.mail_per_address);
    let begin_per_address = tries("identity.begin_per_address", default.begin_per_address);
    let (email_link, redirect_uris) = (email_link(values), redirect_uris(values));
    let mut number = |name, least, most| u32::try_from(values.within(name, least, most)).unwrap_or(1);
    Identity(IdentityConfig {
        access_token_ttl: MINUTE * number("identity.access_token_minutes", 1, 1440),
        refresh_token_ttl: 24 * 60 * MINUTE * number("identity.refresh_token_days", 1, 400),
        session_ttl: 24 * 60 * MINUTE * number("identity.session_days", 1, 3650),
        refresh_grace: Duration::from_secs(number("identity.refresh_grace_seconds", 0, 600).into()),
        hashing: HashingCost {
            memory_kib: number("identity.hash_memory_kib", 8192, 1 << 20),
            passes: number("identity.hash_passes", 1, 20),
            ..HashingCost::default()
        },
        password_min: number("identity.password_min", 8, 100) as usize,
        sign_in_per_email_and_address,
        sign_in_per_email,
        sign_in_per_address,
        refresh_per_person,
        register_per_address,
        mail_per_email,
        mail_per_address,
        begin_per_address,
        email_link,
        redirect_uris,
        member_list: values.get("community.member_list"),
    })
}

fn token_key(values: &mut Values) -> Option<Secret> {
    let text = values.optional("identity.token_key")?;
    let digits = text.trim();
    let whole = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    values.check(whole, "identity.token_key", "it must be 64 hexadecimal digits");
    Some(Secret::new(digits))
}

fn is_web_address(text: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| text.len() > scheme.len() && text.starts_with(scheme))
}

fn email_link(values: &mut Values) -> Option<String> {
    let link = values.optional("identity.email_link")?;
    let whole = is_web_address(&link) && link.contains("{token}") && !link.contains(char::is_whitespace);
    values.check(whole, "identity.email_link", "it must begin with http:// or https:// and have {token} in it");
    Some(link)
}

fn redirect_uris(values: &mut Values) -> Vec<String> {
    let listed: Vec<String> = values.get("identity.redirect_uris");
    let whole =
        listed.iter().all(|uri| is_web_address(uri) && !uri.contains('#') && !uri.contains(char::is_whitespace));
    values.check(whole, "identity.redirect_uris", "each must begin with http:// or https:// and have no #");
    listed
}

fn payments(values: &mut Values) -> Payments {
    let accounts: Vec<PaymentAccount> = values.get("payments.accounts");
    let twice = accounts.iter().enumerate().find(|(i, a)| accounts[..*i].iter().any(|b| b.provider == a.provider));
    if let Some((_, account)) = twice {
        let problem = format!("two accounts have the provider \"{}\"", account.provider);
        values.check(false, "payments.accounts", &problem);
    }
    let return_hosts: Vec<String> = values.get("payments.return_hosts");
    let named = !return_hosts.is_empty() || !accounts.iter().any(|account| account.live);
    let text = "an account is live: name the hosts that buyers come back to, or links on your own page lead anywhere";
    values.check(named, "payments.return_hosts", text);
    let whole = return_hosts.iter().all(|host| host_of(host).is_some());
    values.check(whole, "payments.return_hosts", "each must be a host such as app.example.org, without scheme or port");
    Payments {
        accounts,
        return_hosts,
        open_orders: u32::try_from(values.within("payments.open_orders", 1, 1000)).unwrap_or(1),
        checkouts_per_person: limit(values, "payments.checkouts_per_person", limits::CHECKOUT.limit()),
        order_lifetime: Duration::from_secs(3600 * values.within("payments.order_hours", 1, 72)),
    }
}

/// A limit of which the tries are configured.
fn limit(values: &mut Values, name: &'static str, default: Limit) -> Limit {
    Limit { tries: u32::try_from(values.within(name, 1, 1_000_000)).unwrap_or(1), ..default }
}

fn community(values: &mut Values) -> Community {
    Community { comments_per_person: limit(values, "community.comments_per_person", limits::COMMENT.limit()) }
}

fn retention(values: &mut Values) -> RetentionSettings {
    let mut days = |name| Duration::from_secs(24 * 3600 * values.within(name, 1, 3650));
    RetentionSettings {
        webhook_requests: days("retention.webhook_days"),
        samples: days("retention.sample_days"),
        events: days("retention.event_days"),
    }
}

fn plugins(values: &mut Values) -> Plugins {
    let unsigned: String = values.get("plugins.unsigned");
    values.check(
        matches!(unsigned.as_str(), "dev-only" | "deny"),
        "plugins.unsigned",
        "it must be `dev-only` or `deny`",
    );
    let (place, key) = (values.optional("plugins.revocations"), values.optional("plugins.revocation_key"));
    let together = place.is_some() == key.is_some();
    values.check(together, "plugins.revocations", "it needs plugins.revocation_key, and the other way round");
    let key = key.map(|key| signer_of(&key));
    if let Some(Err(problem)) = &key {
        values.check(false, "plugins.revocation_key", problem);
    }
    Plugins {
        unsigned: if unsigned == "deny" { Unsigned::Deny } else { Unsigned::DevOnly },
        lock: values.optional("plugins.lock").map(PathBuf::from),
        recordings: values.get("plugins.recordings"),
        revocations: place.zip(key.and_then(Result::ok)),
        private_hosts: private_hosts(values),
        secret_key: secret_key(values),
    }
}

fn private_hosts(values: &mut Values) -> Vec<String> {
    let listed: Vec<String> = values.get("plugins.private_hosts");
    let hosts = listed.iter().all(|host| host_of(host).is_some());
    values.check(
        hosts,
        "plugins.private_hosts",
        "each must be a host such as registry.internal, without scheme or port",
    );
    listed
}

fn secret_key(values: &mut Values) -> Option<SecretKey> {
    let text = values.optional("plugins.secret_key")?;
    let key = hex::decode(text.trim()).ok().and_then(|bytes| SecretKey::new(&bytes).ok());
    values.check(key.is_some(), "plugins.secret_key", "it must be 64 hexadecimal digits");
    key
}

fn graphql(values: &mut Values) -> GraphqlApi {
    let mut number = |name, most| values.within(name, 1, most);
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let limits = lyceum_graphql::Limits {
        query_bytes: number("graphql.query_bytes", 1 << 20) as usize,
        tokens: number("graphql.tokens", 100_000) as usize,
        depth: number("graphql.depth", 60) as usize,
        cost: number("graphql.cost", 10_000_000),
        fields: number("graphql.fields", 10_000),
        aliases: number("graphql.aliases", 10_000) as usize,
        conditions: number("graphql.conditions", 1000) as usize,
        filter_relations: number("graphql.filter_relations", 100) as usize,
        filter_values: number("graphql.filter_values", 100_000) as usize,
        page_size: small(number("graphql.page_size", 10_000)),
        default_page_size: small(number("graphql.default_page_size", 10_000)),
        body_bytes: number("graphql.body_bytes", 64 << 20) as usize,
        root_fields: number("graphql.root_fields", 1000) as usize,
        query_time: Duration::from_secs(number("graphql.query_seconds", 300)),
        mutation_time: Duration::from_secs(number("graphql.mutation_seconds", 300)),
        cost_per_minute: values.within("graphql.cost_per_minute", 0, 1_000_000_000),
    };
    let fits = limits.default_page_size <= limits.page_size;
    values.check(fits, "graphql.default_page_size", "it must not be larger than graphql.page_size");
    let max_age = Duration::from_secs(values.within("graphql.max_age_seconds", 0, 86_400));
    GraphqlApi { limits, max_age }
}
