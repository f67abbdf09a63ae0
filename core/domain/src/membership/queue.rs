//! How the periods that one person has of one tier follow each other.
//!
//! What is bought ahead stands in a queue: it begins where the period before
//! it ends. When a period is taken back, those after it move forward to the
//! moment it was left; when it is given back, they move behind it again.
//!
//! **Invariant:** months and years that follow each other are counted from the
//! beginning of the first, so that a short month shortens itself only.
//! **Invariant:** a period that moves keeps its full length.
//! **Invariant:** nothing moves because of a period that had run to its end.
//! **Invariant:** a period without end begins when it is bought and makes
//! nothing wait.

use lyceum_kernel::{Id, Result, Timestamp};

use super::{model::Interval, period};

/// One period. A revoked one keeps its place, to be given back in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) id: Id,
    pub(super) order: Option<Id>,
    /// None for days that were given.
    pub(super) interval: Option<Interval>,
    pub(super) starts: Timestamp,
    pub(super) ends: Option<Timestamp>,
    pub(super) revoked: Option<Timestamp>,
}

impl Period {
    /// When the next one may begin; none when this one has no end.
    fn leaves(&self) -> Option<Timestamp> {
        let taken = self.revoked.map(|at| at.max(self.starts));
        [self.ends, taken].into_iter().flatten().min()
    }

    /// The months that a following period adds its own to. Not those of a
    /// period that was cut short, or whose dates somebody set by hand.
    fn counted_months(&self) -> Result<Option<i64>> {
        let (Some(months), Some(ends)) = (self.interval.and_then(Interval::months), self.ends) else { return Ok(None) };
        let off = period::months_later(self.starts, months)?.as_millis().abs_diff(ends.as_millis());
        Ok((self.leaves() == Some(ends) && off <= DIFFERENCE_OF_MONTHS).then_some(months))
    }

    /// Whether it stood directly after what was free at `was_free`, or begins
    /// before it may.
    fn must_move(&self, was_free: Option<Timestamp>, free: Timestamp) -> bool {
        let waits = self.interval != Some(Interval::Once);
        self.starts != free && (was_free == Some(self.starts) || (waits && self.starts < free))
    }
}

/// From 28 February to 31 March is three days more than a month.
const DIFFERENCE_OF_MONTHS: u64 = 3 * 24 * 3600 * 1000;

/// The periods of one person and tier.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Queue(Vec<Period>);

impl Queue {
    /// Periods in any order. Of two that begin at once the one that was taken
    /// before it began is first: the other stands in its place.
    pub(super) fn new(mut periods: Vec<Period>) -> Self {
        periods.sort_by_key(|p| (p.starts, p.leaves() != Some(p.starts), p.id));
        Self(periods)
    }

    /// Beginning and end of a period that is bought now.
    pub(super) fn next(&self, interval: Interval, now: Timestamp) -> Result<(Timestamp, Option<Timestamp>)> {
        let kept = self.0.iter().filter(|p| p.revoked.is_none());
        let starts = match interval {
            Interval::Once => now,
            Interval::Month | Interval::Year => kept.filter_map(|p| p.ends).fold(now, Timestamp::max),
        };
        Ok((starts, end(&self.0, starts, interval)?))
    }

    /// Takes a period, or gives it back, and moves those after it. Answers the
    /// periods that moved.
    pub(super) fn set_revoked(&mut self, id: Id, revoked: Option<Timestamp>) -> Result<Vec<Period>> {
        let Some(at) = self.0.iter().position(|p| p.id == id) else { return Ok(Vec::new()) };
        let (mut was_free, mut moved) = (self.0[at].leaves(), Vec::new());
        self.0[at].revoked = revoked;
        let mut free = self.0[at].leaves();
        for index in at + 1..self.0.len() {
            let Some(start) = free.filter(|free| self.0[index].must_move(was_free, *free)) else { continue };
            was_free = self.0[index].leaves();
            self.place(index, start)?;
            free = self.0[index].leaves();
            moved.push(self.0[index].clone());
        }
        Ok(moved)
    }

    fn place(&mut self, index: usize, starts: Timestamp) -> Result<()> {
        let Period { interval, starts: old, ends, .. } = self.0[index];
        let ends = match interval {
            Some(interval) => end(&self.0[..index], starts, interval)?,
            None => ends.map(|ends| Timestamp::from_millis(ends.as_millis() - old.as_millis() + starts.as_millis())),
        };
        (self.0[index].starts, self.0[index].ends) = (starts, ends);
        Ok(())
    }
}

/// When a period ends that begins at `starts`, after `earlier` ones.
fn end(earlier: &[Period], starts: Timestamp, interval: Interval) -> Result<Option<Timestamp>> {
    let Some(months) = interval.months() else { return Ok(None) };
    let (mut from, mut before) = (starts, 0);
    while let Some((earlier, counted)) = leading_to(earlier, from)? {
        (from, before) = (earlier, before + counted);
    }
    period::months_later(from, before + months).map(Some)
}

/// The beginning and the months of the period that `starts` continues.
fn leading_to(earlier: &[Period], starts: Timestamp) -> Result<Option<(Timestamp, i64)>> {
    for period in earlier.iter().filter(|p| p.ends == Some(starts) && p.starts < starts) {
        if let Some(months) = period.counted_months()? {
            return Ok(Some((period.starts, months)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Months, Utc};
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    const DAY: i64 = 24 * 3600 * 1000;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    /// The calendar of another library.
    fn oracle(start: Timestamp, months: i64) -> Timestamp {
        let start = DateTime::<Utc>::from_timestamp_millis(start.as_millis()).expect("in range");
        let months = Months::new(u32::try_from(months).expect("not negative"));
        Timestamp::from_millis(start.checked_add_months(months).expect("in range").timestamp_millis())
    }

    /// A person who buys and gets money back.
    struct Member {
        periods: Vec<Period>,
        now: Timestamp,
    }

    impl Member {
        fn at(now: Timestamp) -> Self {
            Self { periods: Vec::new(), now }
        }

        fn buy(&mut self, interval: Interval) -> Id {
            let queue = Queue::new(self.periods.clone());
            let (starts, ends) = queue.next(interval, self.now).expect("in range");
            let period = Period { id: Id::new(), order: None, interval: Some(interval), starts, ends, revoked: None };
            self.periods.push(period);
            self.periods[self.periods.len() - 1].id
        }

        fn set_revoked(&mut self, id: Id, revoked: bool) {
            let since = revoked.then_some(self.now);
            let moved = Queue::new(self.periods.clone()).set_revoked(id, since).expect("in range");
            for period in &mut self.periods {
                if let Some(moved) = moved.iter().find(|m| m.id == period.id) {
                    *period = moved.clone();
                }
                if period.id == id {
                    period.revoked = since;
                }
            }
        }

        /// First and last day of what was not taken, in order.
        fn dates(&self) -> Vec<(String, String)> {
            let day = |at: Timestamp| at.to_string()[..10].to_owned();
            let end = |p: &Period| p.ends.map_or_else(|| "never".to_owned(), day);
            let kept = self.periods.iter().filter(|p| p.revoked.is_none());
            let mut dates: Vec<_> = kept.map(|p| (day(p.starts), end(p))).collect();
            dates.sort();
            dates
        }

        /// What is paid is whole, one after the other, and open from now on.
        fn check(&self) {
            let mut kept: Vec<_> = self.periods.iter().filter(|p| p.revoked.is_none()).collect();
            kept.sort_by_key(|p| p.starts);
            for period in &kept {
                let ends = period.ends.expect("months and years end");
                let least = oracle(period.starts, period.interval.and_then(Interval::months).expect("it has months"));
                let more = (ends.as_millis() - least.as_millis()) / DAY;
                assert!((0..=3).contains(&more), "{period:?} of {kept:?}");
            }
            for pair in kept.windows(2) {
                assert!(pair[0].ends <= Some(pair[1].starts), "{kept:?}");
            }
            let mut ahead = kept.iter().filter(|p| p.ends > Some(self.now)).peekable();
            assert!(ahead.peek().is_none_or(|p| p.starts <= self.now), "at {}: {kept:?}", self.now);
            let mut until = None;
            for period in ahead {
                assert!(until.is_none_or(|until| until == period.starts), "{kept:?}");
                until = period.ends;
            }
        }
    }

    fn dates(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(starts, ends)| ((*starts).to_owned(), (*ends).to_owned())).collect()
    }

    #[test]
    fn renewals_keep_the_day_of_the_beginning() {
        let mut random = StdRng::seed_from_u64(31);
        for _ in 0..2000 {
            let start = at("2026-01-01T09:30:00Z").as_millis() + random.random_range(0..1500 * DAY);
            let start = Timestamp::from_millis(start);
            let (mut member, mut months) = (Member::at(start), 0);
            for _ in 0..random.random_range(1..30) {
                let interval = if random.random_ratio(1, 5) { Interval::Year } else { Interval::Month };
                months += interval.months().expect("it has months");
                member.buy(interval);
                let last = member.periods.last().and_then(|p| p.ends);
                assert_eq!(last, Some(oracle(start, months)), "{months} months from {start}");
            }
        }
    }

    #[test]
    fn a_member_from_the_31st_pays_for_31_days_in_march() {
        let mut member = Member::at(at("2027-12-31T10:00:00Z"));
        for _ in 0..5 {
            member.buy(Interval::Month);
        }
        let ends: Vec<_> = member.dates().into_iter().map(|(_, ends)| ends).collect();
        assert_eq!(ends, ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30", "2028-05-31"]);
    }

    #[test]
    fn whatever_is_bought_and_refunded_nothing_paid_is_lost() {
        for seed in 0..500 {
            let mut random = StdRng::seed_from_u64(seed);
            let mut member = Member::at(at("2027-12-31T10:00:00Z"));
            for _ in 0..40 {
                match random.random_range(0..4) {
                    0 => member.now = Timestamp::from_millis(member.now.as_millis() + random.random_range(0..40 * DAY)),
                    1 => drop(member.buy(if random.random() { Interval::Month } else { Interval::Year })),
                    _ if member.periods.is_empty() => {}
                    _ => {
                        let index = random.random_range(0..member.periods.len());
                        let (id, is_revoked) = (member.periods[index].id, member.periods[index].revoked.is_some());
                        member.set_revoked(id, !is_revoked);
                    }
                }
                member.check();
            }
        }
    }

    #[test]
    fn what_stands_behind_a_period_moves_when_it_goes_and_when_it_comes_back() {
        let mut member = Member::at(at("2026-01-10T10:00:00Z"));
        let [first, middle, _] = [(); 3].map(|()| member.buy(Interval::Month));
        let whole = dates(&[("2026-01-10", "2026-02-10"), ("2026-02-10", "2026-03-10"), ("2026-03-10", "2026-04-10")]);
        assert_eq!(member.dates(), whole);
        member.set_revoked(middle, true);
        assert_eq!(member.dates(), dates(&[("2026-01-10", "2026-02-10"), ("2026-02-10", "2026-03-10")]));
        member.now = at("2026-01-20T10:00:00Z");
        member.set_revoked(first, true);
        assert_eq!(member.dates(), dates(&[("2026-01-20", "2026-02-20")]));
        member.set_revoked(middle, false);
        assert_eq!(member.dates(), dates(&[("2026-01-20", "2026-02-20"), ("2026-02-20", "2026-03-20")]));
        member.set_revoked(first, false);
        assert_eq!(member.dates(), whole);
    }

    #[test]
    fn nothing_moves_because_of_a_period_that_has_run() {
        let mut member = Member::at(at("2026-01-10T10:00:00Z"));
        let first = member.buy(Interval::Month);
        member.buy(Interval::Month);
        member.now = at("2026-02-20T10:00:00Z");
        member.set_revoked(first, true);
        assert_eq!(member.dates(), dates(&[("2026-02-10", "2026-03-10")]));
    }

    #[test]
    fn a_plan_for_life_begins_at_once_and_a_month_bought_beside_it_counts_when_it_goes() {
        let mut member = Member::at(at("2026-01-10T10:00:00Z"));
        member.buy(Interval::Month);
        let life = member.buy(Interval::Once);
        assert_eq!(member.dates(), dates(&[("2026-01-10", "2026-02-10"), ("2026-01-10", "never")]));
        member.buy(Interval::Month);
        member.now = at("2026-04-01T10:00:00Z");
        member.set_revoked(life, true);
        assert_eq!(member.dates(), dates(&[("2026-01-10", "2026-02-10"), ("2026-04-01", "2026-05-01")]));
    }

    #[test]
    fn dates_set_by_hand_begin_a_new_count() {
        let mut member = Member::at(at("2026-01-31T10:00:00Z"));
        member.buy(Interval::Month);
        member.periods[0].ends = Some(at("2026-06-15T10:00:00Z"));
        member.buy(Interval::Month);
        assert_eq!(member.dates()[1], ("2026-06-15".to_owned(), "2026-07-15".to_owned()));
    }
}
