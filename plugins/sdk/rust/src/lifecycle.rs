//! The package `lifecycle`, optional: a plugin that takes part in its own life.

use crate::host::{Error, Host, Wasm};

#[doc(hidden)]
#[allow(missing_docs, clippy::all)]
pub mod bindings {
    wit_bindgen::generate!({
        inline: "
            package lyceum:guest-lifecycle;
            world lifecycle-plugin { export lyceum:lifecycle/lifecycle@1.0.0; }
        ",
        path: ["../../../schema/wit/types/1.0.0", "../../../schema/wit/host/1.0.0", "../../../schema/wit/lifecycle/1.0.0"],
        world: "lyceum:guest-lifecycle/lifecycle-plugin",
        with: { "lyceum:types/common@1.0.0": crate::host::bindings::lyceum::types::common },
        pub_export_macro: true,
        export_macro_name: "export_world",
        default_bindings_module: "lyceum_sdk::lifecycle::bindings",
    });
}

pub use bindings::exports::lyceum::lifecycle::lifecycle::FieldError;

/// The moments in a plugin's life. One that is not written is fine.
#[allow(unused_variables)]
pub trait Lifecycle {
    /// Whether the plugin can serve.
    ///
    /// # Errors
    /// Why it cannot.
    fn health(host: &impl Host) -> Result<(), Error> {
        Ok(())
    }

    /// Looks at a configuration, as JSON text, before it is put in force.
    ///
    /// # Errors
    /// What is wrong with which field.
    fn configure(host: &impl Host, config: &str) -> Result<(), Vec<FieldError>> {
        Ok(())
    }

    /// Brings the plugin's own store to this version.
    ///
    /// # Errors
    /// The version before stays in place.
    fn migrate(host: &impl Host, from_version: &str) -> Result<(), Error> {
        Ok(())
    }
}

/// Stands between the bindings and [`Lifecycle`].
#[doc(hidden)]
pub struct Adapter<T>(core::marker::PhantomData<T>);

impl<T: Lifecycle> bindings::exports::lyceum::lifecycle::lifecycle::Guest for Adapter<T> {
    fn health() -> Result<(), Error> {
        T::health(&Wasm)
    }

    fn configure(config_json: String) -> Result<(), Vec<FieldError>> {
        T::configure(&Wasm, &config_json)
    }

    fn migrate(from_version: String) -> Result<(), Error> {
        T::migrate(&Wasm, &from_version)
    }
}

/// Exports a type that is a [`Lifecycle`](crate::lifecycle::Lifecycle) and embeds its manifest; the path is
/// relative to the calling file. A plugin that exports more than one world
/// embeds its manifest once.
#[macro_export]
macro_rules! export_lifecycle {
    ($plugin:ty, manifest: $manifest:literal) => {
        $crate::embed_manifest!($manifest);
        $crate::export_lifecycle!($plugin);
    };
    ($plugin:ty) => {
        #[cfg(target_family = "wasm")]
        type ExportedLifecycle = $crate::lifecycle::Adapter<$plugin>;
        #[cfg(target_family = "wasm")]
        $crate::lifecycle::bindings::export_world!(ExportedLifecycle with_types_in $crate::lifecycle::bindings);
    };
}
