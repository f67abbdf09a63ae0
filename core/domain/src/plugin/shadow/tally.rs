//! The figures of a comparison, added up call by call. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// Calls that differ most, of which so many are kept.
const EXAMPLES: usize = 20;
/// Ids of one list in an example.
const EXAMPLE_IDS: usize = 10;

/// What was found on some calls of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tally {
    Ranking(RankingTally),
    Moderation(ReviewTally),
}

/// Two orders of the same items.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RankingTally {
    pub calls: u64,
    /// Calls on which the shadow failed. They are compared no further.
    pub failures: u64,
    pub identical: u64,
    pub kendall_sum: f64,
    /// Shared items among the first ten, as a share.
    pub overlap_sum: f64,
    /// Places by which an item stands elsewhere, on average.
    pub moved_sum: f64,
    pub times: [Times; 2],
    pub examples: Vec<Example>,
}

/// Two reviews of the same texts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReviewTally {
    pub calls: u64,
    pub failures: u64,
    /// `allow/hold`: what the active ones decided, and what the shadow would.
    pub decisions: BTreeMap<String, u64>,
    /// Labels that only one of the two gave: `+spam` is the shadow's alone.
    pub labels: BTreeMap<String, u64>,
    pub times: [Times; 2],
    pub examples: Vec<Example>,
}

/// A call on which the two differ, by ids.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// 0: the same; 2: the reverse.
    pub difference: f64,
    pub active: Vec<String>,
    pub shadow: Vec<String>,
}

/// Durations in classes that are 19 % wide: quantiles without the values.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Times(BTreeMap<u32, u64>);

impl Times {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "microseconds of a call"
    )]
    pub fn add(&mut self, micros: u64) {
        let class = ((micros.max(1) as f64).log2() * 4.0).floor() as u32;
        *self.0.entry(class).or_default() += 1;
    }

    fn merge(&mut self, other: Self) {
        for (class, count) in other.0 {
            *self.0.entry(class).or_default() += count;
        }
    }

    /// The upper edge of the class in which the quantile lies, in milliseconds.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "counts of calls"
    )]
    #[must_use]
    pub fn quantile_ms(&self, share: f64) -> f64 {
        let total: u64 = self.0.values().sum();
        let wanted = (total as f64 * share).ceil() as u64;
        let mut before = 0;
        for (class, count) in &self.0 {
            before += count;
            if before >= wanted.max(1) {
                return ((f64::from(*class) + 1.0) / 4.0).exp2() / 1000.0;
            }
        }
        0.0
    }
}

impl RankingTally {
    /// One call: both orders hold the same ids.
    #[must_use]
    pub fn of(active: &[String], shadow: &[String], micros: [u64; 2]) -> Self {
        let places: BTreeMap<&str, usize> = shadow.iter().enumerate().map(|(place, id)| (id.as_str(), place)).collect();
        let other: Vec<usize> = active.iter().filter_map(|id| places.get(id.as_str()).copied()).collect();
        let tau = kendall_tau(&other);
        let mut tally = Self {
            calls: 1,
            identical: u64::from(active == shadow),
            kendall_sum: tau,
            overlap_sum: overlap(active, shadow),
            moved_sum: moved(&other),
            ..Self::default()
        };
        tally.times[0].add(micros[0]);
        tally.times[1].add(micros[1]);
        if active != shadow {
            tally.examples.push(Example { difference: 1.0 - tau, active: first(active), shadow: first(shadow) });
        }
        tally
    }

    #[must_use]
    pub fn failed() -> Self {
        Self { calls: 1, failures: 1, ..Self::default() }
    }
}

fn first(ids: &[String]) -> Vec<String> {
    ids.iter().take(EXAMPLE_IDS).cloned().collect()
}

/// Kendall's tau of a permutation against the natural order: 1 the same, -1
/// the reverse. Lists have some hundred items, so each pair is looked at.
#[allow(clippy::cast_precision_loss, reason = "pairs of some hundred items")]
#[must_use]
pub fn kendall_tau(places: &[usize]) -> f64 {
    let pairs = places.len() * places.len().saturating_sub(1) / 2;
    if pairs == 0 {
        return 1.0;
    }
    let discordant: usize = places
        .iter()
        .enumerate()
        .map(|(at, place)| places[at + 1..].iter().filter(|later| *later < place).count())
        .sum();
    1.0 - 2.0 * discordant as f64 / pairs as f64
}

#[allow(clippy::cast_precision_loss, reason = "at most ten")]
fn overlap(active: &[String], shadow: &[String]) -> f64 {
    let most = active.len().min(EXAMPLE_IDS);
    if most == 0 {
        return 1.0;
    }
    let shadow = &shadow[..shadow.len().min(EXAMPLE_IDS)];
    active[..most].iter().filter(|id| shadow.contains(id)).count() as f64 / most as f64
}

#[allow(clippy::cast_precision_loss, reason = "places of some hundred items")]
fn moved(places: &[usize]) -> f64 {
    let sum: usize = places.iter().enumerate().map(|(at, place)| at.abs_diff(*place)).sum();
    sum as f64 / places.len().max(1) as f64
}

impl ReviewTally {
    /// One text, as two see it. `id` is the text's.
    #[must_use]
    pub fn of(id: &str, active: (&str, &[String]), shadow: (&str, &[String]), micros: [u64; 2]) -> Self {
        let mut tally = Self { calls: 1, ..Self::default() };
        tally.decisions.insert(format!("{}/{}", active.0, shadow.0), 1);
        let mut only = |sign: char, these: &[String], those: &[String]| {
            for label in these.iter().filter(|label| !those.contains(label)) {
                tally.labels.insert(format!("{sign}{label}"), 1);
            }
        };
        only('+', shadow.1, active.1);
        only('-', active.1, shadow.1);
        tally.times[0].add(micros[0]);
        tally.times[1].add(micros[1]);
        if active.0 != shadow.0 {
            let said = |by: (&str, &[String])| [vec![id.to_owned(), by.0.to_owned()], by.1.to_vec()].concat();
            let difference = if active.0 == "hold" || shadow.0 == "hold" { 1.0 } else { 2.0 };
            tally.examples.push(Example { difference, active: said(active), shadow: said(shadow) });
        }
        tally
    }

    #[must_use]
    pub fn failed() -> Self {
        Self { calls: 1, failures: 1, ..Self::default() }
    }
}

fn keep_examples(kept: &mut Vec<Example>, more: Vec<Example>) {
    kept.extend(more);
    kept.sort_by(|a, b| b.difference.total_cmp(&a.difference));
    kept.truncate(EXAMPLES);
}

fn add_counts(kept: &mut BTreeMap<String, u64>, more: BTreeMap<String, u64>) {
    for (name, count) in more {
        // A plugin invents labels; so many different ones are counted.
        if kept.len() < 200 || kept.contains_key(&name) {
            *kept.entry(name).or_default() += count;
        }
    }
}

fn add_times(kept: &mut [Times; 2], more: [Times; 2]) {
    for (kept, more) in kept.iter_mut().zip(more) {
        kept.merge(more);
    }
}

impl Tally {
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ranking(_) => "ranking",
            Self::Moderation(_) => "moderation",
        }
    }

    /// Adds the calls of another tally of the same kind.
    pub fn merge(&mut self, other: Self) {
        match (self, other) {
            (Self::Ranking(kept), Self::Ranking(more)) => {
                kept.calls += more.calls;
                kept.failures += more.failures;
                kept.identical += more.identical;
                kept.kendall_sum += more.kendall_sum;
                kept.overlap_sum += more.overlap_sum;
                kept.moved_sum += more.moved_sum;
                add_times(&mut kept.times, more.times);
                keep_examples(&mut kept.examples, more.examples);
            }
            (Self::Moderation(kept), Self::Moderation(more)) => {
                kept.calls += more.calls;
                kept.failures += more.failures;
                add_counts(&mut kept.decisions, more.decisions);
                add_counts(&mut kept.labels, more.labels);
                add_times(&mut kept.times, more.times);
                keep_examples(&mut kept.examples, more.examples);
            }
            _ => {}
        }
    }

    /// The figures, for people and programs.
    #[must_use]
    pub fn report(&self) -> Json {
        match self {
            Self::Ranking(tally) => {
                let compared = tally.calls - tally.failures;
                let mut report = shared(tally.calls, tally.failures, &tally.times, &tally.examples);
                report["kendallTau"] = mean(tally.kendall_sum, compared);
                report["overlapAt10"] = mean(tally.overlap_sum, compared);
                report["meanRankChange"] = mean(tally.moved_sum, compared);
                report["identicalShare"] = share(tally.identical, compared);
                report
            }
            Self::Moderation(tally) => {
                let same = |name: &str| name.split_once('/').is_some_and(|(active, shadow)| active == shadow);
                let agreed = tally.decisions.iter().filter(|(name, _)| same(name)).map(|(_, count)| count).sum();
                let mut report = shared(tally.calls, tally.failures, &tally.times, &tally.examples);
                report["agreement"] = share(agreed, tally.calls - tally.failures);
                report["decisions"] = json!(tally.decisions);
                report["labels"] = json!(tally.labels);
                report
            }
        }
    }
}

fn shared(calls: u64, failures: u64, times: &[Times; 2], examples: &[Example]) -> Json {
    let time =
        |times: &Times| json!({ "p50": rounded(times.quantile_ms(0.5)), "p99": rounded(times.quantile_ms(0.99)) });
    json!({
        "calls": calls,
        "failures": failures,
        "activeMs": time(&times[0]),
        "shadowMs": time(&times[1]),
        "examples": examples,
    })
}

#[allow(clippy::cast_precision_loss, reason = "counts of calls")]
fn mean(sum: f64, calls: u64) -> Json {
    if calls == 0 { Json::Null } else { json!(rounded(sum / calls as f64)) }
}

#[allow(clippy::cast_precision_loss, reason = "counts of calls")]
fn share(part: u64, calls: u64) -> Json {
    mean(part as f64, calls)
}

fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Vec<String> {
        text.chars().map(|c| c.to_string()).collect()
    }

    #[test]
    fn orders_are_compared_pair_by_pair() {
        assert!((kendall_tau(&[0, 1, 2, 3]) - 1.0).abs() < 1e-9);
        assert!((kendall_tau(&[3, 2, 1, 0]) + 1.0).abs() < 1e-9);
        // One of six pairs stands the other way round.
        assert!((kendall_tau(&[1, 0, 2, 3]) - (1.0 - 2.0 / 6.0)).abs() < 1e-9);
        assert!((kendall_tau(&[]) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_report_averages_over_the_calls_that_were_compared() {
        let mut tally = Tally::Ranking(RankingTally::of(&ids("abcd"), &ids("abcd"), [1000, 2000]));
        tally.merge(Tally::Ranking(RankingTally::of(&ids("abcd"), &ids("dcba"), [1000, 2000])));
        tally.merge(Tally::Ranking(RankingTally::failed()));
        let report = tally.report();
        assert_eq!((&report["calls"], &report["failures"]), (&json!(3), &json!(1)));
        assert_eq!((&report["kendallTau"], &report["identicalShare"]), (&json!(0.0), &json!(0.5)));
        assert_eq!((&report["overlapAt10"], &report["meanRankChange"]), (&json!(1.0), &json!(1.0)));
        assert_eq!(report["examples"][0]["shadow"], json!(["d", "c", "b", "a"]));
    }

    #[test]
    fn only_the_calls_that_differ_most_are_kept() {
        let mut tally = Tally::Ranking(RankingTally::default());
        for _ in 0..30 {
            tally.merge(Tally::Ranking(RankingTally::of(&ids("abcd"), &ids("bacd"), [1, 1])));
        }
        tally.merge(Tally::Ranking(RankingTally::of(&ids("abcd"), &ids("dcba"), [1, 1])));
        let report = tally.report();
        assert_eq!(report["examples"].as_array().map(Vec::len), Some(20));
        assert_eq!(report["examples"][0]["difference"], json!(2.0));
    }

    #[test]
    fn decisions_and_labels_are_counted_by_who_gave_them() {
        let (spam, none) = (vec!["spam".to_owned()], Vec::new());
        let mut tally = Tally::Moderation(ReviewTally::of("c1", ("allow", &none), ("hold", &spam), [1, 1]));
        tally.merge(Tally::Moderation(ReviewTally::of("c2", ("allow", &none), ("allow", &none), [1, 1])));
        let report = tally.report();
        assert_eq!(report["decisions"], json!({ "allow/allow": 1, "allow/hold": 1 }));
        assert_eq!((&report["labels"], &report["agreement"]), (&json!({ "+spam": 1 }), &json!(0.5)));
        assert_eq!(report["examples"][0]["active"], json!(["c1", "allow"]));
    }

    #[test]
    fn quantiles_are_at_most_a_class_too_high() {
        let mut times = Times::default();
        for _ in 0..99 {
            times.add(1_000);
        }
        times.add(1_000_000);
        for (share, at_least) in [(0.5, 1.0), (1.0, 1_000.0)] {
            let found = times.quantile_ms(share);
            assert!((at_least..at_least * 1.2).contains(&found), "{share}: {found}");
        }
    }
}
