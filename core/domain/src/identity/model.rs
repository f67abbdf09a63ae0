//! What identity talks of, with constructors that refuse.

use std::net::IpAddr;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use lyceum_kernel::{Failure, Id, Locale, Result, Timestamp, Viewer};
use unicode_normalization::UnicodeNormalization;

use super::secret::{AccessToken, DeviceToken, Password, RefreshToken};
use crate::plain_text;

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
    /// What the device shows at its next sign-in; absent after a refresh.
    pub device_token: Option<DeviceToken>,
}

/// An e-mail address in the form in which it is unique: lower case, NFC, and
/// the domain as UTS 46 maps it (`ｅxample。org` is `example.org`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Email(String);

impl Email {
    /// Checks the shape. Whether the mailbox exists, only a mail can show.
    pub(super) fn parse(typed: &str) -> Result<Self> {
        let text: String = typed.trim().nfc().flat_map(char::to_lowercase).collect();
        text.rsplit_once('@').and_then(|(local, domain)| Self::of(local, domain)).ok_or_else(|| {
            Failure::input("input.email", "This is not an e-mail address, or it has characters that cannot be seen.")
        })
    }

    /// The lengths are those of RFC 5321, section 4.5.3.1.
    fn of(local: &str, domain: &str) -> Option<Self> {
        let shaped = (1..=64).contains(&local.len())
            && local.chars().all(is_mailbox_char)
            && plain_text::is_plain_identifier(local);
        let text = format!("{local}@{}", one_domain(domain)?);
        (shaped && text.len() <= 254).then_some(Self(text))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_mailbox_char(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !"@()<>[],;:\\\"".contains(c)
}

/// A domain of two labels or more, in Unicode.
fn one_domain(typed: &str) -> Option<String> {
    // The mapping drops what is invisible; here that is refused instead.
    let seen = |label: &str| plain_text::is_plain_identifier(label);
    let (strict, deny) = (Uts46::new(), AsciiDenyList::STD3);
    let unfolded = typed.chars().all(plain_text::is_seen_in_an_address);
    let ascii = strict.to_ascii(typed.as_bytes(), deny, Hyphens::CheckFirstLast, DnsLength::Verify).ok()?;
    let (domain, checked) = strict.to_unicode(ascii.as_bytes(), deny, Hyphens::CheckFirstLast);
    let fits = checked.is_ok() && domain.contains('.') && domain.split('.').all(seen);
    (unfolded && fits).then(|| domain.into_owned())
}

/// A person's name as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PersonName(String);

/// The longest name, in characters.
const NAME_MAX: usize = 80;

impl PersonName {
    pub(super) fn parse(typed: &str) -> Result<Self> {
        let wrong = |why: String| Failure::input("input.name", why);
        let text = match plain_text::name(typed) {
            Err(plain_text::TextFault::NothingToSee) => String::new(),
            parsed => parsed.map_err(|fault| wrong(fault.to_string()))?,
        };
        match text.chars().count() {
            1..=NAME_MAX => Ok(Self(text)),
            _ => Err(wrong(format!("A name has 1 to {NAME_MAX} characters, and one of them can be seen."))),
        }
    }

    /// The name that a provider tells, without what a name must not have; a
    /// neutral one when nothing is left.
    pub(super) fn told(told: Option<&str>) -> Self {
        let cleaned = told.and_then(|told| plain_text::cleaned_name(told, NAME_MAX));
        Self(cleaned.unwrap_or_else(|| format!("Member {}", rand::random_range(1000..10_000))))
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
    #[must_use]
    pub fn network(&self) -> Option<String> {
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
        for (typed, one) in [
            ("ana@ｅxample。org", "ana@example.org"),
            ("ana@xn--bcher-kva.example", "ana@b\u{fc}cher.example"),
            ("ana@B\u{dc}CHER.example", "ana@b\u{fc}cher.example"),
            ("林@例子.测试", "林@例子.测试"),
        ] {
            assert_eq!(Email::parse(typed).map(|e| e.0).ok().as_deref(), Some(one), "{typed}");
        }
    }

    #[test]
    fn an_address_hides_nothing_and_mixes_no_alphabets() {
        for typed in [
            "admin\u{200b}@demo.example",
            "\u{202e}admin@demo.example",
            "ad\u{ad}min@demo.example",
            "admin@demo\u{ad}.example",
            "admin@de\u{200d}mo.example",
            "admin\u{feff}@demo.example",
            "admin@demo\u{2060}.example",
            "ａdmin@demo.example",
            "\u{430}dmin@demo.example",
            "admin@d\u{435}mo.example",
        ] {
            assert_eq!(Email::parse(typed).expect_err("refused").path(), ["input", "email"], "{typed:?}");
        }
    }

    #[test]
    fn who_is_told_without_a_name_gets_a_neutral_one() {
        assert_eq!(PersonName::told(Some("\u{200b}Ana\n")).0, "Ana");
        for told in [None, Some(""), Some("\u{202e}\u{200b}")] {
            let name = PersonName::told(told).0;
            assert!(name.starts_with("Member ") && PersonName::parse(&name).is_ok(), "{name}");
        }
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
