//! What can go wrong, as the person who gets it sees it.
//!
//! One closed table of codes; [`Failure`] keeps the text for the client apart
//! from the cause for the log.

use std::{error::Error as StdError, fmt};

macro_rules! error_codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $status:literal;)+) => {
        /// The closed table of error codes (`extensions.code` of a GraphQL error).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[doc = $doc])+ $variant,)+ }

        impl ErrorCode {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as the API shows it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The HTTP status of a request that failed as a whole with this code.
            #[must_use]
            pub const fn http_status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }

            /// What it means and what to do.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+),)+ }
            }
        }
    };
}

error_codes! {
    /// The request is not a GraphQL request: not JSON, no query, or fields of the wrong type.
    BadRequest = "BAD_REQUEST", 400;
    /// The query text does not parse.
    GraphqlParseFailed = "GRAPHQL_PARSE_FAILED", 400;
    /// The query does not fit the schema.
    GraphqlValidationFailed = "GRAPHQL_VALIDATION_FAILED", 400;
    /// A mutation was sent by GET. Use POST.
    MethodNotAllowed = "METHOD_NOT_ALLOWED", 405;
    /// An argument has a wrong value. `extensions.path` names the field.
    BadUserInput = "BAD_USER_INPUT", 400;
    /// The cursor was not made by this list with this sort.
    BadCursor = "BAD_CURSOR", 400;
    /// The query is longer than allowed: in bytes, in tokens, in fragments, in directives, or in fields once its fragments are opened. `extensions.limit` is the number, `extensions.limited` says of what.
    QueryTooLarge = "QUERY_TOO_LARGE", 400;
    /// The query is nested deeper than allowed.
    QueryTooDeep = "QUERY_TOO_DEEP", 400;
    /// The query costs more than allowed. Ask for fewer rows or fewer fields.
    QueryTooCostly = "QUERY_TOO_COSTLY", 400;
    /// The query has more aliases than allowed.
    TooManyAliases = "TOO_MANY_ALIASES", 400;
    /// The filter has more conditions, relations or values than allowed, or the sort more keys. `extensions.limit` is the number.
    FilterTooLarge = "FILTER_TOO_LARGE", 400;
    /// The request took longer than allowed and was ended. Ask for less, or try again.
    QueryTimeout = "QUERY_TIMEOUT", 503;
    /// The persisted query is not known here. Send the request again with its `query`.
    PersistedQueryNotFound = "PERSISTED_QUERY_NOT_FOUND", 200;
    /// The page asked for is larger than allowed.
    PageTooLarge = "PAGE_TOO_LARGE", 400;
    /// The request body is larger than allowed.
    BodyTooLarge = "BODY_TOO_LARGE", 413;
    /// Sign in first.
    Unauthenticated = "UNAUTHENTICATED", 401;
    /// The access token has expired. Use `refreshSession`, which ignores the expired token; what a visitor may read is answered beside this error.
    TokenExpired = "TOKEN_EXPIRED", 401;
    /// The session was ended, or its refresh token was used again long after its first use. Sign in again.
    SessionRevoked = "SESSION_REVOKED", 401;
    /// Another tab or request has just used this refresh token. The session goes on with the tokens that it received.
    SessionRefreshed = "SESSION_REFRESHED", 409;
    /// The e-mail address or the password is wrong.
    InvalidCredentials = "INVALID_CREDENTIALS", 401;
    /// You may not do this.
    Forbidden = "FORBIDDEN", 403;
    /// There is no such thing, or you may not see it.
    NotFound = "NOT_FOUND", 404;
    /// Something else already has this value. `extensions.path` names the field.
    Conflict = "CONFLICT", 409;
    /// The e-mail address of the account has to be verified first. Use `requestEmailVerification`.
    EmailNotVerified = "EMAIL_NOT_VERIFIED", 403;
    /// So many orders of this person wait for payment already. Pay or cancel one, or wait until it expires.
    TooManyOpenOrders = "TOO_MANY_OPEN_ORDERS", 409;
    /// The thing is in a state that does not allow this.
    InvalidState = "INVALID_STATE", 409;
    /// The idempotency key was used before with another input.
    IdempotencyConflict = "IDEMPOTENCY_CONFLICT", 409;
    /// Too many tries. Wait `extensions.retryAfterSeconds`.
    RateLimited = "RATE_LIMITED", 429;
    /// The payment provider declined.
    PaymentDeclined = "PAYMENT_DECLINED", 402;
    /// The payment provider did not answer clearly. The order shows the outcome when it is known; do not pay again.
    PaymentUnknown = "PAYMENT_UNKNOWN", 502;
    /// The payment provider cannot be reached or its plugin failed. Nothing was charged; try again.
    PaymentProviderUnavailable = "PAYMENT_PROVIDER_UNAVAILABLE", 503;
    /// A plugin failed. `extensions.plugin` names it.
    PluginFailed = "PLUGIN_FAILED", 502;
    /// A plugin refused the change. `extensions.plugin` names it, `extensions.messages` says why in each language, and `extensions.path` names the field.
    ChangeRejected = "CHANGE_REJECTED", 422;
    /// The package is not a plugin that this server can run.
    PluginInvalid = "PLUGIN_INVALID", 400;
    /// The plugin asks for permissions that were not granted. `extensions` lists them.
    PluginConsentRequired = "PLUGIN_CONSENT_REQUIRED", 409;
    /// The plugin's signature is missing, of another key than the publisher's, or revoked.
    PluginUntrusted = "PLUGIN_UNTRUSTED", 403;
    /// Search is down. Content can still be read.
    SearchUnavailable = "SEARCH_UNAVAILABLE", 503;
    /// The server is starting, stopping or overloaded. Try again.
    Unavailable = "UNAVAILABLE", 503;
    /// Something failed on our side. `extensions.requestId` helps the operator to find it.
    Internal = "INTERNAL", 500;
}

pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// A failure with a code and a text for the client, and a cause for the log.
pub struct Failure(Box<Inner>);

struct Inner {
    code: ErrorCode,
    message: String,
    path: Vec<String>,
    details: Vec<(&'static str, serde_json::Value)>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Failure {
    /// `message` is shown to the client.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { code, message: message.into(), path: Vec::new(), details: Vec::new(), cause: None }))
    }

    /// A failure on our side. The cause goes to the log, never to the client.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let mut failure = Self::new(ErrorCode::Internal, "Something failed on our side.");
        failure.0.cause = Some(cause.into());
        failure
    }

    /// A wrong value of the input field at `path` (dotted: `input.price.minor`).
    pub fn input(path: &str, message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadUserInput, message).at(path)
    }

    /// No such thing, or it may not be seen.
    pub fn not_found(what: impl fmt::Display) -> Self {
        Self::new(ErrorCode::NotFound, format!("There is no such {what}, or you may not see it."))
    }

    /// Names the wrong input field (dotted).
    #[must_use]
    pub fn at(mut self, path: &str) -> Self {
        self.0.path = path.split('.').filter(|p| !p.is_empty()).map(str::to_owned).collect();
        self
    }

    /// Puts a text before the message.
    #[must_use]
    pub fn prefixed(mut self, prefix: &str) -> Self {
        self.0.message.insert_str(0, prefix);
        self
    }

    /// Adds a machine-readable detail to `extensions`.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<serde_json::Value>) -> Self {
        self.0.details.push((name, value.into()));
        self
    }

    /// Adds the cause for the log.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// The text for the client.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    #[must_use]
    pub fn path(&self) -> &[String] {
        &self.0.path
    }

    #[must_use]
    pub fn details(&self) -> &[(&'static str, serde_json::Value)] {
        &self.0.details
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code.name(), self.0.message)?;
        if !self.0.path.is_empty() {
            write!(f, " (at {})", self.0.path.join("."))?;
        }
        let mut cause = self.source();
        while let Some(inner) = cause {
            write!(f, ": {inner}")?;
            cause = inner.source();
        }
        Ok(())
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_internal_cause_never_reaches_the_client_text() {
        let failure = Failure::internal("password=hunter2");
        assert!(!failure.message().contains("hunter2"));
        assert!(!failure.to_string().contains("hunter2"));
        assert!(format!("{failure:?}").contains("hunter2"));
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = ErrorCode::ALL.iter().map(|c| c.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ErrorCode::ALL.len());
    }
}
