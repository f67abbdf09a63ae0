//! The host: which plugins are active, and how one becomes so.
//!
//! **Invariants:** a plugin is put in place only after it was compiled, linked
//! and asked for its health; putting it there is one step, so a caller sees the
//! old one or the new one; a failed activation changes nothing.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use async_trait::async_trait;
use lyceum_domain::{
    content::{AfterHook, BeforeHook},
    identity::AuthProvider,
    job::JobRunner,
    moderation::Moderator,
    notification::Notifier,
    payment::PaymentProvider,
    plugin::{
        Activation, Extensions, FailureKind, FieldResolver, HostServices, Inspection, PluginFailure, PluginRuntime,
        Role, Usage,
    },
    ranking::Ranker,
};
use lyceum_kernel::{Clock, SystemClock};
use semver::Version;
use tokio::sync::Semaphore;
use wasmtime::component::InstancePre;

use crate::{
    cache::{CompileCache, CompileCounts},
    call::{Plugin, Surroundings},
    compile::{Compiler, Compiling},
    egress::{Egress, Exchange, Lookup, Secrets},
    engine::PluginEngine,
    extension::{Extension, Parts, unfit},
    grants::Granted,
    host::{self, CallState, Context, ContextParts},
    limits::{self, LimitTable},
    memory_services::MemoryServices,
    metrics_text::metrics_text,
    package::{Package, Rules},
    places::Places,
    record::Record,
    recording::Recorder,
};

/// What the host is made of.
pub struct PluginHostConfig {
    /// Where compiled components are kept; none: they are compiled at each start.
    pub cache_dir: Option<PathBuf>,
    pub clock: Arc<dyn Clock>,
    /// The owner's changes to the table of limits.
    pub limits: LimitTable,
    /// Largest component, in bytes.
    pub component_bytes: usize,
    /// Where answered calls are kept; none: they are not.
    pub recordings: Option<PathBuf>,
    /// Answers HTTP in the place of the network: then nothing leaves.
    pub exchanges: Option<Vec<Exchange>>,
    /// Looks names up in the place of this machine.
    pub names: Option<Arc<dyn Lookup>>,
    /// Compiles in a process of its own; none: in this one, without limits.
    pub compiler: Option<Compiler>,
}

impl Default for PluginHostConfig {
    fn default() -> Self {
        Self {
            cache_dir: None,
            clock: Arc::new(SystemClock),
            limits: LimitTable::default(),
            component_bytes: limits::COMPONENT_BYTES,
            recordings: None,
            exchanges: None,
            names: None,
            compiler: None,
        }
    }
}

/// Why there is no plugin host.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    #[error("{0}")]
    Engine(String),
    #[error("the plugin cache {path} cannot be used: {cause}")]
    Cache { path: PathBuf, cause: std::io::Error },
    #[error("plugins could not get a client for HTTP")]
    Http(#[from] reqwest::Error),
}

/// Runs plugins.
pub struct PluginHost {
    engine: &'static PluginEngine,
    compiling: Arc<Compiling>,
    clock: Arc<dyn Clock>,
    rules: Rules,
    egress: Arc<Egress>,
    slots: Arc<Semaphore>,
    places: Arc<Places>,
    recorder: Option<Arc<Recorder>>,
    /// What plugins ask of the domains; in memory until somebody attaches.
    services: OnceLock<Arc<dyn HostServices>>,
    /// The tally of each plugin, over its versions.
    kept: Mutex<BTreeMap<String, Arc<Record>>>,
}

impl PluginHost {
    /// # Errors
    /// The machine cannot run WASM, or the cache directory cannot be used.
    pub fn new(config: PluginHostConfig) -> Result<Self, HostError> {
        let cache = match config.cache_dir {
            Some(path) => CompileCache::open(&path).map_err(|cause| HostError::Cache { path, cause })?,
            None => CompileCache::default(),
        };
        let lyceum = Version::parse(env!("CARGO_PKG_VERSION")).expect("cargo checks the version");
        let egress = config.names.map_or_else(Egress::new, Egress::looking_up)?;
        let egress = match config.exchanges {
            Some(exchanges) => egress.scripted(exchanges),
            None => egress,
        };
        Ok(Self {
            engine: PluginEngine::shared().map_err(HostError::Engine)?,
            compiling: Compiling::new(cache, config.compiler),
            places: Places::new(Arc::clone(&config.clock)),
            clock: config.clock,
            rules: Rules { lyceum, component_bytes: config.component_bytes, limits: config.limits },
            egress: Arc::new(egress),
            recorder: config.recordings.map(|directory| Arc::new(Recorder::new(directory))),
            slots: Arc::new(Semaphore::new(limits::CALLS)),
            services: OnceLock::new(),
            kept: Mutex::default(),
        })
    }

    /// Components compiled and taken from the cache since the start.
    #[must_use]
    pub fn compile_counts(&self) -> CompileCounts {
        self.compiling.counts()
    }

    /// Keeps answered calls, when that is on.
    #[must_use]
    pub fn recorder(&self) -> Option<Arc<Recorder>> {
        self.recorder.clone()
    }

    /// How often a plugin was denied, by permission, over its versions.
    #[must_use]
    pub fn denials(&self, id: &str) -> BTreeMap<String, u64> {
        self.kept(id).tally.denials()
    }

    /// What all plugins used since the start, in the text format of Prometheus.
    #[must_use]
    pub fn metrics_text(&self) -> String {
        let ids: Vec<String> = self.kept.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
        let plugins: Vec<_> = ids.into_iter().map(|id| (id.clone(), self.usage(&id))).collect();
        metrics_text(&plugins)
    }

    fn services(&self) -> Arc<dyn HostServices> {
        Arc::clone(self.services.get_or_init(|| Arc::new(MemoryServices::default())))
    }

    fn kept(&self, id: &str) -> Arc<Record> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).entry(id.to_owned()).or_default().clone()
    }

    /// Compiles and links.
    async fn linked(&self, wasm: Arc<[u8]>, granted: &Granted) -> wasmtime::Result<InstancePre<CallState>> {
        let engine = &self.engine.engine;
        let component = self.compiling.component(engine, wasm).await?;
        host::linker(engine, granted)?.instantiate_pre(&component)
    }

    fn plugin(&self, package: &Package, granted: Granted, activation: Activation) -> Plugin {
        let Activation { config, mut secrets, .. } = activation;
        let record = self.kept(&package.manifest.id);
        secrets.retain(|name, _| granted.secrets.contains(name));
        let context = Context::new(ContextParts {
            id: package.inspection.id.clone(),
            version: package.inspection.version.clone(),
            config,
            granted,
            secrets: Secrets::new(secrets),
            services: self.services(),
            tally: Arc::clone(&record.tally),
            egress: Arc::clone(&self.egress),
            clock: Arc::clone(&self.clock),
        });
        let (clock, slots) = (Arc::clone(&self.clock), Arc::clone(&self.slots));
        let table = self.rules.limits.clone();
        let places = Arc::downgrade(&self.places);
        let surroundings = Surroundings { engine: self.engine, clock, record, table, slots, places };
        Plugin::new(context, &package.manifest.limits, surroundings)
    }

    /// # Errors
    /// Another plugin already is what this one would be.
    fn has_room_for(&self, package: &Package) -> Result<(), String> {
        let active = self.places.active();
        let mut others = active.iter().filter(|(id, _)| **id != package.manifest.id);
        others.try_for_each(|(_, extension)| extension.leaves_room_for(package))
    }

    /// The channels of messages that other plugins serve, with who does.
    fn carried_by_others(&self, package: &Package) -> BTreeMap<String, String> {
        let mut notifiers = self.notifiers();
        notifiers.retain(|notifier| notifier.name() != package.manifest.id);
        let served = |notifier: &Arc<dyn Notifier>| {
            let name = notifier.name().to_owned();
            notifier.channels().iter().map(move |channel| (channel.clone(), name.clone())).collect::<Vec<_>>()
        };
        notifiers.iter().flat_map(served).collect()
    }

    /// The parts of one kind, in the order of the plugins' ids.
    fn each<P>(&self, part: impl Fn(&Parts) -> Option<P>) -> Vec<P> {
        self.places.active().values().filter_map(|extension| part(&extension.parts)).collect()
    }
}

#[async_trait]
impl PluginRuntime for PluginHost {
    /// A plugin that already runs keeps what it was started with.
    fn attach(&self, services: Arc<dyn HostServices>) {
        if self.services.set(services).is_err() {
            tracing::error!("the plugin host was attached twice, or after a plugin was started");
        }
    }

    fn inspect(&self, wasm: &[u8]) -> Result<Inspection, PluginFailure> {
        Package::read(wasm, &self.rules).map(|package| package.inspection)
    }

    async fn activate(&self, activation: Activation) -> Result<Inspection, PluginFailure> {
        let package = Package::read(&activation.wasm, &self.rules)?;
        let refuse = |kind| {
            let inspection = &package.inspection;
            move |detail| unfit(inspection, kind, detail)
        };
        self.has_room_for(&package).map_err(refuse(FailureKind::Refused))?;
        let granted =
            Granted::check(&package.manifest.asks, &activation.grants).map_err(refuse(FailureKind::Denied))?;
        package.may_be_this_large(&granted.limits, &self.rules).map_err(refuse(FailureKind::Denied))?;
        let linked = self.linked(package.component(&activation.wasm), &granted).await;
        let pre = linked.map_err(|error| refuse(FailureKind::Compile)(format!("{error:#}")))?;
        let (previous, role) = (activation.previous_version.clone(), activation.role);
        let plugin = self.plugin(&package, granted, activation);
        // What is only compared carries nothing.
        let carried = if role == Role::Active { self.carried_by_others(&package) } else { BTreeMap::new() };
        let extension = Extension::start(&package, plugin, pre, previous.as_deref(), &carried).await?;
        self.places.put(&package.manifest.id, extension.in_role(role).recorded(self.recorder.as_ref()));
        Ok(package.inspection)
    }

    fn deactivate(&self, id: &str) {
        self.places.remove(id);
    }

    fn forget(&self, id: &str) {
        if let Some(Err(error)) = self.recorder.as_ref().map(|recorder| recorder.forget(id)) {
            tracing::warn!(plugin = id, %error, "the recorded calls of a plugin that is gone could not be removed");
        }
    }

    fn usage(&self, id: &str) -> Usage {
        match self.places.active().get(id) {
            Some(extension) => extension.plugin.usage(),
            None => self.kept(id).usage(false, |world| self.rules.limits.of(world)),
        }
    }
}

impl Extensions for PluginHost {
    fn payment_provider(&self, key: &str) -> Option<Arc<dyn PaymentProvider>> {
        self.each(|parts| parts.payments.clone()).into_iter().find(|payments| payments.key() == key)
    }

    fn payment_providers(&self) -> Vec<String> {
        self.each(|parts| Some(parts.payments.as_ref()?.key().to_owned()))
    }

    /// Of several, one from elsewhere before the one that comes with Lyceum.
    fn ranker(&self) -> Option<Arc<dyn Ranker>> {
        let mut rankers = self.each(|parts| parts.ranker.clone());
        rankers.sort_by_key(|ranker| ranker.name().starts_with("lyceum/"));
        rankers.into_iter().next()
    }

    fn moderators(&self) -> Vec<Arc<dyn Moderator>> {
        self.each(|parts| parts.moderator.clone())
    }

    fn shadow_rankers(&self) -> Vec<Arc<dyn Ranker>> {
        self.each(|parts| parts.shadow_ranker.clone())
    }

    fn shadow_moderators(&self) -> Vec<Arc<dyn Moderator>> {
        self.each(|parts| parts.shadow_moderator.clone())
    }

    fn before_hooks(&self) -> Vec<Arc<dyn BeforeHook>> {
        self.each(|parts| parts.before.clone())
    }

    fn after_hooks(&self) -> Vec<Arc<dyn AfterHook>> {
        self.each(|parts| parts.after.clone())
    }

    fn notifiers(&self) -> Vec<Arc<dyn Notifier>> {
        self.each(|parts| parts.notifier.clone())
    }

    fn auth_providers(&self) -> Vec<Arc<dyn AuthProvider>> {
        self.each(|parts| parts.auth.clone())
    }

    fn job_runners(&self) -> Vec<Arc<dyn JobRunner>> {
        self.each(|parts| parts.jobs.clone())
    }

    fn field_resolvers(&self) -> Vec<Arc<dyn FieldResolver>> {
        self.each(|parts| parts.fields.clone())
    }

    fn generation(&self) -> u64 {
        self.places.generation()
    }
}
