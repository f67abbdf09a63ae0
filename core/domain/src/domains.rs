//! All domains of one server, put together.

use std::sync::Arc;

use lyceum_kernel::{Locales, Result};
use lyceum_model::TypeModel;
use lyceum_store::Database;

use crate::{
    community::{Community, ModeratedComments},
    content::Contents,
    identity::{Identity, IdentityConfig, TokenKey},
    membership::Memberships,
    moderation::Moderation,
    payment::{Payments, Settings},
    plugin::{Extensions, PluginRuntime, Plugins},
    ranking::Ranking,
    search::{Search, SearchIndex},
};

/// Every use case there is. Cheap to clone.
#[derive(Clone)]
pub struct Domains {
    pub database: Database,
    pub model: Arc<TypeModel>,
    pub locales: Locales,
    pub identity: Arc<Identity>,
    pub contents: Contents,
    pub memberships: Memberships,
    pub payments: Arc<Payments>,
    pub moderation: Arc<Moderation>,
    pub community: Arc<Community>,
    pub ranking: Arc<Ranking>,
    pub search: Search,
    pub plugins: Arc<Plugins>,
}

/// What the domains are given from outside.
pub struct Ports {
    pub extensions: Arc<dyn Extensions>,
    pub plugin_runtime: Arc<dyn PluginRuntime>,
    pub search_index: Arc<dyn SearchIndex>,
}

/// What the operator decides.
pub struct Choices {
    pub locales: Locales,
    pub identity: IdentityConfig,
    pub token_key: TokenKey,
    pub payments: Settings,
}

impl Domains {
    /// # Errors
    /// Internal, when the database does not answer.
    pub async fn open(database: Database, model: Arc<TypeModel>, ports: Ports, choices: Choices) -> Result<Self> {
        let identity = Identity::open(database.clone(), choices.identity, choices.token_key).await?;
        let contents = Contents::new(database.clone(), model.clone(), choices.locales.clone());
        let shelf = Arc::new(contents.clone());
        let moderation =
            Arc::new(Moderation::new(database.clone(), ports.extensions.clone(), vec![Arc::new(ModeratedComments)]));
        Ok(Self {
            identity: Arc::new(identity),
            memberships: Memberships::new(database.clone()),
            payments: Arc::new(Payments::new(
                database.clone(),
                ports.extensions.clone(),
                shelf.clone(),
                choices.payments,
            )),
            community: Arc::new(Community::new(database.clone(), moderation.clone(), shelf)),
            moderation,
            ranking: Arc::new(Ranking::new(ports.extensions)),
            search: Search::new(contents.clone(), ports.search_index),
            plugins: Arc::new(Plugins::new(database.clone(), ports.plugin_runtime)),
            contents,
            database,
            model,
            locales: choices.locales,
        })
    }
}
