//! A payment plugin. A fresh instance for each call: no buyer's data can stay.
//!
//! **Invariant:** once a byte may have left, no failure is `not sent`.

pub(super) mod from_guest;
mod to_guest;

use std::sync::Arc;

use async_trait::async_trait;
use lyceum_domain::{
    payment::{
        Accepted, Account, Capabilities, InboundRequest, PaymentProvider, ProviderError, ProviderOrder, Reference,
        Refused, View,
    },
    plugin::PluginFailure,
};
use lyceum_kernel::Money;
use wasmtime::component::InstancePre;

use super::{answer::NotTaken, weight::Weight};
use crate::{
    bindings::payment::{PaymentPlugin, PaymentPluginPre, lyceum::payment::types as guest},
    call::{Input, Plugin},
    host::CallState,
    limits::World,
};

pub(crate) struct PluginPayments {
    plugin: Arc<Plugin>,
    pre: PaymentPluginPre<CallState>,
    key: String,
}

impl PluginPayments {
    /// # Errors
    /// The exports have not the shape of the world.
    pub fn new(plugin: Arc<Plugin>, pre: InstancePre<CallState>) -> wasmtime::Result<Self> {
        let key = provider_key(&plugin.context().id);
        Ok(Self { plugin, pre: PaymentPluginPre::new(pre)?, key })
    }
}

/// `lyceum/payment-sandbox` → `sandbox`.
pub(crate) fn provider_key(id: &str) -> String {
    let name = id.rsplit('/').next().unwrap_or(id);
    name.strip_prefix("payment-").unwrap_or(name).to_owned()
}

/// What a call says, and whether bytes left in it.
struct Said<T> {
    answer: Result<T, PluginFailure>,
    sent: bool,
    unanswered: bool,
}

/// One call of a fresh instance. No input is ever shut out: a provider sends its
/// webhook again until it is taken, and a payment is asked about until it is known.
macro_rules! ask {
    ($self:ident, $world:expr, $function:literal, $input:expr, |$guest:ident, $store:ident| $ask:expr, $check:expr) => {{
        let call = $self.plugin.open($world, $function, Input::exempt($input), 1).await?;
        let mut store = call.store();
        let outcome = call
            .bounded(async {
                let instance: PaymentPlugin = $self.pre.instantiate_async(&mut store).await?;
                let ($guest, $store) = (&instance, &mut store);
                $ask.await
            })
            .await;
        let most = call.output();
        let answer = call.close(store.data(), outcome, |answer| within(most, $check(answer)?));
        Said { answer, sent: store.data().sent(), unanswered: store.data().unanswered() }
    }};
}

/// A checked answer and its size in bytes.
type Sized<T> = (T, usize);

fn within<T>(most: usize, (answer, size): Sized<T>) -> Result<T, NotTaken> {
    if size > most {
        return Err(NotTaken::invalid(format!("the answer has {size} bytes; at most {most}")));
    }
    Ok(answer)
}

type Answer<T> = Result<T, guest::Error>;

/// A view or the provider's error, checked.
fn view(answer: Answer<guest::View>) -> Result<Sized<Result<View, ProviderError>>, NotTaken> {
    match answer {
        Ok(view) => {
            let size = view.weight();
            from_guest::view(view).map(|view| (Ok(view), size))
        }
        Err(error) => Ok((Err(from_guest::error(error)), 0)),
    }
}

/// What the domain hears.
fn settle<T>(said: Said<Result<T, ProviderError>>) -> Result<T, ProviderError> {
    match said.answer {
        Err(failure) if said.sent => Err(ProviderError::Unknown(failure.to_string())),
        Err(failure) => Err(failure.into()),
        Ok(Err(ProviderError::NotSent(why))) if said.unanswered => Err(ProviderError::Unknown(why)),
        Ok(answer) => answer,
    }
}

#[async_trait]
impl PaymentProvider for PluginPayments {
    fn key(&self) -> &str {
        &self.key
    }

    async fn describe(&self) -> Result<Capabilities, PluginFailure> {
        let check = |given| from_guest::capabilities(given).map(|c| (c, 0));
        let said = ask!(
            self,
            World::Payment,
            "describe",
            0,
            |guest, store| guest.lyceum_payment_provider().call_describe(store),
            check
        );
        said.answer
    }

    async fn create(&self, account: &Account, order: &ProviderOrder) -> Result<View, ProviderError> {
        let input = account.weight() + order.weight();
        let (account, order) = (to_guest::account(account), to_guest::order(order));
        let said = ask!(
            self,
            World::Payment,
            "create",
            input,
            |guest, store| guest.lyceum_payment_provider().call_create(store, &account, &order),
            view
        );
        settle(said)
    }

    async fn query(
        &self,
        account: &Account,
        about: &Reference,
        parent: Option<&Reference>,
    ) -> Result<View, ProviderError> {
        let input = account.weight() + about.weight() + parent.map_or(0, Weight::weight);
        let (account, about, parent) =
            (to_guest::account(account), to_guest::reference(about), parent.map(to_guest::reference));
        let said = ask!(
            self,
            World::Payment,
            "query",
            input,
            |guest, store| guest.lyceum_payment_provider().call_query(store, &account, &about, parent.as_ref()),
            view
        );
        settle(said)
    }

    async fn capture(
        &self,
        account: &Account,
        payment: &Reference,
        op_ref: &str,
        amount: Money,
    ) -> Result<View, ProviderError> {
        let input = account.weight() + payment.weight() + op_ref.weight();
        let (account, payment, amount) =
            (to_guest::account(account), to_guest::reference(payment), to_guest::money(amount));
        let said = ask!(
            self,
            World::Payment,
            "capture",
            input,
            |guest, store| guest.lyceum_payment_provider().call_capture(store, &account, &payment, op_ref, &amount),
            view
        );
        settle(said)
    }

    async fn close(&self, account: &Account, payment: &Reference, op_ref: &str) -> Result<View, ProviderError> {
        let input = account.weight() + payment.weight() + op_ref.weight();
        let (account, payment) = (to_guest::account(account), to_guest::reference(payment));
        let said = ask!(
            self,
            World::Payment,
            "close",
            input,
            |guest, store| guest.lyceum_payment_provider().call_close(store, &account, &payment, op_ref),
            view
        );
        settle(said)
    }

    async fn refund(
        &self,
        account: &Account,
        payment: &Reference,
        refund_ref: &str,
        amount: Money,
        paid: Money,
        reason: &str,
    ) -> Result<View, ProviderError> {
        let input = account.weight() + payment.weight() + refund_ref.weight() + reason.weight();
        let (account, payment) = (to_guest::account(account), to_guest::reference(payment));
        let (amount, paid) = (to_guest::money(amount), to_guest::money(paid));
        let said = ask!(
            self,
            World::Payment,
            "refund",
            input,
            |guest, store| guest
                .lyceum_payment_provider()
                .call_refund(store, &account, &payment, refund_ref, &amount, &paid, reason),
            view
        );
        settle(said)
    }

    async fn refresh_keys(&self, account: &Account) -> Result<u32, ProviderError> {
        let input = account.weight();
        let account = to_guest::account(account);
        let check = |answer: Answer<u32>| Ok((answer.map_err(from_guest::error), 0));
        let said = ask!(
            self,
            World::Payment,
            "refresh-keys",
            input,
            |guest, store| guest.lyceum_payment_provider().call_refresh_keys(store, &account),
            check
        );
        settle(said)
    }

    async fn verify(
        &self,
        account: &Account,
        request: &InboundRequest,
    ) -> Result<Result<Accepted, Refused>, PluginFailure> {
        let input = account.weight() + request.weight();
        let (account, request) = (to_guest::account(account), to_guest::request(request));
        let said = ask!(
            self,
            World::PaymentVerify,
            "verify",
            input,
            |guest, store| guest.lyceum_payment_inbound().call_verify(store, &account, &request),
            from_guest::verified
        );
        said.answer
    }

    async fn read_return(
        &self,
        account: &Account,
        request: &InboundRequest,
    ) -> Result<Result<Reference, Refused>, PluginFailure> {
        let input = account.weight() + request.weight();
        let (account, request) = (to_guest::account(account), to_guest::request(request));
        let said = ask!(
            self,
            World::PaymentVerify,
            "read-return",
            input,
            |guest, store| guest.lyceum_payment_inbound().call_read_return(store, &account, &request),
            from_guest::returned
        );
        said.answer
    }
}

#[cfg(test)]
mod tests {
    use lyceum_domain::plugin::FailureKind;

    use super::*;

    #[test]
    fn the_key_is_the_name_without_publisher_and_kind() {
        assert_eq!(provider_key("lyceum/payment-sandbox"), "sandbox");
        assert_eq!(provider_key("acme/alipay"), "alipay");
    }

    fn failure() -> PluginFailure {
        PluginFailure {
            plugin: "a/b".into(),
            version: "1.0.0".into(),
            world: "payment other".into(),
            function: "create".into(),
            kind: FailureKind::Trap,
            detail: "unreachable".into(),
        }
    }

    #[test]
    fn a_trap_after_bytes_left_is_unknown_and_before_it_is_the_plugins_failure() {
        let said = |sent| Said::<Result<View, _>> { answer: Err(failure()), sent, unanswered: sent };
        assert!(matches!(settle(said(true)), Err(ProviderError::Unknown(_))));
        assert_eq!(settle(said(false)), Err(ProviderError::Plugin(failure())));
    }

    #[test]
    fn a_guest_cannot_call_unanswered_bytes_not_sent() {
        let said = |unanswered| Said::<Result<View, _>> {
            answer: Ok(Err(ProviderError::NotSent("no".into()))),
            sent: true,
            unanswered,
        };
        assert_eq!(settle(said(true)), Err(ProviderError::Unknown("no".into())));
        assert_eq!(settle(said(false)), Err(ProviderError::NotSent("no".into())));
    }
}
