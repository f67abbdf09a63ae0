//! Integrity incidents: the provider said something that cannot be about what
//! we agreed. A person looks; nothing is guessed.

use lyceum_kernel::{Event, Id, Money, Result};
use lyceum_store::Write;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    ledger::{self, LedgerAccount, Posting},
    port::{ObjectKind, Status, View},
    store,
};
use crate::membership::rows::{execute, maybe, text};

pub(super) struct Incident<'a> {
    pub(super) payment: Option<Id>,
    /// Whether the payment stands still until a person has looked.
    pub(super) freezes: bool,
    pub(super) provider: &'a str,
    pub(super) account: &'a str,
    pub(super) kind: &'a str,
    pub(super) detail: String,
    /// Money that came in and belongs nowhere yet.
    pub(super) money: Option<Money>,
}

/// What a view says came in.
pub(super) fn money_in(view: &View) -> Option<Money> {
    let paid = view.about.kind == ObjectKind::Payment && view.status == Status::Succeeded;
    view.done.or(view.amount).filter(|money| paid && money.minor > 0)
}

/// Records an incident, once for the same finding.
pub(super) async fn record(write: &mut Write, incident: &Incident<'_>) -> Result<()> {
    let Incident { payment, freezes, provider, account, kind, detail, money } = incident;
    let (id, about) = (Id::new(), payment.map_or_else(|| account.to_string(), |id| id.to_string()));
    let dedupe = hex::encode(Sha256::digest(format!("{provider}/{about}/{kind}/{detail}")));
    let sql = "INSERT INTO payment_incident (id, payment_id, provider, account, kind, detail, dedupe_key, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (dedupe_key) DO NOTHING";
    let values = vec![
        text(id),
        maybe(*payment),
        text(provider),
        text(account),
        text(kind),
        text(detail),
        text(&dedupe),
        text(write.now()),
    ];
    if execute(write.connection(), sql, values).await? == 0 {
        return Ok(());
    }
    if let Some(amount) = money {
        let account = format!("{provider}/{account}");
        let (debit, credit) = (LedgerAccount::Clearing(account.clone()), LedgerAccount::Suspense(account));
        ledger::post(write, &Posting::transfer(format!("incident/{dedupe}"), debit, credit, *amount)).await?;
    }
    if let (true, Some(payment)) = (freezes, payment) {
        store::freeze(write, *payment).await?;
    }
    tracing::error!(incident = %id, provider, kind, detail, "payment incident");
    let data = json!({ "incidentId": id, "provider": provider, "kind": kind, "detail": detail });
    write.emit(&Event::new("payment", "incident", payment.unwrap_or(id)).with(data)).await
}
