//! Plain types of memberships.

use std::{fmt, str::FromStr};

use lyceum_kernel::{Id, Locale, Money, Timestamp};

/// How long one purchase of a plan lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interval {
    Month,
    Year,
    /// For ever.
    Once,
}

impl Interval {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Year => "year",
            Self::Once => "once",
        }
    }

    /// None: without end.
    pub(super) const fn months(self) -> Option<i64> {
        match self {
            Self::Month => Some(1),
            Self::Year => Some(12),
            Self::Once => None,
        }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is none of `month`, `year` and `once`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an interval is month, year or once")]
pub struct UnknownInterval;

impl FromStr for Interval {
    type Err = UnknownInterval;

    fn from_str(text: &str) -> Result<Self, UnknownInterval> {
        [Self::Month, Self::Year, Self::Once].into_iter().find(|i| i.as_str() == text).ok_or(UnknownInterval)
    }
}

/// A level of membership. A higher rank opens everything of the lower ones, and
/// no two tiers have the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tier {
    pub id: Id,
    pub key: String,
    pub rank: i64,
    pub names: Vec<(Locale, String)>,
    pub created_at: Timestamp,
}

/// A way to buy a tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub id: Id,
    pub key: Option<String>,
    pub tier: Id,
    /// The tier's name in the first language, for receipts.
    pub tier_name: String,
    pub interval: Interval,
    pub price: Money,
    /// Days that the first order of a person is free; 0 for none.
    pub trial_days: i64,
    pub active: bool,
}

/// What `createPlan` takes.
#[derive(Debug, Clone)]
pub struct CreatePlan {
    pub key: Option<String>,
    pub tier: Id,
    pub interval: Interval,
    pub price: Money,
    pub trial_days: i64,
}

/// What an entitlement opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// A tier from now on, or from the end of what the person has of it
    /// already; for ever from now on in any case.
    Tier { tier: Id, interval: Interval },
    /// A tier for some days.
    Trial { tier: Id, days: i64 },
    /// One course, for ever.
    Course(Id),
}

/// What a person may read at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entitled {
    /// The tiers paid for and every tier of a lower or equal rank.
    pub tiers: Vec<Id>,
    /// Courses bought one by one.
    pub purchases: Vec<Id>,
}
