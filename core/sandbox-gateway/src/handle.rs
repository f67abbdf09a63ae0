//! What a test or the demo holds: the switches of `/control` as methods.

use std::sync::Arc;

use crate::{
    Decision, Delivery, Gateway, PaymentView, RefundOutcome, RefundView, Refusal, SentWebhook, control::settle_refunds,
    model::Refund,
};

/// A handle to a running gateway. Clones share it.
#[derive(Clone)]
pub struct GatewayHandle(Arc<Gateway>);

impl GatewayHandle {
    pub(crate) fn new(gateway: Arc<Gateway>) -> Self {
        Self(gateway)
    }

    /// How webhooks are delivered when the pay page does not say.
    pub fn set_delivery(&self, delivery: Delivery) {
        self.0.set(|switches| switches.delivery = delivery);
    }

    /// Every `/v1` call answers 503 and does nothing.
    pub fn set_down(&self, down: bool) {
        self.0.set(|switches| switches.down = down);
    }

    /// Every `/v1` call commits and then closes the connection unanswered.
    pub fn set_hang(&self, hang: bool) {
        self.0.set(|switches| switches.hang = hang);
    }

    /// New payments are declined with 402.
    pub fn set_decline_create(&self, decline: bool) {
        self.0.set(|switches| switches.decline_create = decline);
    }

    /// How refunds end from now on. Those under way end so too; they are
    /// returned and announced.
    pub fn set_refund_outcome(&self, outcome: RefundOutcome) -> Vec<RefundView> {
        settle_refunds(&self.0, outcome).iter().map(Refund::view).collect()
    }

    /// Where buyers reach the gateway, once its port is known. No slash at the end.
    pub fn set_public_url(&self, url: impl Into<String>) {
        self.0.set_public_url(url.into());
    }

    /// Signs with the new secret and the one before it from now on.
    pub fn rotate_webhook_secret(&self, new: impl Into<String>) {
        self.0.courier.rotate_secret(new.into());
    }

    /// # Errors
    /// [`Refusal::NotFound`].
    pub fn payment(&self, merchant_ref: &str) -> Result<PaymentView, Refusal> {
        let payment = self.0.with_books(|books, _| books.payment(merchant_ref))?;
        Ok(self.0.payment_view(&payment))
    }

    /// Pays as the buyer would, and waits until the webhooks that are not
    /// held were acknowledged or given up.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], or [`Refusal::AlreadyDecided`].
    pub async fn pay(&self, merchant_ref: &str, delivery: Delivery) -> Result<PaymentView, Refusal> {
        let payment = self.decide(merchant_ref, Decision::Pay, delivery)?;
        self.wait_idle().await;
        Ok(payment)
    }

    /// Takes money for a payment even when it is closed: the success after
    /// the end that real providers report now and then.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], or [`Refusal::AlreadyDecided`] when paid or failed.
    pub async fn pay_even_when_closed(&self, merchant_ref: &str, delivery: Delivery) -> Result<PaymentView, Refusal> {
        let payment = self.0.decide(merchant_ref, Decision::Pay, delivery, true)?;
        self.wait_idle().await;
        Ok(self.0.payment_view(&payment))
    }

    /// Takes a buyer's decision and returns at once; webhooks follow.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], or [`Refusal::AlreadyDecided`].
    pub fn decide(&self, merchant_ref: &str, decision: Decision, delivery: Delivery) -> Result<PaymentView, Refusal> {
        let payment = self.0.decide(merchant_ref, decision, delivery, false)?;
        Ok(self.0.payment_view(&payment))
    }

    /// Sends the held webhooks and waits until nothing is under way. Returns
    /// how many were held.
    pub async fn flush(&self) -> usize {
        self.0.courier.flush().await
    }

    /// Waits until every webhook that is not held was acknowledged or given up.
    pub async fn wait_idle(&self) {
        self.0.courier.wait_idle().await;
    }

    /// Every try of every webhook, oldest first.
    #[must_use]
    pub fn events(&self) -> Vec<SentWebhook> {
        self.0.courier.log()
    }
}
