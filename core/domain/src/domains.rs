//! All domains of one server, put together.

use std::{sync::Arc, time::Duration};

use lyceum_kernel::{Locales, Result};
use lyceum_model::TypeModel;
use lyceum_store::{Database, work::Work};

use crate::{
    community::{Community, ModeratedComments},
    content::{AfterHooks, Contents},
    identity::{EmailProofs, Identity, IdentityConfig, Limit, SignIns, TokenKey},
    job::Jobs,
    membership::Memberships,
    moderation::Moderation,
    notification::Notifications,
    payment::{Payments, Settings},
    plugin::{Attendant, Desk, Extensions, PluginRuntime, PluginSettings, Plugins, ShadowBook, delivery::Deliveries},
    ranking::Ranking,
    retention::{Retention, RetentionSettings},
    search::{Search, SearchIndex},
};

/// Every use case there is. Cheap to clone.
#[derive(Clone)]
pub struct Domains {
    pub database: Database,
    pub model: Arc<TypeModel>,
    pub locales: Locales,
    pub identity: Arc<Identity>,
    pub email_proofs: Arc<EmailProofs>,
    pub sign_ins: Arc<SignIns>,
    pub notifications: Arc<Notifications>,
    pub contents: Contents,
    pub memberships: Memberships,
    pub payments: Arc<Payments>,
    pub moderation: Arc<Moderation>,
    pub community: Arc<Community>,
    pub ranking: Arc<Ranking>,
    pub retention: Retention,
    pub search: Search,
    pub plugins: Arc<Plugins>,
    /// What the plugin host asks of the domains, and what it told.
    pub plugin_desk: Arc<Desk>,
    /// Comparisons of plugins in the shadow, until they are written down.
    pub shadows: Arc<ShadowBook>,
    /// What plugins are still to be told.
    pub deliveries: Deliveries,
    pub after_hooks: Arc<AfterHooks>,
    pub jobs: Jobs,
    pub extensions: Arc<dyn Extensions>,
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
    pub comments_per_person: Limit,
    pub retention: RetentionSettings,
    pub plugins: PluginSettings,
}

impl Domains {
    /// Everything that is done in the background. What is recorded of plugins is
    /// followed at the given interval.
    #[must_use]
    pub fn work(&self, reconcile_every: Duration) -> Vec<Work> {
        [
            self.search.work(),
            self.payments.work(),
            self.retention.work(),
            self.deliveries.work(
                self.extensions.clone(),
                vec![self.after_hooks.clone()],
                vec![self.after_hooks.clone(), self.notifications.clone()],
            ),
            self.jobs.work(),
            self.plugins.work(reconcile_every),
            self.shadows.work(self.database.clone()),
        ]
        .concat()
    }

    /// # Errors
    /// Internal, when the database does not answer.
    pub async fn open(database: Database, model: Arc<TypeModel>, ports: Ports, choices: Choices) -> Result<Self> {
        let identity = Arc::new(Identity::open(database.clone(), choices.identity, choices.token_key).await?);
        let contents =
            Contents::new(database.clone(), model.clone(), choices.locales.clone(), ports.extensions.clone());
        let shelf = Arc::new(contents.clone());
        let deliveries = Deliveries::new(database.clone());
        let (key, dev) = (choices.plugins.secret_key.clone(), choices.plugins.policy.dev);
        let notifications =
            Arc::new(Notifications::new(deliveries.clone(), ports.extensions.clone(), key.clone(), dev));
        let (extensions, locales) = (ports.extensions.clone(), choices.locales.clone());
        let sign_ins = SignIns::new(identity.clone(), extensions, key.clone(), locales, dev);
        let shadows = Arc::new(ShadowBook::default());
        let moderation = Moderation::new(database.clone(), ports.extensions.clone(), vec![Arc::new(ModeratedComments)]);
        let moderation = Arc::new(moderation.compared_in(shadows.clone()));
        let plugins = Arc::new(Plugins::new(database.clone(), ports.plugin_runtime.clone(), choices.plugins));
        let plugin_desk = Arc::new(Desk::new(contents.clone()));
        ports.plugin_runtime.attach(Arc::new(Attendant::new(plugin_desk.clone(), &plugins)));
        Ok(Self {
            email_proofs: Arc::new(EmailProofs::new(identity.clone(), notifications.clone())),
            sign_ins: Arc::new(sign_ins),
            notifications,
            identity,
            memberships: Memberships::new(database.clone()),
            payments: Arc::new(Payments::new(
                database.clone(),
                ports.extensions.clone(),
                shelf.clone(),
                choices.payments,
                key,
            )),
            community: Arc::new(
                Community::new(database.clone(), moderation.clone(), shelf).limited(choices.comments_per_person),
            ),
            moderation,
            ranking: Arc::new(Ranking::new(ports.extensions.clone()).compared_in(shadows.clone())),
            retention: Retention::new(database.clone(), choices.retention),
            search: Search::new(contents.clone(), ports.search_index),
            plugins,
            plugin_desk,
            shadows,
            after_hooks: Arc::new(AfterHooks::new(contents.clone(), deliveries.clone())),
            deliveries,
            jobs: Jobs::new(database.clone(), ports.extensions.clone()),
            extensions: ports.extensions,
            contents,
            database,
            model,
            locales: choices.locales,
        })
    }
}
