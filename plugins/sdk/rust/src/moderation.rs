//! The world `moderation`: verdicts on texts.

#[doc(hidden)]
#[allow(missing_docs, clippy::all)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../../schema/wit/moderation/1.0.0",
        world: "moderation",
        pub_export_macro: true,
        export_macro_name: "export_world",
        default_bindings_module: "lyceum_sdk::moderation::bindings",
    });
}

pub use bindings::exports::lyceum::moderation::moderator::{Error, ReviewItem, Verdict};

/// Judges texts. A pure function of its arguments.
pub trait Moderator {
    /// What to think of one item.
    fn review(item: &ReviewItem) -> Verdict;

    /// What to think of a batch: one verdict for each item, in order.
    ///
    /// # Errors
    /// The host holds the items for a person.
    fn review_all(items: &[ReviewItem]) -> Result<Vec<Verdict>, Error> {
        Ok(items.iter().map(Self::review).collect())
    }
}

impl Verdict {
    /// Nothing was found.
    #[must_use]
    pub fn allow() -> Self {
        Self::of("allow", Vec::new(), 1.0)
    }

    /// A person must look.
    #[must_use]
    pub fn hold(labels: Vec<String>, confidence: f32) -> Self {
        Self::of("hold", labels, confidence)
    }

    /// Not to be shown.
    #[must_use]
    pub fn reject(labels: Vec<String>, confidence: f32) -> Self {
        Self::of("reject", labels, confidence)
    }

    /// With a word for the person who decides.
    #[must_use]
    pub fn noting(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }

    fn of(decision: &str, labels: Vec<String>, confidence: f32) -> Self {
        Self { decision: decision.into(), labels, confidence, note: None, ext: Vec::new() }
    }
}

/// Stands between the bindings and a [`Moderator`].
#[doc(hidden)]
pub struct Adapter<T>(core::marker::PhantomData<T>);

impl<T: Moderator> bindings::exports::lyceum::moderation::moderator::Guest for Adapter<T> {
    fn review(items: Vec<ReviewItem>) -> Result<Vec<Verdict>, Error> {
        T::review_all(&items)
    }
}

/// Exports a type that is a [`moderation::Moderator`](crate::moderation::Moderator)
/// and embeds its manifest; the path is relative to the calling file.
#[macro_export]
macro_rules! export_moderation {
    ($plugin:ty, manifest: $manifest:literal) => {
        $crate::embed_manifest!($manifest);
        $crate::export_moderation!($plugin);
    };
    ($plugin:ty) => {
        #[cfg(target_family = "wasm")]
        type ExportedModerator = $crate::moderation::Adapter<$plugin>;
        #[cfg(target_family = "wasm")]
        $crate::moderation::bindings::export_world!(ExportedModerator with_types_in $crate::moderation::bindings);
    };
}
