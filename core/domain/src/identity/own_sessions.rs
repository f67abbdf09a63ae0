//! The sessions of one's own account: which there are, and how they are ended.
//!
//! **Invariant:** a person sees and ends only her own sessions; another's is
//! NOT_FOUND, as one that never was.
//! **Invariant:** with a session its access token and its refresh tokens stop at
//! once: both are looked up with the session at every use.

use lyceum_kernel::{ErrorCode, Event, Failure, Id, Result, Viewer};
use serde_json::json;

use super::{Identity, device, session};
pub use session::OpenSession;

impl Identity {
    /// The viewer's open sessions, the one that was used last first.
    ///
    /// # Errors
    /// UNAUTHENTICATED.
    pub async fn own_sessions(&self, viewer: &Viewer) -> Result<Vec<OpenSession>> {
        let (user, _) = signed_in(viewer)?;
        session::open_of(&self.db, user).await
    }

    /// Ends one of the viewer's sessions; one that has ended already stays so.
    ///
    /// # Errors
    /// UNAUTHENTICATED; NOT_FOUND at `input.id`, also for another's session.
    pub async fn end_session(&self, viewer: &Viewer, session: Id) -> Result<()> {
        let (user, _) = signed_in(viewer)?;
        let mut write = self.db.write().await?;
        if session::revoke_own(&write, user, session).await? {
            let event = Event::new("session", "revoked", session).by(Some(user));
            write.emit(&event.with(json!({ "user": user, "reason": "ended-by-owner" }))).await?;
        } else if !session::is_own(&write, user, session).await? {
            return Err(Failure::not_found("session").at("input.id"));
        }
        write.commit().await
    }

    /// Ends all of the viewer's sessions, with the one that asks. No device is
    /// known any more. Returns how many sessions were open.
    ///
    /// # Errors
    /// UNAUTHENTICATED.
    pub async fn sign_out_everywhere(&self, viewer: &Viewer) -> Result<u64> {
        let (user, _) = signed_in(viewer)?;
        let mut write = self.db.write().await?;
        let ended = session::revoke_all(&write, user).await?;
        device::forget_all(&write, user).await?;
        // Of two tabs that sign out at once, one did it.
        if ended > 0 {
            let event = Event::new("user", "signed-out-everywhere", user).by(Some(user));
            write.emit(&event.with(json!({ "sessions": ended }))).await?;
        }
        write.commit().await?;
        Ok(ended)
    }
}

/// The person and the session that ask.
pub(super) fn signed_in(viewer: &Viewer) -> Result<(Id, Id)> {
    match (viewer.user, viewer.session) {
        (Some(user), Some(session)) => Ok((user, session)),
        _ => Err(Failure::new(ErrorCode::Unauthenticated, "Sign in first.")),
    }
}
