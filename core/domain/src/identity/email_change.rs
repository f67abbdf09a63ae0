//! Another mail address for an account.
//!
//! **Invariant:** nothing changes until a code that was sent to the new address
//! comes back from the same account: an address that is not read by its owner,
//! or is mistyped, does not become the account's.
//! **Invariant:** the address that the account had is told before and after. A
//! new password in between takes the code back.
//! **Invariant:** that an address is taken is told as registration tells it, and
//! the tries are limited by network and by person.

use lyceum_kernel::{ErrorCode, Event, Failure, Id, Result, Viewer};

use super::{
    EmailProofs,
    email_proofs::{belongs, by_address, not_good},
    limit::{self, forgive},
    mail_code::{self, Purpose},
    mailbox_rows::{self, Mailbox},
    model::{Email, Peer},
    own_sessions::signed_in,
    secret::{MailCode, Password},
    service::taken,
};
use crate::{limits, notification::Template};

impl EmailProofs {
    /// Sends a code to the address that the viewer's account is to have. Within
    /// five minutes of the last one that code is still good, and none is sent.
    ///
    /// # Errors
    /// UNAUTHENTICATED; BAD_USER_INPUT at `input.email`, or at
    /// `input.currentPassword` when it is missing; INVALID_CREDENTIALS there;
    /// CONFLICT at `input.email` when the address is taken; RATE_LIMITED.
    pub async fn change_email(
        &self,
        viewer: &Viewer,
        email: &str,
        password: Option<&Password>,
        peer: &Peer,
    ) -> Result<()> {
        let (identity, (user, _)) = (&self.identity, signed_in(viewer)?);
        let email = Email::parse(email)?;
        let mailbox = mailbox_rows::mailbox_of(&identity.db, user).await?.ok_or_else(|| Failure::not_found("user"))?;
        if mailbox.email == email.as_str() {
            return Err(Failure::input("input.email", "This is the account's e-mail address already."));
        }
        // A session may be stolen: whoever has one must not take the account over.
        identity.prove_if_there_is_one(user, password).await?;
        self.count_by_network(peer).await?;
        if mail_code::was_just_sent_to(&identity.db, Purpose::Change, user, &email).await? {
            return Ok(());
        }
        let by_email = (by_address(Purpose::Change, email.as_str()), identity.config.mail_per_email.into());
        let by_person = (format!("email-change:{user}"), limits::EMAIL_CHANGE.limit().into());
        let _counts_always = limit::take(&identity.db, vec![by_email, by_person]).await?;
        if mailbox_rows::mailbox_at(&identity.db, &email).await?.is_some() {
            return Err(taken());
        }
        self.send_change(&mailbox, &email).await
    }

    async fn send_change(&self, before: &Mailbox, email: &Email) -> Result<()> {
        let mut write = self.identity.db.write().await?;
        let after = Mailbox { email: email.as_str().to_owned(), ..before.clone() };
        self.mail(&write, Purpose::Change, email, Some(&after)).await?;
        self.notify(&write, Template::EmailChangeRequested, before).await?;
        write.emit(&Event::new("user", "email-change-requested", before.user).by(Some(before.user))).await?;
        write.commit().await?;
        self.notifications.wake();
        Ok(())
    }

    /// Gives the viewer's account the address that the code was sent to. It is
    /// proven by that. Sessions go on.
    ///
    /// # Errors
    /// BAD_USER_INPUT at `input.token` when it is not good, or not any more, or
    /// another account's; UNAUTHENTICATED when it is good and nobody is signed in;
    /// CONFLICT at `input.token` when somebody has the address by now.
    pub async fn confirm_email_change(&self, viewer: &Viewer, code: &MailCode) -> Result<Id> {
        let db = &self.identity.db;
        // Anybody may try codes: one that is not good takes no writer.
        let holder = mail_code::holder(db, Purpose::Change, code).await?.ok_or_else(not_good)?;
        belongs(&holder, viewer)?;
        let mut write = db.write().await?;
        let user = holder.user;
        // Two codes of one account would wait for each other's rows.
        let before = mailbox_rows::lock(&write, user).await?.ok_or_else(not_good)?;
        let holder = mail_code::take(&write, Purpose::Change, code).await?.ok_or_else(not_good)?;
        let set = mailbox_rows::set_address(&write, user, &holder.email).await;
        if !set.map_err(taken_by_now)? {
            return Err(not_good());
        }
        // Codes that were sent to the address before are of no use: where they are
        // taken, that address is compared with the account's.
        forgive(&write, &by_address(Purpose::Change, &holder.email)).await?;
        self.notify(&write, Template::EmailChanged, &before).await?;
        write.emit(&Event::new("user", "email-changed", user).by(Some(user))).await?;
        write.commit().await?;
        self.notifications.wake();
        Ok(user)
    }
}

fn taken_by_now(failure: Failure) -> Failure {
    match failure.code() {
        ErrorCode::Conflict => taken().at("input.token"),
        _ => failure,
    }
}
