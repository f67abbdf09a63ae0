//! An active plugin: what it does, by the traits of the domain.
//!
//! **Invariant:** an [`Extension`] exists only when every export was bound and
//! the guest said that it can serve.

use std::{collections::BTreeMap, sync::Arc};

use lyceum_domain::{
    content::{AfterHook, BeforeHook},
    identity::AuthProvider,
    job::JobRunner,
    moderation::Moderator,
    notification::Notifier,
    payment::PaymentProvider,
    plugin::{FailureKind, FieldResolver, HooksAsked, Inspection, PluginFailure, Role},
    ranking::Ranker,
};
use wasmtime::component::InstancePre;

use crate::{
    call::Plugin,
    host::CallState,
    package::Package,
    recording::Recorder,
    worlds::{
        self, PluginAfterHook, PluginAuth, PluginBeforeHook, PluginFields, PluginJobs, PluginModerator, PluginNotifier,
        PluginPayments, PluginRanker,
    },
};

pub(crate) struct Extension {
    pub plugin: Arc<Plugin>,
    pub parts: Parts,
}

/// One part for each world that the plugin implements.
#[derive(Default)]
pub(crate) struct Parts {
    pub payments: Option<Arc<dyn PaymentProvider>>,
    pub ranker: Option<Arc<dyn Ranker>>,
    pub moderator: Option<Arc<dyn Moderator>>,
    pub before: Option<Arc<dyn BeforeHook>>,
    pub after: Option<Arc<dyn AfterHook>>,
    pub notifier: Option<Arc<dyn Notifier>>,
    pub auth: Option<Arc<dyn AuthProvider>>,
    pub jobs: Option<Arc<dyn JobRunner>>,
    pub fields: Option<Arc<dyn FieldResolver>>,
    /// What is only compared with the parts that serve.
    pub shadow_ranker: Option<Arc<dyn Ranker>>,
    pub shadow_moderator: Option<Arc<dyn Moderator>>,
}

impl Parts {
    /// The parts that can be compared, and nothing that serves.
    fn in_shadow(self) -> Self {
        Self { shadow_ranker: self.ranker, shadow_moderator: self.moderator, ..Self::default() }
    }
}

impl Extension {
    /// Binds the exports, asks the guest whether it can serve, and lets it bring
    /// its store up from `previous`, the version that ran before. That comes
    /// last: a plugin that was refused has changed nothing. `carried`: the
    /// channels that other plugins carry, with who does.
    ///
    /// # Errors
    /// Why the plugin cannot serve.
    pub async fn start(
        package: &Package,
        plugin: Plugin,
        pre: InstancePre<CallState>,
        previous: Option<&str>,
        carried: &BTreeMap<String, String>,
    ) -> Result<Self, PluginFailure> {
        let plugin = Arc::new(plugin);
        let has_life = package.exports(worlds::LIFECYCLE);
        if has_life {
            worlds::check_config(&plugin, &pre).await?;
            worlds::check_health(&plugin, &pre).await?;
        } else {
            worlds::check_instance(&plugin, &pre).await?;
        }
        let parts = Binding { package, plugin: &plugin, pre: &pre }.parts().await?;
        carries_no_others(&parts, carried).map_err(|why| unfit(&package.inspection, FailureKind::Refused, why))?;
        if let Some(previous) = previous.filter(|version| has_life && **version != package.inspection.version) {
            worlds::migrate(&plugin, &pre, previous).await?;
        }
        Ok(Self { plugin, parts })
    }

    /// The same as `role` wants it.
    pub fn in_role(self, role: Role) -> Self {
        match role {
            Role::Active => self,
            Role::Shadow => Self { parts: self.parts.in_shadow(), ..self },
        }
    }

    /// The same, with its answered calls kept.
    pub fn recorded(self, recorder: Option<&Arc<Recorder>>) -> Self {
        match recorder {
            Some(recorder) => Self { parts: recorder.wrap(self.parts), ..self },
            None => self,
        }
    }

    /// What two plugins cannot both be, or they would answer for each other.
    ///
    /// # Errors
    /// What this one already is.
    pub fn leaves_room_for(&self, package: &Package) -> Result<(), String> {
        let (taken, id) = (&self.plugin.context().id, &package.manifest.id);
        let (payment, auth) = (worlds::provider_key(id), worlds::auth_key(id));
        let pays = self.parts.payments.as_ref().is_some_and(|payments| payments.key() == payment);
        if pays && package.exports(worlds::PROVIDER) {
            return Err(format!("the plugin `{taken}` already is the payment provider `{payment}`: disable it first"));
        }
        let signs_in = self.parts.auth.as_ref().is_some_and(|provider| provider.key() == auth);
        if signs_in && package.exports(worlds::AUTH_PROVIDER) {
            return Err(format!("the plugin `{taken}` already is the sign-in provider `{auth}`: disable it first"));
        }
        Ok(())
    }
}

/// The owner knows who is given the codes for new passwords: no plugin comes
/// between by serving a channel that another one serves.
fn carries_no_others(parts: &Parts, carried: &BTreeMap<String, String>) -> Result<(), String> {
    let mut channels = parts.notifier.iter().flat_map(|notifier| notifier.channels());
    match channels.find_map(|channel| Some((channel, carried.get(channel)?))) {
        Some((channel, taken)) => Err(format!("the plugin `{taken}` already carries `{channel}`: disable it first")),
        None => Ok(()),
    }
}

/// A failure to bring a plugin into service.
pub(crate) fn unfit(inspection: &Inspection, kind: FailureKind, detail: String) -> PluginFailure {
    PluginFailure {
        plugin: inspection.id.clone(),
        version: inspection.version.clone(),
        world: "lifecycle".into(),
        function: "activate".into(),
        kind,
        detail,
    }
}

/// A linked component on its way to its parts.
struct Binding<'a> {
    package: &'a Package,
    plugin: &'a Arc<Plugin>,
    pre: &'a InstancePre<CallState>,
}

impl Binding<'_> {
    async fn parts(&self) -> Result<Parts, PluginFailure> {
        Ok(Parts {
            payments: self.bound(worlds::PROVIDER, PluginPayments::new)?.map(|part| Arc::new(part) as _),
            moderator: self.bound(worlds::MODERATOR, PluginModerator::new)?.map(|part| Arc::new(part) as _),
            before: self
                .bound(worlds::BEFORE_HOOKS, |plugin, pre| PluginBeforeHook::new(plugin, pre, self.hooks()))?
                .map(|part| Arc::new(part) as _),
            after: self
                .bound(worlds::AFTER_HOOKS, |plugin, pre| PluginAfterHook::new(plugin, pre, self.hooks()))?
                .map(|part| Arc::new(part) as _),
            jobs: self.bound(worlds::JOB, |plugin, pre| self.jobs(plugin, pre))?.map(|part| Arc::new(part) as _),
            fields: self
                .bound(worlds::FIELD_RESOLVER, |plugin, pre| self.fields(plugin, pre))?
                .map(|part| Arc::new(part) as _),
            ranker: self.ranker().await?,
            notifier: self.notifier().await?,
            auth: self.auth().await?,
            ..Parts::default()
        })
    }

    /// The part of one world, when the plugin has it.
    fn bound<T>(
        &self,
        export: &str,
        bind: impl FnOnce(Arc<Plugin>, InstancePre<CallState>) -> wasmtime::Result<T>,
    ) -> Result<Option<T>, PluginFailure> {
        if !self.package.exports(export) {
            return Ok(None);
        }
        let bound = bind(Arc::clone(self.plugin), self.pre.clone());
        let misshapen = |error| unfit(&self.package.inspection, FailureKind::Compile, format!("{error:#}"));
        bound.map(Some).map_err(misshapen)
    }

    fn hooks(&self) -> HooksAsked {
        self.package.manifest.extends.hooks.clone().unwrap_or_default()
    }

    fn jobs(&self, plugin: Arc<Plugin>, pre: InstancePre<CallState>) -> wasmtime::Result<PluginJobs> {
        PluginJobs::new(plugin, pre, self.package.manifest.extends.jobs.clone())
    }

    fn fields(&self, plugin: Arc<Plugin>, pre: InstancePre<CallState>) -> wasmtime::Result<PluginFields> {
        let manifest = &self.package.manifest;
        PluginFields::new(plugin, pre, manifest.extends.sdl.clone().unwrap_or_default(), manifest.stateless)
    }

    async fn ranker(&self) -> Result<Option<Arc<dyn Ranker>>, PluginFailure> {
        let Some(pre) = self.bound(worlds::RANKER, |_, pre| PluginRanker::pre(pre))? else { return Ok(None) };
        let stateless = self.package.manifest.stateless;
        Ok(Some(Arc::new(PluginRanker::start(Arc::clone(self.plugin), pre, stateless).await?)))
    }

    async fn notifier(&self) -> Result<Option<Arc<dyn Notifier>>, PluginFailure> {
        let Some(pre) = self.bound(worlds::NOTIFIER, |_, pre| PluginNotifier::pre(pre))? else { return Ok(None) };
        Ok(Some(Arc::new(PluginNotifier::start(Arc::clone(self.plugin), pre).await?)))
    }

    async fn auth(&self) -> Result<Option<Arc<dyn AuthProvider>>, PluginFailure> {
        let Some(pre) = self.bound(worlds::AUTH_PROVIDER, |_, pre| PluginAuth::pre(pre))? else { return Ok(None) };
        Ok(Some(Arc::new(PluginAuth::start(Arc::clone(self.plugin), pre).await?)))
    }
}
