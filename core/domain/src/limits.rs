//! Every limit on how often something may be done, in one table.
//!
//! **Invariant:** a limit that protects an account or a person is counted in the
//! database, so that all servers share it; one that protects a server is
//! counted in its memory.
//! **Invariant:** `docs/limits.md` has a row for each row here; a test compares
//! them, and another one the defaults with those of the configuration.

use std::{fmt::Write as _, time::Duration};

use crate::identity::Limit;

/// What tries are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountedBy {
    /// An account, from one network.
    AccountAndNetwork,
    Account,
    /// The IPv4 address of the client, or its IPv6 /64.
    Network,
    Person,
    /// An e-mail address, with an account or without.
    EmailAddress,
    /// A payment provider or one of its payments.
    Provider,
    Request,
}

impl CountedBy {
    const fn words(self) -> &'static str {
        match self {
            Self::AccountAndNetwork => "account and network",
            Self::Account => "account",
            Self::Network => "network",
            Self::Person => "person",
            Self::EmailAddress => "e-mail address",
            Self::Provider => "payment provider",
            Self::Request => "request",
        }
    }
}

/// Where it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountedIn {
    /// Shared by all servers.
    Database,
    /// By each server for itself.
    Memory,
}

/// One limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    pub name: &'static str,
    pub by: CountedBy,
    pub counted_in: CountedIn,
    /// So many …
    pub count: u32,
    /// … in so many seconds; 0 where it is no matter of time.
    pub seconds: u64,
    /// The key of the configuration.
    pub setting: Option<&'static str>,
    /// What is counted, and what happens beyond.
    pub meaning: &'static str,
}

impl RateLimit {
    /// The default.
    #[must_use]
    pub const fn limit(&self) -> Limit {
        Limit { tries: self.count, window: Duration::from_secs(self.seconds) }
    }
}

const QUARTER: u64 = 15 * 60;
const HOUR: u64 = 3600;

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $by:ident, $place:ident, $count:expr, $seconds:expr, $setting:expr;)+) => {
        $($(#[doc = $doc])+
        pub const $name: RateLimit = RateLimit {
            name: $text,
            by: CountedBy::$by,
            counted_in: CountedIn::$place,
            count: $count,
            seconds: $seconds,
            setting: $setting,
            meaning: concat!($($doc),+),
        };)+

        /// All of them, in the order of the documentation.
        pub const RATE_LIMITS: &[RateLimit] = &[$($name),+];
    };
}

limits! {
    /// Wrong passwords that cost no pause. Then one more try after 1 second, the next after 2, 4, 8 … up to 15 minutes. Forgotten after a right password, or an hour after the last try.
    SIGN_IN_ACCOUNT_NETWORK = "sign-in", AccountAndNetwork, Database, 10, HOUR, Some("identity.sign_in_per_email_and_address");
    /// Wrong passwords from all networks together that cost no pause. Then pauses of 1, 2, 4 … up to 60 seconds, for devices that are not known. A device that sends its `deviceToken` passes, and has 10 wrong passwords of its own.
    SIGN_IN_ACCOUNT = "sign-in", Account, Database, 50, QUARTER, Some("identity.sign_in_per_email");
    /// Wrong passwords for any accounts. A known device passes.
    SIGN_IN_NETWORK = "sign-in", Network, Database, 30, QUARTER, Some("identity.sign_in_per_address");
    /// Wrong `currentPassword`s of somebody who is signed in that cost no pause. Then pauses as at sign-in.
    OWN_PASSWORD = "current password", Person, Database, 10, HOUR, Some("identity.sign_in_per_email_and_address");
    /// New passwords that are set with the current one.
    PASSWORD_CHANGE = "password changes", Person, Database, 5, HOUR, None;
    /// Requests for another e-mail address of the account, also for one that is taken.
    EMAIL_CHANGE = "address changes", Person, Database, 10, HOUR, None;
    /// Changes of one's own profile that change something.
    PROFILE = "profile changes", Person, Database, 60, HOUR, None;
    /// Sign-ins through a provider that are begun.
    BEGIN_SIGN_IN = "sign-in through a provider", Network, Database, 60, QUARTER, Some("identity.begin_per_address");
    /// Refreshes of sessions. A token that is unknown, or was used just now, is refused before it is counted.
    REFRESH = "refresh", Person, Database, 120, HOUR, Some("identity.refresh_per_person");
    /// New accounts.
    REGISTER = "registration", Network, Database, 20, HOUR, Some("identity.register_per_address");
    /// Codes of one kind that are sent. Beyond, and within 5 minutes of the last one, the answer is the same and nothing is sent: the code that was sent is still good.
    MAIL_ADDRESS = "mail codes", EmailAddress, Database, 5, HOUR, Some("identity.mail_per_email");
    /// Codes that are asked for.
    MAIL_NETWORK = "mail codes", Network, Database, 30, HOUR, Some("identity.mail_per_address");
    /// Orders that are placed. Repeating one with its idempotency key is not counted.
    CHECKOUT = "checkout", Person, Database, 30, HOUR, Some("payments.checkouts_per_person");
    /// Orders that wait for payment at one time; beyond, `TOO_MANY_OPEN_ORDERS`.
    OPEN_ORDERS = "open orders", Person, Database, 20, 0, Some("payments.open_orders");
    /// Comments. Repeating one with its idempotency key is not counted.
    COMMENT = "comments", Person, Database, 10, 60, Some("community.comments_per_person");
    /// Refused webhooks are counted in memory and written down together.
    WEBHOOK_REFUSALS = "refused webhooks written", Provider, Memory, 1, 10, None;
    /// Fetches of a provider's keys because a webhook named an unknown one.
    WEBHOOK_KEYS = "fetches of keys", Provider, Memory, 1, 60, None;
    /// Questions to the provider about one payment because its buyer returned.
    RETURN_QUERY = "return page", Provider, Memory, 1, 10, None;
    /// Webhooks of all payment providers, before anything looks at them.
    WEBHOOKS = "webhooks", Network, Memory, 600, 60, Some("limits.webhooks_per_minute");
    /// Buyers who come back from a payment provider.
    PAYMENT_RETURNS = "payment returns", Network, Memory, 120, 60, Some("limits.payment_returns_per_minute");
    /// Cost of queries, searches, comments and all else that is sent to `/graphql`: by person, for visitors by network. `RateLimit` and `RateLimit-Policy` say what is left. The machine itself is not counted.
    QUERIES = "cost of queries", Person, Memory, 2_000_000, 60, Some("graphql.cost_per_minute");
    /// Fields times rows of one query; beyond, `QUERY_TOO_COSTLY`. See [queries.md](queries.md).
    QUERY_COST = "query cost", Request, Memory, 20_000, 0, Some("graphql.cost");
    /// Bytes of a request, searches and queries alike; beyond, `BODY_TOO_LARGE`.
    BODY = "request body", Request, Memory, 1_048_576, 0, Some("graphql.body_bytes");
}

/// The table as `docs/limits.md` has it.
#[must_use]
pub fn markdown() -> String {
    let mut text =
        String::from("| what | by | default | setting | counted in | |\n| --- | --- | --- | --- | --- | --- |\n");
    for RateLimit { name, by, counted_in, count, seconds, setting, meaning } in RATE_LIMITS {
        let setting = setting.map_or_else(|| "fixed".to_owned(), |setting| format!("`{setting}`"));
        let place = if *counted_in == CountedIn::Database { "database" } else { "memory" };
        let window = window(*seconds);
        writeln!(text, "| {name} | {} | {count}{window} | {setting} | {place} |{meaning} |", by.words())
            .expect("a string takes everything");
    }
    text
}

fn window(seconds: u64) -> String {
    match seconds {
        0 => String::new(),
        60 => " a minute".to_owned(),
        HOUR => " an hour".to_owned(),
        minutes if minutes % 60 == 0 => format!(" in {} minutes", minutes / 60),
        seconds => format!(" in {seconds} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `LYCEUM_TEST_WRITE_DOCS=1` writes the table anew.
    #[test]
    fn the_documentation_has_the_table_as_it_is() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/limits.md");
        let page = std::fs::read_to_string(path).expect("the page is there");
        let (before, rest) = page.split_once("| what |").expect("the page has a table");
        let after = rest.split_once("\n\n").expect("text follows the table").1;
        let wanted = format!("{before}{}\n{after}", markdown());
        if std::env::var_os("LYCEUM_TEST_WRITE_DOCS").is_some() {
            std::fs::write(path, &wanted).expect("the page can be written");
            return;
        }
        assert!(page == wanted, "LYCEUM_TEST_WRITE_DOCS=1 writes docs/limits.md anew");
    }
}
