//! The wiring: from a configuration to running domains and a router.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::Router;
use lyceum_domain::{Choices, Domains, Ports, plugin::PluginSettings, search::SearchIndex};
use lyceum_graphql::{Api, ApiOptions, FieldCheck};
use lyceum_kernel::Clock;
use lyceum_plugin_host::{PluginHost, PluginHostConfig};
use lyceum_search::{EmbeddedIndex, MeilisearchIndex};
use lyceum_store::{Database, Options};
use sea_orm::{ConnectionTrait as _, Statement};
use sha2::{Digest as _, Sha256};

pub use crate::background::Background;
use crate::{
    StartError, background, compiler,
    config::{Config, Engine},
    first_party, http, keys, plugin_source, private_files, replace, schema,
    transport::Transport,
};

/// What an application is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To answer requests: with plugins and the search index.
    Serve,
    /// For one command beside a server that may be running: the embedded index
    /// belongs to that server.
    Command,
}

/// One Lyceum, ready to serve.
#[derive(Clone)]
pub struct App {
    domains: Domains,
    api: Arc<Api>,
    figures: http::metrics::Figures,
    settings: Arc<http::Settings>,
    transport: Arc<Transport>,
    beside: background::Beside,
}

impl App {
    /// Connects, brings the tables up to date, opens the index, starts the
    /// plugins that are enabled.
    ///
    /// # Errors
    /// What is in the way, with what to do about it.
    pub async fn open(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        Self::open_for(Purpose::Serve, config, clock).await
    }

    /// As [`App::open`], for one purpose.
    ///
    /// # Errors
    /// What is in the way, with what to do about it.
    pub async fn open_for(purpose: Purpose, config: &Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let transport = match purpose {
            Purpose::Serve => Transport::new(&config.server)?,
            Purpose::Command => Transport::local(),
        };
        prepare_directory(&config.data_dir)?;
        let database = connect(config, clock.clone()).await?;
        let types = schema::wanted(&config.content)?;
        schema::prepare(&database, &types, &config.locales, config.dev).await?;
        let model = Arc::new(schema::model(&types)?);
        let host = Arc::new(plugin_host(config, clock)?);
        let recorder = host.recorder();
        let search_index = search_index(purpose, config)?;
        let ports = Ports { extensions: host.clone(), plugin_runtime: host.clone(), search_index };
        let choices = Choices {
            locales: config.locales.clone(),
            identity: config.identity.0.clone(),
            token_key: keys::token_key(&config.data_dir, config.token_key.as_ref())?,
            payments: config.payment_settings(),
            comments_per_person: config.community.comments_per_person,
            retention: config.retention,
            plugins: plugin_settings(config, &database).await?,
        };
        let domains = Domains::open(database, model, ports, choices).await?;
        domains.plugins.get_packages_from(Arc::new(plugin_source::Network::new(config)));
        domains.plugins.check_additions_with(Arc::new(FieldCheck::new(domains.model.clone())));
        let revocations = plugin_source::revocations::Followed::of(config).map(Arc::new);
        if let Some(list) = &revocations {
            list.apply(&domains.plugins).await?;
        }
        if purpose == Purpose::Serve {
            activate_plugins(&domains).await?;
        }
        let (limits, max_age) = (config.graphql.limits, config.graphql.max_age);
        let options = ApiOptions { limits, dev: config.dev, max_age };
        let api = Api::new(domains.clone(), options)?;
        let figures = http::metrics::Figures::new(host, domains.clone(), config.metrics.clone());
        let settings = http::Settings { server: config.server.clone(), limits: config.limits, development: config.dev };
        let presence = config.dev.then(|| config.data_dir.clone());
        Ok(Self {
            domains,
            api,
            figures,
            settings: Arc::new(settings),
            transport,
            beside: background::Beside { recorder, presence, usage: config.data_dir.clone(), revocations },
        })
    }

    /// All routes, with request ids, logs and security headers.
    pub fn router(&self) -> Router {
        http::router(self.api.clone(), self.domains.clone(), self.figures.clone(), &self.settings)
    }

    /// How connections are accepted.
    pub(crate) fn transport(&self) -> &Arc<Transport> {
        &self.transport
    }

    #[must_use]
    pub fn domains(&self) -> &Domains {
        &self.domains
    }

    #[must_use]
    pub fn api(&self) -> &Arc<Api> {
        &self.api
    }

    /// Starts the work that no request waits for: the search index, and asking
    /// about open payments. It runs until [`Background::stop`].
    #[must_use]
    pub fn spawn_background(&self) -> Background {
        background::spawn(&self.domains, &self.beside)
    }
}

/// The database of a configuration, with its system tables up to date.
pub(crate) async fn connect(config: &Config, clock: Arc<dyn Clock>) -> Result<Database, StartError> {
    let mut options = match &config.database.url {
        Some(url) => Options::new(with_creation(url.expose())),
        None => Options::sqlite(&private_database(&config.data_dir)?),
    };
    options.read_connections = config.database.read_connections;
    options.statement = config.database.statement;
    options.synchronous = config.database.synchronous;
    let database = Database::connect(&options, clock).await?;
    database.migrate().await?;
    Ok(database)
}

/// The SQLite file of a data directory. When it is new only this user can read
/// it, and so it is with the files that SQLite makes beside it.
fn private_database(directory: &Path) -> Result<PathBuf, StartError> {
    let file = directory.join("lyceum.db");
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&file).map_err(|cause| StartError::DataDir { path: file.clone(), cause })?;
    Ok(file)
}

/// A SQLite file that is named by the operator is made too.
fn with_creation(url: &str) -> String {
    if url.starts_with("sqlite:") && !url.contains('?') && !url.contains(":memory:") {
        format!("{url}?mode=rwc")
    } else {
        url.to_owned()
    }
}

/// Makes the data directory, closes it to other users, and tries to write in it.
pub(crate) fn prepare_directory(directory: &Path) -> Result<(), StartError> {
    let refused = |cause| StartError::DataDir { path: directory.to_owned(), cause };
    private_files::from_now_on();
    std::fs::create_dir_all(directory).map_err(refused)?;
    private_files::close(directory);
    replace::try_in(directory).map_err(refused)?;
    for directory in [directory.to_owned(), directory.join("secrets")].iter().filter(|directory| directory.exists()) {
        replace::sweep(directory).map_err(refused)?;
    }
    Ok(())
}

fn plugin_host(config: &Config, clock: Arc<dyn Clock>) -> Result<PluginHost, StartError> {
    let recordings = config.plugins.recordings.then(|| config.data_dir.join("recordings"));
    let cache_dir = Some(config.data_dir.join("plugins"));
    let compiler = compiler::of_this_program();
    let config = PluginHostConfig { cache_dir, clock, recordings, compiler, ..PluginHostConfig::default() };
    PluginHost::new(config).map_err(|error| StartError::Plugins(error.to_string()))
}

async fn plugin_settings(config: &Config, database: &Database) -> Result<PluginSettings, StartError> {
    let built_in = first_party::COMPONENTS.iter().map(|(_, wasm)| hex::encode(Sha256::digest(wasm))).collect();
    let used = has_sealed_secrets(database).await?;
    let secret_key = keys::secret_key(&config.data_dir, config.plugins.secret_key.as_ref(), used)?;
    Ok(PluginSettings { policy: config.plugin_policy(), built_in, secret_key })
}

async fn has_sealed_secrets(database: &Database) -> Result<bool, StartError> {
    let sql = "SELECT 1 AS n FROM plugin_secret WHERE sealed LIMIT 1";
    let statement = Statement::from_string(database.dialect().backend(), sql);
    let found = database.reader().query_one_raw(statement).await.map_err(lyceum_store::failed)?;
    Ok(found.is_some())
}

fn search_index(purpose: Purpose, config: &Config) -> Result<Arc<dyn SearchIndex>, StartError> {
    let failed = |error: lyceum_domain::search::SearchError| StartError::Search(error.to_string());
    let search = &config.search;
    match (search.engine, purpose) {
        (Engine::Meilisearch, _) => {
            let (url, key) = (search.url.as_deref().unwrap_or_default(), search.key.as_ref().map(|key| key.expose()));
            let index = MeilisearchIndex::new(url, key, &search.index).map_err(failed)?;
            Ok(Arc::new(index))
        }
        (Engine::Embedded, Purpose::Command) => Ok(Arc::new(EmbeddedIndex::in_memory().map_err(failed)?)),
        (Engine::Embedded, Purpose::Serve) => {
            let directory = config.data_dir.join("search");
            std::fs::create_dir_all(&directory).map_err(|error| StartError::Search(error.to_string()))?;
            let index = EmbeddedIndex::open(&directory).map_err(failed)?;
            if let lyceum_search::Opening::Replaced(why) = index.opening() {
                tracing::warn!(why, "the search index could not be used and is made anew");
            }
            Ok(Arc::new(index))
        }
    }
}

async fn activate_plugins(domains: &Domains) -> Result<(), StartError> {
    for plugin in domains.plugins.activate_all().await? {
        match plugin.error {
            None => tracing::info!(plugin = plugin.name, version = plugin.version, "plugin started"),
            Some(error) => tracing::error!(plugin = plugin.name, version = plugin.version, error, "plugin failed"),
        }
    }
    Ok(())
}
