//! Which account a person of a provider has: the linked one, the one with the
//! same proven address, or a new one.

use lyceum_kernel::{ErrorCode, Event, Failure, Id, Result};
use lyceum_store::Write;
use serde_json::json;

use super::invalid;
use crate::identity::{
    mailbox_rows,
    model::{Email, PersonName},
    port::ExternalIdentity,
    service::insert,
    sign_in_rows::{self, At},
    store::NewAccount,
};

/// Finds the account, or makes it.
///
/// # Errors
/// INVALID_CREDENTIALS without an address; CONFLICT when the address has an
/// account that cannot be linked; FORBIDDEN for a disabled account.
pub(super) async fn account_of(write: &mut Write, at: At<'_>, identity: &ExternalIdentity, locale: &str) -> Result<Id> {
    if let Some(known) = sign_in_rows::linked(write, at.provider, at.subject).await? {
        return if known.disabled { Err(disabled()) } else { Ok(known.user) };
    }
    let told = identity.email.as_deref().and_then(|email| Email::parse(email).ok());
    let email = told.ok_or_else(|| invalid("The provider tells no e-mail address, and an account needs one here."))?;
    match mailbox_rows::mailbox_now(write, &email).await? {
        Some(mailbox) if !(mailbox.verified && identity.email_verified) => Err(taken()),
        Some(mailbox) if mailbox.disabled => Err(disabled()),
        Some(mailbox) => link(write, at, mailbox.user).await,
        None => new_account(write, at, identity, &email, locale).await,
    }
}

/// Links the person to an account that has her address.
async fn link(write: &mut Write, at: At<'_>, user: Id) -> Result<Id> {
    sign_in_rows::link(write, at, user).await?;
    let facts = json!({ "provider": at.provider });
    write.emit(&Event::new("user", "identity-linked", user).by(Some(user)).with(facts)).await?;
    Ok(user)
}

/// An account without a password.
async fn new_account(
    write: &mut Write,
    at: At<'_>,
    identity: &ExternalIdentity,
    email: &Email,
    locale: &str,
) -> Result<Id> {
    let name = PersonName::told(identity.name.as_deref());
    let account = NewAccount { email, name: &name, password_hash: None, locale };
    let user = insert(write, &account).await.map_err(|failure| match failure.code() {
        ErrorCode::Conflict => taken(),
        _ => failure,
    })?;
    if identity.email_verified {
        mailbox_rows::set_verified(write, user, email.as_str()).await?;
    }
    sign_in_rows::link(write, at, user).await?;
    let facts = json!({ "provider": at.provider });
    write.emit(&Event::new("user", "registered", user).by(Some(user)).with(facts)).await?;
    Ok(user)
}

fn disabled() -> Failure {
    Failure::new(ErrorCode::Forbidden, "This account is disabled.")
}

fn taken() -> Failure {
    let text = "An account has this e-mail address already, and it is not proven on both sides that it is yours. \
                Sign in to that account as before, and verify its address.";
    Failure::new(ErrorCode::Conflict, text)
}
