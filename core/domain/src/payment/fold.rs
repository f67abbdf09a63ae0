//! From facts to state: a pure function of the *set* of facts.
//!
//! **Invariant:** the order of the facts and repetitions do not matter.
//! **Invariant:** postings only ever grow: those of some facts are among those
//! of more facts. So the ledger can be written as facts come in, and ends the
//! same in every order.

use std::collections::{BTreeMap, BTreeSet};

use lyceum_kernel::{Id, Money};

use super::{
    ledger::{LedgerAccount, Posting},
    model::{PaymentState, RefundState, UnknownState, states},
    port::{ObjectKind, Status},
};

states! {
    /// What one fact says about its object.
    FactKind {
        ActionRequired = "action-required",
        Processing = "processing",
        Authorized = "authorized",
        Failed = "failed",
        Expired = "expired",
        Closed = "closed",
        Succeeded = "succeeded",
        Warning = "warning",
        NeedsResponse = "needs-response",
        UnderReview = "under-review",
        Won = "won",
        Lost = "lost",
        FundsWithdrawn = "funds-withdrawn",
        FundsReinstated = "funds-reinstated",
    }
}

impl FactKind {
    /// What a provider's status says about an object of this kind; none when
    /// it is not final and says nothing new.
    #[must_use]
    pub fn of(object: ObjectKind, status: &Status) -> Option<Self> {
        use ObjectKind::{Dispute, Payment, Refund};
        match (object, status) {
            (Payment | Refund, Status::ActionRequired) => Some(Self::ActionRequired),
            (Payment | Refund, Status::Processing) => Some(Self::Processing),
            (Payment, Status::Authorized) => Some(Self::Authorized),
            (Payment | Refund, Status::Succeeded) => Some(Self::Succeeded),
            (Payment | Refund | Dispute, Status::Closed) => Some(Self::Closed),
            (Payment | Refund, Status::Failed(_)) => Some(Self::Failed),
            (Dispute, Status::Warning) => Some(Self::Warning),
            (Dispute, Status::NeedsResponse) => Some(Self::NeedsResponse),
            (Dispute, Status::UnderReview) => Some(Self::UnderReview),
            (Dispute, Status::Won) => Some(Self::Won),
            (Dispute, Status::Lost) => Some(Self::Lost),
            _ => None,
        }
    }
}

/// One statement about one object of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    pub object: ObjectKind,
    /// Our reference of the object, or the provider's where we have none.
    pub reference: String,
    /// The provider's, empty where it is not known.
    pub provider_ref: String,
    pub kind: FactKind,
    /// Of a refund or dispute; the amount of a payment is that of its terms.
    pub minor: Option<i64>,
}

/// What was agreed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub order: Id,
    pub merchant_ref: String,
    /// The provider's account in the ledger.
    pub account: String,
    pub amount: Money,
}

/// A refund or a dispute after the fold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim<S> {
    pub state: S,
    pub minor: i64,
    pub provider_ref: String,
}

/// A payment with all that hangs on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    pub state: PaymentState,
    /// What came in for this order, in minor units.
    pub captured: i64,
    /// What came in a second time, under another reference of the provider.
    pub surplus: i64,
    /// By reference.
    pub refunds: BTreeMap<String, Claim<RefundState>>,
    pub disputes: BTreeMap<String, Claim<FactKind>>,
    /// Sum of the refunds that succeeded.
    pub refunded: i64,
    /// Sum of the disputes that were lost.
    pub lost: i64,
    pub postings: Vec<Posting>,
}

impl Folded {
    /// Whether everything that came in went back.
    #[must_use]
    pub fn is_returned(&self) -> bool {
        self.captured > 0 && self.refunded.saturating_add(self.lost) >= self.captured
    }

    /// What open and lost disputes speak for.
    #[must_use]
    pub fn disputed(&self) -> i64 {
        let holds = |d: &&Claim<FactKind>| !matches!(d.state, FactKind::Won | FactKind::Closed | FactKind::Warning);
        sum(self.disputes.values().filter(holds).map(|d| d.minor))
    }
}

/// Folds the facts of one payment.
#[must_use]
pub fn fold(terms: &Terms, facts: &[Fact]) -> Folded {
    let kinds = kinds_of(facts, ObjectKind::Payment, &terms.merchant_ref);
    let payers = payers(facts);
    let captured = if payers == 0 { 0 } else { terms.amount.minor };
    let refunds = refunds(facts);
    let disputes = disputes(facts);
    let succeeded = |r: &&Claim<RefundState>| r.state == RefundState::Succeeded;
    let lost = |d: &&Claim<FactKind>| d.state == FactKind::Lost;
    Folded {
        state: kinds.iter().filter_map(|k| payment_state(*k)).max().unwrap_or(PaymentState::Created),
        captured,
        surplus: terms.amount.minor.saturating_mul(payers.saturating_sub(1).max(0)),
        refunded: sum(refunds.values().filter(succeeded).map(|r| r.minor)),
        lost: sum(disputes.values().filter(lost).map(|d| d.minor)),
        postings: postings(terms, facts, &kinds, payers, &refunds, &disputes),
        refunds,
        disputes,
    }
}

fn sum(amounts: impl Iterator<Item = i64>) -> i64 {
    amounts.fold(0, i64::saturating_add)
}

fn kinds_of(facts: &[Fact], object: ObjectKind, reference: &str) -> BTreeSet<FactKind> {
    facts.iter().filter(|f| f.object == object && f.reference == reference).map(|f| f.kind).collect()
}

/// How many payments of the provider brought money for this one: more than
/// one only if it names different references of its own.
fn payers(facts: &[Fact]) -> i64 {
    let paid = facts.iter().filter(|f| f.object == ObjectKind::Payment && f.kind == FactKind::Succeeded);
    let named: BTreeSet<&str> = paid.clone().map(|f| f.provider_ref.as_str()).filter(|r| !r.is_empty()).collect();
    let unnamed = usize::from(named.is_empty() && paid.count() > 0);
    i64::try_from(named.len() + unnamed).unwrap_or(i64::MAX)
}

fn payment_state(kind: FactKind) -> Option<PaymentState> {
    match kind {
        FactKind::ActionRequired => Some(PaymentState::ActionRequired),
        FactKind::Processing => Some(PaymentState::Processing),
        FactKind::Authorized => Some(PaymentState::Authorized),
        FactKind::Failed => Some(PaymentState::Failed),
        FactKind::Expired => Some(PaymentState::Expired),
        FactKind::Closed => Some(PaymentState::Closed),
        FactKind::Succeeded => Some(PaymentState::Succeeded),
        _ => None,
    }
}

fn refund_state(kind: FactKind) -> Option<RefundState> {
    match kind {
        FactKind::ActionRequired | FactKind::Processing => Some(RefundState::Processing),
        FactKind::Succeeded => Some(RefundState::Succeeded),
        FactKind::Closed => Some(RefundState::Canceled),
        FactKind::Failed => Some(RefundState::Failed),
        _ => None,
    }
}

fn references(facts: &[Fact], object: ObjectKind) -> BTreeSet<&str> {
    facts.iter().filter(|f| f.object == object).map(|f| f.reference.as_str()).collect()
}

fn claim<S>(facts: &[Fact], object: ObjectKind, reference: &str, state: S) -> Claim<S> {
    let about = || facts.iter().filter(|f| f.object == object && f.reference == reference);
    Claim {
        state,
        minor: about().filter_map(|f| f.minor).max().unwrap_or(0),
        provider_ref: about().map(|f| f.provider_ref.as_str()).max().unwrap_or_default().to_owned(),
    }
}

fn refunds(facts: &[Fact]) -> BTreeMap<String, Claim<RefundState>> {
    let folded = references(facts, ObjectKind::Refund).into_iter().map(|reference| {
        let kinds = kinds_of(facts, ObjectKind::Refund, reference);
        let state = kinds.iter().filter_map(|k| refund_state(*k)).max().unwrap_or(RefundState::Requested);
        (reference.to_owned(), claim(facts, ObjectKind::Refund, reference, state))
    });
    folded.collect()
}

/// Of a dispute the furthest status counts; movements of money are no status.
fn disputes(facts: &[Fact]) -> BTreeMap<String, Claim<FactKind>> {
    let folded = references(facts, ObjectKind::Dispute).into_iter().map(|reference| {
        let kinds = kinds_of(facts, ObjectKind::Dispute, reference);
        let status = |k: &&FactKind| !matches!(k, FactKind::FundsWithdrawn | FactKind::FundsReinstated);
        let state = kinds.iter().filter(status).max().copied().unwrap_or(FactKind::NeedsResponse);
        (reference.to_owned(), claim(facts, ObjectKind::Dispute, reference, state))
    });
    folded.collect()
}

/// Every posting that follows from the facts. The order's own posting (receivable
/// to deferred revenue) was made when the order was placed.
fn postings(
    terms: &Terms,
    facts: &[Fact],
    kinds: &BTreeSet<FactKind>,
    payers: i64,
    refunds: &BTreeMap<String, Claim<RefundState>>,
    disputes: &BTreeMap<String, Claim<FactKind>>,
) -> Vec<Posting> {
    let mut postings = payment_postings(terms, kinds, payers);
    for (reference, refund) in refunds {
        let kinds = kinds_of(facts, ObjectKind::Refund, reference);
        postings.extend(refund_postings(terms, reference, refund.minor, &kinds));
    }
    for (reference, dispute) in disputes {
        let kinds = kinds_of(facts, ObjectKind::Dispute, reference);
        postings.extend(dispute_postings(terms, reference, dispute.minor, &kinds));
    }
    postings
}

impl Terms {
    fn clearing(&self) -> LedgerAccount {
        LedgerAccount::Clearing(self.account.clone())
    }

    fn owed(&self) -> LedgerAccount {
        LedgerAccount::Receivable(self.order)
    }

    /// The posting of the order itself, made when it is placed.
    #[must_use]
    pub fn placed(&self) -> Posting {
        let key = format!("order/{}/placed", self.order);
        Posting::transfer(key, self.owed(), LedgerAccount::DeferredRevenue, self.amount)
    }
}

/// An order that ended is taken back, and placed again when the money comes
/// after all.
fn payment_postings(terms: &Terms, kinds: &BTreeSet<FactKind>, payers: i64) -> Vec<Posting> {
    let mut postings = Vec::new();
    let key = |what: &str| format!("payment/{}/{what}", terms.merchant_ref);
    let ended = kinds.iter().filter_map(|k| payment_state(*k)).any(PaymentState::is_ended);
    if ended {
        let (debit, credit) = (LedgerAccount::DeferredRevenue, terms.owed());
        postings.push(Posting::transfer(key("ended"), debit, credit, terms.amount));
    }
    if ended && payers > 0 {
        let (debit, credit) = (terms.owed(), LedgerAccount::DeferredRevenue);
        postings.push(Posting::transfer(key("late"), debit, credit, terms.amount));
    }
    if payers > 0 {
        postings.push(Posting::transfer(key("succeeded"), terms.clearing(), terms.owed(), terms.amount));
    }
    for extra in 2..=payers {
        let suspense = LedgerAccount::Suspense(terms.account.clone());
        postings.push(Posting::transfer(key(&format!("surplus-{extra}")), terms.clearing(), suspense, terms.amount));
    }
    postings
}

fn refund_postings(terms: &Terms, reference: &str, minor: i64, kinds: &BTreeSet<FactKind>) -> Vec<Posting> {
    let mut postings = Vec::new();
    if minor <= 0 || !kinds.contains(&FactKind::Succeeded) {
        return postings;
    }
    let amount = Money { minor, ..terms.amount };
    let key = |what: &str| format!("refund/{}/{reference}/{what}", terms.merchant_ref);
    postings.push(Posting::transfer(key("succeeded"), LedgerAccount::Refunds, terms.clearing(), amount));
    if kinds.contains(&FactKind::Failed) || kinds.contains(&FactKind::Closed) {
        postings.push(Posting::transfer(key("reversed"), terms.clearing(), LedgerAccount::Refunds, amount));
    }
    postings
}

/// Money moves when the provider says so. A lost dispute without such a word
/// moved it too.
fn dispute_postings(terms: &Terms, reference: &str, minor: i64, kinds: &BTreeSet<FactKind>) -> Vec<Posting> {
    let mut postings = Vec::new();
    if minor <= 0 {
        return postings;
    }
    let amount = Money { minor, ..terms.amount };
    let key = |what: &str| format!("dispute/{}/{reference}/{what}", terms.merchant_ref);
    let has = |kind| kinds.contains(&kind);
    if has(FactKind::FundsWithdrawn) || has(FactKind::Lost) {
        postings.push(Posting::transfer(key("withdrawn"), LedgerAccount::DisputeHold, terms.clearing(), amount));
    }
    if has(FactKind::FundsReinstated) {
        postings.push(Posting::transfer(key("reinstated"), terms.clearing(), LedgerAccount::DisputeHold, amount));
    }
    if has(FactKind::Lost) {
        postings.push(Posting::transfer(key("lost"), LedgerAccount::DisputeLoss, LedgerAccount::DisputeHold, amount));
    }
    postings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payment::Side;
    use lyceum_kernel::Currency;

    fn terms() -> Terms {
        Terms {
            order: Id::from_bits(1),
            merchant_ref: "P".into(),
            account: "test/shop".into(),
            amount: Money::new(1000, Currency::CNY),
        }
    }

    fn payment(kind: FactKind) -> Fact {
        Fact { object: ObjectKind::Payment, reference: "P".into(), provider_ref: "pp".into(), kind, minor: None }
    }

    fn refund(reference: &str, kind: FactKind, minor: i64) -> Fact {
        let (reference, provider_ref) = (reference.to_owned(), format!("p{reference}"));
        Fact { object: ObjectKind::Refund, reference, provider_ref, kind, minor: Some(minor) }
    }

    fn dispute(kind: FactKind, minor: i64) -> Fact {
        let (reference, provider_ref) = ("D".to_owned(), "D".to_owned());
        Fact { object: ObjectKind::Dispute, reference, provider_ref, kind, minor: Some(minor) }
    }

    /// Net by account of a ledger to which facts are applied one by one.
    fn ledger_of(facts: &[Fact]) -> BTreeMap<String, i128> {
        let mut posted: BTreeMap<String, Posting> = BTreeMap::new();
        for known in 1..=facts.len() {
            for posting in fold(&terms(), &facts[..known]).postings {
                assert!(posting.balances(), "{posting:?}");
                let earlier = posted.insert(posting.key.clone(), posting.clone());
                assert!(earlier.is_none_or(|e| e == posting), "a posting changed");
            }
        }
        let last: BTreeSet<String> = fold(&terms(), facts).postings.into_iter().map(|p| p.key).collect();
        assert_eq!(posted.keys().cloned().collect::<BTreeSet<_>>(), last, "a posting was taken back");
        let mut net = BTreeMap::new();
        for line in posted.values().flat_map(|p| &p.lines) {
            let sign = if line.side == Side::Debit { 1 } else { -1 };
            *net.entry(line.account.to_string()).or_insert(0) += sign * i128::from(line.amount.minor);
        }
        assert_eq!(net.values().sum::<i128>(), 0);
        net
    }

    /// Calls `check` with every permutation (Heap's algorithm).
    fn permutations(facts: &mut [Fact], size: usize, check: &mut impl FnMut(&[Fact])) {
        if size <= 1 {
            return check(facts);
        }
        for i in 0..size {
            permutations(facts, size - 1, check);
            facts.swap(if size.is_multiple_of(2) { i } else { 0 }, size - 1);
        }
    }

    fn same_in_every_order(facts: Vec<Fact>, orders: u32) -> Folded {
        let (folded, ledger) = (fold(&terms(), &facts), ledger_of(&facts));
        let (mut seen, size) = (0, facts.len());
        permutations(&mut facts.clone(), size, &mut |order| {
            seen += 1;
            assert_eq!(fold(&terms(), order), folded, "{order:?}");
            assert_eq!(ledger_of(order), ledger, "{order:?}");
        });
        assert_eq!(seen, orders);
        folded
    }

    #[test]
    fn paid_and_refunded_in_two_parts_ends_the_same_in_all_5040_orders() {
        let folded = same_in_every_order(
            vec![
                payment(FactKind::ActionRequired),
                payment(FactKind::Processing),
                payment(FactKind::Succeeded),
                refund("R1", FactKind::Processing, 400),
                refund("R1", FactKind::Succeeded, 400),
                refund("R2", FactKind::Processing, 600),
                refund("R2", FactKind::Succeeded, 600),
            ],
            5040,
        );
        assert_eq!((folded.state, folded.captured, folded.refunded), (PaymentState::Succeeded, 1000, 1000));
        assert!(folded.is_returned());
    }

    #[test]
    fn late_success_refund_that_fails_and_dispute_end_the_same_in_all_5040_orders() {
        let folded = same_in_every_order(
            vec![
                payment(FactKind::Closed),
                payment(FactKind::Succeeded),
                refund("R1", FactKind::Succeeded, 1000),
                refund("R1", FactKind::Failed, 1000),
                dispute(FactKind::NeedsResponse, 300),
                dispute(FactKind::FundsWithdrawn, 300),
                dispute(FactKind::Lost, 300),
            ],
            5040,
        );
        assert_eq!((folded.state, folded.refunded, folded.lost), (PaymentState::Succeeded, 0, 300));
        assert!(!folded.is_returned());
    }

    #[test]
    fn a_won_dispute_and_an_expired_payment_end_the_same_in_all_5040_orders() {
        let folded = same_in_every_order(
            vec![
                payment(FactKind::Failed),
                payment(FactKind::Expired),
                payment(FactKind::Succeeded),
                dispute(FactKind::NeedsResponse, 1000),
                dispute(FactKind::FundsWithdrawn, 1000),
                dispute(FactKind::FundsReinstated, 1000),
                dispute(FactKind::Won, 1000),
            ],
            5040,
        );
        assert_eq!((folded.state, folded.disputed()), (PaymentState::Succeeded, 0));
    }

    #[test]
    fn money_under_a_second_reference_goes_to_suspense() {
        let mut second = payment(FactKind::Succeeded);
        second.provider_ref = "other".into();
        let facts = vec![payment(FactKind::Succeeded), second, payment(FactKind::Processing)];
        let folded = same_in_every_order(facts.clone(), 6);
        assert_eq!((folded.captured, folded.surplus), (1000, 1000));
        assert_eq!(ledger_of(&facts).get("suspense:test/shop"), Some(&-1000));
    }

    #[test]
    fn the_same_fact_twice_changes_nothing() {
        let once = vec![payment(FactKind::Succeeded), refund("R1", FactKind::Succeeded, 10)];
        let twice: Vec<Fact> = once.iter().chain(&once).cloned().collect();
        assert_eq!(fold(&terms(), &once), fold(&terms(), &twice));
    }

    #[test]
    fn a_status_that_does_not_fit_the_object_is_no_fact() {
        assert_eq!(FactKind::of(ObjectKind::Refund, &Status::Authorized), None);
        assert_eq!(FactKind::of(ObjectKind::Payment, &Status::Won), None);
        assert_eq!(FactKind::of(ObjectKind::Payment, &Status::NotFound), None);
        assert_eq!(FactKind::of(ObjectKind::Payment, &Status::Other("x".into())), None);
        assert_eq!(FactKind::of(ObjectKind::Mandate, &Status::Succeeded), None);
    }
}
