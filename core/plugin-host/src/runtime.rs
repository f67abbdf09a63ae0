//! The host: which plugins are active, and how one becomes so.
//!
//! **Invariants:** a plugin is put in place only after it was compiled, linked
//! and asked for its health; putting it there is one step, so a caller sees the
//! old one or the new one; a failed activation changes nothing.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use lyceum_domain::{
    moderation::Moderator,
    payment::PaymentProvider,
    plugin::{Activation, Extensions, FailureKind, Inspection, PluginFailure, PluginRuntime, Usage},
    ranking::Ranker,
};
use lyceum_kernel::{Clock, SystemClock};
use semver::Version;
use tokio::sync::Semaphore;
use wasmtime::component::InstancePre;

use crate::{
    cache::{CompileCache, CompileCounts},
    call::{Plugin, Record, Surroundings},
    egress::{Egress, Secrets},
    engine::PluginEngine,
    grants::Granted,
    host::{self, CallState, Context, ContextParts, KvStore},
    limits::{self, LimitTable},
    package::{Package, Rules},
    worlds::{self, PluginModerator, PluginPayments, PluginRanker},
};

/// Calls under way at once, over all plugins. The engine has more instances
/// than that, so that kept ones never starve the others.
const CALLS: usize = 64;

/// What the host is made of.
pub struct PluginHostConfig {
    /// Where compiled components are kept; none: they are compiled at each start.
    pub cache_dir: Option<PathBuf>,
    pub clock: Arc<dyn Clock>,
    /// The owner's changes to the table of limits.
    pub limits: LimitTable,
    /// Largest component, in bytes.
    pub component_bytes: usize,
}

impl Default for PluginHostConfig {
    fn default() -> Self {
        Self {
            cache_dir: None,
            clock: Arc::new(SystemClock),
            limits: LimitTable::default(),
            component_bytes: limits::COMPONENT_BYTES,
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
    cache: Arc<CompileCache>,
    clock: Arc<dyn Clock>,
    rules: Rules,
    egress: Arc<Egress>,
    slots: Arc<Semaphore>,
    active: ArcSwap<Active>,
    /// Tally and store of each plugin, over its versions.
    kept: Mutex<BTreeMap<String, Kept>>,
}

#[derive(Default, Clone)]
struct Kept {
    record: Arc<Record>,
    kv: Arc<KvStore>,
}

/// The active plugins by id.
type Active = BTreeMap<String, Arc<Extension>>;

/// What an active plugin does.
struct Extension {
    plugin: Arc<Plugin>,
    payments: Option<Arc<dyn PaymentProvider>>,
    ranker: Option<Arc<dyn Ranker>>,
    moderator: Option<Arc<dyn Moderator>>,
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
        Ok(Self {
            engine: PluginEngine::shared().map_err(HostError::Engine)?,
            cache: Arc::new(cache),
            clock: config.clock,
            rules: Rules { lyceum, component_bytes: config.component_bytes, limits: config.limits },
            egress: Arc::new(Egress::new()?),
            slots: Arc::new(Semaphore::new(CALLS)),
            active: ArcSwap::default(),
            kept: Mutex::default(),
        })
    }

    /// Components compiled and taken from the cache since the start.
    #[must_use]
    pub fn compile_counts(&self) -> CompileCounts {
        self.cache.counts()
    }

    /// How often an active plugin was denied, by interface.
    #[must_use]
    pub fn denials(&self, id: &str) -> BTreeMap<&'static str, u64> {
        let active = self.active.load();
        let denials = active.get(id).map(|extension| extension.plugin.context().denials()).unwrap_or_default();
        denials.into_iter().map(|(capability, count)| (capability.name(), count)).collect()
    }

    fn kept(&self, id: &str) -> Kept {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).entry(id.to_owned()).or_default().clone()
    }

    /// Compiles and links. Compiling in a process of its own is to come; here it
    /// is a blocking task.
    async fn linked(&self, wasm: Arc<[u8]>, granted: &Granted) -> wasmtime::Result<InstancePre<CallState>> {
        let (cache, engine) = (Arc::clone(&self.cache), &self.engine.engine);
        let component = tokio::task::spawn_blocking(move || cache.component(engine, &wasm)).await??;
        host::linker(engine, granted)?.instantiate_pre(&component)
    }

    fn plugin(&self, package: &Package, granted: Granted, activation: Activation) -> Plugin {
        let Activation { config, mut secrets, .. } = activation;
        let Kept { record, kv } = self.kept(&package.manifest.id);
        secrets.retain(|name, _| granted.secrets.contains(name));
        let context = Context::new(ContextParts {
            id: package.inspection.id.clone(),
            version: package.inspection.version.clone(),
            config,
            granted,
            secrets: Secrets::new(secrets),
            kv,
            egress: Arc::clone(&self.egress),
            clock: Arc::clone(&self.clock),
        });
        let (clock, slots) = (Arc::clone(&self.clock), Arc::clone(&self.slots));
        let table = self.rules.limits.clone();
        let surroundings = Surroundings { engine: self.engine, clock, record, table, slots };
        Plugin::new(context, package.manifest.memory, surroundings)
    }

    /// Two plugins with one key would answer for each other.
    fn key_is_free(&self, package: &Package) -> Result<(), String> {
        let id = &package.manifest.id;
        let key = worlds::provider_key(id);
        let active = self.active.load();
        let other = active.iter().find(|(other, extension)| {
            *other != id && extension.payments.as_ref().is_some_and(|payments| payments.key() == key)
        });
        match other {
            Some((other, _)) if package.exports(worlds::PROVIDER) => {
                Err(format!("the plugin `{other}` already is the payment provider `{key}`: disable it first"))
            }
            _ => Ok(()),
        }
    }

    fn put(&self, id: &str, extension: Extension) {
        let extension = Arc::new(extension);
        self.active.rcu(|active| {
            let mut next = Active::clone(active);
            next.insert(id.to_owned(), Arc::clone(&extension));
            next
        });
    }
}

/// A failure to bring a plugin into service.
fn unfit(inspection: &Inspection, kind: FailureKind, detail: String) -> PluginFailure {
    PluginFailure {
        plugin: inspection.id.clone(),
        version: inspection.version.clone(),
        world: "lifecycle".into(),
        function: "activate".into(),
        kind,
        detail,
    }
}

impl Extension {
    /// Binds the exports, and asks the guest whether it can serve.
    async fn start(package: &Package, plugin: Plugin, pre: InstancePre<CallState>) -> Result<Self, PluginFailure> {
        let plugin = Arc::new(plugin);
        let misshapen = |error: wasmtime::Error| unfit(&package.inspection, FailureKind::Compile, format!("{error:#}"));
        if package.exports(worlds::LIFECYCLE) {
            worlds::check_health(&plugin, &pre).await?;
        } else {
            worlds::check_instance(&plugin, &pre).await?;
        }
        let mut extension = Self { plugin: Arc::clone(&plugin), payments: None, ranker: None, moderator: None };
        if package.exports(worlds::PROVIDER) {
            let payments = PluginPayments::new(Arc::clone(&plugin), pre.clone()).map_err(misshapen)?;
            extension.payments = Some(Arc::new(payments));
        }
        if package.exports(worlds::MODERATOR) {
            let moderator = PluginModerator::new(Arc::clone(&plugin), pre.clone()).map_err(misshapen)?;
            extension.moderator = Some(Arc::new(moderator));
        }
        if package.exports(worlds::RANKER) {
            let pre = PluginRanker::pre(pre).map_err(misshapen)?;
            extension.ranker = Some(Arc::new(PluginRanker::start(plugin, pre, package.manifest.stateless).await?));
        }
        Ok(extension)
    }
}

#[async_trait]
impl PluginRuntime for PluginHost {
    fn inspect(&self, wasm: &[u8]) -> Result<Inspection, PluginFailure> {
        Package::read(wasm, &self.rules).map(|package| package.inspection)
    }

    async fn activate(&self, activation: Activation) -> Result<Inspection, PluginFailure> {
        let package = Package::read(&activation.wasm, &self.rules)?;
        let refuse = |kind| {
            let inspection = &package.inspection;
            move |detail| unfit(inspection, kind, detail)
        };
        self.key_is_free(&package).map_err(refuse(FailureKind::Refused))?;
        let granted =
            Granted::check(&package.manifest.asks, &activation.grants).map_err(refuse(FailureKind::Denied))?;
        let linked = self.linked(Arc::clone(&activation.wasm), &granted).await;
        let pre = linked.map_err(|error| refuse(FailureKind::Compile)(format!("{error:#}")))?;
        let plugin = self.plugin(&package, granted, activation);
        let extension = Extension::start(&package, plugin, pre).await?;
        self.put(&package.manifest.id, extension);
        Ok(package.inspection)
    }

    fn deactivate(&self, id: &str) {
        self.active.rcu(|active| {
            let mut next = Active::clone(active);
            next.remove(id);
            next
        });
    }

    fn usage(&self, id: &str) -> Usage {
        match self.active.load().get(id) {
            Some(extension) => extension.plugin.usage(),
            None => self.kept(id).record.usage(false),
        }
    }
}

impl Extensions for PluginHost {
    fn payment_provider(&self, key: &str) -> Option<Arc<dyn PaymentProvider>> {
        let active = self.active.load();
        active.values().filter_map(|extension| extension.payments.clone()).find(|payments| payments.key() == key)
    }

    fn payment_providers(&self) -> Vec<String> {
        let active = self.active.load();
        active.values().filter_map(|extension| Some(extension.payments.as_ref()?.key().to_owned())).collect()
    }

    /// Of several, one from elsewhere before the one that comes with Lyceum.
    fn ranker(&self) -> Option<Arc<dyn Ranker>> {
        let active = self.active.load();
        let mut rankers: Vec<_> = active.iter().filter_map(|(id, e)| Some((id, e.ranker.clone()?))).collect();
        rankers.sort_by_key(|(id, _)| id.starts_with("lyceum/"));
        rankers.into_iter().next().map(|(_, ranker)| ranker)
    }

    fn moderators(&self) -> Vec<Arc<dyn Moderator>> {
        self.active.load().values().filter_map(|extension| extension.moderator.clone()).collect()
    }
}
