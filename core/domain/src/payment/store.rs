//! The SQL of orders, payments, facts and refunds.

use lyceum_kernel::{Id, Money, Result, Timestamp};
use lyceum_store::{Dialect, Write};
use sea_orm::ConnectionTrait;

use super::{
    fold::{Fact, FactKind, Terms},
    model::{OrderState, PaymentState, RefundState},
    port::{ObjectKind, Reference, View},
};
use crate::membership::rows::{Row, all, execute, maybe, one, text};

#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) id: Id,
    pub(super) user: Id,
    pub(super) plan: Option<Id>,
    pub(super) course: Option<Id>,
    pub(super) title: String,
    pub(super) amount: Money,
    pub(super) refunded: i64,
    pub(super) state: OrderState,
    pub(super) paid_at: Option<Timestamp>,
    pub(super) provider: Option<String>,
    pub(super) trial_tier: Option<Id>,
    pub(super) idempotency_key: String,
    pub(super) request_hash: String,
    pub(super) return_url: String,
}

#[derive(Debug, Clone)]
pub(super) struct Payment {
    pub(super) id: Id,
    pub(super) order: Id,
    pub(super) provider: String,
    pub(super) account: String,
    pub(super) merchant_ref: String,
    pub(super) provider_ref: Option<String>,
    pub(super) amount: Money,
    pub(super) state: PaymentState,
    pub(super) redirect_url: Option<String>,
    pub(super) expires_at: Timestamp,
    pub(super) next_query_at: Option<Timestamp>,
    pub(super) query_count: i64,
    pub(super) frozen: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Refund {
    pub(super) id: Id,
    pub(super) payment: Id,
    pub(super) refund_ref: String,
    pub(super) provider_ref: Option<String>,
    pub(super) amount: Money,
    pub(super) state: RefundState,
    pub(super) reason: String,
    pub(super) next_query_at: Option<Timestamp>,
    pub(super) query_count: i64,
}

impl Payment {
    pub(super) fn terms(&self) -> Terms {
        Terms {
            order: self.order,
            merchant_ref: self.merchant_ref.clone(),
            account: format!("{}/{}", self.provider, self.account),
            amount: self.amount,
        }
    }

    /// How the provider knows it.
    pub(super) fn reference(&self) -> Reference {
        Reference {
            kind: ObjectKind::Payment,
            merchant: Some(self.merchant_ref.clone()),
            provider: self.provider_ref.clone(),
        }
    }
}

impl Refund {
    pub(super) fn reference(&self) -> Reference {
        Reference {
            kind: ObjectKind::Refund,
            merchant: Some(self.refund_ref.clone()),
            provider: self.provider_ref.clone(),
        }
    }
}

fn order_of(row: &Row) -> Result<Order> {
    Ok(Order {
        id: row.id("id")?,
        user: row.id("user_id")?,
        plan: row.parse_or_none("plan_id")?,
        course: row.parse_or_none("course_id")?,
        title: row.text("title")?,
        amount: row.money("amount")?,
        refunded: row.int("refunded_minor")?,
        state: row.parse("state")?,
        paid_at: row.parse_or_none("paid_at")?,
        provider: row.text_or_none("provider")?,
        trial_tier: row.parse_or_none("trial_tier_id")?,
        idempotency_key: row.text("idempotency_key")?,
        request_hash: row.text("request_hash")?,
        return_url: row.text("return_url")?,
    })
}

fn payment_of(row: &Row) -> Result<Payment> {
    Ok(Payment {
        id: row.id("id")?,
        order: row.id("order_id")?,
        provider: row.text("provider")?,
        account: row.text("account")?,
        merchant_ref: row.text("merchant_ref")?,
        provider_ref: row.text_or_none("provider_ref")?,
        amount: row.money("amount")?,
        state: row.parse("state")?,
        redirect_url: row.text_or_none("redirect_url")?,
        expires_at: row.time("expires_at")?,
        next_query_at: row.parse_or_none("next_query_at")?,
        query_count: row.int("query_count")?,
        frozen: row.text_or_none("frozen_at")?.is_some(),
    })
}

fn refund_of(row: &Row) -> Result<Refund> {
    Ok(Refund {
        id: row.id("id")?,
        payment: row.id("payment_id")?,
        refund_ref: row.text("refund_ref")?,
        provider_ref: row.text_or_none("provider_ref")?,
        amount: row.money("amount")?,
        state: row.parse("state")?,
        reason: row.text("reason")?,
        next_query_at: row.parse_or_none("next_query_at")?,
        query_count: row.int("query_count")?,
    })
}

// Orders.

pub(super) async fn order(on: &impl ConnectionTrait, id: Id) -> Result<Option<Order>> {
    let row = one(on, "SELECT * FROM customer_order WHERE id = $1", vec![text(id)]).await?;
    row.map(|row| order_of(&row)).transpose()
}

pub(super) async fn order_by_key(on: &impl ConnectionTrait, user: Id, key: &str) -> Result<Option<Order>> {
    let sql = "SELECT * FROM customer_order WHERE user_id = $1 AND idempotency_key = $2";
    one(on, sql, vec![text(user), text(key)]).await?.map(|row| order_of(&row)).transpose()
}

/// Whether the row was written; not when the key was used before.
pub(super) async fn insert_order(write: &Write, order: &Order) -> Result<bool> {
    let sql = "INSERT INTO customer_order (id, user_id, kind, plan_id, course_id, title, amount_minor, amount_currency, state, \
               provider, trial_tier_id, idempotency_key, request_hash, return_url, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15) \
               ON CONFLICT (user_id, idempotency_key) DO NOTHING";
    let values = vec![
        text(order.id),
        text(order.user),
        text(if order.plan.is_some() { "plan" } else { "course" }),
        maybe(order.plan),
        maybe(order.course),
        text(&order.title),
        order.amount.minor.into(),
        text(order.amount.currency),
        text(order.state),
        maybe(order.provider.as_ref()),
        maybe(order.trial_tier),
        text(&order.idempotency_key),
        text(&order.request_hash),
        text(&order.return_url),
        text(write.now()),
    ];
    Ok(execute(write.connection(), sql, values).await? == 1)
}

/// Orders of a person that wait for payment.
pub(super) async fn open_orders(on: &impl ConnectionTrait, user: Id) -> Result<i64> {
    let sql = "SELECT COUNT(*) AS waiting FROM customer_order WHERE user_id = $1 AND state = 'placed'";
    one(on, sql, vec![text(user)]).await?.map_or(Ok(0), |row| row.int("waiting"))
}

/// The orders of a person that wait for payment of the same plan or course,
/// the latest first.
pub(super) async fn open_orders_of(
    on: &impl ConnectionTrait,
    user: Id,
    plan: Option<Id>,
    course: Option<Id>,
) -> Result<Vec<Order>> {
    let sql = "SELECT * FROM customer_order WHERE user_id = $1 AND state = 'placed' \
               AND (plan_id = $2 OR course_id = $3) ORDER BY id DESC";
    all(on, sql, vec![text(user), maybe(plan), maybe(course)]).await?.iter().map(order_of).collect()
}

/// Whether this call made it paid. True once in the life of an order.
pub(super) async fn mark_paid(write: &Write, order: Id) -> Result<bool> {
    let sql =
        "UPDATE customer_order SET state = 'paid', paid_at = $2, updated_at = $2 WHERE id = $1 AND paid_at IS NULL";
    Ok(execute(write.connection(), sql, vec![text(order), text(write.now())]).await? == 1)
}

pub(super) async fn mark_canceled(write: &Write, order: Id) -> Result<bool> {
    let sql = "UPDATE customer_order SET state = 'canceled', updated_at = $2 WHERE id = $1 AND state = 'placed'";
    Ok(execute(write.connection(), sql, vec![text(order), text(write.now())]).await? == 1)
}

pub(super) async fn set_refunded(write: &Write, order: Id, minor: i64) -> Result<()> {
    let sql = "UPDATE customer_order SET refunded_minor = $2, updated_at = $3 WHERE id = $1";
    execute(write.connection(), sql, vec![text(order), minor.into(), text(write.now())]).await?;
    Ok(())
}

// Payments.

pub(super) async fn payment(on: &impl ConnectionTrait, id: Id) -> Result<Option<Payment>> {
    let row = one(on, "SELECT * FROM payment WHERE id = $1", vec![text(id)]).await?;
    row.map(|row| payment_of(&row)).transpose()
}

pub(super) async fn payment_of_order(on: &impl ConnectionTrait, order: Id) -> Result<Option<Payment>> {
    let row = one(on, "SELECT * FROM payment WHERE order_id = $1", vec![text(order)]).await?;
    row.map(|row| payment_of(&row)).transpose()
}

/// The payment, locked until the transaction ends. Every change of a payment
/// and what hangs on it takes this lock first.
pub(super) async fn lock_payment(write: &Write, id: Id) -> Result<Option<Payment>> {
    let sql = format!("SELECT * FROM payment WHERE id = $1{}", Dialect::for_update(write.dialect()));
    one(write.connection(), &sql, vec![text(id)]).await?.map(|row| payment_of(&row)).transpose()
}

pub(super) async fn insert_payment(write: &Write, payment: &Payment) -> Result<()> {
    let sql = "INSERT INTO payment (id, order_id, provider, account, merchant_ref, amount_minor, amount_currency, state, \
               expires_at, next_query_at, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)";
    let values = vec![
        text(payment.id),
        text(payment.order),
        text(&payment.provider),
        text(&payment.account),
        text(&payment.merchant_ref),
        payment.amount.minor.into(),
        text(payment.amount.currency),
        text(payment.state),
        text(payment.expires_at),
        maybe(payment.next_query_at),
        text(write.now()),
    ];
    execute(write.connection(), sql, values).await?;
    Ok(())
}

pub(super) async fn set_payment_state(write: &Write, payment: Id, state: PaymentState) -> Result<()> {
    let sql = "UPDATE payment SET state = $2, updated_at = $3 WHERE id = $1";
    execute(write.connection(), sql, vec![text(payment), text(state), text(write.now())]).await?;
    Ok(())
}

/// Keeps what the provider told beside the state: its reference (the first
/// one stays) and where to pay.
pub(super) async fn note_view(
    write: &Write,
    payment: Id,
    provider: Option<&str>,
    redirect: Option<&str>,
) -> Result<()> {
    let sql = "UPDATE payment SET provider_ref = COALESCE(provider_ref, $2), redirect_url = COALESCE($3, redirect_url) \
               WHERE id = $1";
    execute(write.connection(), sql, vec![text(payment), maybe(provider), maybe(redirect)]).await?;
    Ok(())
}

pub(super) async fn schedule_payment(write: &Write, payment: Id, next: Option<Timestamp>) -> Result<()> {
    let sql = "UPDATE payment SET next_query_at = $2 WHERE id = $1";
    execute(write.connection(), sql, vec![text(payment), maybe(next)]).await?;
    Ok(())
}

pub(super) async fn freeze(write: &Write, payment: Id) -> Result<()> {
    let sql = "UPDATE payment SET frozen_at = COALESCE(frozen_at, $2), next_query_at = NULL WHERE id = $1";
    execute(write.connection(), sql, vec![text(payment), text(write.now())]).await?;
    Ok(())
}

pub(super) async fn due_payments(on: &impl ConnectionTrait, now: Timestamp, limit: i64) -> Result<Vec<Payment>> {
    let sql = "SELECT * FROM payment WHERE next_query_at <= $1 AND frozen_at IS NULL ORDER BY next_query_at LIMIT $2";
    all(on, sql, vec![text(now), limit.into()]).await?.iter().map(payment_of).collect()
}

/// Takes a due payment for this pass; false when another process was first.
pub(super) async fn claim_payment(write: &Write, seen: &Payment, next: Option<Timestamp>) -> Result<bool> {
    let sql =
        "UPDATE payment SET next_query_at = $3, query_count = query_count + 1 WHERE id = $1 AND next_query_at = $2";
    let values = vec![text(seen.id), maybe(seen.next_query_at), maybe(next)];
    Ok(execute(write.connection(), sql, values).await? == 1)
}

/// Whose object the provider speaks of.
pub(super) enum Located {
    Ours(Id),
    /// The reference is one of ours, but of another provider or account.
    OtherAccount(Id),
    Nobodys,
}

pub(super) async fn locate(
    on: &impl ConnectionTrait,
    (provider, account): (&str, &str),
    about: &Reference,
    view: Option<&View>,
) -> Result<Located> {
    for reference in [Some(about), view.map(|v| &v.about), view.and_then(|v| v.parent.as_ref())].into_iter().flatten() {
        let Some(row) = find(on, (provider, account), reference).await? else { continue };
        let ours = row.text("provider")? == provider && row.text("account")? == account;
        let id = row.id("id")?;
        return Ok(if ours { Located::Ours(id) } else { Located::OtherAccount(id) });
    }
    Ok(Located::Nobodys)
}

async fn find(
    on: &impl ConnectionTrait,
    (provider, account): (&str, &str),
    reference: &Reference,
) -> Result<Option<Row>> {
    let by_merchant = match reference.kind {
        ObjectKind::Payment => "SELECT id, provider, account FROM payment WHERE merchant_ref = $1",
        ObjectKind::Refund => {
            "SELECT p.id, p.provider, p.account FROM refund r JOIN payment p ON p.id = r.payment_id WHERE r.refund_ref = $1"
        }
        _ => {
            "SELECT p.id, p.provider, p.account FROM payment_fact f JOIN payment p ON p.id = f.payment_id \
              WHERE f.object = 'dispute' AND f.object_ref = $1"
        }
    };
    if let Some(merchant) = &reference.merchant
        && let Some(row) = one(on, by_merchant, vec![text(merchant)]).await?
    {
        return Ok(Some(row));
    }
    let by_provider = match reference.kind {
        ObjectKind::Payment => "SELECT p.id, p.provider, p.account FROM payment p WHERE p.provider_ref = $1",
        ObjectKind::Refund => {
            "SELECT p.id, p.provider, p.account FROM refund r JOIN payment p ON p.id = r.payment_id WHERE r.provider_ref = $1"
        }
        _ => {
            "SELECT p.id, p.provider, p.account FROM payment_fact f JOIN payment p ON p.id = f.payment_id \
              WHERE f.object = 'dispute' AND f.provider_ref = $1"
        }
    };
    let Some(theirs) = &reference.provider else { return Ok(None) };
    let sql = format!("{by_provider} AND p.provider = $2 AND p.account = $3 LIMIT 1");
    one(on, &sql, vec![text(theirs), text(provider), text(account)]).await
}

// Attempts.

#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) number: i64,
    pub(super) state: String,
}

pub(super) async fn last_attempt(on: &impl ConnectionTrait, payment: Id) -> Result<Option<Attempt>> {
    let sql = "SELECT number, state FROM payment_attempt WHERE payment_id = $1 ORDER BY number DESC LIMIT 1";
    let row = one(on, sql, vec![text(payment)]).await?;
    row.map(|row| Ok(Attempt { number: row.int("number")?, state: row.text("state")? })).transpose()
}

pub(super) async fn prepare_attempt(write: &Write, payment: Id, number: i64) -> Result<()> {
    let sql = "INSERT INTO payment_attempt (id, payment_id, number, state, created_at, updated_at) \
               VALUES ($1, $2, $3, 'prepared', $4, $4)";
    execute(write.connection(), sql, vec![text(Id::new()), text(payment), number.into(), text(write.now())]).await?;
    Ok(())
}

/// Moves the open attempt, if there is one.
pub(super) async fn end_attempt(write: &Write, payment: Id, state: &str, detail: Option<&str>) -> Result<()> {
    let sql = "UPDATE payment_attempt SET state = $2, detail = $3, updated_at = $4 \
               WHERE payment_id = $1 AND state IN ('prepared', 'unknown')";
    let values = vec![text(payment), text(state), maybe(detail), text(write.now())];
    execute(write.connection(), sql, values).await?;
    Ok(())
}

// Facts.

fn object_name(object: ObjectKind) -> &'static str {
    match object {
        ObjectKind::Payment => "payment",
        ObjectKind::Refund => "refund",
        ObjectKind::Dispute => "dispute",
        ObjectKind::Mandate => "mandate",
        ObjectKind::Payout => "payout",
    }
}

fn fact_of(row: &Row) -> Result<Fact> {
    let object = match row.text("object")?.as_str() {
        "refund" => ObjectKind::Refund,
        "dispute" => ObjectKind::Dispute,
        _ => ObjectKind::Payment,
    };
    Ok(Fact {
        object,
        reference: row.text("object_ref")?,
        provider_ref: row.text("provider_ref")?,
        kind: row.parse::<FactKind>("kind")?,
        minor: row.int_or_none("amount_minor")?,
    })
}

pub(super) async fn facts(on: &impl ConnectionTrait, payment: Id) -> Result<Vec<Fact>> {
    let sql = "SELECT object, object_ref, kind, provider_ref, amount_minor FROM payment_fact WHERE payment_id = $1";
    all(on, sql, vec![text(payment)]).await?.iter().map(fact_of).collect()
}

/// Where a fact came from, for the log.
pub(super) struct Origin<'a> {
    pub(super) source: &'a str,
    pub(super) raw_status: &'a str,
    pub(super) occurred: Option<Timestamp>,
}

pub(super) async fn append_fact(write: &Write, payment: Id, fact: &Fact, origin: &Origin<'_>) -> Result<()> {
    let sql = "INSERT INTO payment_fact (id, payment_id, object, object_ref, kind, provider_ref, amount_minor, source, \
               raw_status, occurred_at, recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
               ON CONFLICT (payment_id, object, object_ref, kind, provider_ref) DO NOTHING";
    let values = vec![
        text(Id::new()),
        text(payment),
        text(object_name(fact.object)),
        text(&fact.reference),
        text(fact.kind),
        text(&fact.provider_ref),
        fact.minor.into(),
        text(origin.source),
        text(origin.raw_status),
        maybe(origin.occurred),
        text(write.now()),
    ];
    execute(write.connection(), sql, values).await?;
    Ok(())
}

// Refunds.

pub(super) async fn refunds(on: &impl ConnectionTrait, payment: Id) -> Result<Vec<Refund>> {
    let sql = "SELECT * FROM refund WHERE payment_id = $1 ORDER BY id";
    all(on, sql, vec![text(payment)]).await?.iter().map(refund_of).collect()
}

pub(super) async fn refund(on: &impl ConnectionTrait, id: Id) -> Result<Option<Refund>> {
    let row = one(on, "SELECT * FROM refund WHERE id = $1", vec![text(id)]).await?;
    row.map(|row| refund_of(&row)).transpose()
}

/// Who asks for a refund, by which key and with which input.
#[derive(Debug, Clone, Copy)]
pub(super) struct RefundRequest<'a> {
    pub(super) by: Id,
    pub(super) key: &'a str,
    pub(super) hash: &'a str,
}

/// A refund that was asked for by this key, and the hash of its input.
pub(super) async fn refund_by_key(on: &impl ConnectionTrait, by: Id, key: &str) -> Result<Option<(Refund, String)>> {
    let sql = "SELECT * FROM refund WHERE requested_by = $1 AND idempotency_key = $2";
    let row = one(on, sql, vec![text(by), text(key)]).await?;
    row.map(|row| Ok((refund_of(&row)?, row.text("request_hash")?))).transpose()
}

/// Whether the row was written; not when the key was used before.
pub(super) async fn insert_refund(write: &Write, refund: &Refund, request: Option<RefundRequest<'_>>) -> Result<bool> {
    let sql = "INSERT INTO refund (id, payment_id, refund_ref, provider_ref, amount_minor, amount_currency, state, reason, \
               requested_by, next_query_at, created_at, updated_at, idempotency_key, request_hash) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12, $13) \
               ON CONFLICT (requested_by, idempotency_key) DO NOTHING";
    let values = vec![
        text(refund.id),
        text(refund.payment),
        text(&refund.refund_ref),
        maybe(refund.provider_ref.as_ref()),
        refund.amount.minor.into(),
        text(refund.amount.currency),
        text(refund.state),
        text(&refund.reason),
        maybe(request.map(|request| request.by)),
        maybe(refund.next_query_at),
        text(write.now()),
        maybe(request.map(|request| request.key)),
        maybe(request.map(|request| request.hash)),
    ];
    Ok(execute(write.connection(), sql, values).await? == 1)
}

pub(super) async fn set_refund_state(
    write: &Write,
    refund: Id,
    state: RefundState,
    provider_ref: Option<&str>,
) -> Result<()> {
    let done = state > RefundState::Processing;
    let next = if done { "NULL" } else { "next_query_at" };
    let sql = format!(
        "UPDATE refund SET state = $2, provider_ref = COALESCE(provider_ref, $3), next_query_at = {next}, \
         updated_at = $4 WHERE id = $1"
    );
    let values = vec![text(refund), text(state), maybe(provider_ref), text(write.now())];
    execute(write.connection(), &sql, values).await?;
    Ok(())
}

pub(super) async fn due_refunds(on: &impl ConnectionTrait, now: Timestamp, limit: i64) -> Result<Vec<Refund>> {
    let sql = "SELECT r.* FROM refund r JOIN payment p ON p.id = r.payment_id \
               WHERE r.next_query_at <= $1 AND p.frozen_at IS NULL ORDER BY r.next_query_at LIMIT $2";
    all(on, sql, vec![text(now), limit.into()]).await?.iter().map(refund_of).collect()
}

pub(super) async fn claim_refund(write: &Write, seen: &Refund, next: Option<Timestamp>) -> Result<bool> {
    let sql =
        "UPDATE refund SET next_query_at = $3, query_count = query_count + 1 WHERE id = $1 AND next_query_at = $2";
    let values = vec![text(seen.id), maybe(seen.next_query_at), maybe(next)];
    Ok(execute(write.connection(), sql, values).await? == 1)
}

pub(super) async fn query_refunds_now(write: &Write, payment: Id) -> Result<()> {
    let sql = "UPDATE refund SET next_query_at = $2 WHERE payment_id = $1 AND state IN ('requested', 'processing')";
    execute(write.connection(), sql, vec![text(payment), text(write.now())]).await?;
    Ok(())
}
