//! The double-entry ledger: postings are written once and never changed, and
//! a balance is a sum.
//!
//! **Invariant:** a posting balances per currency; the database checks it again.
//! **Invariant:** a key is posted once, and always with the same lines.

use std::fmt;

use lyceum_kernel::{Currency, Failure, Id, Money, Result};
use lyceum_store::Write;
use sea_orm::ConnectionTrait;
use sha2::{Digest, Sha256};

use crate::membership::rows::{all, execute, one, text};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    Debit,
    Credit,
}

impl Side {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debit => "debit",
            Self::Credit => "credit",
        }
    }
}

/// An account of the ledger, one for each currency.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LedgerAccount {
    /// Money at a provider's account that is not paid out yet.
    Clearing(String),
    /// What a buyer owes for an order.
    Receivable(Id),
    /// Sold, not yet delivered over time.
    DeferredRevenue,
    Refunds,
    /// Taken by a dispute that is not decided.
    DisputeHold,
    DisputeLoss,
    /// Money that belongs to no payment we know. Zero or explained at day end.
    Suspense(String),
}

impl LedgerAccount {
    #[must_use]
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Clearing(_) | Self::Receivable(_) | Self::DisputeHold => "asset",
            Self::DeferredRevenue | Self::Suspense(_) => "liability",
            Self::Refunds | Self::DisputeLoss => "expense",
        }
    }
}

impl fmt::Display for LedgerAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clearing(account) => write!(f, "clearing:{account}"),
            Self::Receivable(order) => write!(f, "receivable:{order}"),
            Self::DeferredRevenue => f.write_str("deferred-revenue"),
            Self::Refunds => f.write_str("refunds"),
            Self::DisputeHold => f.write_str("dispute-hold"),
            Self::DisputeLoss => f.write_str("dispute-loss"),
            Self::Suspense(account) => write!(f, "suspense:{account}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub side: Side,
    pub account: LedgerAccount,
    /// More than zero.
    pub amount: Money,
}

/// One transaction of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// Object and fact that it follows from.
    pub key: String,
    pub lines: Vec<Line>,
}

impl Posting {
    /// Moves an amount from one account (credit) to another (debit).
    #[must_use]
    pub fn transfer(key: String, debit: LedgerAccount, credit: LedgerAccount, amount: Money) -> Self {
        let line = |side, account| Line { side, account, amount };
        Self { key, lines: vec![line(Side::Debit, debit), line(Side::Credit, credit)] }
    }

    /// Whether debits equal credits in every currency and every line is positive.
    #[must_use]
    pub fn balances(&self) -> bool {
        let net = |currency: Currency| -> i128 {
            let lines = self.lines.iter().filter(|l| l.amount.currency == currency);
            lines.map(|l| signed(l.side, l.amount.minor)).sum()
        };
        !self.lines.is_empty() && self.lines.iter().all(|l| l.amount.minor > 0 && net(l.amount.currency) == 0)
    }

    fn input_hash(&self) -> String {
        let mut hash = Sha256::new();
        for line in &self.lines {
            hash.update(format!("{}|{}|{:?}\n", line.side.as_str(), line.account, line.amount));
        }
        hex::encode(hash.finalize())
    }
}

fn signed(side: Side, minor: i64) -> i128 {
    match side {
        Side::Debit => i128::from(minor),
        Side::Credit => -i128::from(minor),
    }
}

/// Writes a posting, once.
///
/// # Errors
/// Internal: it does not balance, or the key was posted with other lines.
pub(super) async fn post(write: &Write, posting: &Posting) -> Result<()> {
    if !posting.balances() {
        return Err(Failure::internal(format!("the posting {} does not balance", posting.key)));
    }
    let (on, hash) = (write.connection(), posting.input_hash());
    let sql = "SELECT input_hash FROM ledger_transaction WHERE idempotency_key = $1";
    if let Some(row) = one(on, sql, vec![text(&posting.key)]).await? {
        let same = row.text("input_hash")? == hash;
        let other = || Failure::internal(format!("{} was posted with other lines", posting.key));
        return if same { Ok(()) } else { Err(other()) };
    }
    let id = Id::new();
    for line in &posting.lines {
        insert_line(write, id, line).await?;
    }
    // The header closes the transaction: the database lets no entry in after it.
    let sql = "INSERT INTO ledger_transaction (id, idempotency_key, input_hash, posted_at) VALUES ($1, $2, $3, $4)";
    execute(on, sql, vec![text(id), text(&posting.key), text(hash), text(write.now())]).await?;
    Ok(())
}

async fn insert_line(write: &Write, transaction: Id, line: &Line) -> Result<()> {
    let account = account_id(write, &line.account, line.amount.currency).await?;
    let sql = "INSERT INTO ledger_entry (id, transaction_id, account_id, side, amount_minor, currency, posted_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values = vec![
        text(Id::new()),
        text(transaction),
        text(account),
        text(line.side.as_str()),
        line.amount.minor.into(),
        text(line.amount.currency),
        text(write.now()),
    ];
    execute(write.connection(), sql, values).await?;
    Ok(())
}

async fn account_id(write: &Write, account: &LedgerAccount, currency: Currency) -> Result<Id> {
    let find = "SELECT id FROM ledger_account WHERE key = $1 AND currency = $2";
    let key = || vec![text(account), text(currency)];
    if let Some(row) = one(write.connection(), find, key()).await? {
        return row.id("id");
    }
    let sql = "INSERT INTO ledger_account (id, key, class, currency, created_at) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (key, currency) DO NOTHING";
    let values = vec![text(Id::new()), text(account), text(account.class()), text(currency), text(write.now())];
    execute(write.connection(), sql, values).await?;
    let row = one(write.connection(), find, key()).await?;
    row.ok_or_else(|| Failure::internal("an account that was just made is missing"))?.id("id")
}

/// The balance of one account: debits less credits, in minor units.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Balance {
    pub currency: String,
    pub account: String,
    pub minor: i128,
}

/// Every account that is not at zero, by currency and name. The sum of one
/// currency is always zero.
///
/// # Errors
/// Internal.
pub async fn trial_balance(on: &impl ConnectionTrait) -> Result<Vec<Balance>> {
    let sql = "SELECT a.currency, a.key, \
               CAST(SUM(CASE e.side WHEN 'debit' THEN e.amount_minor ELSE -e.amount_minor END) AS TEXT) AS minor \
               FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id GROUP BY a.currency, a.key";
    let mut balances = Vec::new();
    for row in all(on, sql, Vec::new()).await? {
        let balance =
            Balance { currency: row.text("currency")?, account: row.text("key")?, minor: row.parse("minor")? };
        balances.push(balance);
    }
    balances.retain(|b| b.minor != 0);
    balances.sort();
    Ok(balances)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_posting_must_balance_in_each_currency_and_be_positive() {
        let cny = |minor| Money::new(minor, Currency::CNY);
        let good =
            Posting::transfer("k".into(), LedgerAccount::Refunds, LedgerAccount::Clearing("test/a".into()), cny(5));
        assert!(good.balances());
        let mut other_currency = good.clone();
        other_currency.lines[1].amount = Money::new(5, Currency::USD);
        let mut other_amount = good.clone();
        other_amount.lines[1].amount = cny(4);
        let negative = Posting::transfer("k".into(), LedgerAccount::Refunds, LedgerAccount::DeferredRevenue, cny(-5));
        for bad in [other_currency, other_amount, negative, Posting { key: "k".into(), lines: Vec::new() }] {
            assert!(!bad.balances(), "{bad:?}");
        }
    }
}
