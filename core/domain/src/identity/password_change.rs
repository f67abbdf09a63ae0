//! A new password for somebody who is signed in and knows the current one.
//!
//! **Invariant:** a session alone changes no password: who has stolen one still
//! needs the password, and tries of it are counted before they are made.
//! **Invariant:** of two changes at once one counts: a password is replaced only
//! where it is still the one that was proven.

use lyceum_kernel::{ErrorCode, Event, Failure, Id, Result, Viewer};
use lyceum_store::Write;

use super::{
    EmailProofs, Identity, device,
    limit::{self, CountedTries, forgive, give_back},
    mail_code::{self, Purpose},
    mailbox_rows,
    model::{check_new_password, could_be_a_password},
    own_sessions::signed_in,
    secret::{DeviceToken, Password, PasswordHash},
    service::own_password_key,
    session, store,
};
use crate::{limits, notification::Template};

/// A password that its owner has just proven to know.
pub(super) struct ProvenPassword {
    pub hash: PasswordHash,
    tries: CountedTries,
}

impl ProvenPassword {
    /// Its tries were none.
    pub(super) async fn forgive(self, write: &Write, user: Id) -> Result<()> {
        give_back(write, self.tries).await?;
        forgive(write, &own_password_key(user)).await
    }
}

impl Identity {
    /// Proves that a person knows the password; none when the account has none.
    ///
    /// # Errors
    /// INVALID_CREDENTIALS at `input.currentPassword`; RATE_LIMITED; UNAVAILABLE
    /// when too many wait.
    pub(super) async fn prove_password(&self, user: Id, typed: &Password) -> Result<Option<ProvenPassword>> {
        let account = store::account_of(&self.db, user).await?.ok_or_else(|| Failure::not_found("user"))?;
        let Some(hash) = account.password_hash else { return Ok(None) };
        let tries = limit::take(&self.db, vec![self.config.own_password_limit(user)]).await?;
        if could_be_a_password(typed) && self.hasher.verify(typed, Some(&hash)).await? {
            return Ok(Some(ProvenPassword { hash, tries }));
        }
        Err(not_the_password())
    }

    /// Proves the same before something else is done. An account without a
    /// password needs none.
    ///
    /// # Errors
    /// As [`Self::prove_password`]; BAD_USER_INPUT at `input.currentPassword` when it is missing.
    pub(super) async fn prove_if_there_is_one(&self, user: Id, typed: Option<&Password>) -> Result<()> {
        let Some(typed) = typed else {
            let account = store::account_of(&self.db, user).await?.ok_or_else(|| Failure::not_found("user"))?;
            return match account.password_hash {
                None => Ok(()),
                Some(_) => Err(Failure::input("input.currentPassword", "The current password is needed for this.")),
            };
        };
        let Some(proven) = self.prove_password(user, typed).await? else { return Ok(()) };
        let write = self.db.write().await?;
        proven.forgive(&write, user).await?;
        write.commit().await
    }
}

impl EmailProofs {
    /// Sets a new password. All other sessions end and no other device is known
    /// any more; the address of the account is told.
    ///
    /// # Errors
    /// UNAUTHENTICATED; BAD_USER_INPUT at `input.newPassword`; INVALID_CREDENTIALS
    /// at `input.currentPassword`; INVALID_STATE when the account has no password;
    /// RATE_LIMITED; UNAVAILABLE when too many wait.
    pub async fn change_password(&self, viewer: &Viewer, current: &Password, new: &Password) -> Result<DeviceToken> {
        let (identity, (user, session)) = (&self.identity, signed_in(viewer)?);
        check_new_password(new, identity.config.password_min).map_err(|refused| refused.at("input.newPassword"))?;
        let proven = identity.prove_password(user, current).await?.ok_or_else(no_password)?;
        let hash = identity.hasher.hash(new).await?;
        let mailbox = mailbox_rows::mailbox_of(&identity.db, user).await?.ok_or_else(|| Failure::not_found("user"))?;
        let mut write = identity.db.write().await?;
        // In the order in which a reset takes them: codes for it, the account, and
        // codes for another address.
        mail_code::forget(&write, user, Purpose::Reset).await?;
        limit::take_within(&write, &format!("password-change:{user}"), limits::PASSWORD_CHANGE.limit()).await?;
        if !mailbox_rows::replace_password(&write, user, &proven.hash, &hash).await? {
            return Err(not_the_password());
        }
        proven.forgive(&write, user).await?;
        mail_code::forget(&write, user, Purpose::Change).await?;
        session::revoke_others(&write, user, session).await?;
        device::forget_all(&write, user).await?;
        let device = device::note(&write, user, None).await?;
        self.notify(&write, Template::PasswordChanged, &mailbox).await?;
        write.emit(&Event::new("user", "password-changed", user).by(Some(user))).await?;
        write.commit().await?;
        self.notifications.wake();
        Ok(device)
    }
}

fn not_the_password() -> Failure {
    Failure::new(ErrorCode::InvalidCredentials, "This is not the current password.").at("input.currentPassword")
}

fn no_password() -> Failure {
    let text = "This account has no password: it is signed in to through a provider. Set one with a code \
                by mail: call `requestPasswordReset` with the account's e-mail address, then `resetPassword`.";
    Failure::new(ErrorCode::InvalidState, text)
}
