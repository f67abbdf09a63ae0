//! Requests to the gateway, and what its status codes mean.

use lyceum_sdk::{
    host::{HeaderValue, Host, HttpFailure, Request, Response},
    payment::{Account, Error, View},
};
use serde_json::Value;

use crate::message;

/// The gateway of one account.
pub struct Gateway<'a, H> {
    host: &'a H,
    base: &'a str,
}

/// An answer of the gateway that says something about an object.
#[derive(Debug)]
pub enum Answer {
    Found(Vec<u8>),
    NotFound,
    Conflict { code: String, message: String },
}

impl<'a, H: Host> Gateway<'a, H> {
    /// # Errors
    /// The account does not say where the gateway is.
    pub fn of(host: &'a H, account: &'a Account) -> Result<Self, Error> {
        let setting = account.settings.iter().find(|(name, _)| name == "gateway-url");
        let base = setting.map(|(_, url)| url.trim_end_matches('/')).unwrap_or_default();
        if base.starts_with("http://") || base.starts_with("https://") {
            Ok(Self { host, base })
        } else {
            Err(Error::Invalid("the account setting gateway-url is not an http address".into()))
        }
    }

    /// Reads the object at this path.
    ///
    /// # Errors
    /// There is no answer about an object.
    pub fn get(&self, path: &[&str]) -> Result<Answer, Error> {
        self.send("GET", path, Vec::new())
    }

    /// Does what this path says.
    ///
    /// # Errors
    /// There is no answer about an object.
    pub fn post(&self, path: &[&str], body: Option<&Value>) -> Result<Answer, Error> {
        self.send("POST", path, body.map(Value::to_string).unwrap_or_default().into_bytes())
    }

    fn send(&self, method: &str, path: &[&str], body: Vec<u8>) -> Result<Answer, Error> {
        let url = format!("{}/v1/{}", self.base, path.join("/"));
        let request = Request { method: method.into(), url, headers: headers(), body };
        self.host.send(&request).map_err(lost).and_then(read)
    }
}

fn headers() -> Vec<(String, HeaderValue)> {
    vec![
        ("authorization".into(), HeaderValue::Secret(("Bearer ".into(), "api_key".into()))),
        ("content-type".into(), HeaderValue::Plain("application/json".into())),
        ("accept".into(), HeaderValue::Plain("application/json".into())),
    ]
}

/// No answer: only what surely stayed here was not sent.
fn lost(failure: HttpFailure) -> Error {
    match failure {
        HttpFailure::NotSent(why) => Error::NotSent(why),
        HttpFailure::Denied => Error::NotSent("requests to the gateway are not granted".into()),
        HttpFailure::MaybeSent(why) | HttpFailure::Other(why) => Error::Unknown(why),
    }
}

fn read(response: Response) -> Result<Answer, Error> {
    let (code, message) = message::problem(&response.body);
    match response.status {
        200..=299 => Ok(Answer::Found(response.body)),
        404 => Ok(Answer::NotFound),
        409 => Ok(Answer::Conflict { code, message }),
        401 | 403 => Err(Error::Credentials(message)),
        402 => Err(Error::Declined(message)),
        429 => Err(Error::RateLimited(retry_after(&response))),
        // A request that timed out there may still have been executed.
        408 => Err(Error::Unknown(message)),
        400..=499 => Err(Error::Invalid(format!("{code}: {message}"))),
        status => Err(Error::Unknown(format!("the gateway answered {status}"))),
    }
}

fn retry_after(response: &Response) -> Option<u32> {
    let header = response.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
    header.and_then(|(_, seconds)| seconds.trim().parse().ok())
}

impl Answer {
    /// The payment that is spoken of.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn payment(self) -> Result<View, Error> {
        self.payment_if_found()?.ok_or_else(missing)
    }

    /// The refund that is spoken of.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn refund(self) -> Result<View, Error> {
        self.refund_if_found()?.ok_or_else(missing)
    }

    /// # Errors
    /// The answer cannot be read.
    pub fn payment_if_found(self) -> Result<Option<View>, Error> {
        self.view(message::payment)
    }

    /// # Errors
    /// The answer cannot be read.
    pub fn refund_if_found(self) -> Result<Option<View>, Error> {
        self.view(message::refund)
    }

    fn view(self, read: fn(&Value) -> Option<View>) -> Result<Option<View>, Error> {
        match self {
            Self::NotFound => Ok(None),
            Self::Conflict { code, message } => Err(Error::Invalid(format!("{code}: {message}"))),
            Self::Found(body) => {
                let view = serde_json::from_slice(&body).ok().as_ref().and_then(read);
                view.map(Some).ok_or_else(|| Error::Unknown("the gateway's answer cannot be read".into()))
            }
        }
    }
}

fn missing() -> Error {
    Error::Invalid("the gateway does not know the payment".into())
}
