//! `smtp`: one message to a granted mail server. It counts as a request of the
//! call's HTTP budget: to leave the host is to leave the host.

use std::sync::Arc;

use wasmtime::Result;

use super::{CallState, services::error};
use crate::{
    bindings::host::{
        lyceum::types::common::Error,
        smtp::{self, Envelope},
    },
    egress::{Mail, MailError},
    interface::Capability,
};

impl smtp::Host for CallState {
    async fn send(&mut self, envelope: Envelope) -> Result<Result<String, Error>> {
        self.enter()?;
        if !self.may_send() {
            return Ok(Err(self.refuse(Capability::Smtp, "send", "the call has no more requests")));
        }
        Ok(self.deliver(envelope).await)
    }
}

impl CallState {
    async fn deliver(&mut self, envelope: Envelope) -> Result<String, Error> {
        let context = Arc::clone(&self.context);
        let unavailable = |why: &str| Error { retryable: true, ..error("unavailable", why) };
        let slot = tokio::time::timeout(self.time_to_answer(), context.http_slots.acquire()).await;
        let Ok(Ok(_slot)) = slot else { return Err(unavailable("too many requests are under way")) };
        // Until the server has answered, the message may have left.
        let was = (self.sent(), self.unanswered());
        self.note_unanswered();
        let time = self.time_to_answer();
        let sent = context.egress.deliver(mail(envelope), &context.granted.mail_servers, &context.secrets, time).await;
        match sent {
            Ok(line) => {
                self.restore(true, was.1);
                Ok(line)
            }
            Err(MailError::Rejected(why)) => {
                self.restore(true, was.1);
                Err(error("rejected", &why))
            }
            Err(MailError::Later(why)) => {
                self.restore(true, was.1);
                Err(unavailable(&why))
            }
            Err(MailError::MaybeSent(why)) => Err(unavailable(&why)),
            Err(MailError::NotSent(why)) => {
                self.restore(was.0, was.1);
                Err(unavailable(&why))
            }
            Err(MailError::Invalid(why)) => {
                self.restore(was.0, was.1);
                Err(error("invalid", &why))
            }
            Err(MailError::Denied(why)) => {
                self.restore(was.0, was.1);
                Err(self.refuse(Capability::Smtp, "send", &why))
            }
        }
    }
}

fn mail(envelope: Envelope) -> Mail {
    Mail {
        server: envelope.server,
        login: envelope.login.map(|login| (login.user, login.secret)),
        sender: envelope.sender,
        recipients: envelope.recipients,
        message: envelope.message,
    }
}
