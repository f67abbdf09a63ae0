//! Probabilities from scores, thresholds from probabilities, and figures.

use std::collections::{BTreeMap, HashMap};

use moderation_bayes::model::{Bounds, HARMLESS};

use crate::data::Row;

/// A row with what was decided.
pub struct Judged<'a> {
    pub row: &'a Row,
    pub flagged: bool,
}

/// The bounds of a class in the making, and how likely rows have its label.
pub struct Judge<'a> {
    /// The place of its script's table.
    pub table: usize,
    pub label: u8,
    pub bounds: Bounds,
    pub rows: Vec<(&'a Row, f32)>,
}

/// Share of right refusals from which on a text is refused and not held.
const SURE: f64 = 0.98;

/// No text is refused that is less likely than this to have the label.
const REFUSED_FROM: f32 = 0.8;

/// How often a false alarm counts where bounds are chosen.
const CARE: u32 = 2;

/// No probability reaches it: such a text is only held.
const NEVER: f32 = 2.0;

/// For each class: from where to hold, so that the mean over the files of F1 of
/// "held or refused" is best, and from where to refuse.
pub fn choose_bounds(judges: &mut [Judge<'_>]) {
    let percents = |from: u8| (from..=99).map(|percent| f32::from(percent) / 100.0);
    let rows = by_row(judges);
    let mut holds = vec![0.5; judges.len()];
    // One class after the other, each given the rest; thrice is enough to settle.
    for at in (0..holds.len()).cycle().take(3 * holds.len()) {
        let mut best = (0.0, 0.5);
        for hold in percents(5) {
            holds[at] = hold;
            let f1 = mean_f1(&rows, &holds);
            // Of bounds that do as well, the highest.
            best = if f1 >= best.0 { (f1, hold) } else { best };
        }
        holds[at] = best.1;
    }
    for (judge, hold) in judges.iter_mut().zip(holds) {
        let from = percents(1).filter(|from| *from >= hold.max(REFUSED_FROM)).find(|from| judge.is_sure_from(*from));
        judge.bounds = Bounds { hold, reject: from.unwrap_or(NEVER), ..judge.bounds };
    }
}

impl Judge<'_> {
    /// Whether nearly all texts of this probability or more have the label.
    fn is_sure_from(&self, from: f32) -> bool {
        let over: Vec<_> = self.rows.iter().filter(|(_, probability)| *probability >= from).collect();
        let right = over.iter().filter(|(row, _)| row.label == self.label).count();
        !over.is_empty() && right as f64 >= SURE * over.len() as f64
    }
}

/// What each row has from each judge, 0 from those that do not judge it. A row may
/// be judged by the tables of both scripts.
fn by_row<'a>(judges: &[Judge<'a>]) -> Vec<(&'a Row, Vec<f32>)> {
    let mut rows: HashMap<*const Row, (&'a Row, Vec<f32>)> = HashMap::new();
    for (at, judge) in judges.iter().enumerate() {
        for (row, probability) in &judge.rows {
            rows.entry(std::ptr::from_ref(*row)).or_insert_with(|| (*row, vec![0.0; judges.len()])).1[at] =
                *probability;
        }
    }
    rows.into_values().collect()
}

/// Of F1 with false alarms counted `CARE` times: readers forgive a text that is
/// let through sooner than one that is held. One judge that flags a row is enough.
fn mean_f1(rows: &[(&Row, Vec<f32>)], holds: &[f32]) -> f64 {
    let mut files: BTreeMap<usize, Counts> = BTreeMap::new();
    for (row, probabilities) in rows {
        let flagged = probabilities.iter().zip(holds).any(|(probability, hold)| probability >= hold);
        files.entry(row.file).or_default().add(row, flagged);
    }
    files.values().map(Counts::careful_f1).sum::<f64>() / files.len().max(1) as f64
}

#[derive(Debug, Default)]
struct Counts {
    hits: u32,
    false_alarms: u32,
    missed: u32,
    passed: u32,
}

impl Counts {
    fn add(&mut self, row: &Row, flagged: bool) {
        let place = match (row.label != HARMLESS, flagged) {
            (true, true) => &mut self.hits,
            (false, true) => &mut self.false_alarms,
            (true, false) => &mut self.missed,
            (false, false) => &mut self.passed,
        };
        *place += 1;
    }

    fn precision(&self) -> f64 {
        f64::from(self.hits) / f64::from((self.hits + self.false_alarms).max(1))
    }

    fn recall(&self) -> f64 {
        f64::from(self.hits) / f64::from((self.hits + self.missed).max(1))
    }

    fn careful_f1(&self) -> f64 {
        f64::from(2 * self.hits) / f64::from((2 * self.hits + CARE * self.false_alarms + self.missed).max(1))
    }

    fn f1(&self) -> f64 {
        f64::from(2 * self.hits) / f64::from((2 * self.hits + self.false_alarms + self.missed).max(1))
    }
}

/// Prints precision, recall and F1 of each file.
pub fn print(files: &[String], judged: &[Judged<'_>]) {
    for (file, path) in files.iter().enumerate() {
        let mut counts = Counts::default();
        judged.iter().filter(|judged| judged.row.file == file).for_each(|one| counts.add(one.row, one.flagged));
        let name = path.rsplit('/').next().unwrap_or(path);
        println!(
            "{name:36} precision {:.4}  recall {:.4}  F1 {:.4}  {counts:?}",
            counts.precision(),
            counts.recall(),
            counts.f1()
        );
    }
}
