//! A provider of sign-in that misbehaves on demand, for the host's tests: in the
//! way that the locale says at the beginning, the parameter `do` at the end, and
//! what was kept at a refresh.

use hostile_misdeeds::{GIANT, misbehave};
use lyceum_sdk::{
    auth::{About, AuthProvider, Callback, Identity, Start, Way},
    host::{Error, Host},
};

/// Misbehaves on demand.
pub struct Hostile;

impl AuthProvider for Hostile {
    fn describe() -> About {
        let labels = [("en", "Sign in with Hostile"), ("zh", "用恶意账号登录")];
        About { labels: labels.map(|(tag, text)| (tag.to_owned(), text.to_owned())).into(), refreshes: true }
    }

    fn begin(host: &impl Host, start: &Start) -> Result<Way, Error> {
        misbehave(host, &start.locale);
        let way = |url: &str, keep: usize| Ok(Way { url: url.to_owned(), keep: "k".repeat(keep) });
        match start.locale.as_str() {
            "giant" => way("https://id.example/", GIANT),
            "keep" => way("https://id.example/", 2_049),
            "plain" => way("http://id.example/", 0),
            "script" => way("javascript:alert(1)", 0),
            "split" => way("https://id.example/\r\nSet-Cookie: a=b", 0),
            "later" => Err(Error::unavailable("the test asked for a retry")),
            "never" => Err(Error::invalid("the test asked for an end")),
            _ => way(&format!("https://id.example/authorize?state={}", start.state), 1),
        }
    }

    fn complete(host: &impl Host, callback: &Callback) -> Result<Identity, Error> {
        identity(host, callback.param("do").unwrap_or_default())
    }

    fn refresh(host: &impl Host, keep: &str) -> Result<Identity, Error> {
        identity(host, keep)
    }
}

fn identity(host: &impl Host, word: &str) -> Result<Identity, Error> {
    misbehave(host, word);
    let good = Identity {
        subject: "42".to_owned(),
        email: Some("li@a.example".to_owned()),
        email_verified: true,
        name: Some("Li".to_owned()),
        picture: None,
        keep: "token".to_owned(),
        ext: Vec::new(),
    };
    match word {
        "giant" => Ok(Identity { keep: "k".repeat(GIANT), ..good }),
        "keep" => Ok(Identity { keep: "k".repeat(4_097), ..good }),
        "nobody" => Ok(Identity { subject: String::new(), ..good }),
        "mail" => Ok(Identity { email: Some("nobody".to_owned()), ..good }),
        "name" => Ok(Identity { name: Some("L\u{1b}[2Ji".to_owned()), ..good }),
        "picture" => Ok(Identity { picture: Some("javascript:alert(1)".to_owned()), ..good }),
        "gone" => {
            let (code, message) = ("gone".to_owned(), "the account was closed".to_owned());
            Err(Error { code, message, retryable: false })
        }
        _ => Ok(good),
    }
}

lyceum_sdk::export_auth!(Hostile, manifest: "../plugin.toml");
