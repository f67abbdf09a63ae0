//! What can be done with memberships.

use lyceum_kernel::{Action, ErrorCode, Event, Failure, Id, Locale, Result, Viewer};
use lyceum_store::{Database, Write};
use serde_json::json;

use super::{
    model::{CreatePlan, Entitled, Grant, Plan, Tier},
    period,
    store::{self, NewEntitlement},
};

/// Tiers, plans and entitlements. Cheap to clone.
#[derive(Clone)]
pub struct Memberships {
    db: Database,
}

impl Memberships {
    #[must_use]
    pub fn new(db: Database) -> Self {
        Self { db }
    }

    /// A new tier. `names` are its names by language.
    ///
    /// # Errors
    /// `FORBIDDEN` without the right to manage tiers, `BAD_USER_INPUT`, or
    /// `CONFLICT` when the key or the rank is taken.
    pub async fn create_tier(
        &self,
        viewer: &Viewer,
        key: &str,
        names: Vec<(Locale, String)>,
        rank: i64,
    ) -> Result<Tier> {
        may_manage(viewer, "tier")?;
        check_key("input.key", key)?;
        check_names(&names)?;
        let mut write = self.db.write().await?;
        let tier = Tier { id: Id::new(), key: key.to_owned(), rank, names, created_at: write.now() };
        if !store::insert_tier(write.connection(), &tier).await? {
            return Err(taken(&write, &tier).await?);
        }
        write.emit(&Event::new("tier", "created", tier.id).by(viewer.user)).await?;
        write.commit().await?;
        Ok(tier)
    }

    /// A new plan, for sale at once.
    ///
    /// # Errors
    /// `FORBIDDEN` without the right to manage plans, `BAD_USER_INPUT`, or
    /// `CONFLICT` when the key is taken.
    pub async fn create_plan(&self, viewer: &Viewer, plan: CreatePlan) -> Result<Plan> {
        may_manage(viewer, "plan")?;
        check_plan(&plan)?;
        let mut write = self.db.write().await?;
        if !store::tier_exists(write.connection(), plan.tier).await? {
            return Err(Failure::input("input.tierId", "There is no such tier."));
        }
        let id = Id::new();
        store::insert_plan(write.connection(), id, &plan, write.now()).await.map_err(|e| at_key(e, "input.key"))?;
        write.emit(&Event::new("plan", "created", id).by(viewer.user)).await?;
        let made = store::plan(write.connection(), id).await?.ok_or_else(|| Failure::not_found("plan"))?;
        write.commit().await?;
        Ok(made)
    }

    /// A plan, on sale or not.
    ///
    /// # Errors
    /// Internal.
    pub async fn plan(&self, id: Id) -> Result<Option<Plan>> {
        store::plan(self.db.reader(), id).await
    }

    /// What a person may read now, in one statement. See also [`super::ENTITLEMENTS`].
    ///
    /// # Errors
    /// Internal.
    pub async fn entitlements_of(&self, user: Id) -> Result<Entitled> {
        store::entitled(self.db.reader(), user, self.db.now()).await
    }

    /// Whether a person ever had this tier, revoked or ended as it may be.
    pub(crate) async fn ever_had(&self, write: &Write, user: Id, tier: Id) -> Result<bool> {
        store::ever_had(write.connection(), user, tier).await
    }

    /// Lets one transaction at a time look at and extend what a person has.
    pub(crate) async fn lock_person(&self, write: &Write, user: Id) -> Result<()> {
        store::lock_person(write, user).await
    }

    /// Remembers that an address has a trial of a tier; false when it had one.
    pub(crate) async fn begin_trial(&self, write: &Write, address_hash: &str, tier: Id) -> Result<bool> {
        store::begin_trial(write, address_hash, tier).await
    }

    pub(crate) async fn plan_within(&self, write: &Write, id: Id) -> Result<Option<Plan>> {
        store::plan(write.connection(), id).await
    }

    pub(crate) async fn owns_course(&self, write: &Write, user: Id, course: Id) -> Result<bool> {
        let entitled = store::entitled(write.connection(), user, write.now()).await?;
        Ok(entitled.purchases.contains(&course))
    }

    /// Whether a person has a tier, or one that opens it, for ever.
    pub(crate) async fn has_for_life(&self, write: &Write, user: Id, tier: Id) -> Result<bool> {
        store::has_for_life(write.connection(), user, tier).await
    }

    /// Entitles a person. An order that has its entitlement keeps that one.
    ///
    /// # Errors
    /// Internal.
    pub async fn grant(&self, write: &mut Write, user: Id, grant: Grant, order: Option<Id>) -> Result<()> {
        let id = Id::new();
        let new = dated(write, user, grant, order).await?;
        if store::insert_entitlement(write.connection(), id, &new, write.now()).await? {
            let event = Event::new("entitlement", "granted", id).by(Some(user));
            write.emit(&event.with(json!({ "userId": user, "orderId": order }))).await?;
        }
        Ok(())
    }

    /// Takes what an order gave, or gives it back; the periods after it move.
    /// Nothing happens when it is so already.
    ///
    /// # Errors
    /// Internal.
    pub async fn set_revoked(&self, write: &mut Write, order: Id, revoked: bool) -> Result<()> {
        let given = store::given_by(write.connection(), order).await?;
        let Some(given) = given.filter(|given| given.is_revoked != revoked) else { return Ok(()) };
        store::lock_person(write, given.user).await?;
        let since = revoked.then(|| write.now());
        let moved = match given.tier {
            Some(tier) => store::queue(write.connection(), given.user, tier).await?.set_revoked(given.id, since)?,
            None => Vec::new(),
        };
        store::set_revoked(write.connection(), given.id, since).await?;
        emit(write, if revoked { "revoked" } else { "restored" }, given.id, given.user, Some(order)).await?;
        for period in moved {
            store::move_period(write.connection(), &period).await?;
            emit(write, "moved", period.id, given.user, period.order).await?;
        }
        Ok(())
    }
}

async fn emit(write: &mut Write, what: &str, entitlement: Id, user: Id, order: Option<Id>) -> Result<()> {
    let event = Event::new("entitlement", what, entitlement);
    write.emit(&event.with(json!({ "userId": user, "orderId": order }))).await
}

async fn dated(write: &Write, user: Id, grant: Grant, order: Option<Id>) -> Result<NewEntitlement> {
    let now = write.now();
    let new = NewEntitlement { user, tier: None, course: None, order, interval: None, starts: now, ends: None };
    match grant {
        Grant::Course(course) => Ok(NewEntitlement { course: Some(course), ..new }),
        Grant::Trial { tier, days } => {
            Ok(NewEntitlement { tier: Some(tier), ends: Some(period::days_later(now, days)?), ..new })
        }
        Grant::Tier { tier, interval } => {
            store::lock_person(write, user).await?;
            let (starts, ends) = store::queue(write.connection(), user, tier).await?.next(interval, now)?;
            Ok(NewEntitlement { tier: Some(tier), interval: Some(interval), starts, ends, ..new })
        }
    }
}

/// Why a tier could not be written.
async fn taken(write: &Write, tier: &Tier) -> Result<Failure> {
    let other = store::tier_of_rank(write.connection(), tier.rank).await?.filter(|key| *key != tier.key);
    Ok(match other {
        None => Failure::new(ErrorCode::Conflict, "Another tier has this key.").at("input.key"),
        Some(key) => {
            let text = format!(
                "The tier \"{key}\" has the rank {}. Each tier has a rank of its own: a higher one opens the lower ones.",
                tier.rank
            );
            Failure::new(ErrorCode::Conflict, text).at("input.rank")
        }
    })
}

fn may_manage(viewer: &Viewer, subject: &str) -> Result<()> {
    if viewer.may(subject, Action::Manage) {
        return Ok(());
    }
    let (code, message) = match viewer.user {
        None => (ErrorCode::Unauthenticated, "Sign in first."),
        Some(_) => (ErrorCode::Forbidden, "You may not do this."),
    };
    Err(Failure::new(code, message))
}

fn check_key(path: &str, key: &str) -> Result<()> {
    let fits = (1..=64).contains(&key.len())
        && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
    if fits { Ok(()) } else { Err(Failure::input(path, "A key has 1 to 64 characters of a-z, 0-9, - and _.")) }
}

fn check_names(names: &[(Locale, String)]) -> Result<()> {
    let fits = |name: &str| !name.trim().is_empty() && name.chars().count() <= 200;
    if names.is_empty() || !names.iter().all(|(_, name)| fits(name)) {
        return Err(Failure::input(
            "input.name",
            "A tier needs a name of 1 to 200 characters in at least one language.",
        ));
    }
    Ok(())
}

fn check_plan(plan: &CreatePlan) -> Result<()> {
    if let Some(key) = &plan.key {
        check_key("input.key", key)?;
    }
    if plan.price.minor < 0 {
        return Err(Failure::input("input.price.minor", "A price is zero or more."));
    }
    if !(0..=730).contains(&plan.trial_days) {
        return Err(Failure::input("input.trialDays", "A trial has 0 to 730 days."));
    }
    Ok(())
}

fn at_key(failure: Failure, path: &str) -> Failure {
    if failure.code() == ErrorCode::Conflict { failure.at(path) } else { failure }
}
