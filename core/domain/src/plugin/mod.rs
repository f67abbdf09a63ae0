//! Plugins: what is installed, what the owner allows it, and whether it runs.
//!
//! The manifest asks, the owner grants, the host enforces ([`PluginRuntime`]).
//! This domain keeps the record: component, version, consent, grants,
//! configuration and secrets.
//!
//! **Invariant:** nothing is installed that asks for more, or does more, than
//! was consented to.
//! **Invariant:** an update that fails or that asks for more leaves the old
//! version running and recorded.
//! **Invariant:** a secret is written and handed to the host; nothing reads it
//! back.
//! **Invariant:** a version that was replaced is kept with its grants and its
//! configuration until two later ones were: going back asks nobody, and gives
//! nothing back that the owner has taken away since.

mod addition;
mod attendant;
mod config;
mod configure;
mod consent;
pub mod delivery;
pub(crate) mod desk;
mod diff;
mod error;
mod extends;
mod field;
mod install;
mod leave;
mod model;
mod origin;
mod port;
mod reconcile;
mod rehearsal;
mod service;
mod services;
mod shadow;
mod source;
mod store;
mod tasks;
pub mod trust;
mod usage;
mod vault;
mod worlds;

pub use addition::{Addition, AdditionCheck};
pub use attendant::Attendant;
pub use config::{FieldProblem, check_schema, secret_fields, validate_config, with_defaults};
pub use desk::{Desk, KeptNotice, NOTICES_KEPT, Notices};
pub use diff::{Added, AskDiff, Changed, Raised};
pub use extends::{Extends, HooksAsked};
pub use field::{FieldRequest, FieldResolver};
pub use model::{
    Activated, ConsentRecord, InstallPlugin, Installed, InstalledPlugin, KeptVersion, PluginData, PluginOverview,
    PluginSettings, PluginState, SecretState, Source, StagedUpdate, Uninstalled,
};
pub use origin::{Hosts, Origins};
pub use port::*;
pub use reconcile::RECONCILE_INTERVAL;
pub use service::Plugins;
pub use services::*;
pub use shadow::{Example, Pair, RankingTally, ReviewTally, ShadowBook, ShadowReport, Tally, Times};
pub use source::PackageSource;
pub use usage::*;
pub use vault::{SecretKey, VaultError};
pub use worlds::deeds;
pub(crate) use {delivery::sleep_until_change, service::may_manage};

/// The largest package that is read, in bytes. What a component may have is
/// the host's to say (PLUGINS §5).
pub const PACKAGE_MAX_BYTES: usize = 40 << 20;
