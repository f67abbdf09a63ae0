//! A fake payment provider. It keeps payments in memory, does what the test
//! wrote into its script, and takes `x-signature: good` for a signature.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use lyceum_domain::{
    payment::{
        Accepted, Account, Capabilities, InboundEvent, InboundRequest, NextAction, ObjectKind, PaymentProvider,
        ProviderError, ProviderOrder, Reference, Refusal, Refused, Reply, Status, View,
    },
    plugin::{Extensions, FailureKind, PluginFailure},
};
use lyceum_kernel::{Money, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// What the next call of `create` or `refund` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// It is done and the answer arrives.
    Answer,
    /// It is done, and the answer is lost.
    AnswerLost,
    /// The request is lost on the way, which nobody can tell.
    RequestLost,
    NotSent,
    Declined,
    /// The plugin traps before anything is sent, which nobody can tell.
    Trap,
    /// The server dies before the request leaves.
    HangBefore,
    /// The server dies after the provider has done it.
    HangAfter,
}

/// What a webhook of the fake says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Note {
    pub id: String,
    pub kind: ObjectKind,
    pub merchant: Option<String>,
    pub provider: Option<String>,
    pub parent: Option<String>,
    pub status: Status,
    pub amount: Option<Money>,
    /// The event tells nothing but that something happened.
    pub hint: bool,
}

#[derive(Default)]
struct State {
    payments: BTreeMap<String, (Money, Status)>,
    refunds: BTreeMap<String, (Money, Status, String)>,
    script: VecDeque<Script>,
    created: Vec<(String, Money)>,
    refunded: Vec<String>,
    queries: usize,
    refreshes: usize,
    silent: bool,
}

#[derive(Default)]
pub struct Gateway {
    state: Mutex<State>,
    hanging: Notify,
}

impl Gateway {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().expect("no test panics while it holds this"))
    }

    /// Runs a call of the server until it hangs in the provider, where the server dies.
    pub async fn dies_in<T>(&self, call: impl Future<Output = T>) {
        tokio::select! {
            _ = call => panic!("it should hang in the provider's call"),
            () = self.hanging.notified() => {}
        }
    }

    async fn hang<T>(&self) -> T {
        self.hanging.notify_one();
        std::future::pending().await
    }

    pub fn will(&self, script: &[Script]) {
        self.with(|s| s.script.extend(script));
    }

    /// What `create` was asked for: reference and amount, each time.
    pub fn created(&self) -> Vec<(String, Money)> {
        self.with(|s| s.created.clone())
    }

    /// The numbers under which refunds were asked for.
    pub fn refunded(&self) -> Vec<String> {
        self.with(|s| s.refunded.clone())
    }

    pub fn queries(&self) -> usize {
        self.with(|s| s.queries)
    }

    pub fn refreshes(&self) -> usize {
        self.with(|s| s.refreshes)
    }

    /// From now on queries and closings bring no answer.
    pub fn be_silent(&self, silent: bool) {
        self.with(|s| s.silent = silent);
    }

    /// The buyer pays (or not) at the provider's page.
    pub fn set(&self, reference: &str, status: Status) {
        self.with(|s| {
            if let Some(payment) = s.payments.get_mut(reference) {
                payment.1 = status.clone();
            }
            if let Some(refund) = s.refunds.get_mut(reference) {
                refund.1 = status;
            }
        });
    }

    /// How many payments the provider holds.
    pub fn held(&self) -> usize {
        self.with(|s| s.payments.len())
    }

    fn next(&self) -> Script {
        self.with(|s| s.script.pop_front().unwrap_or(Script::Answer))
    }
}

fn reference(kind: ObjectKind, merchant: &str) -> Reference {
    Reference { kind, merchant: Some(merchant.to_owned()), provider: Some(format!("gw-{merchant}")) }
}

fn view(about: Reference, parent: Option<&str>, status: Status, amount: Option<Money>) -> View {
    let next = match status {
        Status::ActionRequired => {
            NextAction::Redirect(format!("https://pay.example/{}", about.merchant.clone().unwrap_or_default()))
        }
        _ => NextAction::None,
    };
    View {
        about,
        parent: parent.map(|merchant| reference(ObjectKind::Payment, merchant)),
        raw_status: format!("{status:?}"),
        status,
        amount,
        done: None,
        next,
        occurred: None,
        due: None,
        ext: Vec::new(),
    }
}

fn trap(function: &str) -> PluginFailure {
    PluginFailure {
        plugin: "test/payment-fake".into(),
        version: "1.0.0".into(),
        world: "payment".into(),
        function: function.into(),
        kind: FailureKind::Trap,
        detail: "unreachable".into(),
    }
}

#[async_trait]
impl PaymentProvider for Gateway {
    fn key(&self) -> &str {
        "fake"
    }

    async fn describe(&self) -> Result<Capabilities, PluginFailure> {
        Ok(Capabilities::default())
    }

    async fn create(&self, _account: &Account, order: &ProviderOrder) -> Result<View, ProviderError> {
        let name = order.merchant_ref.clone();
        self.with(|s| s.created.push((name.clone(), order.amount)));
        let store = || {
            self.with(|s| s.payments.entry(name.clone()).or_insert((order.amount, Status::ActionRequired)).1.clone())
        };
        match self.next() {
            Script::Answer => {
                let status = store();
                Ok(view(reference(ObjectKind::Payment, &name), None, status, Some(order.amount)))
            }
            Script::AnswerLost => {
                store();
                Err(ProviderError::Unknown("reset after the request".into()))
            }
            Script::RequestLost => Err(ProviderError::Unknown("no answer".into())),
            Script::NotSent => Err(ProviderError::NotSent("connection refused".into())),
            Script::Declined => Err(ProviderError::Declined("risk".into())),
            Script::Trap => Err(ProviderError::Plugin(trap("create"))),
            Script::HangBefore => self.hang().await,
            Script::HangAfter => {
                store();
                self.hang().await
            }
        }
    }

    async fn query(
        &self,
        _account: &Account,
        about: &Reference,
        _parent: Option<&Reference>,
    ) -> Result<View, ProviderError> {
        let name = about.merchant.clone().unwrap_or_default();
        self.with(|s| {
            s.queries += 1;
            if s.silent {
                return Err(ProviderError::Unknown("no answer".into()));
            }
            if let Some((amount, status)) = s.payments.get(&name) {
                return Ok(view(reference(ObjectKind::Payment, &name), None, status.clone(), Some(*amount)));
            }
            if let Some((amount, status, parent)) = s.refunds.get(&name) {
                let about = reference(ObjectKind::Refund, &name);
                return Ok(view(about, Some(parent), status.clone(), Some(*amount)));
            }
            Ok(view(about.clone(), None, Status::NotFound, None))
        })
    }

    async fn capture(
        &self,
        _account: &Account,
        _payment: &Reference,
        _op_ref: &str,
        _amount: Money,
    ) -> Result<View, ProviderError> {
        Err(ProviderError::Unsupported)
    }

    async fn close(&self, _account: &Account, payment: &Reference, _op_ref: &str) -> Result<View, ProviderError> {
        let name = payment.merchant.clone().unwrap_or_default();
        self.with(|s| {
            if s.silent {
                return Err(ProviderError::Unknown("no answer".into()));
            }
            let held = s.payments.get_mut(&name).ok_or(ProviderError::Unsupported)?;
            if held.1 != Status::Succeeded {
                held.1 = Status::Closed;
            }
            Ok(view(reference(ObjectKind::Payment, &name), None, held.1.clone(), Some(held.0)))
        })
    }

    async fn refund(
        &self,
        _account: &Account,
        payment: &Reference,
        refund_ref: &str,
        amount: Money,
        _paid: Money,
        _reason: &str,
    ) -> Result<View, ProviderError> {
        let parent = payment.merchant.clone().unwrap_or_default();
        self.with(|s| s.refunded.push(refund_ref.to_owned()));
        let store = || {
            self.with(|s| {
                s.refunds.entry(refund_ref.to_owned()).or_insert((amount, Status::Succeeded, parent.clone()));
            });
        };
        match self.next() {
            Script::AnswerLost => {
                store();
                Err(ProviderError::Unknown("reset after the request".into()))
            }
            Script::RequestLost => Err(ProviderError::Unknown("no answer".into())),
            Script::NotSent => Err(ProviderError::NotSent("connection refused".into())),
            Script::Declined => Err(ProviderError::Declined("no balance".into())),
            Script::Trap => Err(ProviderError::Plugin(trap("refund"))),
            Script::HangBefore => self.hang().await,
            Script::HangAfter => {
                store();
                self.hang().await
            }
            Script::Answer => {
                store();
                let about = reference(ObjectKind::Refund, refund_ref);
                Ok(view(about, Some(&parent), Status::Succeeded, Some(amount)))
            }
        }
    }

    async fn refresh_keys(&self, _account: &Account) -> Result<u32, ProviderError> {
        self.with(|s| s.refreshes += 1);
        Ok(1)
    }

    async fn verify(
        &self,
        _account: &Account,
        request: &InboundRequest,
    ) -> Result<Result<Accepted, Refused>, PluginFailure> {
        let signature = request.headers.iter().find(|(name, _)| name == "x-signature").map(|(_, value)| value.as_str());
        match signature {
            Some("trap") => return Err(trap("verify")),
            Some("good") => {}
            Some("stranger's key") => return Ok(Err(refused(Refusal::UnknownKey("key-9".into())))),
            Some("rotated") if self.refreshes() > 0 => {}
            Some("rotated") => return Ok(Err(refused(Refusal::UnknownKey("key-2".into())))),
            _ => return Ok(Err(refused(Refusal::BadSignature))),
        }
        let Ok(note) = serde_json::from_slice::<Note>(&request.body) else {
            return Ok(Err(refused(Refusal::Malformed("not a note".into()))));
        };
        Ok(Ok(Accepted { events: vec![event(note)], ack: reply(200, "success"), nack: reply(500, "fail") }))
    }

    async fn read_return(
        &self,
        _account: &Account,
        request: &InboundRequest,
    ) -> Result<Result<Reference, Refused>, PluginFailure> {
        Ok(Ok(reference(ObjectKind::Payment, &request.query)))
    }
}

fn event(note: Note) -> InboundEvent {
    let about = Reference { kind: note.kind, merchant: note.merchant, provider: note.provider };
    let said = view(about.clone(), note.parent.as_deref(), note.status, note.amount);
    InboundEvent {
        id: note.id,
        name: "changed".into(),
        about,
        occurred: None,
        view: (!note.hint).then_some(said),
        ext: Vec::new(),
    }
}

fn refused(why: Refusal) -> Refused {
    Refused { why, answer: reply(401, "no") }
}

fn reply(status: u16, body: &str) -> Reply {
    Reply { status, headers: Vec::new(), body: body.into() }
}

impl Note {
    /// The provider says this about a payment.
    pub fn payment(id: &str, merchant: &str, status: Status, amount: Money) -> Self {
        Self {
            id: id.into(),
            kind: ObjectKind::Payment,
            merchant: Some(merchant.into()),
            provider: Some(format!("gw-{merchant}")),
            parent: None,
            status,
            amount: Some(amount),
            hint: false,
        }
    }

    /// The provider says this about a refund that it made by itself.
    pub fn refund(id: &str, refund: &str, parent: &str, status: Status, amount: Money) -> Self {
        let (merchant, provider, parent) = (None, Some(refund.to_owned()), Some(parent.to_owned()));
        Self { kind: ObjectKind::Refund, merchant, provider, parent, ..Self::payment(id, "", status, amount) }
    }

    pub fn signed(&self, signature: &str) -> InboundRequest {
        InboundRequest {
            method: "POST".into(),
            path: "/webhooks/payments/fake".into(),
            query: String::new(),
            headers: vec![("x-signature".into(), signature.into())],
            body: serde_json::to_vec(self).expect("a note is JSON"),
            received: Timestamp::from_millis(0),
        }
    }
}

/// The only plugin is the fake.
pub struct OnlyFake(pub Arc<Gateway>);

impl Extensions for OnlyFake {
    fn payment_provider(&self, key: &str) -> Option<Arc<dyn PaymentProvider>> {
        (key == "fake").then(|| Arc::clone(&self.0) as Arc<dyn PaymentProvider>)
    }

    fn payment_providers(&self) -> Vec<String> {
        vec!["fake".into()]
    }
}
