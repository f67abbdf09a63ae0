//! Tables of memberships and payments.
//!
//! **Invariant:** facts and ledger rows are never updated or deleted; the
//! database itself refuses it.
//! **Invariant:** a ledger transaction balances per currency. Its header is
//! written after its entries: the deferred foreign key refuses entries without
//! a header, and triggers refuse a header over entries that do not balance and
//! entries under a header that is already there.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, MEMBERSHIP).await?;
        crate::run(manager, PAYMENT).await?;
        crate::run(manager, LEDGER).await?;
        for table in ["payment_fact", "ledger_transaction", "ledger_entry"] {
            crate::make_append_only(manager, table).await?;
        }
        crate::run_on(manager, DbBackend::Sqlite, LEDGER_SQLITE).await?;
        crate::run_on(manager, DbBackend::Postgres, LEDGER_POSTGRES).await
    }
}

const MEMBERSHIP: &[&str] = &[
    "CREATE TABLE tier (
        id TEXT PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        rank BIGINT NOT NULL,
        created_at TEXT NOT NULL
    )",
    "CREATE TABLE tier_locale (
        tier_id TEXT NOT NULL REFERENCES tier (id) ON DELETE CASCADE,
        locale TEXT NOT NULL,
        name TEXT NOT NULL,
        PRIMARY KEY (tier_id, locale)
    )",
    "CREATE TABLE plan (
        id TEXT PRIMARY KEY,
        key TEXT UNIQUE,
        tier_id TEXT NOT NULL REFERENCES tier (id),
        interval TEXT NOT NULL CHECK (interval IN ('month', 'year', 'once')),
        price_minor BIGINT NOT NULL CHECK (price_minor >= 0),
        price_currency TEXT NOT NULL,
        trial_days BIGINT NOT NULL DEFAULT 0 CHECK (trial_days >= 0),
        active BOOLEAN NOT NULL DEFAULT TRUE,
        created_at TEXT NOT NULL
    )",
    "CREATE INDEX plan_tier ON plan (tier_id)",
    // What a person may read. The order is the source; without one it is a gift.
    "CREATE TABLE entitlement (
        id TEXT PRIMARY KEY,
        user_id TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('tier', 'course')),
        tier_id TEXT REFERENCES tier (id),
        course_id TEXT,
        order_id TEXT UNIQUE,
        starts_at TEXT NOT NULL,
        ends_at TEXT,
        revoked_at TEXT,
        created_at TEXT NOT NULL,
        CHECK ((kind = 'tier' AND tier_id IS NOT NULL AND course_id IS NULL)
            OR (kind = 'course' AND course_id IS NOT NULL AND tier_id IS NULL))
    )",
    "CREATE INDEX entitlement_user ON entitlement (user_id, kind)",
    // Mirrors and own billing come later; the table is here so that no wall moves.
    "CREATE TABLE subscription (
        id TEXT PRIMARY KEY,
        user_id TEXT NOT NULL,
        plan_id TEXT NOT NULL REFERENCES plan (id),
        state TEXT NOT NULL,
        mandate_ref TEXT,
        period_start TEXT NOT NULL,
        period_end TEXT,
        cancel_at_period_end BOOLEAN NOT NULL DEFAULT FALSE,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL
    )",
    "CREATE INDEX subscription_user ON subscription (user_id)",
];

const PAYMENT: &[&str] = &[
    // `trial_tier_id` is set on a trial order: one trial a person and tier.
    "CREATE TABLE customer_order (
        id TEXT PRIMARY KEY,
        user_id TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('plan', 'course')),
        plan_id TEXT REFERENCES plan (id),
        course_id TEXT,
        title TEXT NOT NULL,
        amount_minor BIGINT NOT NULL CHECK (amount_minor >= 0),
        amount_currency TEXT NOT NULL,
        refunded_minor BIGINT NOT NULL DEFAULT 0,
        state TEXT NOT NULL CHECK (state IN ('placed', 'paid', 'canceled')),
        paid_at TEXT,
        provider TEXT,
        trial_tier_id TEXT,
        idempotency_key TEXT NOT NULL,
        request_hash TEXT NOT NULL,
        return_url TEXT NOT NULL,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        UNIQUE (user_id, idempotency_key),
        UNIQUE (user_id, trial_tier_id)
    )",
    "CREATE TABLE payment (
        id TEXT PRIMARY KEY,
        order_id TEXT NOT NULL UNIQUE REFERENCES customer_order (id),
        provider TEXT NOT NULL,
        account TEXT NOT NULL,
        merchant_ref TEXT NOT NULL UNIQUE,
        provider_ref TEXT,
        amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
        amount_currency TEXT NOT NULL,
        state TEXT NOT NULL,
        redirect_url TEXT,
        expires_at TEXT NOT NULL,
        next_query_at TEXT,
        query_count BIGINT NOT NULL DEFAULT 0,
        frozen_at TEXT,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL
    )",
    "CREATE INDEX payment_due ON payment (next_query_at) WHERE next_query_at IS NOT NULL",
    "CREATE INDEX payment_provider_ref ON payment (provider, account, provider_ref)",
    "CREATE TABLE payment_attempt (
        id TEXT PRIMARY KEY,
        payment_id TEXT NOT NULL REFERENCES payment (id),
        number BIGINT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('prepared', 'done', 'declined', 'not-sent', 'unknown', 'resolved')),
        detail TEXT,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        UNIQUE (payment_id, number)
    )",
    "CREATE UNIQUE INDEX payment_attempt_open ON payment_attempt (payment_id) WHERE state IN ('prepared', 'unknown')",
    "CREATE TABLE payment_fact (
        id TEXT PRIMARY KEY,
        payment_id TEXT NOT NULL REFERENCES payment (id),
        object TEXT NOT NULL,
        object_ref TEXT NOT NULL,
        kind TEXT NOT NULL,
        provider_ref TEXT NOT NULL,
        amount_minor BIGINT,
        source TEXT NOT NULL,
        raw_status TEXT NOT NULL,
        occurred_at TEXT,
        recorded_at TEXT NOT NULL,
        UNIQUE (payment_id, object, object_ref, kind, provider_ref)
    )",
    "CREATE TABLE refund (
        id TEXT PRIMARY KEY,
        payment_id TEXT NOT NULL REFERENCES payment (id),
        refund_ref TEXT NOT NULL,
        provider_ref TEXT,
        amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
        amount_currency TEXT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT NOT NULL,
        requested_by TEXT,
        next_query_at TEXT,
        query_count BIGINT NOT NULL DEFAULT 0,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        UNIQUE (payment_id, refund_ref)
    )",
    "CREATE INDEX refund_ref ON refund (refund_ref)",
    "CREATE INDEX refund_due ON refund (next_query_at) WHERE next_query_at IS NOT NULL",
    // The request as it came, text in base 64 so that no byte is lost.
    "CREATE TABLE webhook_inbox (
        id TEXT PRIMARY KEY,
        provider TEXT NOT NULL,
        account TEXT NOT NULL,
        event_id TEXT NOT NULL,
        event_name TEXT NOT NULL,
        meaning_hash TEXT NOT NULL,
        body_hash TEXT NOT NULL,
        request TEXT NOT NULL,
        body_base64 TEXT NOT NULL,
        state TEXT NOT NULL,
        received_at TEXT NOT NULL,
        UNIQUE (provider, account, event_id)
    )",
    "CREATE TABLE webhook_refusal (
        provider TEXT NOT NULL,
        reason TEXT NOT NULL,
        refused BIGINT NOT NULL,
        last_at TEXT NOT NULL,
        PRIMARY KEY (provider, reason)
    )",
    "CREATE TABLE webhook_refusal_sample (
        id TEXT PRIMARY KEY,
        provider TEXT NOT NULL,
        reason TEXT NOT NULL,
        request TEXT NOT NULL,
        body_base64 TEXT NOT NULL,
        received_at TEXT NOT NULL
    )",
    "CREATE INDEX webhook_refusal_sample_provider ON webhook_refusal_sample (provider, id)",
    "CREATE TABLE payment_incident (
        id TEXT PRIMARY KEY,
        payment_id TEXT REFERENCES payment (id),
        provider TEXT NOT NULL,
        account TEXT NOT NULL,
        kind TEXT NOT NULL,
        detail TEXT NOT NULL,
        dedupe_key TEXT NOT NULL UNIQUE,
        created_at TEXT NOT NULL,
        resolved_at TEXT
    )",
];

const LEDGER: &[&str] = &[
    "CREATE TABLE ledger_account (
        id TEXT PRIMARY KEY,
        key TEXT NOT NULL,
        class TEXT NOT NULL CHECK (class IN ('asset', 'liability', 'income', 'expense')),
        currency TEXT NOT NULL,
        created_at TEXT NOT NULL,
        UNIQUE (key, currency)
    )",
    "CREATE TABLE ledger_transaction (
        id TEXT PRIMARY KEY,
        idempotency_key TEXT NOT NULL UNIQUE,
        input_hash TEXT NOT NULL,
        posted_at TEXT NOT NULL
    )",
    "CREATE TABLE ledger_entry (
        id TEXT PRIMARY KEY,
        transaction_id TEXT NOT NULL REFERENCES ledger_transaction (id) DEFERRABLE INITIALLY DEFERRED,
        account_id TEXT NOT NULL REFERENCES ledger_account (id),
        side TEXT NOT NULL CHECK (side IN ('debit', 'credit')),
        amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
        currency TEXT NOT NULL,
        posted_at TEXT NOT NULL
    )",
    "CREATE INDEX ledger_entry_transaction ON ledger_entry (transaction_id)",
    "CREATE INDEX ledger_entry_account ON ledger_entry (account_id)",
];

const LEDGER_SQLITE: &[&str] = &[
    // An entry's id is looked at too: `INSERT OR REPLACE` deletes without a trigger.
    "CREATE TRIGGER ledger_entry_closed BEFORE INSERT ON ledger_entry BEGIN
        SELECT RAISE(ABORT, 'the ledger transaction is closed')
        WHERE EXISTS (SELECT 1 FROM ledger_transaction t WHERE t.id = NEW.transaction_id)
           OR EXISTS (SELECT 1 FROM ledger_entry e WHERE e.id = NEW.id);
    END",
    "CREATE TRIGGER ledger_transaction_balances BEFORE INSERT ON ledger_transaction BEGIN
        SELECT RAISE(ABORT, 'ledger_transaction exists or does not balance')
        WHERE EXISTS (SELECT 1 FROM ledger_transaction t WHERE t.id = NEW.id OR t.idempotency_key = NEW.idempotency_key)
           OR NOT EXISTS (SELECT 1 FROM ledger_entry e WHERE e.transaction_id = NEW.id)
           OR EXISTS (SELECT 1 FROM ledger_entry e WHERE e.transaction_id = NEW.id GROUP BY e.currency
                HAVING SUM(CASE e.side WHEN 'debit' THEN e.amount_minor ELSE -e.amount_minor END) <> 0);
    END",
];

const LEDGER_POSTGRES: &[&str] = &[
    "CREATE FUNCTION ledger_check_balance() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE about TEXT;
    BEGIN
        about := CASE TG_TABLE_NAME WHEN 'ledger_entry' THEN to_jsonb(NEW) ->> 'transaction_id' ELSE NEW.id END;
        IF NOT EXISTS (SELECT 1 FROM ledger_entry e WHERE e.transaction_id = about)
            OR EXISTS (SELECT 1 FROM ledger_entry e WHERE e.transaction_id = about GROUP BY e.currency
                HAVING SUM(CASE e.side WHEN 'debit' THEN e.amount_minor ELSE -e.amount_minor END) <> 0) THEN
            RAISE EXCEPTION 'the ledger transaction does not balance';
        END IF;
        RETURN NULL;
    END $$",
    "CREATE FUNCTION ledger_refuse_closed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT 1 FROM ledger_transaction t WHERE t.id = NEW.transaction_id) THEN
            RAISE EXCEPTION 'the ledger transaction is closed';
        END IF;
        RETURN NEW;
    END $$",
    "CREATE TRIGGER ledger_entry_closed BEFORE INSERT ON ledger_entry
        FOR EACH ROW EXECUTE FUNCTION ledger_refuse_closed()",
    // At commit, so that another transaction's entries are seen too.
    "CREATE CONSTRAINT TRIGGER ledger_entry_balances AFTER INSERT ON ledger_entry
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_check_balance()",
    "CREATE CONSTRAINT TRIGGER ledger_transaction_balances AFTER INSERT ON ledger_transaction
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_check_balance()",
];
