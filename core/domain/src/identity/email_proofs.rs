//! Mail addresses that are proven: verification, and a new password for who
//! reads the account's mail.
//!
//! **Invariant:** asking for a new password answers the same and issues a code
//! whether or not the address has an account; only the message is sent or not.
//! **Invariant:** an address is proven by whoever is signed in to the account
//! and has its code. A click of the mail's reader alone proves nothing: she may
//! never have seen the account that somebody made with her address.
//! **Invariant:** a new password ends every session and every link to a
//! provider: who made the account with somebody else's address does not keep a
//! way in. A provider at which the same address is proven links itself again.

use std::{collections::BTreeMap, sync::Arc};

use lyceum_kernel::{ErrorCode, Event, Failure, Locale, Result, Viewer};
use lyceum_store::Write;

use super::{
    Identity, device,
    limit::{self, forgive},
    mail_code::{self, Holder, Purpose},
    mailbox_rows::{self, Mailbox},
    model::{Email, Peer, check_new_password},
    secret::{MailCode, Password},
    service::account_key,
    session, sign_in_rows,
};
use crate::notification::{Channel, Message, Notifications, Recipient, Template};

/// What people do with the mail address and the password of their account.
pub struct EmailProofs {
    pub(super) identity: Arc<Identity>,
    pub(super) notifications: Arc<Notifications>,
}

impl EmailProofs {
    #[must_use]
    pub fn new(identity: Arc<Identity>, notifications: Arc<Notifications>) -> Self {
        Self { identity, notifications }
    }

    /// Sends the viewer a code that proves the address of the account.
    ///
    /// # Errors
    /// UNAUTHENTICATED; INVALID_STATE when it is proven already; RATE_LIMITED.
    pub async fn request_verification(&self, viewer: &Viewer, peer: &Peer) -> Result<()> {
        let user = viewer.user.ok_or_else(|| Failure::new(ErrorCode::Unauthenticated, "Sign in first."))?;
        let mailbox = mailbox_rows::mailbox_of(&self.identity.db, user).await?;
        let mailbox = mailbox.ok_or_else(|| Failure::not_found("user"))?;
        if mailbox.verified {
            return Err(Failure::new(ErrorCode::InvalidState, "This e-mail address is verified already."));
        }
        let email = Email::parse(&mailbox.email)?;
        if !self.may_send(Purpose::Verify, &email, peer).await? {
            return Ok(());
        }
        let mut write = self.identity.db.write().await?;
        self.mail(&write, Purpose::Verify, &email, Some(&mailbox)).await?;
        write.emit(&Event::new("user", "email-verification-requested", user).by(Some(user))).await?;
        write.commit().await?;
        self.notifications.wake();
        Ok(())
    }

    /// Takes the viewer's address as proven, by the code that was sent there.
    ///
    /// # Errors
    /// BAD_USER_INPUT at `input.token` when it is not good, or not any more, or
    /// another account's; UNAUTHENTICATED when it is good and nobody is signed in.
    pub async fn verify(&self, viewer: &Viewer, code: &MailCode) -> Result<()> {
        // Anybody may try codes: one that is not good takes no writer.
        let holder = mail_code::holder(&self.identity.db, Purpose::Verify, code).await?.ok_or_else(not_good)?;
        belongs(&holder, viewer)?;
        let mut write = self.identity.db.write().await?;
        let holder = mail_code::take(&write, Purpose::Verify, code).await?.ok_or_else(not_good)?;
        // The account may have another address by now.
        if !mailbox_rows::set_verified(&write, holder.user, &holder.email).await? {
            return Err(not_good());
        }
        forgive(&write, &by_address(Purpose::Verify, &holder.email)).await?;
        write.emit(&Event::new("user", "email-verified", holder.user).by(Some(holder.user))).await?;
        write.commit().await
    }

    /// Sends a code for a new password, when the address has an account that
    /// is not disabled. The answer does not tell.
    ///
    /// # Errors
    /// BAD_USER_INPUT at `input.email`; RATE_LIMITED.
    pub async fn request_password_reset(&self, email: &str, peer: &Peer) -> Result<()> {
        let email = Email::parse(email)?;
        if !self.may_send(Purpose::Reset, &email, peer).await? {
            return Ok(());
        }
        let mailbox = mailbox_rows::mailbox_at(&self.identity.db, &email).await?.filter(|mailbox| !mailbox.disabled);
        let mut write = self.identity.db.write().await?;
        self.mail(&write, Purpose::Reset, &email, mailbox.as_ref()).await?;
        if let Some(mailbox) = &mailbox {
            write.emit(&Event::new("user", "password-reset-requested", mailbox.user)).await?;
        }
        write.commit().await?;
        self.notifications.wake();
        Ok(())
    }

    /// Sets a new password and ends all sessions. The address is proven by it.
    ///
    /// # Errors
    /// BAD_USER_INPUT at `input.password`, or at `input.token` when it is not
    /// good, or not any more; UNAVAILABLE when too many wait.
    pub async fn reset_password(&self, code: &MailCode, password: &Password) -> Result<()> {
        let identity = &self.identity;
        check_new_password(password, identity.config.password_min)?;
        // Hashing is expensive: not for a code that is nobody's.
        mail_code::holder(&identity.db, Purpose::Reset, code).await?.ok_or_else(not_good)?;
        let hash = identity.hasher.hash(password).await?;
        let mut write = identity.db.write().await?;
        let holder = mail_code::take(&write, Purpose::Reset, code).await?.ok_or_else(not_good)?;
        let user = holder.user;
        sign_in_rows::unlink_all(&write, user).await?;
        if !mailbox_rows::set_password(&write, user, &holder.email, &hash).await? {
            return Err(not_good());
        }
        mail_code::forget(&write, user, Purpose::Change).await?;
        session::revoke_all(&write, user).await?;
        device::forget_all(&write, user).await?;
        forgive(&write, &account_key(&holder.email)).await?;
        forgive(&write, &by_address(Purpose::Reset, &holder.email)).await?;
        write.emit(&Event::new("user", "password-reset", user).by(Some(user))).await?;
        write.commit().await
    }

    /// Counts that a code is asked for.
    pub(super) async fn count_by_network(&self, peer: &Peer) -> Result<()> {
        if let Some(network) = peer.network() {
            let by_network = (format!("mail:address:{network}"), self.identity.config.mail_per_address.into());
            let _counts_always = limit::take(&self.identity.db, vec![by_network]).await?;
        }
        Ok(())
    }

    /// Whether a code is to be sent. Beyond what one address gets, and right
    /// after the last one, the code that was sent is still good: nothing more is
    /// sent, and nobody can use up what the owner of the address may ask for.
    async fn may_send(&self, purpose: Purpose, email: &Email, peer: &Peer) -> Result<bool> {
        let (db, config) = (&self.identity.db, &self.identity.config);
        self.count_by_network(peer).await?;
        if mail_code::was_just_sent(db, purpose, email).await? {
            return Ok(false);
        }
        match limit::take(db, vec![(by_address(purpose, email.as_str()), config.mail_per_email.into())]).await {
            Err(failure) if failure.code() == ErrorCode::RateLimited => Ok(false),
            counted => counted.map(|_counts_always| true),
        }
    }

    /// Issues a code and sends it; without a mailbox nobody gets it.
    pub(super) async fn mail(
        &self,
        write: &Write,
        purpose: Purpose,
        email: &Email,
        mailbox: Option<&Mailbox>,
    ) -> Result<()> {
        let code = mail_code::issue(write, purpose, mailbox.map(|mailbox| mailbox.user), email).await?;
        if let Some(mailbox) = mailbox {
            self.notifications.send(write, &self.message(purpose, mailbox, &code)?).await?;
        }
        Ok(())
    }

    /// Tells the owner of an account what was done with it.
    pub(super) async fn notify(&self, write: &Write, template: Template, mailbox: &Mailbox) -> Result<()> {
        self.notifications.send(write, &addressed(template, mailbox)?).await.map(drop)
    }

    fn message(&self, purpose: Purpose, mailbox: &Mailbox, code: &MailCode) -> Result<Message> {
        let template = purpose.template();
        let mut message = addressed(template, mailbox)?;
        message.values.insert("code".to_owned(), code.expose().to_owned());
        if let Some(link) = &self.identity.config.email_link {
            let url = link.replace("{action}", template.name()).replace("{token}", code.expose());
            message.values.insert("url".to_owned(), url);
        }
        Ok(message)
    }
}

/// A message to an account's address, with no more than a greeting.
fn addressed(template: Template, mailbox: &Mailbox) -> Result<Message> {
    let locale: Locale = mailbox.locale.parse().map_err(Failure::internal)?;
    let (address, name) = (mailbox.email.clone(), Some(mailbox.name.clone()));
    let to = Recipient { channel: Channel::Mail, address, name, locale };
    let greeting = greeted(&mailbox.name).map(|name| ("name".to_owned(), name.to_owned()));
    Ok(Message { template, to, values: BTreeMap::from_iter(greeting) })
}

/// What codes for one address are counted by.
pub(super) fn by_address(purpose: Purpose, email: &str) -> String {
    format!("mail:{}:{email}", purpose.name())
}

/// Who opened the account must be the one who reads the mail.
pub(super) fn belongs(holder: &Holder, viewer: &Viewer) -> Result<()> {
    match viewer.user {
        Some(user) if user == holder.user => Ok(()),
        Some(_) => Err(Failure::input("input.token", "This code is for another account. Sign in to that one first.")),
        None => Err(Failure::new(ErrorCode::Unauthenticated, "Sign in to the account first.")),
    }
}

pub(super) fn not_good() -> Failure {
    Failure::input("input.token", "This code is not good, or not any more. Ask for another one.")
}

/// A name that can stand in a mail. Somebody may register with another's
/// address and an advertisement for a name; without these it has no link.
fn greeted(name: &str) -> Option<&str> {
    (!name.contains(['.', '/', ':', '@', '。', '：', '／'])).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::greeted;

    #[test]
    fn a_name_that_could_be_a_link_is_not_written() {
        assert_eq!(greeted("林小雨"), Some("林小雨"));
        assert_eq!(greeted("Ana María O'Neil-Smith"), Some("Ana María O'Neil-Smith"));
        for name in ["win at evil.example", "https://evil", "evil。example", "a@b"] {
            assert_eq!(greeted(name), None, "{name}");
        }
    }
}
