//! One call of a fresh instance: the shape that most worlds' calls have.

use lyceum_domain::plugin::{FailedAttempt, FailureKind, PluginFailure};

use super::answer::NotTaken;
use crate::bindings::host::lyceum::types::common::Error;

/// Opens a call, instantiates, asks, and checks the answer against `$most`
/// bytes of output. `$input` is an [`Input`](crate::call::Input). Gives
/// `Result<_, PluginFailure>`.
macro_rules! fresh {
    (
        $plugin:expr, $pre:expr, $world:expr, $function:expr, $input:expr,
        |$guest:ident, $store:ident| $ask:expr,
        |$answer:ident, $most:ident| $check:expr
    ) => {
        async {
            let call = $plugin.open($world, $function, $input, 1).await?;
            let mut store = call.store();
            let outcome = call
                .bounded(async {
                    let instance = $pre.instantiate_async(&mut store).await?;
                    let ($guest, $store) = (&instance, &mut store);
                    $ask.await
                })
                .await;
            let $most = call.output();
            call.close(store.data(), outcome, |$answer| $check)
        }
        .await
    };
}
pub(super) use fresh;

/// Takes an answer out of its result and notes whether the guest thinks that
/// another attempt may succeed.
pub(super) fn told<T>(answer: Result<T, Error>, retryable: &mut Option<bool>) -> Result<T, NotTaken> {
    answer.map_err(|error| {
        *retryable = Some(error.retryable);
        NotTaken::refused(&error.code, &error.message)
    })
}

/// A failed call with the prospects of another: what the guest said, or else
/// what kind of failure it is. The same input stays too large, and a component
/// that does not link never will.
pub(super) fn attempt(failure: PluginFailure, said: Option<bool>) -> FailedAttempt {
    let hopeless = matches!(failure.kind, FailureKind::InvalidInput | FailureKind::Compile);
    FailedAttempt { retryable: said.unwrap_or(!hopeless), failure }
}
