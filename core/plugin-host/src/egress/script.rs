//! Answers from a list in the place of the network, for tests of plugins and
//! for calls that are made again.
//!
//! **Invariant:** with a script nothing leaves the machine; grants and secrets
//! are checked before it is asked, as before a request.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use reqwest::Request;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{
    Secrets,
    client::{Incoming, Raw, SendError},
};
use crate::limits;

/// One request that is expected, and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    #[serde(default = "get")]
    pub method: String,
    pub url: String,
    #[serde(default = "ok")]
    pub status: u16,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A text, or JSON that is sent as its text.
    #[serde(default)]
    pub body: Json,
    /// Whether it answers more than once.
    #[serde(default)]
    pub repeat: bool,
}

fn get() -> String {
    "GET".into()
}

const fn ok() -> u16 {
    200
}

impl Exchange {
    fn is_for(&self, request: &Request) -> bool {
        self.method == request.method().as_str() && self.url == request.url().as_str()
    }

    fn body(&self) -> Vec<u8> {
        match &self.body {
            Json::Null => Vec::new(),
            Json::String(text) => text.clone().into_bytes(),
            other => other.to_string().into_bytes(),
        }
    }
}

/// What is left of a list.
pub(super) struct Script(Mutex<Vec<Exchange>>);

impl Script {
    pub fn new(exchanges: Vec<Exchange>) -> Self {
        Self(Mutex::new(exchanges))
    }

    /// The first answer in the list that is for this request.
    pub fn answer(&self, request: &Request, secrets: &Secrets) -> Result<Incoming, SendError> {
        let exchange = self.take(request).ok_or_else(|| {
            let (method, url) = (request.method(), secrets.redact_text(request.url().as_str()));
            SendError::NotSent(format!("no fixture for {method} {url}"))
        })?;
        let body = exchange.body();
        if body.len() > limits::HTTP_RESPONSE_BYTES {
            let most = limits::HTTP_RESPONSE_BYTES;
            return Err(SendError::MaybeSent(format!("the response has more than {most} bytes")));
        }
        let header = |(name, value): (&String, &String)| (name.to_ascii_lowercase(), value.clone());
        let headers = exchange.headers.iter().map(header).collect();
        Ok(Raw { status: exchange.status, headers, body }.redacted(secrets))
    }

    fn take(&self, request: &Request) -> Option<Exchange> {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = left.iter().position(|exchange| exchange.is_for(request))?;
        Some(if left[place].repeat { left[place].clone() } else { left.remove(place) })
    }
}

#[cfg(test)]
mod tests {
    use reqwest::Method;

    use super::*;

    fn exchange(url: &str, status: u16, repeat: bool) -> Exchange {
        Exchange { method: get(), url: url.into(), status, headers: BTreeMap::new(), body: Json::Null, repeat }
    }

    fn asked(script: &Script, url: &str) -> Result<u16, SendError> {
        let request = Request::new(Method::GET, url.parse().expect("an address"));
        script.answer(&request, &Secrets::default()).map(|incoming| incoming.status)
    }

    #[test]
    fn answers_come_in_order_and_nothing_else_is_sent() {
        let url = "https://a.example/x";
        let script = Script::new(vec![exchange(url, 201, false), exchange(url, 202, false)]);
        assert_eq!([asked(&script, url), asked(&script, url)], [Ok(201), Ok(202)]);
        let none = SendError::NotSent("no fixture for GET https://a.example/x".into());
        assert_eq!(asked(&script, url), Err(none));
        let script = Script::new(vec![exchange(url, 200, true)]);
        assert_eq!([asked(&script, url), asked(&script, url)], [Ok(200), Ok(200)]);
    }
}
