//! Webhooks: verified by the plugin, kept in the inbox, folded once.
//!
//! **Invariant:** the provider is told `ack` only after the commit of
//! everything its events mean; in every other case it is told to send again.

use base64::{Engine, prelude::BASE64_STANDARD};
use lyceum_kernel::{Failure, Id, Result};
use lyceum_store::Write;
use sha2::{Digest, Sha256};

use super::{
    incident::{self, Incident},
    model::ProviderAccount,
    port::{Accepted, InboundEvent, InboundRequest, ObjectKind, PaymentProvider, Refusal, Refused, Reply, View},
    service::{Payments, Till},
    settle::Settled,
    store::{self, Located},
};
use crate::{
    membership::rows::{execute, one, text},
    plugin::PluginFailure,
};

/// Headers that are nobody's business later.
const NOT_STORED: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];

/// What became of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    Done,
    /// The same event said something else before.
    Contradicts,
}

impl Payments {
    /// Takes in a request at `/webhooks/payments/{provider}`. The answer is
    /// the provider's own format; 404 for an unknown provider, 503 when the
    /// plugin or the database failed, so that the provider sends it again.
    pub async fn receive_webhook(&self, provider: &str, request: InboundRequest) -> Reply {
        let Some(account) = self.account(provider).cloned() else { return plain(404) };
        let Some(provider) = self.provider(provider) else { return plain(503) };
        let till = Till { account, provider };
        match self.verify(&till, &request).await {
            Ok(Ok(accepted)) => self.accept(&till, accepted, &request).await,
            Ok(Err(refused)) => self.refuse(&till.account, refused, &request).await,
            Err(failure) => {
                tracing::error!(%failure, "a webhook could not be verified");
                plain(503)
            }
        }
    }

    /// One transaction an event, so that no two webhooks wait for each other
    /// in a circle; those that were done are recognised when it comes again.
    async fn accept(&self, till: &Till, accepted: Accepted, request: &InboundRequest) -> Reply {
        let mut all_done = true;
        for event in &accepted.events {
            match self.take(till, event, request).await {
                Ok(taken) => all_done &= taken == Taken::Done,
                Err(failure) => {
                    tracing::error!(event = event.id, ?failure, "a webhook event could not be taken in");
                    all_done = false;
                }
            }
        }
        if all_done { accepted.ack } else { refusing(accepted.nack, 503) }
    }

    async fn take(&self, till: &Till, event: &InboundEvent, request: &InboundRequest) -> Result<Taken> {
        let asked = self.missing_view(till, event).await?;
        let view = event.view.as_ref().or(asked.as_ref());
        let mut write = self.db.write().await?;
        let inbox = match file(&write, &till.account, event, request).await? {
            Filed::New(id) => id,
            Filed::Twice => return Ok(Taken::Done),
            Filed::SaidOtherwise => {
                contradiction(&mut write, &till.account, event).await?;
                write.commit().await?;
                return Ok(Taken::Contradicts);
            }
        };
        let state = self.apply(&mut write, &till.account, event, view).await?;
        let sql = "UPDATE webhook_inbox SET state = $2 WHERE id = $1";
        execute(write.connection(), sql, vec![text(inbox), text(state)]).await?;
        write.commit().await?;
        Ok(Taken::Done)
    }

    /// An event without a view is only a hint: the provider is asked. Without
    /// an answer the event is kept, and the janitor asks again.
    async fn missing_view(&self, till: &Till, event: &InboundEvent) -> Result<Option<View>> {
        if event.view.is_some() || !is_payment_object(event.about.kind) {
            return Ok(None);
        }
        let (provider, account) = (&till.account.provider, till.account.key());
        let sql = "SELECT id FROM webhook_inbox WHERE provider = $1 AND account = $2 AND event_id = $3";
        if one(self.db.reader(), sql, vec![text(provider), text(account), text(&event.id)]).await?.is_some() {
            return Ok(None);
        }
        Ok(till.provider.query(&till.account.account, &event.about, None).await.ok())
    }

    async fn apply(
        &self,
        write: &mut Write,
        account: &ProviderAccount,
        event: &InboundEvent,
        view: Option<&View>,
    ) -> Result<&'static str> {
        if !is_payment_object(event.about.kind) {
            return Ok("ignored");
        }
        let key = account.key();
        let located = store::locate(write.connection(), (&account.provider, &key), &event.about, view).await?;
        match (located, view) {
            (Located::Ours(payment), Some(view)) => match self.settle(write, payment, view, "webhook").await? {
                Settled::Folded => Ok("folded"),
                Settled::Incident => Ok("incident"),
            },
            (Located::Ours(payment), None) => {
                store::schedule_payment(write, payment, Some(write.now())).await?;
                store::query_refunds_now(write, payment).await?;
                Ok("queued")
            }
            (Located::OtherAccount(payment), view) => {
                foreign(write, account, event, view, Some(payment)).await?;
                Ok("incident")
            }
            (Located::Nobodys, view) => {
                foreign(write, account, event, view, None).await?;
                Ok("incident")
            }
        }
    }

    /// Counts a refused request and stores some of them to look at.
    async fn refuse(&self, account: &ProviderAccount, refused: Refused, request: &InboundRequest) -> Reply {
        let counted = self.paces.refusals.count(&self.db, &account.provider, &refused.why, request).await;
        if let Err(failure) = counted {
            tracing::warn!(?failure, "a refused webhook was not counted");
        }
        match refused.why {
            Refusal::Ignored(_) => refused.answer,
            _ => refusing(refused.answer, 400),
        }
    }

    /// Writes down how many webhooks were refused since the last time.
    ///
    /// # Errors
    /// Internal.
    pub async fn write_refusals(&self) -> Result<()> {
        self.paces.refusals.write(&self.db).await
    }

    /// Asks the plugin. For an unknown key the provider's keys are fetched, but
    /// not for each request of a stranger.
    async fn verify(&self, till: &Till, request: &InboundRequest) -> Result<Result<Accepted, Refused>, PluginFailure> {
        let Till { account, provider } = till;
        let first = provider.verify(&account.account, request).await?;
        let unknown = matches!(&first, Err(Refused { why: Refusal::UnknownKey(_), .. }));
        let about = || format!("{}:{}", account.provider, account.key());
        if !unknown || !self.paces.keys.claim(&about(), self.db.now()) {
            return Ok(first);
        }
        refresh_keys(provider.as_ref(), account).await;
        provider.verify(&account.account, request).await
    }
}

async fn refresh_keys(provider: &dyn PaymentProvider, account: &ProviderAccount) {
    if let Err(error) = provider.refresh_keys(&account.account).await {
        tracing::warn!(provider = account.provider, %error, "the provider's keys were not refreshed");
    }
}

fn is_payment_object(kind: ObjectKind) -> bool {
    matches!(kind, ObjectKind::Payment | ObjectKind::Refund | ObjectKind::Dispute)
}

fn plain(status: u16) -> Reply {
    Reply { status, headers: vec![("content-type".to_owned(), "text/plain".to_owned())], body: Vec::new() }
}

/// A reply that no provider takes for success.
fn refusing(reply: Reply, status: u16) -> Reply {
    if reply.status >= 400 { reply } else { Reply { status, ..reply } }
}

enum Filed {
    New(Id),
    /// The provider sent it again.
    Twice,
    SaidOtherwise,
}

/// Puts an event into the inbox. On PostgreSQL the insert waits for another
/// transaction that files the same event.
async fn file(
    write: &Write,
    account: &ProviderAccount,
    event: &InboundEvent,
    request: &InboundRequest,
) -> Result<Filed> {
    let (id, key, meaning) = (Id::new(), account.key(), meaning(event)?);
    let sql = "INSERT INTO webhook_inbox (id, provider, account, event_id, event_name, meaning_hash, body_hash, request, \
               body_base64, state, received_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'received', $10) \
               ON CONFLICT (provider, account, event_id) DO NOTHING";
    let values = vec![
        text(id),
        text(&account.provider),
        text(&key),
        text(&event.id),
        text(&event.name),
        text(&meaning),
        text(hex::encode(Sha256::digest(&request.body))),
        text(head(request)),
        text(BASE64_STANDARD.encode(&request.body)),
        text(request.received),
    ];
    if execute(write.connection(), sql, values).await? == 1 {
        return Ok(Filed::New(id));
    }
    let sql = "SELECT meaning_hash FROM webhook_inbox WHERE provider = $1 AND account = $2 AND event_id = $3";
    let row = one(write.connection(), sql, vec![text(&account.provider), text(&key), text(&event.id)]).await?;
    let before = row.ok_or_else(|| Failure::internal("an inbox row that is gone"))?.text("meaning_hash")?;
    Ok(if before == meaning { Filed::Twice } else { Filed::SaidOtherwise })
}

/// A hash of what an event says. The bytes of a repetition may differ
/// (another encryption nonce, a counter of pending deliveries); its meaning
/// may not.
fn meaning(event: &InboundEvent) -> Result<String> {
    let view = event.view.as_ref().map(|v| (&v.about, &v.parent, &v.status, v.amount, v.done));
    let said = serde_json::to_vec(&(&event.name, &event.about, view)).map_err(Failure::internal)?;
    Ok(hex::encode(Sha256::digest(said)))
}

/// The request without its body and without what lets somebody in, as JSON.
pub(super) fn head(request: &InboundRequest) -> String {
    let InboundRequest { method, path, query, headers, .. } = request;
    let stored = |(name, _): &&(String, String)| !NOT_STORED.iter().any(|not| name.eq_ignore_ascii_case(not));
    let headers: Vec<_> = headers.iter().filter(stored).collect();
    serde_json::json!({ "method": method, "path": path, "query": query, "headers": headers }).to_string()
}

/// The same event id with another meaning: nothing changes, a person looks.
async fn contradiction(write: &mut Write, account: &ProviderAccount, event: &InboundEvent) -> Result<()> {
    let detail = format!("{} says {}", event.id, meaning(event)?);
    let key = account.key();
    let located = store::locate(write.connection(), (&account.provider, &key), &event.about, None).await?;
    let payment = if let Located::Ours(payment) = located { Some(payment) } else { None };
    let incident = Incident {
        payment,
        freezes: false,
        provider: &account.provider,
        account: &key,
        kind: "event-contradicts",
        detail,
        money: None,
    };
    incident::record(write, &incident).await
}

/// An event about something that is not ours, or not this account's.
async fn foreign(
    write: &mut Write,
    account: &ProviderAccount,
    event: &InboundEvent,
    view: Option<&View>,
    payment: Option<Id>,
) -> Result<()> {
    let incident = Incident {
        payment,
        freezes: payment.is_some(),
        provider: &account.provider,
        account: &account.key(),
        kind: if payment.is_some() { "account" } else { "unknown-reference" },
        detail: format!("event {} about {:?}", event.id, event.about),
        money: view.and_then(incident::money_in),
    };
    incident::record(write, &incident).await
}
