//! What a Lyceum plugin in Rust is written against.
//!
//! A plugin implements the trait of its world ([`ranking::Ranker`],
//! [`moderation::Moderator`], [`payment::Provider`], [`content::BeforeHooks`],
//! [`content::AfterHooks`], [`notify::Notifier`], [`auth::AuthProvider`],
//! [`job::Job`] or [`graphql::FieldResolver`]), and exports it with the macro of
//! the same world:
//!
//! ```ignore
//! struct Newest;
//! impl lyceum_sdk::ranking::Ranker for Newest { /* … */ }
//! lyceum_sdk::export_ranking!(Newest, manifest: "../plugin.toml");
//! ```
//!
//! **Invariant:** outside WASM the macros export nothing, so that a plugin's
//! logic is tested natively with plain `cargo test`.
//!
//! **Invariant:** the component imports only the host interfaces it uses. There
//! is no WASI.

pub mod auth;
pub mod content;
pub mod graphql;
pub mod host;
pub mod job;
pub mod lifecycle;
pub mod moderation;
pub mod notify;
pub mod payment;
pub mod ranking;

/// Puts the manifest into the component as the custom section
/// `lyceum:manifest`, where the host reads it without running anything.
/// Part of the export macros.
#[doc(hidden)]
#[macro_export]
macro_rules! embed_manifest {
    ($path:literal) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            const TEXT: &[u8] = include_bytes!($path);
            #[unsafe(link_section = "lyceum:manifest")]
            #[used]
            static MANIFEST: [u8; TEXT.len()] = *include_bytes!($path);
        };
    };
}

/// Puts the JSON Schema of the configuration into the component as the custom
/// section `lyceum:config-schema`; the path is relative to the calling file.
#[macro_export]
macro_rules! embed_config_schema {
    ($path:literal) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            const TEXT: &[u8] = include_bytes!($path);
            #[unsafe(link_section = "lyceum:config-schema")]
            #[used]
            static SCHEMA: [u8; TEXT.len()] = *include_bytes!($path);
        };
    };
}
