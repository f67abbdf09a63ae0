//! The janitor: what is open or unknown is asked about until it is known; and
//! the return page, which asks at once.

use lyceum_kernel::{Action, ErrorCode, Failure, Id, Result, Timestamp, Viewer};

use super::{
    fold::FactKind,
    model::OrderState,
    port::InboundRequest,
    service::{Asked, Payments, Till, next_query, query_delay, signed_in, unavailable},
    store::{self, Located, Payment, Refund},
    way_back::WayBack,
};

/// What one pass of the janitor did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sweep {
    pub payments: u64,
    pub refunds: u64,
    /// Calls that brought no answer. They are repeated later.
    pub unanswered: u64,
    /// The batch was full: there may be more that is due.
    pub more: bool,
}

/// Where to send a buyer who comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    pub order_id: Id,
    /// The checkout's own return URL.
    pub return_url: String,
    /// How the buyer gets there.
    pub way: WayBack,
    pub state: OrderState,
}

/// Payments and refunds taken in one pass.
const BATCH_SIZE: usize = 100;
const BATCH: i64 = BATCH_SIZE as i64;

impl Payments {
    /// Asks about everything that is due at `now`: 15 s, 1, 5, 15 min, 1, 6,
    /// 24 h after the last word, then daily until three days after expiry. Two
    /// processes may run it at once; each row is taken by one of them.
    ///
    /// # Errors
    /// Internal. A provider that does not answer is no error.
    pub async fn query_open(&self, now: Timestamp) -> Result<Sweep> {
        let mut sweep = Sweep::default();
        let payments = store::due_payments(self.db.reader(), now, BATCH).await?;
        sweep.more = payments.len() == BATCH_SIZE;
        for payment in payments {
            if self.claim_payment(&payment, now).await? {
                sweep.payments += 1;
                sweep.unanswered += u64::from(!answered(self.look_after(&payment, now).await));
            }
        }
        let refunds = store::due_refunds(self.db.reader(), now, BATCH).await?;
        sweep.more |= refunds.len() == BATCH_SIZE;
        for refund in refunds {
            if self.claim_refund(&refund, now).await? {
                sweep.refunds += 1;
                sweep.unanswered += u64::from(!answered(self.look_after_refund(&refund).await));
            }
        }
        Ok(sweep)
    }

    /// Takes a payment for this pass. A request that was sending it is gone by
    /// now, so its outcome is unknown.
    async fn claim_payment(&self, payment: &Payment, now: Timestamp) -> Result<bool> {
        let write = self.db.write().await?;
        let next = next_query(now, payment.query_count + 1, payment.expires_at);
        if !store::claim_payment(&write, payment, next).await? {
            return Ok(false);
        }
        store::end_attempt(&write, payment.id, "unknown", None).await?;
        write.commit().await?;
        Ok(true)
    }

    async fn claim_refund(&self, refund: &Refund, now: Timestamp) -> Result<bool> {
        let write = self.db.write().await?;
        let next = now.plus(query_delay(refund.query_count + 1));
        let claimed = store::claim_refund(&write, refund, Some(next)).await?;
        write.commit().await?;
        Ok(claimed)
    }

    /// Whether the provider answered.
    async fn look_after(&self, payment: &Payment, now: Timestamp) -> Result<bool> {
        let Ok(till) = self.till_of(payment) else { return Ok(false) };
        let asked = self.query(&till, payment, "query").await?;
        let payment = self.reload(payment.id).await?;
        if asked != Asked::NoAnswer && payment.state.is_open() && now >= payment.expires_at {
            self.expire(&till, &payment, asked).await?;
        }
        Ok(asked != Asked::NoAnswer)
    }

    /// Time is up: what the provider knows is closed there first. Should the
    /// money come after all, that is a late success.
    async fn expire(&self, till: &Till, payment: &Payment, asked: Asked) -> Result<()> {
        if asked == Asked::Told {
            self.close(till, payment).await?;
        }
        if self.reload(payment.id).await?.state.is_open() {
            let mut write = self.db.write().await?;
            self.settle_own(&mut write, payment.id, FactKind::Expired, "not paid in time").await?;
            write.commit().await?;
        }
        Ok(())
    }

    /// Whether the provider took the closing.
    async fn close(&self, till: &Till, payment: &Payment) -> Result<bool> {
        let operation = Id::new().as_str().to_ascii_uppercase();
        match till.provider.close(&till.account.account, &payment.reference(), &operation).await {
            Ok(view) => self.settle_view(payment.id, &view, "close").await.map(|()| true),
            Err(error) => {
                tracing::warn!(payment = %payment.id, %error, "a payment was not closed at the provider");
                Ok(false)
            }
        }
    }

    async fn look_after_refund(&self, refund: &Refund) -> Result<bool> {
        let payment = self.reload(refund.payment).await?;
        let Ok(till) = self.till_of(&payment) else { return Ok(false) };
        self.query_refund(&till, refund).await?;
        Ok(true)
    }

    async fn reload(&self, payment: Id) -> Result<Payment> {
        let payment = store::payment(self.db.reader(), payment).await?;
        payment.ok_or_else(|| Failure::internal("a payment that is gone"))
    }

    /// The provider sent the buyer back. What the page says is not believed:
    /// the provider is asked, and the order is what the answer made of it.
    ///
    /// # Errors
    /// `NOT_FOUND` when it names no payment of ours, or
    /// `PAYMENT_PROVIDER_UNAVAILABLE`.
    pub async fn return_page(&self, provider: &str, request: InboundRequest) -> Result<Returned> {
        let till = self.till(provider)?;
        let read = till.provider.read_return(&till.account.account, &request).await;
        let read = read.map_err(|failure| unavailable("The payment provider's plugin failed.").caused_by(failure))?;
        let about = read.map_err(|_| Failure::not_found("payment"))?;
        let key = till.account.key();
        let located = store::locate(self.db.reader(), (provider, &key), &about, None).await?;
        let Located::Ours(id) = located else { return Err(Failure::not_found("payment")) };
        let payment = self.reload(id).await?;
        // Whoever knows the address can come back again and again.
        let may_ask = || self.paces.returns.claim(payment.id.as_str(), self.db.now());
        if payment.state.is_open() && !payment.frozen && may_ask() {
            self.query(&till, &payment, "return").await?;
        }
        let order = store::order(self.db.reader(), payment.order).await?.ok_or_else(|| Failure::not_found("order"))?;
        // The operator may have named other hosts since.
        let way = self.settings.way_back(&order.return_url).unwrap_or(WayBack::Link);
        Ok(Returned { order_id: order.id, return_url: order.return_url, way, state: order.state })
    }

    /// Takes an order back before it is paid: closed at the provider, then
    /// canceled by what the provider says. The buyer's own, or any with the
    /// right to manage orders.
    ///
    /// # Errors
    /// `NOT_FOUND`, `INVALID_STATE` when it is paid or the provider does not
    /// close it.
    pub async fn cancel(&self, viewer: &Viewer, order: Id) -> Result<OrderState> {
        let user = signed_in(viewer)?;
        let order = store::order(self.db.reader(), order).await?.ok_or_else(|| Failure::not_found("order"))?;
        if order.user != user && !viewer.may("order", Action::Manage) {
            return Err(Failure::not_found("order"));
        }
        if order.state == OrderState::Canceled {
            return Ok(order.state);
        }
        if order.state == OrderState::Paid {
            return Err(invalid("This order is paid."));
        }
        match self.withdraw(order.id).await? {
            OrderState::Canceled => Ok(OrderState::Canceled),
            OrderState::Paid => Err(invalid("This order was paid in the meantime.")),
            OrderState::Placed => Err(invalid("The provider has not closed the payment. The order expires by itself.")),
        }
    }

    /// Closes the payment of an order at the provider, and tells what became
    /// of the order.
    pub(super) async fn withdraw(&self, order: Id) -> Result<OrderState> {
        let payment = store::payment_of_order(self.db.reader(), order).await?;
        if let Some(payment) = payment.filter(|p| p.state.is_open()) {
            let till = self.till_of(&payment)?;
            self.close(&till, &payment).await?;
            if self.reload(payment.id).await?.state.is_open() {
                self.query(&till, &payment, "query").await?;
            }
        }
        let order = store::order(self.db.reader(), order).await?;
        order.map(|o| o.state).ok_or_else(|| Failure::not_found("order"))
    }
}

/// One payment that cannot be looked after does not keep the others waiting.
fn answered(looked: Result<bool>) -> bool {
    looked.unwrap_or_else(|failure| {
        tracing::error!(?failure, "the janitor could not look after a payment");
        false
    })
}

fn invalid(message: &str) -> Failure {
    Failure::new(ErrorCode::InvalidState, message)
}
