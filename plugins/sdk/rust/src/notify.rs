//! The world `notify`: carries mail, SMS and push messages.

use crate::host::{Host, Wasm};

#[doc(hidden)]
#[allow(missing_docs, clippy::all)]
pub mod bindings {
    wit_bindgen::generate!({
        inline: "
            package lyceum:guest-notify;
            world notify-plugin { export lyceum:notify/notifier@1.0.0; }
        ",
        path: ["../../../schema/wit/types/1.0.0", "../../../schema/wit/host/1.0.0", "../../../schema/wit/notify/1.0.0"],
        world: "lyceum:guest-notify/notify-plugin",
        with: { "lyceum:types/common@1.0.0": crate::host::bindings::lyceum::types::common },
        pub_export_macro: true,
        export_macro_name: "export_world",
        default_bindings_module: "lyceum_sdk::notify::bindings",
    });
}

pub use bindings::exports::lyceum::notify::notifier::{Delivery, DeliveryResult};

/// Carries messages to people.
pub trait Notifier {
    /// `mail`, `sms`, `push`: those it serves.
    const CHANNELS: &'static [&'static str];

    /// What became of one message.
    fn deliver(host: &impl Host, delivery: &Delivery) -> DeliveryResult;

    /// What became of a batch.
    fn deliver_all(host: &impl Host, batch: &[Delivery]) -> Vec<DeliveryResult> {
        batch.iter().map(|delivery| Self::deliver(host, delivery)).collect()
    }
}

impl DeliveryResult {
    /// It is on its way; the provider's id of it.
    #[must_use]
    pub fn sent(delivery: &Delivery, provider_ref: impl Into<String>) -> Self {
        Self { provider_ref: Some(provider_ref.into()), ..Self::of(delivery, "sent") }
    }

    /// Not now.
    #[must_use]
    pub fn retry(delivery: &Delivery, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..Self::of(delivery, "retry") }
    }

    /// Never.
    #[must_use]
    pub fn failed(delivery: &Delivery, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..Self::of(delivery, "failed") }
    }

    fn of(delivery: &Delivery, status: &str) -> Self {
        Self { id: delivery.id.clone(), status: status.into(), provider_ref: None, note: None, retry_after_s: None }
    }
}

/// Stands between the bindings and [`Notifier`].
#[doc(hidden)]
pub struct Adapter<T>(core::marker::PhantomData<T>);

impl<T: Notifier> bindings::exports::lyceum::notify::notifier::Guest for Adapter<T> {
    fn channels() -> Vec<String> {
        T::CHANNELS.iter().map(|channel| (*channel).to_owned()).collect()
    }

    fn deliver(batch: Vec<Delivery>) -> Vec<DeliveryResult> {
        T::deliver_all(&Wasm, &batch)
    }
}

/// Exports a type that is a [`Notifier`](crate::notify::Notifier) and embeds its manifest; the path is
/// relative to the calling file. A plugin that exports more than one world
/// embeds its manifest once.
#[macro_export]
macro_rules! export_notify {
    ($plugin:ty, manifest: $manifest:literal) => {
        $crate::embed_manifest!($manifest);
        $crate::export_notify!($plugin);
    };
    ($plugin:ty) => {
        #[cfg(target_family = "wasm")]
        type ExportedNotifier = $crate::notify::Adapter<$plugin>;
        #[cfg(target_family = "wasm")]
        $crate::notify::bindings::export_world!(ExportedNotifier with_types_in $crate::notify::bindings);
    };
}
