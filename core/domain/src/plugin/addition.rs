//! What a plugin adds to the API, looked at before the plugin is put in place.
//!
//! The API knows its schema, this domain knows which plugins stand beside each
//! other: so the API says whether an addition fits, and is asked here.
//!
//! **Invariant:** a version whose additions do not fit is neither installed, nor
//! staged, nor enabled, nor gone back to.

use std::sync::Arc;

use lyceum_kernel::Result;

use super::{
    error::PluginError,
    port::{FailureKind, Inspection, PluginFailure},
    service::Plugins,
    store,
};

/// What one plugin adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addition {
    /// The plugin's id.
    pub plugin: String,
    /// GraphQL SDL.
    pub sdl: String,
}

/// The schema of the API, as far as plugins add to it.
pub trait AdditionCheck: Send + Sync {
    /// # Errors
    /// What of the addition does not fit the API with the others in it, and
    /// what to write instead.
    fn fits(&self, addition: &Addition, beside: &[Addition]) -> Result<(), String>;
}

impl Addition {
    /// None for a plugin that adds nothing.
    #[must_use]
    pub fn of(is: &Inspection) -> Option<Self> {
        is.extends.sdl.clone().map(|sdl| Self { plugin: is.id.clone(), sdl })
    }

    /// The failure of a plugin whose addition does not fit.
    #[must_use]
    pub fn misfit(is: &Inspection, why: &str) -> PluginFailure {
        let world = is.implements.iter().find(|name| name.starts_with("lyceum:graphql/"));
        let world = world.map_or("lyceum:graphql", String::as_str);
        PluginFailure {
            plugin: is.id.clone(),
            version: is.version.clone(),
            world: "graphql".to_owned(),
            function: "sdl".to_owned(),
            kind: FailureKind::Compile,
            detail: format!(
                "{} {} ({world}) does not fit the API: {why}. Mend `[graphql] sdl` in its plugin.toml.",
                is.id, is.version
            ),
        }
    }
}

impl Plugins {
    /// Says who knows the schema of the API. Only the first one counts; without
    /// one every addition fits.
    pub fn check_additions_with(&self, check: Arc<dyn AdditionCheck>) {
        self.additions.get_or_init(|| check);
    }

    /// # Errors
    /// PLUGIN_INVALID when what it adds does not fit beside what runs.
    pub(super) async fn fits_the_api(&self, is: &Inspection) -> Result<()> {
        let (Some(check), Some(addition)) = (self.additions.get(), Addition::of(is)) else { return Ok(()) };
        let beside = store::to_run(self.db.reader()).await?;
        let beside: Vec<Addition> = beside
            .iter()
            .filter(|other| other.name != is.id)
            .filter_map(|other| Addition::of(&other.manifest))
            .collect();
        let fits = check.fits(&addition, &beside);
        Ok(fits.map_err(|why| PluginError::Invalid(Box::new(Addition::misfit(is, &why))))?)
    }
}
