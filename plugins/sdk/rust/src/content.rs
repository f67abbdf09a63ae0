//! The world `content`: hooks before and after changes of entries. Which
//! moments and types stands in the manifest, under `[hooks]`.

use crate::host::{Error, Host, Wasm};

#[doc(hidden)]
#[allow(missing_docs, clippy::all)]
pub mod bindings {
    pub mod before {
        wit_bindgen::generate!({
            inline: "
                package lyceum:guest-before;
                world before-plugin { export lyceum:content/before-hooks@1.0.0; }
            ",
            path: ["../../../schema/wit/types/1.0.0", "../../../schema/wit/host/1.0.0", "../../../schema/wit/content/1.0.0"],
            world: "lyceum:guest-before/before-plugin",
            with: {
                "lyceum:types/common@1.0.0": crate::host::bindings::lyceum::types::common,
                "lyceum:content/types@1.0.0": generate,
            },
            pub_export_macro: true,
            export_macro_name: "export_before",
            default_bindings_module: "lyceum_sdk::content::bindings::before",
        });
    }
    pub mod after {
        wit_bindgen::generate!({
            inline: "
                package lyceum:guest-after;
                world after-plugin { export lyceum:content/after-hooks@1.0.0; }
            ",
            path: ["../../../schema/wit/types/1.0.0", "../../../schema/wit/host/1.0.0", "../../../schema/wit/content/1.0.0"],
            world: "lyceum:guest-after/after-plugin",
            with: {
                "lyceum:types/common@1.0.0": crate::host::bindings::lyceum::types::common,
                "lyceum:content/types@1.0.0": crate::content::bindings::before::lyceum::content::types,
            },
            pub_export_macro: true,
            export_macro_name: "export_after",
            default_bindings_module: "lyceum_sdk::content::bindings::after",
        });
    }
}

pub use bindings::{
    after::exports::lyceum::content::after_hooks::Fact,
    before::{
        exports::lyceum::content::before_hooks::Rejection,
        lyceum::content::types::{Actor, Entry, FieldValue},
    },
};

/// Looks at changes before they happen. Called again with its own answer, a
/// hook must answer the same. A moment that is not written leaves all as it is.
#[allow(unused_variables)]
pub trait BeforeHooks {
    /// An entry is about to be made: the fields to be set differently.
    ///
    /// # Errors
    /// The change is refused.
    fn before_create(host: &impl Host, actor: &Actor, proposed: &Entry) -> Result<Vec<FieldValue>, Rejection> {
        Ok(Vec::new())
    }

    /// A draft is about to be saved: the fields to be set differently.
    ///
    /// # Errors
    /// The change is refused.
    fn before_update(
        host: &impl Host,
        actor: &Actor,
        current: &Entry,
        changes: &[FieldValue],
    ) -> Result<Vec<FieldValue>, Rejection> {
        Ok(Vec::new())
    }

    /// An entry is about to be shown to its readers.
    ///
    /// # Errors
    /// The change is refused.
    fn before_publish(host: &impl Host, actor: &Actor, entry: &Entry) -> Result<(), Rejection> {
        Ok(())
    }

    /// An entry is about to be removed.
    ///
    /// # Errors
    /// The change is refused.
    fn before_delete(host: &impl Host, actor: &Actor, entry: &Entry) -> Result<(), Rejection> {
        Ok(())
    }
}

/// Learns of changes. The same fact may come twice.
#[allow(unused_variables)]
pub trait AfterHooks {
    /// An entry was made.
    ///
    /// # Errors
    /// It is told again later when the error is worth a retry.
    fn after_create(host: &impl Host, fact: &Fact) -> Result<(), Error> {
        Ok(())
    }

    /// A draft was saved.
    ///
    /// # Errors
    /// It is told again later when the error is worth a retry.
    fn after_update(host: &impl Host, fact: &Fact) -> Result<(), Error> {
        Ok(())
    }

    /// An entry was shown to its readers.
    ///
    /// # Errors
    /// It is told again later when the error is worth a retry.
    fn after_publish(host: &impl Host, fact: &Fact) -> Result<(), Error> {
        Ok(())
    }

    /// An entry was removed.
    ///
    /// # Errors
    /// It is told again later when the error is worth a retry.
    fn after_delete(host: &impl Host, fact: &Fact) -> Result<(), Error> {
        Ok(())
    }
}

impl Entry {
    /// The value of a field as JSON text, in the first language that has one.
    #[must_use]
    pub fn value(&self, field: &str) -> Option<&str> {
        self.fields.iter().find(|value| value.field == field).map(|value| value.value.as_str())
    }
}

impl FieldValue {
    /// A field that has no languages; `value` is JSON text.
    #[must_use]
    pub fn new(field: impl Into<String>, value: impl Into<String>) -> Self {
        Self { field: field.into(), locale: None, value: value.into() }
    }
}

impl Rejection {
    /// Refuses the change as a whole, in English and Chinese.
    #[must_use]
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { field: None, messages: vec![("en".into(), en.into()), ("zh".into(), zh.into())] }
    }

    /// Names the wrong field.
    #[must_use]
    pub fn at(self, field: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..self }
    }
}

/// Stands between the bindings and the hooks.
#[doc(hidden)]
pub struct Adapter<T>(core::marker::PhantomData<T>);

impl<T: BeforeHooks> bindings::before::exports::lyceum::content::before_hooks::Guest for Adapter<T> {
    fn before_create(a: Actor, proposed: Entry) -> Result<Vec<FieldValue>, Rejection> {
        T::before_create(&Wasm, &a, &proposed)
    }

    fn before_update(a: Actor, current: Entry, changes: Vec<FieldValue>) -> Result<Vec<FieldValue>, Rejection> {
        T::before_update(&Wasm, &a, &current, &changes)
    }

    fn before_publish(a: Actor, e: Entry) -> Result<(), Rejection> {
        T::before_publish(&Wasm, &a, &e)
    }

    fn before_delete(a: Actor, e: Entry) -> Result<(), Rejection> {
        T::before_delete(&Wasm, &a, &e)
    }
}

impl<T: AfterHooks> bindings::after::exports::lyceum::content::after_hooks::Guest for Adapter<T> {
    fn after_create(f: Fact) -> Result<(), Error> {
        T::after_create(&Wasm, &f)
    }

    fn after_update(f: Fact) -> Result<(), Error> {
        T::after_update(&Wasm, &f)
    }

    fn after_publish(f: Fact) -> Result<(), Error> {
        T::after_publish(&Wasm, &f)
    }

    fn after_delete(f: Fact) -> Result<(), Error> {
        T::after_delete(&Wasm, &f)
    }
}

/// Exports a type that has [`BeforeHooks`](crate::content::BeforeHooks) and
/// embeds its manifest; the path is relative to the calling file. A plugin that
/// exports more than one world embeds its manifest once.
#[macro_export]
macro_rules! export_before_hooks {
    ($plugin:ty, manifest: $manifest:literal) => {
        $crate::embed_manifest!($manifest);
        $crate::export_before_hooks!($plugin);
    };
    ($plugin:ty) => {
        #[cfg(target_family = "wasm")]
        type ExportedBeforeHooks = $crate::content::Adapter<$plugin>;
        #[cfg(target_family = "wasm")]
        $crate::content::bindings::before::export_before!(ExportedBeforeHooks with_types_in $crate::content::bindings::before);
    };
}

/// Exports a type that has [`AfterHooks`](crate::content::AfterHooks); see
/// [`export_before_hooks`].
#[macro_export]
macro_rules! export_after_hooks {
    ($plugin:ty, manifest: $manifest:literal) => {
        $crate::embed_manifest!($manifest);
        $crate::export_after_hooks!($plugin);
    };
    ($plugin:ty) => {
        #[cfg(target_family = "wasm")]
        type ExportedAfterHooks = $crate::content::Adapter<$plugin>;
        #[cfg(target_family = "wasm")]
        $crate::content::bindings::after::export_after!(ExportedAfterHooks with_types_in $crate::content::bindings::after);
    };
}
