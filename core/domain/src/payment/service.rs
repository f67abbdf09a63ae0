//! The handle of the payment domain and what its use cases share.

use std::{sync::Arc, time::Duration};

use lyceum_kernel::{ErrorCode, Failure, Id, Result, Timestamp, Viewer};
use lyceum_store::Database;

use super::{
    model::{Catalog, ProviderAccount, Settings},
    pace::Pace,
    port::{PaymentProvider, ProviderError, Status, View},
    refusal::Refusals,
    store,
};
use crate::{
    limits,
    membership::Memberships,
    plugin::{Extensions, FailureKind, SecretKey},
};

/// Orders, payments, refunds and webhooks. Cheap to clone.
#[derive(Clone)]
pub struct Payments {
    pub(super) db: Database,
    pub(super) memberships: Memberships,
    extensions: Arc<dyn Extensions>,
    pub(super) catalog: Arc<dyn Catalog>,
    pub(super) settings: Arc<Settings>,
    /// Under which addresses are remembered that had a trial.
    pub(super) key: SecretKey,
    pub(super) paces: Arc<Paces>,
}

/// How fast strangers make us write and call out.
pub(super) struct Paces {
    pub(super) refusals: Refusals,
    /// By account.
    pub(super) keys: Pace,
    /// By payment.
    pub(super) returns: Pace,
}

/// A provider with our account at it.
#[derive(Clone)]
pub(super) struct Till {
    pub(super) account: ProviderAccount,
    pub(super) provider: Arc<dyn PaymentProvider>,
}

impl Payments {
    #[must_use]
    pub fn new(
        db: Database,
        extensions: Arc<dyn Extensions>,
        catalog: Arc<dyn Catalog>,
        settings: Settings,
        key: SecretKey,
    ) -> Self {
        let memberships = Memberships::new(db.clone());
        let paces = Paces {
            refusals: Refusals::new(),
            keys: Pace::new(&limits::WEBHOOK_KEYS),
            returns: Pace::new(&limits::RETURN_QUERY),
        };
        Self { db, memberships, extensions, catalog, settings: Arc::new(settings), key, paces: Arc::new(paces) }
    }

    pub(super) fn account(&self, provider: &str) -> Option<&ProviderAccount> {
        self.settings.accounts.iter().find(|a| a.provider == provider)
    }

    pub(super) fn provider(&self, key: &str) -> Option<Arc<dyn PaymentProvider>> {
        self.extensions.payment_provider(key)
    }

    /// The provider for a buyer who names it.
    pub(super) fn till(&self, key: &str) -> Result<Till> {
        let Some(account) = self.account(key) else {
            return Err(Failure::input("input.provider", "There is no such payment provider."));
        };
        let provider = self.provider(key).ok_or_else(|| unavailable("The payment provider is not running."))?;
        Ok(Till { account: account.clone(), provider })
    }

    /// The provider of a payment that exists, at the account it was made with.
    pub(super) fn till_of(&self, payment: &store::Payment) -> Result<Till> {
        let till = self.till(&payment.provider)?;
        let same = till.account.key() == payment.account;
        if same { Ok(till) } else { Err(unavailable("The payment's account is not configured any more.")) }
    }

    /// Asks the provider about a payment and folds the answer.
    pub(super) async fn query(&self, till: &Till, payment: &store::Payment, source: &str) -> Result<Asked> {
        match till.provider.query(&till.account.account, &payment.reference(), None).await {
            Ok(view) => {
                self.settle_view(payment.id, &view, source).await?;
                Ok(if view.status == Status::NotFound { Asked::NotFound } else { Asked::Told })
            }
            Err(error) => {
                tracing::warn!(payment = %payment.id, %error, "a payment could not be queried");
                Ok(Asked::NoAnswer)
            }
        }
    }

    pub(super) async fn settle_view(&self, payment: Id, view: &View, source: &str) -> Result<()> {
        let mut write = self.db.write().await?;
        self.settle(&mut write, payment, view, source).await?;
        write.commit().await
    }
}

/// What came of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Told,
    NotFound,
    NoAnswer,
}

/// What a provider's error says about whether it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Surely not executed.
    NotSent,
    /// It may have happened.
    Unknown,
    /// It was refused for good.
    Declined(String),
}

pub(super) fn verdict(error: &ProviderError) -> Verdict {
    match error {
        ProviderError::NotSent(_)
        | ProviderError::Credentials(_)
        | ProviderError::RateLimited { .. }
        | ProviderError::Unsupported => Verdict::NotSent,
        ProviderError::Declined(why) | ProviderError::Invalid(why) => Verdict::Declined(why.clone()),
        ProviderError::Unknown(_) | ProviderError::UntrustedResponse(_) | ProviderError::Other(_) => Verdict::Unknown,
        // These never ran the guest; every other one may have sent bytes.
        ProviderError::Plugin(failure) => match failure.kind {
            FailureKind::Compile | FailureKind::Tripped | FailureKind::Quarantined => Verdict::NotSent,
            _ => Verdict::Unknown,
        },
    }
}

pub(super) fn unavailable(message: &str) -> Failure {
    Failure::new(ErrorCode::PaymentProviderUnavailable, message)
}

pub(super) fn signed_in(viewer: &Viewer) -> Result<Id> {
    viewer.user.ok_or_else(|| Failure::new(ErrorCode::Unauthenticated, "Sign in first."))
}

/// How long to wait before the next query, by how many there were: 15 s, 1,
/// 5, 15 min, 1, 6, 24 h, then daily.
pub(super) fn query_delay(queries: i64) -> Duration {
    const SECONDS: [u64; 7] = [15, 60, 300, 900, 3600, 6 * 3600, 24 * 3600];
    let step = usize::try_from(queries).unwrap_or(usize::MAX).min(SECONDS.len() - 1);
    Duration::from_secs(SECONDS[step])
}

/// How long after the expiry of an order its money is still looked for.
const LATE: Duration = Duration::from_secs(3 * 24 * 3600);

/// When to ask next; right after the expiry in any case, and not for ever.
pub(super) fn next_query(now: Timestamp, queries: i64, expires: Timestamp) -> Option<Timestamp> {
    let next = now.plus(query_delay(queries));
    let next = if now < expires { next.min(expires) } else { next };
    (next <= expires.plus(LATE)).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_thin_out_and_stop_three_days_after_expiry() {
        let start = Timestamp::from_millis(0);
        let expires = start.plus(Duration::from_secs(7200));
        let (mut now, mut at) = (start, Vec::new());
        for queries in 0.. {
            let Some(next) = next_query(now, queries, expires) else { break };
            at.push(next.as_millis() / 1000);
            now = next;
        }
        assert_eq!(at, [15, 75, 375, 1275, 4875, 7200, 93_600, 180_000, 266_400]);
    }
}
