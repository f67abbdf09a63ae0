//! The SQL of memberships.

use lyceum_kernel::{Id, Result, Timestamp};
use lyceum_store::{Dialect, Write};
use sea_orm::ConnectionTrait;

use super::{
    model::{CreatePlan, Entitled, Interval, Plan, Tier},
    queue::{Period, Queue},
    rows::{Row, all, execute, maybe, one, text},
};

/// What the person `$1` may read at the time `$2`: rows of `kind` (`tier` or
/// `course`) and `subject_id`. A tier opens every tier of a lower rank.
pub const ENTITLEMENTS: &str = "\
SELECT 'tier' AS kind, t.id AS subject_id FROM tier t WHERE t.rank <= (\
SELECT MAX(held.rank) FROM entitlement e JOIN tier held ON held.id = e.tier_id \
WHERE e.user_id = $1 AND e.kind = 'tier' AND e.revoked_at IS NULL \
AND e.starts_at <= $2 AND (e.ends_at IS NULL OR e.ends_at > $2)) \
UNION ALL \
SELECT 'course' AS kind, e.course_id AS subject_id FROM entitlement e \
WHERE e.user_id = $1 AND e.kind = 'course' AND e.revoked_at IS NULL \
AND e.starts_at <= $2 AND (e.ends_at IS NULL OR e.ends_at > $2)";

pub(super) async fn entitled(on: &impl ConnectionTrait, user: Id, now: Timestamp) -> Result<Entitled> {
    let mut entitled = Entitled::default();
    for row in all(on, ENTITLEMENTS, vec![text(user), text(now)]).await? {
        let list = if row.text("kind")? == "tier" { &mut entitled.tiers } else { &mut entitled.purchases };
        list.push(row.id("subject_id")?);
    }
    Ok(entitled)
}

/// Whether the tier was written; not when its key or its rank is taken.
pub(super) async fn insert_tier(on: &impl ConnectionTrait, tier: &Tier) -> Result<bool> {
    let sql = "INSERT INTO tier (id, key, rank, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    let values = vec![text(tier.id), text(&tier.key), tier.rank.into(), text(tier.created_at)];
    if execute(on, sql, values).await? == 0 {
        return Ok(false);
    }
    for (locale, name) in &tier.names {
        let sql = "INSERT INTO tier_locale (tier_id, locale, name) VALUES ($1, $2, $3)";
        execute(on, sql, vec![text(tier.id), text(locale), text(name)]).await?;
    }
    Ok(true)
}

/// The key of the tier with this rank.
pub(super) async fn tier_of_rank(on: &impl ConnectionTrait, rank: i64) -> Result<Option<String>> {
    one(on, "SELECT key FROM tier WHERE rank = $1", vec![rank.into()]).await?.map(|row| row.text("key")).transpose()
}

pub(super) async fn tier_exists(on: &impl ConnectionTrait, tier: Id) -> Result<bool> {
    Ok(one(on, "SELECT 1 AS found FROM tier WHERE id = $1", vec![text(tier)]).await?.is_some())
}

pub(super) async fn insert_plan(on: &impl ConnectionTrait, id: Id, plan: &CreatePlan, now: Timestamp) -> Result<()> {
    let sql = "INSERT INTO plan (id, key, tier_id, interval, price_minor, price_currency, trial_days, active, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, TRUE, $8)";
    let values = vec![
        text(id),
        maybe(plan.key.as_ref()),
        text(plan.tier),
        text(plan.interval),
        plan.price.minor.into(),
        text(plan.price.currency),
        plan.trial_days.into(),
        text(now),
    ];
    execute(on, sql, values).await?;
    Ok(())
}

pub(super) async fn plan(on: &impl ConnectionTrait, id: Id) -> Result<Option<Plan>> {
    let sql = "SELECT p.id, p.key, p.tier_id, p.interval, p.price_minor, p.price_currency, p.trial_days, p.active, \
               COALESCE((SELECT l.name FROM tier_locale l WHERE l.tier_id = t.id ORDER BY l.locale LIMIT 1), t.key) AS tier_name \
               FROM plan p JOIN tier t ON t.id = p.tier_id WHERE p.id = $1";
    one(on, sql, vec![text(id)]).await?.map(|row| plan_of(&row)).transpose()
}

fn plan_of(row: &Row) -> Result<Plan> {
    Ok(Plan {
        id: row.id("id")?,
        key: row.text_or_none("key")?,
        tier: row.id("tier_id")?,
        tier_name: row.text("tier_name")?,
        interval: row.parse("interval")?,
        price: row.money("price")?,
        trial_days: row.int("trial_days")?,
        active: row.flag("active")?,
    })
}

/// Lets one transaction at a time look at and extend what a person has. SQLite
/// has one writer anyway.
pub(super) async fn lock_person(write: &Write, user: Id) -> Result<()> {
    if write.dialect() == Dialect::Postgres {
        execute(write.connection(), "SELECT pg_advisory_xact_lock(hashtext($1))", vec![text(user)]).await?;
    }
    Ok(())
}

/// What the person has and had of a tier, taken back or not.
pub(super) async fn queue(on: &impl ConnectionTrait, user: Id, tier: Id) -> Result<Queue> {
    let sql = "SELECT id, order_id, interval, starts_at, ends_at, revoked_at FROM entitlement \
               WHERE user_id = $1 AND kind = 'tier' AND tier_id = $2";
    let rows = all(on, sql, vec![text(user), text(tier)]).await?;
    rows.iter().map(period_of).collect::<Result<_>>().map(Queue::new)
}

fn period_of(row: &Row) -> Result<Period> {
    Ok(Period {
        id: row.id("id")?,
        order: row.parse_or_none("order_id")?,
        interval: row.parse_or_none("interval")?,
        starts: row.time("starts_at")?,
        ends: row.parse_or_none("ends_at")?,
        revoked: row.parse_or_none("revoked_at")?,
    })
}

pub(super) async fn move_period(on: &impl ConnectionTrait, period: &Period) -> Result<()> {
    let sql = "UPDATE entitlement SET starts_at = $2, ends_at = $3 WHERE id = $1";
    execute(on, sql, vec![text(period.id), text(period.starts), maybe(period.ends)]).await.map(drop)
}

/// Whether the person has this tier, or one that opens it, without end.
pub(super) async fn has_for_life(on: &impl ConnectionTrait, user: Id, tier: Id) -> Result<bool> {
    let sql = "SELECT 1 AS found FROM entitlement e JOIN tier held ON held.id = e.tier_id \
               JOIN tier wanted ON wanted.id = $2 AND wanted.rank <= held.rank \
               WHERE e.user_id = $1 AND e.kind = 'tier' AND e.revoked_at IS NULL AND e.ends_at IS NULL LIMIT 1";
    Ok(one(on, sql, vec![text(user), text(tier)]).await?.is_some())
}

pub(super) async fn ever_had(on: &impl ConnectionTrait, user: Id, tier: Id) -> Result<bool> {
    let sql = "SELECT 1 AS found FROM entitlement WHERE user_id = $1 AND tier_id = $2 LIMIT 1";
    Ok(one(on, sql, vec![text(user), text(tier)]).await?.is_some())
}

pub(super) async fn begin_trial(write: &Write, address_hash: &str, tier: Id) -> Result<bool> {
    let sql = "INSERT INTO trial (address_hash, tier_id, begun_at) VALUES ($1, $2, $3) \
               ON CONFLICT (address_hash, tier_id) DO NOTHING";
    Ok(execute(write.connection(), sql, vec![text(address_hash), text(tier), text(write.now())]).await? == 1)
}

pub(super) struct NewEntitlement {
    pub(super) user: Id,
    pub(super) tier: Option<Id>,
    pub(super) course: Option<Id>,
    pub(super) order: Option<Id>,
    pub(super) interval: Option<Interval>,
    pub(super) starts: Timestamp,
    pub(super) ends: Option<Timestamp>,
}

/// Whether a row was written; not when the order has its entitlement already.
pub(super) async fn insert_entitlement(
    on: &impl ConnectionTrait,
    id: Id,
    new: &NewEntitlement,
    now: Timestamp,
) -> Result<bool> {
    let sql = "INSERT INTO entitlement (id, user_id, kind, tier_id, course_id, order_id, interval, starts_at, ends_at, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (order_id) DO NOTHING";
    let values = vec![
        text(id),
        text(new.user),
        text(if new.tier.is_some() { "tier" } else { "course" }),
        maybe(new.tier),
        maybe(new.course),
        maybe(new.order),
        maybe(new.interval),
        text(new.starts),
        maybe(new.ends),
        text(now),
    ];
    Ok(execute(on, sql, values).await? == 1)
}

/// What an order gave.
pub(super) struct Given {
    pub(super) id: Id,
    pub(super) user: Id,
    pub(super) tier: Option<Id>,
    pub(super) is_revoked: bool,
}

pub(super) async fn given_by(on: &impl ConnectionTrait, order: Id) -> Result<Option<Given>> {
    let sql = "SELECT id, user_id, tier_id, revoked_at FROM entitlement WHERE order_id = $1";
    let row = one(on, sql, vec![text(order)]).await?;
    row.map(|row| {
        let is_revoked = row.text_or_none("revoked_at")?.is_some();
        Ok(Given { id: row.id("id")?, user: row.id("user_id")?, tier: row.parse_or_none("tier_id")?, is_revoked })
    })
    .transpose()
}

pub(super) async fn set_revoked(on: &impl ConnectionTrait, id: Id, since: Option<Timestamp>) -> Result<()> {
    execute(on, "UPDATE entitlement SET revoked_at = $2 WHERE id = $1", vec![text(id), maybe(since)]).await.map(drop)
}
