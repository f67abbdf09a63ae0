//! Packages in an OCI registry (distribution specification 1.1).
//!
//! The artifact's config is `plugin.toml`, one layer is the component, each
//! other file a layer with its name as title. What is pulled is put together to
//! the `.tar` that was pushed, byte for byte.
//!
//! Our own three hundred lines rather than the crate `oci-client` (0.18): it
//! brings a second reqwest (0.13), a second sha2, chrono and oci-spec, and its
//! limits on sizes and redirects would not be ours.

mod manifest;
mod reference;
mod registry;

pub use manifest::{Blob, COMPONENT_TYPE, CONFIG_TYPE, FILE_TYPE, MANIFEST_TYPE, Manifest, of_archive};
pub use reference::Reference;
pub(super) use registry::pull;
pub use registry::{Account, push};
