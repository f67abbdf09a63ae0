//! Refunds: the amount is reserved and the number committed before the
//! provider is called, and a repetition uses the same number.

use lyceum_kernel::{Action, ErrorCode, Failure, Id, Money, Result, Viewer};
use lyceum_store::Write;

use super::{
    events,
    fold::{FactKind, fold},
    model::{RefundOutcome, RefundState},
    port::{ProviderError, Status, View},
    service::{Payments, Till, Verdict, query_delay, signed_in, verdict},
    store::{self, Payment, Refund},
};

impl Payments {
    /// Gives money back: `amount` in minor units of the order's currency, or
    /// all that is left. The entitlement goes when everything went back.
    ///
    /// # Errors
    /// `FORBIDDEN` without the right to manage orders, `INVALID_STATE` when
    /// nothing was paid or the payment is frozen, `BAD_USER_INPUT` when more
    /// is asked than is left. When the provider's answer is unknown the refund
    /// stays requested and is asked about under the same number.
    pub async fn refund(&self, viewer: &Viewer, order: Id, amount: Option<i64>, reason: &str) -> Result<RefundOutcome> {
        signed_in(viewer)?;
        if !viewer.may("order", Action::Manage) {
            return Err(Failure::new(ErrorCode::Forbidden, "You may not refund orders."));
        }
        if reason.chars().count() > 500 {
            return Err(Failure::input("input.reason", "A reason has at most 500 characters."));
        }
        let payment = store::payment_of_order(self.db.reader(), order).await?;
        let payment = payment.ok_or_else(|| Failure::not_found("payment of this order"))?;
        let till = self.till_of(&payment)?;
        let refund = self.reserve(viewer, payment.id, amount, reason).await?;
        self.send_refund(&till, &refund).await?;
        let refund = store::refund(self.db.reader(), refund.id).await?.ok_or_else(|| Failure::not_found("refund"))?;
        Ok(RefundOutcome { refund_id: refund.id, amount: refund.amount, state: refund.state })
    }

    async fn reserve(&self, viewer: &Viewer, payment: Id, amount: Option<i64>, reason: &str) -> Result<Refund> {
        let mut write = self.db.write().await?;
        let payment = store::lock_payment(&write, payment).await?.ok_or_else(|| Failure::not_found("payment"))?;
        let left = refundable(&write, &payment).await?;
        let minor = amount.unwrap_or(left);
        if payment.frozen || left <= 0 {
            return Err(Failure::new(ErrorCode::InvalidState, "There is nothing to refund."));
        }
        if !(1..=left).contains(&minor) {
            let most = Money { minor: left, ..payment.amount };
            return Err(Failure::input("input.amount", format!("At most {most} can be refunded.")));
        }
        let id = Id::new();
        let refund = Refund {
            id,
            payment: payment.id,
            refund_ref: id.as_str().to_ascii_uppercase(),
            provider_ref: None,
            amount: Money { minor, ..payment.amount },
            state: RefundState::Requested,
            reason: reason.to_owned(),
            next_query_at: Some(write.now().plus(query_delay(0))),
            query_count: 0,
        };
        store::insert_refund(&write, &refund, viewer.user).await?;
        write.emit(&events::refund("requested", id, &payment, refund.amount, viewer.user)).await?;
        write.commit().await?;
        Ok(refund)
    }

    /// Sends a refund under its number, the first time or again.
    pub(super) async fn send_refund(&self, till: &Till, refund: &Refund) -> Result<()> {
        let payment = store::payment(self.db.reader(), refund.payment).await?;
        let payment = payment.ok_or_else(|| Failure::not_found("payment"))?;
        let account = &till.account.account;
        let (about, number) = (payment.reference(), refund.refund_ref.as_str());
        let answer = till.provider.refund(account, &about, number, refund.amount, payment.amount, &refund.reason).await;
        self.refund_answered(refund, answer).await
    }

    /// Asks about a refund; what the provider does not know is sent again
    /// under the same number.
    pub(super) async fn query_refund(&self, till: &Till, refund: &Refund) -> Result<()> {
        let payment = store::payment(self.db.reader(), refund.payment).await?;
        let payment = payment.ok_or_else(|| Failure::not_found("payment"))?;
        let account = &till.account.account;
        match till.provider.query(account, &refund.reference(), Some(&payment.reference())).await {
            Ok(View { status: Status::NotFound, .. }) => self.send_refund(till, refund).await,
            Ok(view) => self.settle_view(payment.id, &view, "query").await,
            Err(error) => {
                tracing::warn!(refund = %refund.id, %error, "a refund could not be queried");
                Ok(())
            }
        }
    }

    async fn refund_answered(&self, refund: &Refund, answer: Result<View, ProviderError>) -> Result<()> {
        match answer {
            Ok(view) => self.settle_view(refund.payment, &view, "refund").await,
            Err(error) => match verdict(&error) {
                Verdict::Declined(why) => {
                    let mut write = self.db.write().await?;
                    self.settle_own_refund(&mut write, refund, FactKind::Failed, &why).await?;
                    write.commit().await
                }
                Verdict::NotSent | Verdict::Unknown => {
                    tracing::warn!(refund = %refund.id, %error, "the outcome of a refund is not known");
                    Ok(())
                }
            },
        }
    }
}

/// What came in, less what went back, is on its way back, or is disputed.
async fn refundable(write: &Write, payment: &Payment) -> Result<i64> {
    let facts = store::facts(write.connection(), payment.id).await?;
    let refunds = store::refunds(write.connection(), payment.id).await?;
    let folded = fold(&payment.terms(), &facts);
    let held = refunds.iter().filter(|r| r.state.holds_money()).map(|r| r.amount.minor);
    Ok(held.fold(folded.captured.saturating_sub(folded.disputed()), i64::saturating_sub))
}
