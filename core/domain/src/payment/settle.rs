//! Appending what the provider said and folding it, in one transaction and
//! under the lock of the payment.

use lyceum_kernel::{Failure, Id, Money, Result};
use lyceum_store::Write;

use super::{
    events,
    fold::{Claim, Fact, FactKind, Folded, fold},
    incident::{self, Incident},
    ledger,
    model::{OrderState, PaymentState, RefundState},
    port::{ObjectKind, View},
    reading::{self, Reading},
    service::Payments,
    store::{self, Order, Origin, Payment, Refund},
};
use crate::membership::Grant;

/// What making an order paid came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fulfilled {
    Given,
    Before,
    /// The buyer had it for ever already, by another order.
    Twice,
    /// What was bought is gone, so nothing was given.
    Gone,
}

/// What settling found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    Folded,
    Incident,
}

impl Payments {
    /// Takes in a provider's view.
    pub(super) async fn settle(&self, write: &mut Write, payment: Id, view: &View, source: &str) -> Result<Settled> {
        let payment = locked(write, payment).await?;
        let facts = store::facts(write.connection(), payment.id).await?;
        let refunds = store::refunds(write.connection(), payment.id).await?;
        match reading::read(&payment, &refunds, &facts, view) {
            Reading::Facts(new) => {
                let origin = Origin { source, raw_status: &view.raw_status, occurred: view.occurred };
                append(write, payment.id, &new, &origin).await?;
                if view.about.kind == ObjectKind::Payment {
                    let (theirs, redirect) = (view.about.provider.as_deref(), reading::redirect(view));
                    store::note_view(write, payment.id, theirs, redirect).await?;
                }
                self.refold(write, &payment).await
            }
            Reading::AskAboutRefunds => {
                store::query_refunds_now(write, payment.id).await?;
                Ok(Settled::Folded)
            }
            Reading::Contradiction { kind, detail } => {
                contradict(write, &payment, kind, detail, incident::money_in(view)).await?;
                Ok(Settled::Incident)
            }
        }
    }

    /// Takes in what we know ourselves: that it was refused, or its time ran out.
    pub(super) async fn settle_own(&self, write: &mut Write, payment: Id, kind: FactKind, why: &str) -> Result<()> {
        let payment = locked(write, payment).await?;
        let reference = payment.merchant_ref.clone();
        let fact = Fact { object: ObjectKind::Payment, reference, provider_ref: String::new(), kind, minor: None };
        append(write, payment.id, &[fact], &own(why)).await?;
        self.refold(write, &payment).await.map(drop)
    }

    /// The same for a refund of ours.
    pub(super) async fn settle_own_refund(
        &self,
        write: &mut Write,
        refund: &Refund,
        kind: FactKind,
        why: &str,
    ) -> Result<()> {
        let payment = locked(write, refund.payment).await?;
        let (reference, minor) = (refund.refund_ref.clone(), Some(refund.amount.minor));
        let fact = Fact { object: ObjectKind::Refund, reference, provider_ref: String::new(), kind, minor };
        append(write, payment.id, &[fact], &own(why)).await?;
        self.refold(write, &payment).await.map(drop)
    }

    /// Brings everything that follows from the facts up to date. A frozen
    /// payment collects facts, and nothing follows from them.
    async fn refold(&self, write: &mut Write, payment: &Payment) -> Result<Settled> {
        if payment.frozen {
            return Ok(Settled::Folded);
        }
        let facts = store::facts(write.connection(), payment.id).await?;
        let folded = fold(&payment.terms(), &facts);
        for posting in &folded.postings {
            ledger::post(write, posting).await?;
        }
        follow_payment(write, payment, folded.state).await?;
        follow_refunds(write, payment, &folded).await?;
        self.follow_order(write, payment, &folded).await?;
        note_surplus(write, payment, &folded).await?;
        Ok(Settled::Folded)
    }

    async fn follow_order(&self, write: &mut Write, payment: &Payment, folded: &Folded) -> Result<()> {
        let order = store::order(write.connection(), payment.order).await?;
        let order = order.ok_or_else(|| Failure::internal("a payment without its order"))?;
        if folded.captured > 0 {
            let fulfilled = self.fulfil(write, &order).await?;
            note_unwanted(write, payment, &order, fulfilled).await?;
        } else if folded.state.is_ended() && store::mark_canceled(write, order.id).await? {
            write.emit(&events::order("canceled", &Order { state: OrderState::Canceled, ..order.clone() })).await?;
        }
        if order.refunded != folded.refunded {
            store::set_refunded(write, order.id, folded.refunded).await?;
        }
        if folded.captured > 0 {
            self.memberships.set_revoked(write, order.id, folded.is_returned()).await
        } else {
            Ok(())
        }
    }

    /// Makes an order paid and gives what was bought. Once in its life.
    pub(super) async fn fulfil(&self, write: &mut Write, order: &Order) -> Result<Fulfilled> {
        if order.paid_at.is_some() || !store::mark_paid(write, order.id).await? {
            return Ok(Fulfilled::Before);
        }
        write.emit(&events::order("paid", order)).await?;
        // Of two orders that are paid at once the second sees what the first gave.
        self.memberships.lock_person(write, order.user).await?;
        let grant = self.bought(write, order).await?;
        let has_it = match grant {
            Grant::Course(course) if !self.catalog.course_exists(write, course).await? => return Ok(Fulfilled::Gone),
            Grant::Course(course) => self.memberships.owns_course(write, order.user, course).await?,
            Grant::Tier { tier, .. } => self.memberships.has_for_life(write, order.user, tier).await?,
            Grant::Trial { .. } => false,
        };
        self.memberships.grant(write, order.user, grant, Some(order.id)).await?;
        Ok(if has_it { Fulfilled::Twice } else { Fulfilled::Given })
    }

    async fn bought(&self, write: &Write, order: &Order) -> Result<Grant> {
        if let Some(course) = order.course {
            return Ok(Grant::Course(course));
        }
        let plan = order.plan.ok_or_else(|| Failure::internal("an order of nothing"))?;
        let plan = self.memberships.plan_within(write, plan).await?;
        let plan = plan.ok_or_else(|| Failure::internal("an order of a plan that is gone"))?;
        Ok(match order.trial_tier {
            Some(tier) => Grant::Trial { tier, days: plan.trial_days },
            None => Grant::Tier { tier: plan.tier, interval: plan.interval },
        })
    }
}

fn own(why: &str) -> Origin<'_> {
    Origin { source: "us", raw_status: why, occurred: None }
}

async fn locked(write: &Write, payment: Id) -> Result<Payment> {
    let payment = store::lock_payment(write, payment).await?;
    payment.ok_or_else(|| Failure::internal("a payment that is gone"))
}

async fn append(write: &Write, payment: Id, facts: &[Fact], origin: &Origin<'_>) -> Result<()> {
    for fact in facts {
        store::append_fact(write, payment, fact, origin).await?;
    }
    Ok(())
}

async fn contradict(
    write: &mut Write,
    payment: &Payment,
    kind: &str,
    detail: String,
    money: Option<Money>,
) -> Result<()> {
    let incident = Incident {
        payment: Some(payment.id),
        freezes: true,
        provider: &payment.provider,
        account: &payment.account,
        kind,
        detail,
        money,
    };
    incident::record(write, &incident).await
}

async fn follow_payment(write: &mut Write, payment: &Payment, state: PaymentState) -> Result<()> {
    if state <= payment.state {
        return Ok(());
    }
    store::set_payment_state(write, payment.id, state).await?;
    // An expiry is our own word: the provider may still know better.
    if !state.is_open() && state != PaymentState::Expired {
        store::schedule_payment(write, payment.id, None).await?;
        store::end_attempt(write, payment.id, "resolved", None).await?;
    }
    if state.is_open() { Ok(()) } else { write.emit(&events::payment(state.as_str(), payment)).await }
}

async fn follow_refunds(write: &mut Write, payment: &Payment, folded: &Folded) -> Result<()> {
    let known = store::refunds(write.connection(), payment.id).await?;
    for (reference, claim) in &folded.refunds {
        match known.iter().find(|r| r.refund_ref == *reference) {
            Some(refund) if claim.state <= refund.state => {}
            Some(refund) => advance_refund(write, payment, refund, claim).await?,
            None => found_refund(write, payment, reference, claim).await?,
        }
    }
    Ok(())
}

async fn advance_refund(
    write: &mut Write,
    payment: &Payment,
    refund: &Refund,
    claim: &Claim<RefundState>,
) -> Result<()> {
    let theirs = Some(claim.provider_ref.as_str()).filter(|r| !r.is_empty());
    store::set_refund_state(write, refund.id, claim.state, theirs).await?;
    write.emit(&events::refund(claim.state.as_str(), refund.id, payment, refund.amount, None)).await
}

/// A refund that somebody made at the provider's own pages.
async fn found_refund(write: &mut Write, payment: &Payment, reference: &str, claim: &Claim<RefundState>) -> Result<()> {
    let amount = Money { minor: claim.minor, ..payment.amount };
    let refund = Refund {
        id: Id::new(),
        payment: payment.id,
        refund_ref: reference.to_owned(),
        provider_ref: Some(claim.provider_ref.clone()).filter(|r| !r.is_empty()),
        amount,
        state: claim.state,
        reason: "made at the provider".to_owned(),
        next_query_at: None,
        query_count: 0,
    };
    store::insert_refund(write, &refund, None).await?;
    write.emit(&events::refund(claim.state.as_str(), refund.id, payment, amount, None)).await
}

/// Paid for nothing: a person must look, and give the money back or something
/// for it.
async fn note_unwanted(write: &mut Write, payment: &Payment, order: &Order, fulfilled: Fulfilled) -> Result<()> {
    let (kind, why) = match fulfilled {
        Fulfilled::Given | Fulfilled::Before => return Ok(()),
        Fulfilled::Twice => ("bought-twice", "the buyer has it already"),
        Fulfilled::Gone => ("course-gone", "it was deleted before the payment came"),
    };
    note(write, payment, kind, format!("{} for \"{}\": {why}", order.amount, order.title)).await
}

/// More money in than agreed, or more out than came in: a person must look,
/// and the buyer keeps what was bought.
async fn note_surplus(write: &mut Write, payment: &Payment, folded: &Folded) -> Result<()> {
    let over = folded.refunded.saturating_add(folded.lost).saturating_sub(folded.captured);
    let (kind, minor) = match folded {
        Folded { surplus: 1.., .. } => ("paid-twice", folded.surplus),
        Folded { captured: 1.., .. } if over > 0 => ("refunded-too-much", over),
        _ => return Ok(()),
    };
    note(write, payment, kind, Money { minor, ..payment.amount }.to_string()).await
}

/// An incident that lets the payment go on.
async fn note(write: &mut Write, payment: &Payment, kind: &str, detail: String) -> Result<()> {
    let incident = Incident {
        payment: Some(payment.id),
        freezes: false,
        provider: &payment.provider,
        account: &payment.account,
        kind,
        detail,
        money: None,
    };
    incident::record(write, &incident).await
}
