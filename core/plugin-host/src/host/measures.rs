//! Figures that a plugin counts and measures itself.
//!
//! **Invariant:** a plugin has at most [`SERIES`] series, whatever it names
//! them; what does not fit is dropped and counted.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use lyceum_domain::plugin::{Metric, Observed};

/// Series of one plugin: names together with their labels.
const SERIES: usize = 64;
/// Labels of one series.
const LABELS: usize = 8;
/// Bytes of a name or a label.
const WORD: usize = 64;

type Labels = Vec<(String, String)>;

/// The series of one plugin.
#[derive(Default)]
pub(crate) struct Measures {
    series: Mutex<BTreeMap<(String, Labels), Series>>,
    dropped: AtomicU64,
}

#[derive(Clone, Copy)]
enum Series {
    Counter(u64),
    Distribution { count: u64, observed: Observed },
}

impl Measures {
    pub fn count(&self, name: String, add: u64, labels: Labels) {
        self.change(name, labels, Series::Counter(0), |series| match series {
            Series::Counter(value) => {
                *value = value.saturating_add(add);
                true
            }
            Series::Distribution { .. } => false,
        });
    }

    pub fn observe(&self, name: String, value: f64, labels: Labels) {
        if !value.is_finite() {
            return self.drop_one();
        }
        let empty = Observed { sum: 0.0, min: value, max: value };
        self.change(name, labels, Series::Distribution { count: 0, observed: empty }, |series| match series {
            Series::Distribution { count, observed } => {
                *count += 1;
                observed.sum += value;
                (observed.min, observed.max) = (observed.min.min(value), observed.max.max(value));
                true
            }
            Series::Counter(_) => false,
        });
    }

    /// A series keeps its kind: the other kind of figure under its name is dropped.
    fn change(&self, name: String, mut labels: Labels, new: Series, change: impl FnOnce(&mut Series) -> bool) {
        let proper = is_word(&name) && labels.len() <= LABELS && labels.iter().all(|(k, v)| is_word(k) && is_word(v));
        if !proper {
            return self.drop_one();
        }
        labels.sort();
        labels.dedup_by(|later, earlier| later.0 == earlier.0);
        let mut all = self.lock();
        let key = (name, labels);
        if all.len() >= SERIES && !all.contains_key(&key) {
            return self.drop_one();
        }
        if !change(all.entry(key).or_insert(new)) {
            self.drop_one();
        }
    }

    pub fn all(&self) -> Vec<Metric> {
        let told = |((name, labels), series): (&(String, Labels), &Series)| {
            let (count, observed) = match *series {
                Series::Counter(value) => (value, None),
                Series::Distribution { count, observed } => (count, Some(observed)),
            };
            Metric { name: name.clone(), labels: labels.iter().cloned().collect(), count, observed }
        };
        self.lock().iter().map(told).collect()
    }

    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, Labels), Series>> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_word(text: &str) -> bool {
    let proper = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.' | b':' | b'-');
    !text.is_empty() && text.len() <= WORD && text.bytes().all(proper)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(name: &str, value: &str) -> Labels {
        vec![(name.to_owned(), value.to_owned())]
    }

    #[test]
    fn figures_of_one_series_are_added_up() {
        let measures = Measures::default();
        measures.count("sent".into(), 2, label("kind", "mail"));
        measures.count("sent".into(), 3, label("kind", "mail"));
        measures.observe("wait.ms".into(), 4.0, Vec::new());
        measures.observe("wait.ms".into(), 1.0, Vec::new());
        let sent = Metric {
            name: "sent".into(),
            labels: label("kind", "mail").into_iter().collect(),
            count: 5,
            observed: None,
        };
        let observed = Some(Observed { sum: 5.0, min: 1.0, max: 4.0 });
        let wait = Metric { name: "wait.ms".into(), count: 2, observed, ..Metric::default() };
        assert_eq!((measures.all(), measures.dropped()), (vec![sent, wait], 0));
    }

    #[test]
    fn what_is_improper_or_too_much_is_dropped_and_counted() {
        let measures = Measures::default();
        for number in 0..SERIES + 5 {
            measures.count(format!("n{number}"), 1, Vec::new());
        }
        assert_eq!((measures.all().len(), measures.dropped()), (SERIES, 5));
        measures.count("Upper".into(), 1, Vec::new());
        measures.count("n1".into(), 1, label("a", "x\ny"));
        measures.observe("n1".into(), 1.0, Vec::new());
        measures.observe("n2".into(), f64::NAN, Vec::new());
        assert_eq!((measures.all().len(), measures.dropped()), (SERIES, 9));
    }
}
