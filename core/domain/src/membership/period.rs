//! Calendar arithmetic of periods, in months of UTC.

use jiff::tz::TimeZone;
use lyceum_kernel::{Failure, Result, Timestamp};

/// The same day and time some months later. A day that the month lacks is its
/// last one: count from the first day, not from the last result, or the 31st
/// is the 28th for ever after one February.
pub(super) fn months_later(start: Timestamp, months: i64) -> Result<Timestamp> {
    later(start, jiff::Span::new().try_months(months).map_err(Failure::internal)?)
}

pub(super) fn days_later(start: Timestamp, days: i64) -> Result<Timestamp> {
    later(start, jiff::Span::new().try_days(days).map_err(Failure::internal)?)
}

fn later(start: Timestamp, span: jiff::Span) -> Result<Timestamp> {
    let moment = jiff::Timestamp::from_millisecond(start.as_millis()).map_err(Failure::internal)?;
    let end = moment.to_zoned(TimeZone::UTC).checked_add(span).map_err(Failure::internal)?;
    Ok(Timestamp::from_millis(end.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_from_the_31st_ends_on_the_last_day() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let later = |text, months| months_later(at(text), months).expect("in range");
        assert_eq!(later("2026-01-31T10:00:00Z", 1), at("2026-02-28T10:00:00Z"));
        assert_eq!(later("2028-01-31T10:00:00Z", 1), at("2028-02-29T10:00:00Z"));
        assert_eq!(later("2028-02-29T00:00:00Z", 12), at("2029-02-28T00:00:00Z"));
    }
}
