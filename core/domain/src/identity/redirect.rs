//! Where a provider may send people back to: an address of the owner's list,
//! letter by letter. Anything else would make us an open redirect.

use lyceum_kernel::{Failure, Result};

/// # Errors
/// BAD_USER_INPUT at `input.redirectUri`.
pub(super) fn check(typed: &str, listed: &[String], dev: bool) -> Result<()> {
    if listed.iter().any(|known| known == typed) || (dev && is_local(typed)) {
        return Ok(());
    }
    Err(Failure::input("input.redirectUri", "This address is not in `identity.redirect_uris`."))
}

/// An address of this machine, for development.
fn is_local(typed: &str) -> bool {
    let Some(rest) = typed.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let (host, port) = authority.split_once(':').unwrap_or((authority, "80"));
    let plain = typed.len() <= 2048 && typed.bytes().all(|b| b.is_ascii_graphic() && !b"\\#\"<>".contains(&b));
    matches!(host, "127.0.0.1" | "localhost") && port.parse::<u16>().is_ok() && plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_of_the_list_is_taken() {
        let listed = ["https://a.example/back".to_owned()];
        assert!(check("https://a.example/back", &listed, false).is_ok());
        for typed in [
            "https://a.example/back/",
            "https://a.example/back?next=x",
            "https://a.example/back#x",
            "https://A.example/back",
            "https://a.example",
            "https://a.example.evil.example/back",
            "http://127.0.0.1:3000/back",
            "",
        ] {
            let failure = check(typed, &listed, false).expect_err("not listed");
            assert_eq!(failure.path(), ["input", "redirectUri"], "{typed}");
        }
    }

    #[test]
    fn in_development_this_machine_is_taken_too() {
        for typed in ["http://127.0.0.1:3000/back", "http://localhost/", "http://localhost:5173/a?b=c"] {
            assert!(check(typed, &[], true).is_ok(), "{typed}");
        }
        for typed in [
            "http://127.0.0.1@evil.example/",
            "http://localhost:80@evil.example/",
            "http://localhost.evil.example/",
            "http://127.0.0.1\\@evil.example/",
            "http://localhost:99999/",
            "http://localhost/\r\nSet-Cookie: a=b",
            "http://localhost/#fragment",
            "javascript:alert(1)",
            "//localhost/",
        ] {
            assert!(check(typed, &[], true).is_err(), "{typed}");
        }
    }
}
