//! Refunds: the amount is reserved and the number committed before the
//! provider is called, and a repetition uses the same number.

use lyceum_kernel::{Action, ErrorCode, Failure, Id, Money, Result, Viewer};
use lyceum_store::Write;
use sha2::{Digest, Sha256};

use super::{
    events,
    fold::{FactKind, fold},
    model::{RefundOrder, RefundOutcome, RefundState},
    port::{ProviderError, Status, View},
    service::{Payments, Till, Verdict, query_delay, signed_in, verdict},
    store::{self, Payment, Refund, RefundRequest},
};

/// What reserving the amount came to.
enum Reserved {
    Now(Refund),
    /// Another request with the same key was first.
    Before(Refund),
}

impl Payments {
    /// Gives money back. The entitlement goes when everything went back. The
    /// same key with the same input is the same refund, answered again.
    ///
    /// # Errors
    /// `FORBIDDEN` without the right to manage orders, `INVALID_STATE` when
    /// nothing was paid or the payment is frozen, `BAD_USER_INPUT` when more
    /// is asked than is left, `IDEMPOTENCY_CONFLICT`. When the provider's answer
    /// is unknown the refund stays requested and is asked about under the same
    /// number.
    pub async fn refund(&self, viewer: &Viewer, input: RefundOrder) -> Result<RefundOutcome> {
        let by = signed_in(viewer)?;
        if !viewer.may("order", Action::Manage) {
            return Err(Failure::new(ErrorCode::Forbidden, "You may not refund orders."));
        }
        check(&input)?;
        let hash = request_hash(&input);
        let request = RefundRequest { by, key: &input.idempotency_key, hash: &hash };
        if let Some(before) = store::refund_by_key(self.db.reader(), by, request.key).await? {
            return Ok(outcome(&same(before, request)?));
        }
        let payment = store::payment_of_order(self.db.reader(), input.order).await?;
        let payment = payment.ok_or_else(|| Failure::not_found("payment of this order"))?;
        let till = self.till_of(&payment)?;
        let refund = match self.reserve(payment.id, &input, request).await? {
            Reserved::Now(refund) => refund,
            Reserved::Before(refund) => return Ok(outcome(&refund)),
        };
        self.send_refund(&till, &refund).await?;
        let refund = store::refund(self.db.reader(), refund.id).await?.ok_or_else(|| Failure::not_found("refund"))?;
        Ok(outcome(&refund))
    }

    async fn reserve(&self, payment: Id, input: &RefundOrder, request: RefundRequest<'_>) -> Result<Reserved> {
        let mut write = self.db.write().await?;
        let payment = store::lock_payment(&write, payment).await?.ok_or_else(|| Failure::not_found("payment"))?;
        // Of requests at once with one key the others waited for the lock.
        if let Some(before) = store::refund_by_key(write.connection(), request.by, request.key).await? {
            return same(before, request).map(Reserved::Before);
        }
        let left = refundable(&write, &payment).await?;
        if payment.frozen || left <= 0 {
            return Err(Failure::new(ErrorCode::InvalidState, "There is nothing to refund."));
        }
        if !(1..=left).contains(&input.minor) {
            let most = Money { minor: left, ..payment.amount };
            return Err(Failure::input("input.amountMinor", format!("At most {most} can be refunded.")));
        }
        let refund = new_refund(&write, &payment, input);
        if !store::insert_refund(&write, &refund, Some(request)).await? {
            // The same key, for another order at the same time.
            return Err(used_before());
        }
        write.emit(&events::refund("requested", refund.id, &payment, refund.amount, Some(request.by))).await?;
        write.commit().await?;
        Ok(Reserved::Now(refund))
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

fn check(input: &RefundOrder) -> Result<()> {
    if !(1..=200).contains(&input.idempotency_key.chars().count()) {
        return Err(Failure::input("input.idempotencyKey", "The key has 1 to 200 characters."));
    }
    if input.reason.chars().count() > 500 {
        return Err(Failure::input("input.reason", "A reason has at most 500 characters."));
    }
    Ok(())
}

fn request_hash(input: &RefundOrder) -> String {
    let RefundOrder { order, minor, reason, idempotency_key: _ } = input;
    hex::encode(Sha256::digest(serde_json::json!([order, minor, reason]).to_string()))
}

/// The refund that this key stands for.
fn same((refund, hash): (Refund, String), request: RefundRequest<'_>) -> Result<Refund> {
    if hash == request.hash { Ok(refund) } else { Err(used_before()) }
}

fn used_before() -> Failure {
    let message = "This idempotency key was used before with another input.";
    Failure::new(ErrorCode::IdempotencyConflict, message).at("input.idempotencyKey")
}

fn outcome(refund: &Refund) -> RefundOutcome {
    RefundOutcome { refund_id: refund.id, amount: refund.amount, state: refund.state }
}

fn new_refund(write: &Write, payment: &Payment, input: &RefundOrder) -> Refund {
    let id = Id::new();
    Refund {
        id,
        payment: payment.id,
        refund_ref: id.as_str().to_ascii_uppercase(),
        provider_ref: None,
        amount: Money { minor: input.minor, ..payment.amount },
        state: RefundState::Requested,
        reason: input.reason.clone(),
        next_query_at: Some(write.now().plus(query_delay(0))),
        query_count: 0,
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
