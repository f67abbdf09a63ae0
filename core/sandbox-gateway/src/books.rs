//! The books: every payment and refund, and the rules of their states.
//!
//! Pure: no clock, no network. The caller passes the time and announces what
//! changed.

use std::collections::BTreeMap;

use lyceum_kernel::{Id, Money, Timestamp};

use crate::{
    Refusal,
    model::{Decision, Payment, PaymentStatus, Refund, RefundOutcome, RefundStatus},
};

#[derive(Debug, Default)]
pub(crate) struct Books {
    payments: BTreeMap<String, Payment>,
    refunds: BTreeMap<String, Refund>,
}

/// What a merchant asks for when a payment is created, already checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewPayment {
    pub merchant_ref: String,
    pub amount: Money,
    pub title: String,
    pub return_url: String,
    pub notify_url: String,
    pub expires: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewRefund {
    pub refund_ref: String,
    pub amount_minor: i64,
    pub reason: String,
}

impl Books {
    /// The same reference with the same parameters finds the same payment.
    pub fn create(&mut self, new: NewPayment, declined: bool, now: Timestamp) -> Result<Payment, Refusal> {
        if let Some(known) = self.payments.get(&new.merchant_ref) {
            return if known.was_asked_as(&new) { Ok(known.clone()) } else { Err(Refusal::IdempotencyConflict) };
        }
        if declined {
            return Err(Refusal::Declined);
        }
        if new.expires <= now {
            return Err(Refusal::Invalid("expiresMs: must be later than now".to_owned()));
        }
        let payment = Payment::open(new, now);
        self.payments.insert(payment.merchant_ref.clone(), payment.clone());
        Ok(payment)
    }

    pub fn payment(&self, merchant_ref: &str) -> Result<Payment, Refusal> {
        self.payments.get(merchant_ref).cloned().ok_or(Refusal::NotFound("payment"))
    }

    pub fn payment_by_id(&self, public_id: &str) -> Result<Payment, Refusal> {
        let found = self.payments.values().find(|payment| payment.public_id() == public_id);
        found.cloned().ok_or(Refusal::NotFound("payment"))
    }

    /// Closes open payments whose time has run out, and returns them.
    pub fn expire(&mut self, now: Timestamp) -> Vec<Payment> {
        let due = |p: &&mut Payment| p.status == PaymentStatus::Open && p.expires <= now;
        let closed = self.payments.values_mut().filter(due).map(|payment| {
            payment.status = PaymentStatus::Closed;
            payment.clone()
        });
        closed.collect()
    }

    /// Closes an open payment. Returns it, and whether this call closed it: a
    /// payment that is closed or failed stays as it is.
    pub fn close(&mut self, merchant_ref: &str) -> Result<(Payment, bool), Refusal> {
        let payment = self.find(merchant_ref)?;
        let is_open = matches!(payment.status, PaymentStatus::Open | PaymentStatus::Processing);
        match payment.status {
            PaymentStatus::Paid => return Err(Refusal::AlreadyPaid),
            _ if is_open => payment.status = PaymentStatus::Closed,
            _ => {}
        }
        Ok((payment.clone(), is_open))
    }

    /// The buyer's decision. `even_when_closed` plays the provider that takes
    /// money after it said that the payment was closed.
    pub fn decide(
        &mut self,
        merchant_ref: &str,
        decision: Decision,
        even_when_closed: bool,
        now: Timestamp,
    ) -> Result<Payment, Refusal> {
        let payment = self.find(merchant_ref)?;
        let closed = payment.status == PaymentStatus::Closed;
        if payment.status != PaymentStatus::Open && !(closed && even_when_closed) {
            return Err(Refusal::AlreadyDecided);
        }
        payment.status = match decision {
            Decision::Pay => PaymentStatus::Paid,
            Decision::Decline => PaymentStatus::Failed,
            Decision::Cancel => PaymentStatus::Closed,
        };
        payment.paid = (decision == Decision::Pay).then_some(now);
        Ok(payment.clone())
    }

    /// Returns the refund, and whether this call made it.
    pub fn refund(
        &mut self,
        merchant_ref: &str,
        new: NewRefund,
        outcome: RefundOutcome,
    ) -> Result<(Refund, bool), Refusal> {
        let payment = self.payment(merchant_ref)?;
        if let Some(known) = self.refunds.get(&new.refund_ref) {
            let same = known.was_asked_as(merchant_ref, &new);
            return if same { Ok((known.clone(), false)) } else { Err(Refusal::IdempotencyConflict) };
        }
        if payment.status != PaymentStatus::Paid {
            return Err(Refusal::NotPaid);
        }
        let left_minor = payment.amount.minor - self.taken_minor(merchant_ref);
        if new.amount_minor > left_minor {
            return Err(Refusal::RefundExceedsPaid { left_minor });
        }
        Ok((self.book_refund(&payment, new, outcome.into()), true))
    }

    pub fn refund_by_ref(&self, refund_ref: &str) -> Result<Refund, Refusal> {
        self.refunds.get(refund_ref).cloned().ok_or(Refusal::NotFound("refund"))
    }

    /// Ends every refund that is under way, and returns those.
    pub fn settle_refunds(&mut self, outcome: RefundOutcome) -> Vec<Refund> {
        if outcome == RefundOutcome::Processing {
            return Vec::new();
        }
        let pending = self.refunds.values_mut().filter(|refund| refund.status == RefundStatus::Processing);
        let settled: Vec<Refund> = pending
            .map(|refund| {
                refund.status = outcome.into();
                refund.clone()
            })
            .collect();
        settled.iter().for_each(|refund| self.count(refund));
        settled
    }

    fn book_refund(&mut self, payment: &Payment, new: NewRefund, status: RefundStatus) -> Refund {
        let refund = Refund {
            id: Id::new(),
            refund_ref: new.refund_ref,
            merchant_ref: payment.merchant_ref.clone(),
            status,
            amount: Money::new(new.amount_minor, payment.amount.currency),
            reason: new.reason,
        };
        self.count(&refund);
        self.refunds.insert(refund.refund_ref.clone(), refund.clone());
        refund
    }

    /// What succeeded or is under way: neither may be refunded again.
    fn taken_minor(&self, merchant_ref: &str) -> i64 {
        let of_payment = self.refunds.values().filter(|refund| refund.merchant_ref == merchant_ref);
        of_payment.filter(|refund| refund.status != RefundStatus::Failed).map(|refund| refund.amount.minor).sum()
    }

    fn count(&mut self, refund: &Refund) {
        if let (RefundStatus::Succeeded, Ok(payment)) = (refund.status, self.find(&refund.merchant_ref)) {
            payment.refunded_minor += refund.amount.minor;
        }
    }

    fn find(&mut self, merchant_ref: &str) -> Result<&mut Payment, Refusal> {
        self.payments.get_mut(merchant_ref).ok_or(Refusal::NotFound("payment"))
    }
}

impl Payment {
    fn open(new: NewPayment, now: Timestamp) -> Self {
        Self {
            id: Id::new(),
            merchant_ref: new.merchant_ref,
            status: PaymentStatus::Open,
            amount: new.amount,
            title: new.title,
            return_url: new.return_url,
            notify_url: new.notify_url,
            refunded_minor: 0,
            created: now,
            paid: None,
            expires: new.expires,
        }
    }

    fn was_asked_as(&self, new: &NewPayment) -> bool {
        let NewPayment { merchant_ref, amount, title, return_url, notify_url, expires } = new;
        (&self.merchant_ref, &self.amount, &self.title) == (merchant_ref, amount, title)
            && (&self.return_url, &self.notify_url, &self.expires) == (return_url, notify_url, expires)
    }
}

impl Refund {
    fn was_asked_as(&self, merchant_ref: &str, new: &NewRefund) -> bool {
        let NewRefund { refund_ref, amount_minor, reason } = new;
        (self.merchant_ref.as_str(), &self.refund_ref) == (merchant_ref, refund_ref)
            && (&self.amount.minor, &self.reason) == (amount_minor, reason)
    }
}
