//! The world `graphql`: new fields in the API, resolved for many parents at once.

use crate::host::{Error, Host, Wasm};

#[doc(hidden)]
#[allow(missing_docs, clippy::all)]
pub mod bindings {
    wit_bindgen::generate!({
        inline: "
            package lyceum:guest-graphql;
            world graphql-plugin { export lyceum:graphql/field-resolver@1.0.0; }
        ",
        path: ["../../../schema/wit/types/1.0.0", "../../../schema/wit/host/1.0.0", "../../../schema/wit/graphql/1.0.0"],
        world: "lyceum:guest-graphql/graphql-plugin",
        with: { "lyceum:types/common@1.0.0": crate::host::bindings::lyceum::types::common },
        pub_export_macro: true,
        export_macro_name: "export_world",
        default_bindings_module: "lyceum_sdk::graphql::bindings",
    });
}

pub use bindings::exports::lyceum::graphql::field_resolver::Request;

/// Resolves the fields that the manifest declares.
pub trait FieldResolver {
    /// The field of one parent, a JSON object with `id` and the needed fields;
    /// the answer is JSON text of the field's type.
    ///
    /// # Errors
    /// This one field is null.
    fn resolve(host: &impl Host, request: &Request, parent: &str) -> Result<String, Error>;

    /// The field of all parents, in order.
    fn resolve_all(host: &impl Host, request: &Request, parents: &[String]) -> Vec<Result<String, Error>> {
        parents.iter().map(|parent| Self::resolve(host, request, parent)).collect()
    }
}

/// Stands between the bindings and [`FieldResolver`].
#[doc(hidden)]
pub struct Adapter<T>(core::marker::PhantomData<T>);

impl<T: FieldResolver> bindings::exports::lyceum::graphql::field_resolver::Guest for Adapter<T> {
    fn resolve_batch(r: Request, parents: Vec<String>) -> Vec<Result<String, Error>> {
        T::resolve_all(&Wasm, &r, &parents)
    }
}

/// Exports a type that is a [`FieldResolver`](crate::graphql::FieldResolver) and embeds its manifest; the path is
/// relative to the calling file. A plugin that exports more than one world
/// embeds its manifest once.
#[macro_export]
macro_rules! export_graphql {
    ($plugin:ty, manifest: $manifest:literal) => {
        $crate::embed_manifest!($manifest);
        $crate::export_graphql!($plugin);
    };
    ($plugin:ty) => {
        #[cfg(target_family = "wasm")]
        type ExportedFieldResolver = $crate::graphql::Adapter<$plugin>;
        #[cfg(target_family = "wasm")]
        $crate::graphql::bindings::export_world!(ExportedFieldResolver with_types_in $crate::graphql::bindings);
    };
}
