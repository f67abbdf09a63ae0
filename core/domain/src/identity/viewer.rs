//! From an access token to the viewer.

use lyceum_kernel::{ErrorCode, Failure, Result, Viewer};

use super::{Identity, MEMBER, VISITOR, store, token::Bearer};

impl Identity {
    /// The viewer that an access token speaks for; without one, a visitor.
    ///
    /// Runs one statement, and none for a visitor.
    ///
    /// # Errors
    /// UNAUTHENTICATED when the token is not ours, TOKEN_EXPIRED,
    /// SESSION_REVOKED when the session ended or the account is disabled.
    pub async fn viewer_for(&self, access_token: Option<&str>) -> Result<Viewer> {
        match access_token {
            None => Ok(self.visitor()),
            Some(token) => {
                let bearer = self.key.verify(token, self.db.now())?;
                self.load(bearer).await
            }
        }
    }

    /// Somebody who has not signed in.
    #[must_use]
    pub fn visitor(&self) -> Viewer {
        Viewer { roles: vec![VISITOR.to_owned()], rules: self.roles.visitor(), ..Viewer::default() }
    }

    async fn load(&self, bearer: Bearer) -> Result<Viewer> {
        let facts = store::viewer(&self.db, bearer, self.db.now()).await?;
        if !facts.signed_in {
            return Err(Failure::new(ErrorCode::SessionRevoked, "The session has ended. Sign in again."));
        }
        let rules = self.roles.rules(&self.db, &facts.roles).await?;
        let mut roles: Vec<String> = facts.roles.into_iter().map(|(key, _)| key).collect();
        // `visitor` is not told: it would say nothing about a member.
        roles.retain(|key| key != VISITOR);
        debug_assert!(roles.iter().any(|key| key == MEMBER), "roles are seeded before anybody signs in");
        Ok(Viewer {
            user: Some(bearer.user),
            session: Some(bearer.session),
            roles,
            rules,
            tiers: facts.tiers,
            purchases: facts.purchases,
            plugin: None,
        })
    }
}
