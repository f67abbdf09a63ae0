//! A whole model: weights from all rows, calibration and bounds from scores that
//! rows got from weights which had not seen them.

use moderation_bayes::{
    features::SCRIPTS,
    model::{Bounds, Class, HARMLESS, LABELS, MAGIC, Model, Table, VERSION, of_label, probabilities},
    verdict,
};

use crate::{
    data::Row,
    learn::{BITS, Learned, Name, Sample, learn, names, samples},
    measure::{Judge, Judged, choose_bounds},
    weigh::{Point, weigh},
};

/// The seed and the number of the folds within the part that is learned from.
const INNER: u64 = 7;
const INNER_FOLDS: u64 = 5;

/// The bytes of a model.
pub fn fit(rows: &[&Row]) -> Vec<u8> {
    let mut parts = Vec::new();
    let mut judges: Vec<Judge<'_>> = Vec::new();
    for (table, script) in SCRIPTS.into_iter().enumerate() {
        let samples = samples(rows, script);
        let names = names(&samples);
        let scored = unseen(&samples, &names);
        let classes = classes(&scored, &names);
        judges.extend(judged_by(table, &classes, &scored));
        parts.push((learn(&samples.iter().collect::<Vec<_>>(), &names), classes));
    }
    choose_bounds(&mut judges);
    let mut bytes = MAGIC.to_vec();
    bytes.extend([VERSION, BITS as u8]);
    for (table, (learned, classes)) in parts.iter().enumerate() {
        let bounds = judges.iter().filter(|judge| judge.table == table).map(|judge| judge.bounds);
        put_table(&mut bytes, learned, classes, &bounds.collect::<Vec<_>>());
    }
    bytes
}

/// A row with its score for each class.
type Scored<'a> = (&'a Row, Vec<f32>);

/// The scores of each sample from weights learned without its fold.
fn unseen<'a>(samples: &[Sample<'a>], names: &[Name]) -> Vec<Scored<'a>> {
    let fold = |fold: u64| {
        let (left, kept): (Vec<&Sample<'a>>, Vec<_>) =
            samples.iter().partition(|one| one.row.fold(INNER, INNER_FOLDS) == fold);
        let learned = learn(&kept, names);
        let bare = names.iter().map(|(_, label)| Class { label: *label, offset: 0.0, factors: Vec::new() });
        let table = Table::new(learned.step, bare.collect(), Vec::new(), &learned.cells);
        left.into_iter().map(|one| (one.row, table.scores(&one.hashes))).collect::<Vec<_>>()
    };
    (0..INNER_FOLDS).flat_map(fold).collect()
}

fn classes(scored: &[Scored<'_>], names: &[Name]) -> Vec<Class> {
    let class = |row: &Row| names.iter().position(|name| *name == (row.file, row.label));
    let points = scored.iter().filter_map(|(row, scores)| class(row).map(|class| Point { scores, class }));
    let weighed = weigh(&points.collect::<Vec<_>>(), names.len());
    let class = |((_, label), (offset, factors)): (&Name, _)| Class { label: *label, offset, factors };
    names.iter().zip(weighed).map(class).collect()
}

/// A judge for each class that something is wrong with, of the texts that it is the
/// likeliest class of its label for.
fn judged_by<'a>(table: usize, classes: &[Class], scored: &[Scored<'a>]) -> Vec<Judge<'a>> {
    let by_class: Vec<(&Row, Vec<f32>)> =
        scored.iter().map(|(row, scores)| (*row, probabilities(classes, scores))).collect();
    let judge = |class: usize| Judge {
        table,
        label: classes[class].label,
        bounds: Bounds { class: class as u8, hold: 0.5, reject: 1.0 },
        rows: by_class.iter().filter_map(|(row, all)| of_label(classes, all, class).map(|one| (*row, one))).collect(),
    };
    (0..classes.len()).filter(|class| classes[*class].label != HARMLESS).map(judge).collect()
}

fn put_table(bytes: &mut Vec<u8>, learned: &Learned, classes: &[Class], all_bounds: &[Bounds]) {
    bytes.extend(learned.step.to_le_bytes());
    bytes.push(classes.len() as u8);
    for Class { label, offset, factors } in classes {
        bytes.push(*label);
        std::iter::once(offset).chain(factors).for_each(|number| bytes.extend(number.to_le_bytes()));
    }
    bytes.push(all_bounds.len() as u8);
    for Bounds { class, hold, reject } in all_bounds {
        bytes.push(*class);
        [hold, reject].into_iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    }
    bytes.extend(&learned.cells);
}

/// What the model decides of each row.
pub fn judged<'a>(model: &[u8], rows: &[&'a Row]) -> Vec<Judged<'a>> {
    let model = Model::parse(model).expect("the model was written by `fit`");
    let decision = |row: &Row| verdict::of(&model.answers(&row.text)).decision;
    rows.iter().map(|row| Judged { row, flagged: decision(row) != "allow" }).collect()
}

/// Every row judged by a model that has not seen it.
pub fn cross_validated(rows: &[Row], folds: u64, seed: u64) -> Vec<Judged<'_>> {
    let judge_fold = |fold: u64| {
        let (left, learned): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.fold(seed, folds) == fold);
        judged(&fit(&learned), &left)
    };
    (0..folds).flat_map(judge_fold).collect()
}

/// Prints what is in a model besides its weights.
pub fn describe(model: &[u8]) {
    let model = Model::parse(model).expect("the model was written by `fit`");
    for (script, table) in model.tables() {
        println!("{script:?}: step {:.4}", table.step);
        for (at, Class { label, offset, factors }) in table.classes.iter().enumerate() {
            let label = LABELS.get(usize::from(*label)).unwrap_or(&"harmless");
            println!("  {at} {label}: offset {offset:.2}, factors {factors:.2?}");
        }
        for Bounds { class, hold, reject } in &table.bounds {
            println!("  {class}: hold from {hold:.2}, reject from {reject:.2}");
        }
    }
}
