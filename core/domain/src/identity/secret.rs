//! Texts that must not be printed.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

macro_rules! secret {
    ($(#[doc = $doc:literal])+ $name:ident) => {
        $(#[doc = $doc])+
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// The text itself. It goes to the client, to the hasher or to the
            /// database, never to a log.
            #[must_use]
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

secret! {
    /// A password as typed, in Unicode normal form C: keyboards differ in how
    /// they compose the same letter.
    Password
}
secret! {
    /// What is stored of a password: an Argon2id hash in PHC text form.
    PasswordHash
}
secret! {
    /// A signed token that names a user and a session, for some minutes.
    AccessToken
}

macro_rules! random_secret {
    ($(#[doc = $doc:literal])+ $name:ident) => {
        secret! { $(#[doc = $doc])+ $name }

        impl $name {
            /// 256 random bits.
            pub(super) fn generate() -> Self {
                Self(random_text())
            }

            /// As a client sent it.
            pub fn new(sent: impl Into<String>) -> Self {
                Self(sent.into())
            }

            /// What is stored of it. It is random, so a fast hash is enough.
            pub(super) fn hash(&self) -> String {
                hex::encode(Sha256::digest(self.0.as_bytes()))
            }
        }
    };
}

random_secret! {
    /// A random token, good for one refresh.
    RefreshToken
}
random_secret! {
    /// What a device shows that a person has signed in from before.
    DeviceToken
}
random_secret! {
    /// A code that was sent by mail, good for one use.
    MailCode
}
random_secret! {
    /// What goes to a provider of sign-in and must come back.
    SignInState
}
random_secret! {
    /// What the browser keeps that began a sign-in, so that no other ends it.
    AttemptSecret
}

/// 256 random bits, as 43 characters that stand in an address as they are.
pub(super) fn random_text() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

impl Password {
    pub fn new(typed: &str) -> Self {
        Self(typed.nfc().collect())
    }
}

impl PasswordHash {
    pub(super) fn new(phc: String) -> Self {
        Self(phc)
    }
}

impl AccessToken {
    pub(super) fn new(signed: String) -> Self {
        Self(signed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print() {
        assert_eq!(format!("{:?}", Password::new("correct horse")), "Password(…)");
        assert_eq!(format!("{:?}", Some(RefreshToken::new("abc"))), "Some(RefreshToken(…))");
    }

    #[test]
    fn the_same_letter_composed_differently_is_the_same_password() {
        assert_eq!(Password::new("caf\u{e9}"), Password::new("cafe\u{301}"));
    }

    #[test]
    fn the_stored_hash_is_sha_256() {
        // FIPS 180-4, the example of one block.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(RefreshToken::new("abc").hash(), expected);
    }
}
