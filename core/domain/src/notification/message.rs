//! What is sent, and to whom.

use std::{collections::BTreeMap, time::Duration};

use lyceum_kernel::{Failure, Locale, Result};

/// How a message reaches a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    Mail,
    Sms,
    Push,
}

impl Channel {
    pub const ALL: [Self; 3] = [Self::Mail, Self::Sms, Self::Push];

    /// As notifiers know it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Sms => "sms",
            Self::Push => "push",
        }
    }

    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.name() == name)
    }
}

/// No message waits longer.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Which message it is. Its texts lie in `templates/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    VerifyEmail,
    ResetPassword,
    PasswordChanged,
    ChangeEmail,
    EmailChangeRequested,
    EmailChanged,
    Test,
}

impl Template {
    pub const ALL: [Self; 7] = [
        Self::VerifyEmail,
        Self::ResetPassword,
        Self::PasswordChanged,
        Self::ChangeEmail,
        Self::EmailChangeRequested,
        Self::EmailChanged,
        Self::Test,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify-email",
            Self::ResetPassword => "reset-password",
            Self::PasswordChanged => "password-changed",
            Self::ChangeEmail => "change-email",
            Self::EmailChangeRequested => "email-change-requested",
            Self::EmailChanged => "email-changed",
            Self::Test => "test",
        }
    }

    /// How long what it says is true: as long as the code that it brings is
    /// good. Nobody gets it later.
    #[must_use]
    pub const fn good_for(self) -> Duration {
        match self {
            Self::VerifyEmail
            | Self::PasswordChanged
            | Self::EmailChangeRequested
            | Self::EmailChanged
            | Self::Test => LONGEST,
            Self::ResetPassword | Self::ChangeEmail => Duration::from_secs(3600),
        }
    }
}

/// Who gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    pub channel: Channel,
    /// A mail address, a phone number, or a device's token.
    pub address: String,
    pub name: Option<String>,
    pub locale: Locale,
}

impl Recipient {
    /// Checks the outline of an address that somebody typed.
    ///
    /// # Errors
    /// BAD_USER_INPUT at `input.address`.
    pub fn typed(channel: Channel, address: &str, locale: Locale) -> Result<Self> {
        let address = address.trim();
        let shaped = (1..=254).contains(&address.len())
            && !address.chars().any(|c| c.is_control() || c.is_whitespace())
            && (channel != Channel::Mail || address.contains('@'));
        if !shaped {
            return Err(Failure::input("input.address", "This is no address of that channel."));
        }
        Ok(Self { channel, address: address.to_owned(), name: None, locale })
    }
}

#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    pub template: Template,
    pub to: Recipient,
    /// What the template's placeholders stand for. A paragraph of which one
    /// has no value is left out.
    pub values: BTreeMap<String, String>,
}

/// The values may hold a code, so they are not printed.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message").field("template", &self.template).field("to", &self.to).finish_non_exhaustive()
    }
}
