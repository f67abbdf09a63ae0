//! What identity talks of, with constructors that refuse.

use std::net::IpAddr;

use lyceum_kernel::{Failure, Id, Locale, Result, Timestamp, Viewer};
use unicode_normalization::UnicodeNormalization;

use super::secret::{AccessToken, Password, RefreshToken};

/// Where a request comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peer {
    /// The address of the client; without it limits by address do not apply.
    pub address: Option<IpAddr>,
    pub user_agent: Option<String>,
}

/// Who does it: a person through the API, or the operator at the machine.
#[derive(Debug, Clone, Copy)]
pub enum Actor<'a> {
    Viewer(&'a Viewer),
    /// The command line. It may do everything.
    System,
}

#[derive(Debug, Clone)]
pub struct RegisterInput {
    pub email: String,
    pub password: Password,
    /// What others see, 1 to 80 characters.
    pub name: String,
    pub locale: Locale,
}

#[derive(Debug, Clone)]
pub struct CreateUser {
    pub email: String,
    pub password: Password,
    pub name: String,
    pub locale: Locale,
    /// Role keys, beside `visitor` and `member`, which everybody has.
    pub roles: Vec<String>,
}

/// A session that has just begun or been refreshed.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub user: Id,
    pub session: Id,
    pub access_token: AccessToken,
    pub access_expires_at: Timestamp,
    pub refresh_token: RefreshToken,
    pub refresh_expires_at: Timestamp,
}

/// An e-mail address in the form in which it is unique: NFC, lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Email(String);

impl Email {
    /// Checks the shape. Whether the mailbox exists, only a mail can tell.
    pub(super) fn parse(typed: &str) -> Result<Self> {
        let text: String = typed.trim().nfc().flat_map(char::to_lowercase).collect();
        // The lengths are those of RFC 5321, section 4.5.3.1.
        let shaped = text.split_once('@').is_some_and(|(local, domain)| {
            (1..=64).contains(&local.len()) && local.chars().all(is_mailbox_char) && is_domain(domain)
        });
        if shaped && text.len() <= 254 {
            Ok(Self(text))
        } else {
            Err(Failure::input("input.email", "This is not an e-mail address."))
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_mailbox_char(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !"@()<>[],;:\\\"".contains(c)
}

fn is_domain(text: &str) -> bool {
    let label = |l: &str| {
        !l.is_empty()
            && l.len() <= 63
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    text.contains('.') && text.split('.').all(label)
}

/// A person's name as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PersonName(String);

impl PersonName {
    pub(super) fn parse(typed: &str) -> Result<Self> {
        let text: String = typed.trim().nfc().collect();
        if text.chars().any(char::is_control) {
            return Err(Failure::input("input.name", "A name has no control characters."));
        }
        match text.chars().count() {
            1..=80 => Ok(Self(text)),
            _ => Err(Failure::input("input.name", "A name has 1 to 80 characters.")),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The longest password, in characters. A limit, since hashing costs by length.
const PASSWORD_MAX: usize = 256;

pub(super) fn check_new_password(password: &Password, min: usize) -> Result<()> {
    let length = password.expose().chars().count();
    if (min..=PASSWORD_MAX).contains(&length) {
        return Ok(());
    }
    Err(Failure::input("input.password", format!("A password has {min} to {PASSWORD_MAX} characters.")))
}

/// Whether it can be anybody's password at all.
pub(super) fn could_be_a_password(password: &Password) -> bool {
    password.expose().chars().count() <= PASSWORD_MAX
}

impl Peer {
    /// What one client can be told by. The owner of an IPv6 address has the
    /// whole /64 (RFC 6177), so that is what counts.
    pub(super) fn network(&self) -> Option<String> {
        self.address.map(|address| match address.to_canonical() {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        })
    }

    /// The user agent as it is stored: printable and short.
    pub(super) fn agent(&self) -> Option<String> {
        let agent = self.user_agent.as_deref()?;
        Some(agent.chars().filter(|c| !c.is_control()).take(256).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_form() {
        for typed in ["ana@example.org", " Ana@Example.ORG ", "ANA@EXAMPLE.org"] {
            assert_eq!(Email::parse(typed).map(|e| e.0).ok().as_deref(), Some("ana@example.org"), "{typed}");
        }
        let (composed, decomposed) = (Email::parse("jos\u{e9}@example.org"), Email::parse("jose\u{301}@example.org"));
        assert_eq!(composed.ok(), decomposed.ok());
    }

    #[test]
    fn refuses_what_is_not_an_address() {
        let long = format!("{}@example.org", "a".repeat(65));
        for typed in [
            "",
            "ana",
            "ana@",
            "@example.org",
            "ana@localhost",
            "a b@example.org",
            "ana@-x.org",
            "a@b@c.org",
            "ana@x..org",
            "a\0@x.org",
            &long,
        ] {
            let failure = Email::parse(typed).expect_err("not an address");
            assert_eq!(failure.path(), ["input", "email"], "{typed}");
        }
    }

    #[test]
    fn a_name_has_one_to_eighty_characters_of_any_script() {
        assert_eq!(PersonName::parse("  林小雨 ").map(|n| n.0).ok().as_deref(), Some("林小雨"));
        assert!(PersonName::parse(&"字".repeat(80)).is_ok());
        for typed in ["", "   ", "a\nb", &"x".repeat(81)] {
            assert_eq!(PersonName::parse(typed).expect_err("not a name").path(), ["input", "name"]);
        }
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        let network = |text: &str| Peer { address: text.parse().ok(), user_agent: None }.network();
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.7").as_deref(), Some("192.0.2.7"));
    }
}
