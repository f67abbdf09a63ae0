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
