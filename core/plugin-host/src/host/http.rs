//! `http`: one attempt at a granted origin.

use std::sync::Arc;

use wasmtime::Result;

use super::CallState;
use crate::{
    bindings::host::http::{self, Failure, HeaderValue, Request, Response},
    egress::{HeaderText, Outgoing, SendError},
    interface::Capability,
};

impl http::Host for CallState {
    async fn send(&mut self, request: Request) -> Result<Result<Response, Failure>> {
        self.enter()?;
        if !self.may_send() {
            self.deny(Capability::Http, "send", "the call has no more requests");
            return Ok(Err(Failure::Denied));
        }
        Ok(self.attempt(request).await)
    }
}

impl CallState {
    async fn attempt(&mut self, request: Request) -> Result<Response, Failure> {
        let context = Arc::clone(&self.context);
        let slot = tokio::time::timeout(self.time_to_answer(), context.http_slots.acquire()).await;
        let Ok(Ok(_slot)) = slot else { return Err(Failure::NotSent("too many requests are under way".into())) };
        // Until the answer is here, bytes may have left: a call that is cut off now is not `not sent`.
        let was = (self.sent(), self.unanswered());
        self.note_unanswered();
        let time = self.time_to_answer();
        let sent = context.egress.send(outgoing(request), &context.granted.origins, &context.secrets, time).await;
        match sent {
            Ok(incoming) => {
                self.restore(true, was.1);
                self.charge(incoming.redacted_in);
                Ok(Response { status: incoming.status, headers: incoming.headers, body: incoming.body })
            }
            Err(SendError::MaybeSent(why)) => Err(Failure::MaybeSent(why)),
            Err(SendError::NotSent(why)) => {
                self.restore(was.0, was.1);
                Err(Failure::NotSent(why))
            }
            Err(SendError::Denied(why)) => {
                self.restore(was.0, was.1);
                self.deny(Capability::Http, "send", &why);
                Err(Failure::Denied)
            }
        }
    }
}

fn outgoing(request: Request) -> Outgoing {
    let header = |value| match value {
        HeaderValue::Plain(text) => HeaderText::Plain(text),
        HeaderValue::Secret((prefix, name)) => HeaderText::Secret(prefix, name),
    };
    Outgoing {
        method: request.method,
        url: request.url,
        headers: request.headers.into_iter().map(|(name, value)| (name, header(value))).collect(),
        body: request.body,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lyceum_domain::plugin::Secret;
    use serde_json::json;

    use super::{super::ContextParts, http::Host as _, *};
    use crate::{
        egress::{Egress, Exchange, Secrets},
        grants::Granted,
        limits::World,
    };

    const URL: &str = "https://a.example/";

    fn get(headers: Vec<(String, HeaderValue)>) -> Request {
        Request { method: "GET".into(), url: URL.into(), headers, body: Vec::new() }
    }

    /// A plugin with the secret `key`, whose server gives this body.
    fn call(granted: Granted, body: &str) -> CallState {
        let exchange: Exchange =
            serde_json::from_value(json!({ "url": URL, "body": body, "repeat": true })).expect("an exchange");
        let egress = Egress::new().expect("a client").scripted(vec![exchange]);
        let secrets = Secrets::new([("key".to_owned(), Secret::new("hunter2hunter2hunter2"))].into());
        let granted = Granted { origins: vec!["https://a.example".parse().expect("an origin")], ..granted };
        let parts = ContextParts { egress: Arc::new(egress), secrets, granted, ..ContextParts::for_test() };
        CallState::of_test(World::Job.limits(), parts)
    }

    #[tokio::test]
    async fn a_key_of_crypto_is_not_sent() {
        let header = || vec![("authorization".to_owned(), HeaderValue::Secret((String::new(), "key".into())))];
        let mut only_crypto = call(Granted::default(), "");
        let sent = only_crypto.send(get(header())).await.expect("host calls are left");
        assert!(matches!(sent, Err(Failure::Denied)));
        assert!(!only_crypto.sent());
        let mut sendable = call(Granted { sendable: ["key".to_owned()].into(), ..Granted::default() }, "");
        assert!(sendable.send(get(header())).await.expect("host calls are left").is_ok());
    }

    #[tokio::test]
    async fn taking_secrets_out_is_cpu_time_of_the_call() {
        let mut call = call(Granted::default(), &"hunter2hunter2hunter-".repeat(256 << 10 >> 4));
        for _ in 0..40 {
            assert!(call.send(get(Vec::new())).await.expect("host calls are left").is_ok());
        }
        assert!(call.spent(Duration::ZERO).cpu_ms > 0, "ten mebibytes cost something");
    }
}
