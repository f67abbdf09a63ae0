//! The payment provider as the domain sees it. The words are those of
//! `schema/wit/lyceum-payment`; the provider's statement about an object is a
//! [`View`], and `Unknown` is never a failure.

use async_trait::async_trait;
use lyceum_kernel::{Money, Timestamp};
use serde::{Deserialize, Serialize};

use crate::plugin::PluginFailure;

/// Growing records end in a list of pairs.
pub type Ext = Vec<(String, String)>;

/// The merchant account a call is about. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub id: String,
    pub live: bool,
    pub settings: Ext,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectKind {
    Payment,
    Refund,
    Dispute,
    Mandate,
    Payout,
}

/// Names one object at the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    pub kind: ObjectKind,
    /// Ours: 26 characters of `[0-9A-Z]`, made and stored before the first byte is sent.
    pub merchant: Option<String>,
    /// The provider's.
    pub provider: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "value")]
pub enum NextAction {
    None,
    Redirect(String),
    QrCode(String),
    PostForm(String, Ext),
    ClientInvoke(Ext),
    Other(Ext),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "value")]
pub enum Status {
    NotFound,
    ActionRequired,
    Processing,
    Authorized,
    Succeeded,
    Closed,
    Failed(String),
    Warning,
    NeedsResponse,
    UnderReview,
    Won,
    Lost,
    Active,
    Revoked,
    /// Not final: ask again.
    Other(String),
}

/// What the provider says about one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    pub about: Reference,
    pub parent: Option<Reference>,
    pub status: Status,
    pub raw_status: String,
    pub amount: Option<Money>,
    /// Captured (payment), or refunded so far where only that is known.
    pub done: Option<Money>,
    pub next: NextAction,
    pub occurred: Option<Timestamp>,
    pub due: Option<Timestamp>,
    pub ext: Ext,
}

/// Why the provider's side did not answer with a view.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// It may have happened: query with the same reference, never create again.
    #[error("the outcome is unknown: {0}")]
    Unknown(String),
    /// Surely not executed: safe to send again with the same reference.
    #[error("not sent: {0}")]
    NotSent(String),
    #[error("declined: {0}")]
    Declined(String),
    #[error("invalid request: {0}")]
    Invalid(String),
    #[error("the account's credentials were refused: {0}")]
    Credentials(String),
    #[error("rate limited")]
    RateLimited { retry_after_seconds: Option<u32> },
    /// The answer's signature is missing or wrong: treated as unknown.
    #[error("the answer cannot be trusted: {0}")]
    UntrustedResponse(String),
    #[error("not supported")]
    Unsupported,
    #[error("{0}")]
    Other(String),
    /// The plugin itself failed. Before bytes left this is `not sent`, else unknown.
    #[error(transparent)]
    Plugin(#[from] PluginFailure),
}

/// What a provider can do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    pub flows: Vec<String>,
    pub currencies: Vec<String>,
    pub features: Vec<String>,
    pub limits: Ext,
}

/// A payment to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderOrder {
    pub merchant_ref: String,
    pub amount: Money,
    pub flow: String,
    pub title: String,
    pub manual_capture: bool,
    pub expires: Timestamp,
    pub return_url: String,
    pub notify_url: String,
    pub metadata: Ext,
}

/// An HTTP request as it came from the socket: raw bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundRequest {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: Ext,
    pub body: Vec<u8>,
    pub received: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub headers: Ext,
    pub body: Vec<u8>,
}

/// One event out of a verified request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundEvent {
    /// The provider's id, the same over its retries.
    pub id: String,
    pub name: String,
    pub about: Reference,
    pub occurred: Option<Timestamp>,
    /// Absent: query `about`.
    pub view: Option<View>,
    pub ext: Ext,
}

/// A request that is really from the provider, for this account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub events: Vec<InboundEvent>,
    /// Sent only after the inbox row is committed.
    pub ack: Reply,
    pub nack: Reply,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    Malformed(String),
    BadSignature,
    Stale,
    UnknownKey(String),
    WrongAccount,
    Probe,
    Ignored(String),
    Other(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub why: Refusal,
    pub answer: Reply,
}

/// One payment provider. It translates; the domain decides.
#[async_trait]
pub trait PaymentProvider: Send + Sync {
    /// The key in URLs and in `checkout(provider:)`: `sandbox`.
    fn key(&self) -> &str;

    async fn describe(&self) -> Result<Capabilities, PluginFailure>;

    async fn create(&self, account: &Account, order: &ProviderOrder) -> Result<View, ProviderError>;

    async fn query(
        &self,
        account: &Account,
        about: &Reference,
        parent: Option<&Reference>,
    ) -> Result<View, ProviderError>;

    async fn capture(
        &self,
        account: &Account,
        payment: &Reference,
        op_ref: &str,
        amount: Money,
    ) -> Result<View, ProviderError>;

    async fn close(&self, account: &Account, payment: &Reference, op_ref: &str) -> Result<View, ProviderError>;

    async fn refund(
        &self,
        account: &Account,
        payment: &Reference,
        refund_ref: &str,
        amount: Money,
        paid: Money,
        reason: &str,
    ) -> Result<View, ProviderError>;

    async fn refresh_keys(&self, account: &Account) -> Result<u32, ProviderError>;

    /// Whether the request is from the provider, and what it says.
    ///
    /// # Errors
    /// A plugin failure fails closed: the provider is told to retry.
    async fn verify(
        &self,
        account: &Account,
        request: &InboundRequest,
    ) -> Result<Result<Accepted, Refused>, PluginFailure>;

    /// Which payment a return page is about, never its state.
    async fn read_return(
        &self,
        account: &Account,
        request: &InboundRequest,
    ) -> Result<Result<Reference, Refused>, PluginFailure>;
}
