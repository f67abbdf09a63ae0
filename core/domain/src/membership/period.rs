//! How long a grant lasts, in calendar months and years of UTC.

use jiff::{ToSpan, tz::TimeZone};
use lyceum_kernel::{Failure, Result, Timestamp};

use super::model::Interval;

/// The end of a period that begins at `start`; none when it has no end. The
/// 31st of a month ends on the last day of a shorter one.
pub(super) fn end(start: Timestamp, interval: Interval) -> Result<Option<Timestamp>> {
    match interval {
        Interval::Month => later(start, 1.month()).map(Some),
        Interval::Year => later(start, 1.year()).map(Some),
        Interval::Once => Ok(None),
    }
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
        let month = |text| end(at(text), Interval::Month).expect("in range");
        assert_eq!(month("2026-01-31T10:00:00Z"), Some(at("2026-02-28T10:00:00Z")));
        assert_eq!(month("2028-01-31T10:00:00Z"), Some(at("2028-02-29T10:00:00Z")));
        let year = end(at("2028-02-29T00:00:00Z"), Interval::Year).expect("in range");
        assert_eq!(year, Some(at("2029-02-28T00:00:00Z")));
        assert_eq!(end(at("2026-01-31T10:00:00Z"), Interval::Once).expect("in range"), None);
    }
}
