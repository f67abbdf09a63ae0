//! The world `auth`: somebody else says who a person is.

use crate::host::{Error, Host, Wasm};

#[doc(hidden)]
#[allow(missing_docs, clippy::all)]
pub mod bindings {
    wit_bindgen::generate!({
        inline: "
            package lyceum:guest-auth;
            world auth-plugin { export lyceum:auth/auth-provider@1.0.0; }
        ",
        path: ["../../../schema/wit/types/1.0.0", "../../../schema/wit/host/1.0.0", "../../../schema/wit/auth/1.0.0"],
        world: "lyceum:guest-auth/auth-plugin",
        with: { "lyceum:types/common@1.0.0": crate::host::bindings::lyceum::types::common },
        pub_export_macro: true,
        export_macro_name: "export_world",
        default_bindings_module: "lyceum_sdk::auth::bindings",
    });
}

pub use bindings::exports::lyceum::auth::auth_provider::{About, Callback, Identity, Start, Way};

/// A provider of sign-in. The host makes and checks `state`, nonce and PKCE
/// verifier; the plugin talks to the provider.
pub trait AuthProvider {
    /// What the person sees. The same answer every time.
    fn describe() -> About;

    /// Where to send a person who wants to sign in.
    ///
    /// # Errors
    /// The person cannot sign in in this way now.
    fn begin(host: &impl Host, start: &Start) -> Result<Way, Error>;

    /// Who came back.
    ///
    /// # Errors
    /// Nobody is signed in.
    fn complete(host: &impl Host, callback: &Callback) -> Result<Identity, Error>;

    /// Who it is now.
    ///
    /// # Errors
    /// Code `gone`: the provider does not know the person any more.
    fn refresh(_host: &impl Host, _keep: &str) -> Result<Identity, Error> {
        Err(Error::invalid("this provider does not refresh"))
    }
}

impl Callback {
    /// A parameter of the request.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Stands between the bindings and [`AuthProvider`].
#[doc(hidden)]
pub struct Adapter<T>(core::marker::PhantomData<T>);

impl<T: AuthProvider> bindings::exports::lyceum::auth::auth_provider::Guest for Adapter<T> {
    fn describe() -> About {
        T::describe()
    }

    fn begin(s: Start) -> Result<Way, Error> {
        T::begin(&Wasm, &s)
    }

    fn complete(c: Callback) -> Result<Identity, Error> {
        T::complete(&Wasm, &c)
    }

    fn refresh(keep: String) -> Result<Identity, Error> {
        T::refresh(&Wasm, &keep)
    }
}

/// Exports a type that is an [`AuthProvider`](crate::auth::AuthProvider) and embeds its manifest; the path is
/// relative to the calling file. A plugin that exports more than one world
/// embeds its manifest once.
#[macro_export]
macro_rules! export_auth {
    ($plugin:ty, manifest: $manifest:literal) => {
        $crate::embed_manifest!($manifest);
        $crate::export_auth!($plugin);
    };
    ($plugin:ty) => {
        #[cfg(target_family = "wasm")]
        type ExportedAuthProvider = $crate::auth::Adapter<$plugin>;
        #[cfg(target_family = "wasm")]
        $crate::auth::bindings::export_world!(ExportedAuthProvider with_types_in $crate::auth::bindings);
    };
}
