//! The world `payment`: a provider's messages, translated.

use crate::host::{Host, Wasm};

#[doc(hidden)]
#[allow(missing_docs, clippy::all)]
pub mod bindings {
    wit_bindgen::generate!({
        path: [
            "../../../schema/wit/types/1.0.0",
            "../../../schema/wit/host/1.0.0",
            "../../../schema/wit/payment/1.0.0",
        ],
        inline: "
            package lyceum:guest-payment;
            world payment-plugin {
                export lyceum:payment/provider@1.0.0;
                export lyceum:payment/inbound@1.0.0;
            }
        ",
        world: "lyceum:guest-payment/payment-plugin",
        with: {
            "lyceum:types/common@1.0.0": crate::host::bindings::lyceum::types::common,
            "lyceum:payment/types@1.0.0": generate,
        },
        pub_export_macro: true,
        export_macro_name: "export_world",
        default_bindings_module: "lyceum_sdk::payment::bindings",
    });
}

pub use crate::host::Money;
pub use bindings::{
    exports::lyceum::payment::{
        inbound::{Accepted, Event, Refusal, Refused, Reply, Request as InboundRequest},
        provider::{Capabilities, Order},
    },
    lyceum::payment::types::{Account, Error, Ext, NextAction, Ref, Status, View},
};

/// One payment provider. Every call is stateless; the host comes as a value, so
/// that tests can stand in for it.
pub trait Provider {
    /// What the provider can do. The same answer every time.
    fn describe() -> Capabilities;

    /// Whether the account's settings and credentials work.
    ///
    /// # Errors
    /// What is wrong with them.
    fn check_account(host: &impl Host, account: &Account) -> Result<(), Error>;

    /// Creates a payment, or gives the one that has this merchant reference.
    ///
    /// # Errors
    /// `Error::Unknown` whenever it may have happened.
    fn create(host: &impl Host, account: &Account, order: &Order) -> Result<View, Error>;

    /// Asks for the state of an object of any kind.
    ///
    /// # Errors
    /// When there is no trustworthy answer. An absent object is a view.
    fn query(host: &impl Host, account: &Account, about: &Ref, parent: Option<&Ref>) -> Result<View, Error>;

    /// Takes held money.
    ///
    /// # Errors
    /// `Error::Unknown` whenever it may have happened.
    fn capture(
        _host: &impl Host,
        _account: &Account,
        _payment: &Ref,
        _op_ref: &str,
        _amount: &Money,
    ) -> Result<View, Error> {
        Err(Error::Unsupported)
    }

    /// Ends an unpaid payment.
    ///
    /// # Errors
    /// `Error::Unknown` whenever it may have happened.
    fn close(host: &impl Host, account: &Account, payment: &Ref, op_ref: &str) -> Result<View, Error>;

    /// Gives money back under a reference of its own.
    ///
    /// # Errors
    /// `Error::Unknown` whenever it may have happened.
    fn refund(host: &impl Host, account: &Account, refund: &Refund) -> Result<View, Error>;

    /// Fetches the provider's public keys and says how many there are now.
    ///
    /// # Errors
    /// When they could not be fetched.
    fn refresh_keys(_host: &impl Host, _account: &Account) -> Result<u32, Error> {
        Err(Error::Unsupported)
    }

    /// Whether a request is from the provider, and what it says.
    ///
    /// # Errors
    /// Why it is not taken, with the answer to give.
    fn verify(host: &impl Host, account: &Account, request: &InboundRequest) -> Result<Accepted, Refused>;

    /// Which payment a return page is about, never its state.
    ///
    /// # Errors
    /// Why it is not taken, with the answer to give.
    fn read_return(host: &impl Host, account: &Account, request: &InboundRequest) -> Result<Ref, Refused>;
}

/// A refund to be made.
#[derive(Debug, Clone)]
pub struct Refund {
    pub payment: Ref,
    /// Ours, stored before the call.
    pub refund_ref: String,
    pub amount: Money,
    /// What was paid in all.
    pub paid: Money,
    pub reason: String,
}

/// Stands between the bindings and a [`Provider`].
#[doc(hidden)]
pub struct Adapter<T>(core::marker::PhantomData<T>);

impl<T: Provider> bindings::exports::lyceum::payment::provider::Guest for Adapter<T> {
    fn describe() -> Capabilities {
        T::describe()
    }

    fn check_account(a: Account) -> Result<(), Error> {
        T::check_account(&Wasm, &a)
    }

    fn create(a: Account, o: Order) -> Result<View, Error> {
        T::create(&Wasm, &a, &o)
    }

    fn query(a: Account, r: Ref, parent: Option<Ref>) -> Result<View, Error> {
        T::query(&Wasm, &a, &r, parent.as_ref())
    }

    fn capture(a: Account, p: Ref, op_ref: String, amount: Money) -> Result<View, Error> {
        T::capture(&Wasm, &a, &p, &op_ref, &amount)
    }

    fn close(a: Account, p: Ref, op_ref: String) -> Result<View, Error> {
        T::close(&Wasm, &a, &p, &op_ref)
    }

    fn refund(
        a: Account,
        p: Ref,
        refund_ref: String,
        amount: Money,
        paid: Money,
        reason: String,
    ) -> Result<View, Error> {
        T::refund(&Wasm, &a, &Refund { payment: p, refund_ref, amount, paid, reason })
    }

    fn refresh_keys(a: Account) -> Result<u32, Error> {
        T::refresh_keys(&Wasm, &a)
    }
}

impl<T: Provider> bindings::exports::lyceum::payment::inbound::Guest for Adapter<T> {
    fn verify(a: Account, r: InboundRequest) -> Result<Accepted, Refused> {
        T::verify(&Wasm, &a, &r)
    }

    fn read_return(a: Account, r: InboundRequest) -> Result<Ref, Refused> {
        T::read_return(&Wasm, &a, &r)
    }
}

/// Exports a type that is a [`payment::Provider`](crate::payment::Provider) and
/// embeds its manifest; the path is relative to the calling file.
#[macro_export]
macro_rules! export_payment {
    ($plugin:ty, manifest: $manifest:literal) => {
        $crate::embed_manifest!($manifest);
        $crate::export_payment!($plugin);
    };
    ($plugin:ty) => {
        #[cfg(target_family = "wasm")]
        type ExportedProvider = $crate::payment::Adapter<$plugin>;
        #[cfg(target_family = "wasm")]
        $crate::payment::bindings::export_world!(ExportedProvider with_types_in $crate::payment::bindings);
    };
}
