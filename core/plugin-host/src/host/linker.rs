//! Which implementation an import gets.

use wasmtime::{
    Engine,
    component::{HasData, HasSelf, Linker},
};

use super::{CallState, Denied};
use crate::{
    bindings::host::{
        clock, config, content_read, content_write, crypto, events, http, kv, log, lyceum::types::common, metrics,
        random, secret_ref, smtp,
    },
    grants::Granted,
    interface::Capability,
};

/// Gives [`Denied`] to the functions of an interface that is not granted.
struct Refusing;

impl HasData for Refusing {
    type Data<'a> = Denied<'a>;
}

fn granted(state: &mut CallState) -> &mut CallState {
    state
}

fn refusing(state: &mut CallState) -> Denied<'_> {
    Denied(state)
}

/// Links an interface to the state, or to the refusal.
macro_rules! permit {
    ($linker:ident, $granted:ident, $($interface:ident = $capability:ident),+) => {
        $(if $granted.has(Capability::$capability) {
            $interface::add_to_linker::<CallState, HasSelf<CallState>>(&mut $linker, granted)?;
        } else {
            $interface::add_to_linker::<CallState, Refusing>(&mut $linker, refusing)?;
        })+
    };
}

/// Every interface of `lyceum:host`, granted or refusing; nothing else.
pub(crate) fn linker(engine: &Engine, permissions: &Granted) -> wasmtime::Result<Linker<CallState>> {
    let mut linker = Linker::new(engine);
    common::add_to_linker::<CallState, HasSelf<CallState>>(&mut linker, granted)?;
    log::add_to_linker::<CallState, HasSelf<CallState>>(&mut linker, granted)?;
    config::add_to_linker::<CallState, HasSelf<CallState>>(&mut linker, granted)?;
    clock::add_to_linker::<CallState, HasSelf<CallState>>(&mut linker, granted)?;
    random::add_to_linker::<CallState, HasSelf<CallState>>(&mut linker, granted)?;
    metrics::add_to_linker::<CallState, HasSelf<CallState>>(&mut linker, granted)?;
    permit!(linker, permissions, secret_ref = SecretRef, kv = Kv, http = Http, smtp = Smtp, crypto = Crypto);
    permit!(linker, permissions, content_read = ContentRead, content_write = ContentWrite, events = Events);
    Ok(linker)
}
