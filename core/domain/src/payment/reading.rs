//! Reading a provider's view against what was agreed: a pure function.

use super::{
    fold::{Fact, FactKind},
    port::{NextAction, ObjectKind, Status, View},
    store::{Payment, Refund},
};

/// What a view means for a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reading {
    /// Facts to append; none when the view says nothing final.
    Facts(Vec<Fact>),
    /// It may be one of our refunds under a name we do not know yet: ask.
    AskAboutRefunds,
    /// It cannot be about what was agreed; why, for a person.
    Contradiction { kind: &'static str, detail: String },
}

fn contradiction(kind: &'static str, view: &View) -> Reading {
    let amount = |m: Option<lyceum_kernel::Money>| m.map_or_else(|| "none".to_owned(), |m| m.to_string());
    let reference = view.about.merchant.as_ref().or(view.about.provider.as_ref());
    let detail = format!(
        "{:?} {}: {:?}, amount {}, done {}",
        view.about.kind,
        reference.map_or("without reference", String::as_str),
        view.status,
        amount(view.amount),
        amount(view.done)
    );
    Reading::Contradiction { kind, detail }
}

pub(super) fn read(payment: &Payment, refunds: &[Refund], facts: &[Fact], view: &View) -> Reading {
    match view.about.kind {
        ObjectKind::Payment => read_payment(payment, view),
        ObjectKind::Refund => read_refund(payment, refunds, facts, view),
        ObjectKind::Dispute => read_claim(payment, facts, view, None),
        ObjectKind::Mandate | ObjectKind::Payout => Reading::Facts(Vec::new()),
    }
}

fn read_payment(payment: &Payment, view: &View) -> Reading {
    if view.about.merchant.as_ref().is_some_and(|m| *m != payment.merchant_ref) {
        return contradiction("reference", view);
    }
    if view.amount.is_some_and(|a| a.currency != payment.amount.currency) {
        return contradiction("currency", view);
    }
    let succeeded = view.status == Status::Succeeded;
    let captured = view.done.filter(|_| succeeded);
    if [view.amount, captured].into_iter().flatten().any(|a| a != payment.amount) {
        return contradiction("amount", view);
    }
    // Without an amount there is nothing to check against: not good enough for money.
    if succeeded && view.amount.or(captured).is_none() {
        return contradiction("no-amount", view);
    }
    let kind = FactKind::of(ObjectKind::Payment, &view.status);
    Reading::Facts(kind.map(|kind| fact(view, payment.merchant_ref.clone(), kind, None)).into_iter().collect())
}

fn fact(view: &View, reference: String, kind: FactKind, minor: Option<i64>) -> Fact {
    let provider_ref = view.about.provider.clone().unwrap_or_default();
    Fact { object: view.about.kind, reference, provider_ref, kind, minor }
}

/// A refund is ours when it has our number, or a number of the provider that
/// we know. Otherwise it was made at the provider.
fn read_refund(payment: &Payment, refunds: &[Refund], facts: &[Fact], view: &View) -> Reading {
    let named = |r: &&Refund| match (&view.about.merchant, &view.about.provider) {
        (Some(ours), _) => r.refund_ref == *ours,
        (None, Some(theirs)) => r.provider_ref.as_ref() == Some(theirs) || r.refund_ref == *theirs,
        (None, None) => false,
    };
    let ours = refunds.iter().find(named);
    let unnamed = |r: &Refund| r.provider_ref.is_none() && view.amount.is_none_or(|a| a == r.amount);
    if ours.is_none() && view.about.merchant.is_none() && refunds.iter().any(unnamed) {
        return Reading::AskAboutRefunds;
    }
    read_claim(payment, facts, view, ours)
}

/// Reads a refund or a dispute: its amount is at most the payment's and the
/// same in every view.
fn read_claim(payment: &Payment, facts: &[Fact], view: &View, ours: Option<&Refund>) -> Reading {
    let theirs = || view.about.merchant.as_ref().or(view.about.provider.as_ref()).cloned();
    let Some(reference) = ours.map(|r| r.refund_ref.clone()).or_else(theirs) else {
        return contradiction("reference", view);
    };
    let (kinds, before) = (kinds(view), earlier(facts, view.about.kind, &reference));
    let Some(amount) = view.amount.or(ours.map(|r| r.amount)) else {
        return match (before, kinds.is_empty()) {
            (Some(minor), _) => claim(view, &reference, &kinds, minor),
            (None, true) => Reading::Facts(Vec::new()),
            (None, false) => contradiction("no-amount", view),
        };
    };
    if amount.currency != payment.amount.currency {
        return contradiction("currency", view);
    }
    let agreed = ours.map(|r| r.amount.minor).or(before);
    if amount.minor <= 0 || amount.minor > payment.amount.minor || agreed.is_some_and(|a| a != amount.minor) {
        return contradiction("amount", view);
    }
    claim(view, &reference, &kinds, amount.minor)
}

fn earlier(facts: &[Fact], object: ObjectKind, reference: &str) -> Option<i64> {
    facts.iter().filter(|f| f.object == object && f.reference == reference).find_map(|f| f.minor)
}

fn claim(view: &View, reference: &str, kinds: &[FactKind], minor: i64) -> Reading {
    Reading::Facts(kinds.iter().map(|kind| fact(view, reference.to_owned(), *kind, Some(minor))).collect())
}

/// The status and, of a dispute, the movement of money (`ext` "funds").
fn kinds(view: &View) -> Vec<FactKind> {
    let funds = view.ext.iter().filter(|(name, _)| view.about.kind == ObjectKind::Dispute && name == "funds");
    let moved = funds.filter_map(|(_, value)| match value.as_str() {
        "withdrawn" => Some(FactKind::FundsWithdrawn),
        "reinstated" => Some(FactKind::FundsReinstated),
        _ => None,
    });
    FactKind::of(view.about.kind, &view.status).into_iter().chain(moved).collect()
}

/// Where the buyer is to go. Only web addresses: a plugin's text ends in a browser.
pub(super) fn redirect(view: &View) -> Option<&str> {
    match &view.next {
        NextAction::Redirect(url) if url.starts_with("https://") || url.starts_with("http://") => Some(url),
        _ => None,
    }
}
