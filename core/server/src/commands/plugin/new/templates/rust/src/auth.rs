//! Sign-in with id.example.com.

use lyceum_sdk::{
    auth::{About, AuthProvider, Callback, Identity, Start, Way},
    host::{Error, Host, Request},
};

pub struct Plugin;

impl AuthProvider for Plugin {
    fn describe() -> About {
        let labels = [("en", "Sign in with Example"), ("zh", "用 Example 登录")];
        About { labels: labels.map(|(tag, text)| (tag.into(), text.into())).to_vec(), refreshes: false }
    }

    fn begin(_host: &impl Host, start: &Start) -> Result<Way, Error> {
        let (state, challenge) = (&start.state, &start.code_challenge);
        let url = format!("https://id.example.com/authorize?state={state}&code_challenge={challenge}");
        Ok(Way { url, keep: String::new() })
    }

    fn complete(host: &impl Host, callback: &Callback) -> Result<Identity, Error> {
        let code = callback.param("code").ok_or_else(|| Error::invalid("no code came back"))?;
        let body = format!("code={code}&code_verifier={}", callback.code_verifier).into_bytes();
        let url = "https://id.example.com/identity".into();
        let answer = host.send(&Request { method: "POST".into(), url, headers: Vec::new(), body });
        let answer = answer.map_err(|failure| Error::unavailable(format!("{failure:?}")))?;
        let subject = String::from_utf8(answer.body).map_err(|_| Error::invalid("the answer is no text"))?;
        Ok(Identity {
            subject,
            email: None,
            email_verified: false,
            name: None,
            picture: None,
            keep: String::new(),
            ext: Vec::new(),
        })
    }
}

lyceum_sdk::export_auth!(Plugin, manifest: "../plugin.toml");
