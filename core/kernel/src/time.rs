//! Time: UTC, milliseconds, from an injected clock.

use std::{
    fmt,
    str::FromStr,
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
///
/// Written everywhere, in the database too, as RFC 3339 text of fixed width in
/// UTC (`2026-11-21T09:30:00.000Z`), so that text order is time order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This moment and `duration` more.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This moment and `duration` less.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = jiff::Timestamp::from_millisecond(self.0).unwrap_or_default();
        write!(f, "{}", moment.strftime("%Y-%m-%dT%H:%M:%S.%3fZ"))
    }
}

/// A text that is no moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("A moment is written as RFC 3339, such as 2026-11-21T09:30:00Z.")]
pub struct NotAMoment;

impl FromStr for Timestamp {
    type Err = NotAMoment;

    /// Reads RFC 3339 with any offset, of the years 0000 to 9999 in UTC: only
    /// those have the fixed width.
    fn from_str(text: &str) -> Result<Self, NotAMoment> {
        if !is_rfc_3339(text) {
            return Err(NotAMoment);
        }
        let moment = text.parse::<jiff::Timestamp>().map_err(|_| NotAMoment)?;
        let year = moment.to_zoned(jiff::tz::TimeZone::UTC).year();
        if (0..=9999).contains(&year) { Ok(Self(moment.as_millisecond())) } else { Err(NotAMoment) }
    }
}

/// Whether it is shaped as RFC 3339, section 5.6, has it. jiff takes more: a
/// blank between day and time, names of zones, times without seconds.
fn is_rfc_3339(text: &str) -> bool {
    let shaped = |text: &[u8], shape: &[u8]| {
        text.len() == shape.len()
            && text.iter().zip(shape).all(|(byte, wanted)| match wanted {
                b'0' => byte.is_ascii_digit(),
                wanted => byte.eq_ignore_ascii_case(wanted),
            })
    };
    let Some((clock, rest)) = text.as_bytes().split_at_checked("0000-00-00T00:00:00".len()) else { return false };
    let zone = match rest.strip_prefix(b".") {
        Some(rest) => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits > 0 { &rest[digits..] } else { return false }
        }
        None => rest,
    };
    shaped(clock, b"0000-00-00T00:00:00") && [&b"Z"[..], b"+00:00", b"-00:00"].iter().any(|shape| shaped(zone, shape))
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A clock that a test turns by hand.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.0))
    }

    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_a_fixed_width_and_round_trips() {
        for millis in [0, 1, 999, 1_700_000_000_123] {
            let moment = Timestamp::from_millis(millis);
            let text = moment.to_string();
            assert_eq!(text.len(), 24);
            assert_eq!(text.parse::<Timestamp>().ok(), Some(moment));
        }
        assert_eq!(
            "2026-11-21T10:00:00+08:00".parse::<Timestamp>().map(|t| t.to_string()).ok().as_deref(),
            Some("2026-11-21T02:00:00.000Z")
        );
    }
    #[test]
    fn only_rfc_3339_is_a_moment() {
        for (given, wanted) in [
            ("2026-03-29T08:00:00+08:00", "2026-03-29T00:00:00.000Z"),
            ("2026-03-29t08:00:00.5z", "2026-03-29T08:00:00.500Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
            ("1969-12-31T23:59:59.999-00:30", "1970-01-01T00:29:59.999Z"),
        ] {
            assert_eq!(given.parse::<Timestamp>().map(|moment| moment.to_string()).as_deref(), Ok(wanted), "{given}");
        }
        for bad in [
            "",
            "2026-03-29",
            "2026-03-29T08:00:00",
            "2026-03-29 08:00:00Z",
            "2026-03-29T08:00Z",
            "2026-03-29T08:00:00.Z",
            "2026-03-29T08:00:00+0800",
            "2026-03-29T08:00:00+08:00[Asia/Shanghai]",
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "0000-01-01T00:00:00+01:00",
            "+010000-01-01T00:00:00Z",
            "-000001-01-01T00:00:00Z",
            "２026-03-29T08:00:00Z",
        ] {
            assert_eq!(bad.parse::<Timestamp>(), Err(NotAMoment), "{bad}");
        }
    }
}
