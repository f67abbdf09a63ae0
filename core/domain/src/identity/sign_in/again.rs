//! When a session is refreshed, the provider is asked at most once an hour
//! whether it still knows the person. Its `gone` ends the sessions that were
//! opened through it; any other failure keeps them, since a provider that is
//! down for an hour must not sign everybody out.

use std::time::Duration;

use lyceum_kernel::{Event, Id, Result};
use serde_json::json;

use super::{SignIns, about_identity};
use crate::{
    identity::{
        model::SignedIn,
        secret::RefreshToken,
        sign_in_rows::{self, At, Due},
    },
    plugin::{FailedAttempt, FailureKind},
};

/// How often a provider is asked whether it still knows a person.
const ASK_AGAIN: Duration = Duration::from_secs(3600);

impl SignIns {
    /// As [`Identity::refresh`](crate::identity::Identity::refresh), after asking the
    /// provider through which the session was opened, at most once an hour.
    ///
    /// # Errors
    /// SESSION_REVOKED, whatever is wrong with the token, and when the provider
    /// does not know the person any more.
    pub async fn refresh(&self, token: &RefreshToken) -> Result<SignedIn> {
        let before = self.identity.db.now().minus(ASK_AGAIN);
        if let Some(due) = sign_in_rows::due(&self.identity.db, token, before).await? {
            self.ask_again(&due).await?;
        }
        self.identity.refresh(token).await
    }

    async fn ask_again(&self, due: &Due) -> Result<()> {
        let asked = self.extensions.auth_providers().into_iter();
        let provider = asked.filter(|p| p.about().refreshes).find(|p| p.name() == due.provider);
        let Some(provider) = provider else { return Ok(()) };
        let at = At { provider: &due.provider, subject: &due.subject };
        if !self.claim(at).await? {
            return Ok(());
        }
        // A key that was changed must not sign anybody out.
        let Ok(keep) = self.opened(at.provider, &about_identity(at.subject), &due.sealed) else { return Ok(()) };
        match provider.refresh(&String::from_utf8_lossy(keep.expose())).await {
            Ok(identity) if identity.subject == due.subject => self.note(at, &identity.keep).await,
            Ok(_) => {
                tracing::warn!(provider = due.provider, "the provider answered for another person");
                Ok(())
            }
            Err(attempt) if is_gone(&attempt) => self.end_sessions(at, due.user).await,
            Err(attempt) => {
                tracing::warn!(provider = due.provider, %attempt, "the provider was not asked; the session goes on");
                Ok(())
            }
        }
    }

    /// Of several refreshes at once, one asks.
    async fn claim(&self, at: At<'_>) -> Result<bool> {
        let write = self.identity.db.write().await?;
        let ours = sign_in_rows::claim(&write, at, write.now().minus(ASK_AGAIN)).await?;
        write.commit().await?;
        Ok(ours)
    }

    async fn note(&self, at: At<'_>, keep: &str) -> Result<()> {
        let write = self.identity.db.write().await?;
        sign_in_rows::keep(&write, at, self.sealed_keep(at, keep).as_deref()).await?;
        write.commit().await
    }

    async fn end_sessions(&self, at: At<'_>, user: Id) -> Result<()> {
        let mut write = self.identity.db.write().await?;
        sign_in_rows::revoke_sessions(&write, at).await?;
        let facts = json!({ "provider": at.provider });
        write.emit(&Event::new("user", "gone-at-provider", user).with(facts)).await?;
        write.commit().await
    }
}

/// The guest's code stands before the colon.
fn is_gone(attempt: &FailedAttempt) -> bool {
    let code = attempt.failure.detail.split(':').next().unwrap_or_default();
    attempt.failure.kind == FailureKind::Refused && code.trim() == "gone"
}
