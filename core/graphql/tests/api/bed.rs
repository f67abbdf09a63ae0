//! A server without HTTP: a fresh database, an administrator, no plugins.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use lyceum_domain::{
    Choices, Domains, Ports,
    identity::{Actor, CreateUser, HashingCost, IdentityConfig, Password, Peer, TokenKey},
    payment::Settings,
    plugin::{
        Activation, Extensions, FailureKind, FieldResolver, Inspection, PluginFailure, PluginRuntime, PluginSettings,
        SecretKey, Usage,
        trust::{Policy, Unsigned},
    },
};
use lyceum_graphql::{Answer, Api, ApiOptions, Asker, GraphqlRequest, Limits};
use lyceum_kernel::{Id, Locales, ManualClock, Viewer};
use lyceum_model::content::ContentType;
use lyceum_search::EmbeddedIndex;
use lyceum_store::{Database, Options, StatementLog, schema};
use sea_orm::ConnectionTrait;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

pub struct Bed {
    pub api: Arc<Api>,
    pub domains: Domains,
    pub clock: Arc<ManualClock>,
    pub fields: Arc<PluginFields>,
    pub admin: Viewer,
    _directory: Option<TempDir>,
}

/// Tells a story once on each database.
pub async fn each_database(story: impl AsyncFn(&Bed)) {
    each_database_with(lyceum_model::content::built_in().unwrap(), story).await;
}

/// The same with other content types than the built-in ones.
pub async fn each_database_with(content: Vec<ContentType>, story: impl AsyncFn(&Bed)) {
    let directory = TempDir::new().unwrap();
    let options = Options::sqlite(&directory.path().join("lyceum.db"));
    story(&Bed::open(&options, Limits::default(), Some(directory), content.clone()).await).await;
    match std::env::var("LYCEUM_TEST_POSTGRES_URL") {
        Ok(server) => on_postgres(&server, content, story).await,
        Err(_) if std::env::var_os("LYCEUM_TEST_STRICT").is_some() => panic!("LYCEUM_TEST_POSTGRES_URL is not set"),
        Err(_) => eprintln!("SKIPPED on PostgreSQL: LYCEUM_TEST_POSTGRES_URL is not set"),
    }
}

async fn on_postgres(server: &str, content: Vec<ContentType>, story: impl AsyncFn(&Bed)) {
    let name = format!("lyceum_test_{}", Id::new());
    let admin = sea_orm::Database::connect(server).await.unwrap();
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    let bed = Bed::open(&Options::new(format!("{base}/{name}")), Limits::default(), None, content).await;
    story(&bed).await;
    drop(bed);
    admin.execute_unprepared(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
}

impl Bed {
    pub async fn open(
        options: &Options,
        limits: Limits,
        directory: Option<TempDir>,
        content: Vec<ContentType>,
    ) -> Self {
        // The cause of an internal failure stands in the log only.
        let _ = tracing_subscriber::fmt()
            .with_test_writer()
            .with_max_level(tracing_subscriber::filter::LevelFilter::ERROR)
            .try_init();
        let clock = Arc::new(ManualClock::at("2026-11-21T09:00:00Z".parse().unwrap()));
        let database = Database::connect(options, clock.clone()).await.unwrap();
        database.migrate().await.unwrap();
        let proposal = schema::plan(&database, &content).await.unwrap();
        let how =
            schema::Apply { allow_destructive: false, default_locale: Locales::default().default_locale().clone() };
        schema::apply(&database, &proposal.plan, &how).await.unwrap();
        let model = lyceum_domain::types::model(lyceum_model::content::resolve(&content)).unwrap();
        let hashing = HashingCost { memory_kib: 8, passes: 1, ..HashingCost::default() };
        let choices = Choices {
            locales: Locales::default(),
            identity: IdentityConfig { hashing, ..IdentityConfig::default() },
            token_key: TokenKey::new(&[7; 32]).unwrap(),
            payments: Settings::default(),
            comments_per_person: lyceum_domain::limits::COMMENT.limit(),
            retention: lyceum_domain::retention::RetentionSettings::default(),
            plugins: PluginSettings {
                policy: Policy { unsigned: Unsigned::DevOnly, dev: true },
                built_in: BTreeSet::new(),
                secret_key: SecretKey::new(&[7; 32]).unwrap(),
            },
        };
        let fields = Arc::new(PluginFields::default());
        let ports = Ports {
            extensions: fields.clone(),
            plugin_runtime: Arc::new(NoRuntime),
            search_index: Arc::new(EmbeddedIndex::in_memory().unwrap()),
        };
        let domains = Domains::open(database, Arc::new(model), ports, choices).await.unwrap();
        let api = Api::new(domains.clone(), ApiOptions { limits, ..ApiOptions::default() }).unwrap();
        let mut bed = Self { api, domains, clock, fields, admin: Viewer::default(), _directory: directory };
        bed.admin = bed.user("admin@example.com", &["admin"]).await;
        bed
    }

    /// A signed-in user with these roles.
    pub async fn user(&self, email: &str, roles: &[&str]) -> Viewer {
        let identity = &self.domains.identity;
        let input = CreateUser {
            email: email.into(),
            password: Password::new("correct horse battery"),
            name: email.split('@').next().unwrap().into(),
            locale: "en".parse().unwrap(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        };
        identity.create_user(Actor::System, input).await.unwrap();
        let password = Password::new("correct horse battery");
        let session = identity.sign_in(email, &password, None, &Peer::default()).await.unwrap();
        identity.viewer_for(Some(session.access_token.expose())).await.unwrap()
    }

    /// The viewer as the next request would load it.
    pub fn visitor(&self) -> Viewer {
        self.domains.identity.visitor()
    }

    /// The whole response, or `{"refused": code}`.
    pub async fn ask(&self, viewer: &Viewer, query: &str, variables: Json) -> Json {
        let asker = Asker { viewer: viewer.clone(), ..Asker::default() };
        let variables = variables.as_object().cloned().unwrap_or_default();
        let request = GraphqlRequest { query: query.to_owned(), variables, ..GraphqlRequest::default() };
        match self.api.run(request, &asker).await {
            Answer::Ran(ran) => serde_json::from_str(&ran.body).unwrap_or_else(|error| panic!("{error}: {}", ran.body)),
            Answer::Refused(refused) => {
                let failure = &refused.0[0];
                json!({ "refused": failure.code().name(), "message": failure.message(), "path": failure.path() })
            }
        }
    }

    /// The data of a request that must have no error.
    pub async fn data(&self, viewer: &Viewer, query: &str, variables: Json) -> Json {
        let response = self.ask(viewer, query, variables).await;
        assert!(response.get("errors").is_none() && response.get("refused").is_none(), "{query}: {response}");
        response["data"].clone()
    }

    /// The code of the only error of a request.
    pub async fn code(&self, viewer: &Viewer, query: &str, variables: Json) -> String {
        let response = self.ask(viewer, query, variables).await;
        let code = response["errors"][0]["extensions"]["code"].as_str().or(response["refused"].as_str());
        code.unwrap_or_else(|| panic!("{query} did not fail: {response}")).to_owned()
    }

    /// How many statements a request runs.
    pub async fn statements(&self, viewer: &Viewer, query: &str) -> usize {
        let log = Arc::new(StatementLog::default());
        log.clone().record(self.data(viewer, query, json!({}))).await;
        log.statements().len()
    }

    /// Makes a course and publishes it; returns its id.
    pub async fn course(&self, input: Json) -> String {
        let create = "mutation ($input: CreateCourseInput!) { createCourse(input: $input) { course { id } } }";
        let made = self.data(&self.admin, create, json!({ "input": input })).await;
        let id = made["createCourse"]["course"]["id"].as_str().unwrap().to_owned();
        let publish = "mutation ($id: ID!) { publishCourse(input: { id: $id }) { course { status } } }";
        self.data(&self.admin, publish, json!({ "id": id })).await;
        self.clock.advance(Duration::from_secs(1));
        id
    }

    pub async fn lesson(&self, input: Json) -> String {
        let create = "mutation ($input: CreateLessonInput!) { createLesson(input: $input) { lesson { id } } }";
        let made = self.data(&self.admin, create, json!({ "input": input })).await;
        let id = made["createLesson"]["lesson"]["id"].as_str().unwrap().to_owned();
        let publish = "mutation ($id: ID!) { publishLesson(input: { id: $id }) { lesson { status } } }";
        self.data(&self.admin, publish, json!({ "id": id })).await;
        id
    }
}

/// Plugins with nothing but fields. It stands in for the plugin host.
#[derive(Default)]
pub struct PluginFields {
    resolvers: Mutex<Vec<Arc<dyn FieldResolver>>>,
    generation: AtomicU64,
}

impl PluginFields {
    pub fn put(&self, resolvers: Vec<Arc<dyn FieldResolver>>) {
        *self.resolvers.lock().unwrap() = resolvers;
        self.generation.fetch_add(1, Ordering::SeqCst);
    }
}

impl Extensions for PluginFields {
    fn field_resolvers(&self) -> Vec<Arc<dyn FieldResolver>> {
        self.resolvers.lock().unwrap().clone()
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }
}

struct NoRuntime;

#[async_trait]
impl PluginRuntime for NoRuntime {
    fn inspect(&self, _wasm: &[u8]) -> Result<Inspection, PluginFailure> {
        Err(none())
    }

    async fn activate(&self, _activation: Activation) -> Result<Inspection, PluginFailure> {
        Err(none())
    }

    fn deactivate(&self, _id: &str) {}

    fn usage(&self, _id: &str) -> Usage {
        Usage::default()
    }
}

fn none() -> PluginFailure {
    PluginFailure {
        plugin: "none".into(),
        version: String::new(),
        world: String::new(),
        function: String::new(),
        kind: FailureKind::Compile,
        detail: "this test has no plugin host".into(),
    }
}
