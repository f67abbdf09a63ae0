//! Naive Bayes: how much likelier a feature is in texts of a label than in others.

use std::collections::{BTreeMap, HashMap};

use moderation_bayes::{
    features::{Script, Text},
    model::{HARMLESS, place},
};

use crate::{
    data::Row,
    refine::{Example, refine},
};

/// Bits of a cell's number. More cells, fewer features lost to others.
pub const BITS: u32 = 16;

/// A class by its file and its label.
pub type Name = (usize, u8);

/// A row with its features, for one script.
pub struct Sample<'a> {
    pub row: &'a Row,
    pub hashes: Vec<u32>,
}

impl Sample<'_> {
    fn name(&self) -> Name {
        (self.row.file, self.row.label)
    }
}

/// The rows that a script's table judges.
pub fn samples<'a>(rows: &[&'a Row], script: Script) -> Vec<Sample<'a>> {
    let texts = rows.iter().map(|row| (*row, Text::new(&row.text)));
    let judged = texts.filter(|(_, text)| text.has(script));
    judged.map(|(row, text)| Sample { row, hashes: text.hashes(script) }).collect()
}

/// Labels of fewer texts are not learned: files have a few texts of another script
/// than theirs.
const FEWEST: u32 = 60;
/// Features seen in fewer texts say nothing.
const LEAST_SEEN: u32 = 2;
/// Added to texts seen and expected. Chosen by cross-validation.
const SMOOTHING: f32 = 0.4;

/// The classes that there are texts enough of.
pub fn names(samples: &[Sample<'_>]) -> Vec<Name> {
    let mut texts: BTreeMap<Name, u32> = BTreeMap::new();
    samples.iter().for_each(|sample| *texts.entry(sample.name()).or_default() += 1);
    texts.retain(|_, texts| *texts >= FEWEST);
    texts.into_keys().collect()
}

/// What was learned, still without calibration and bounds.
pub struct Learned {
    pub step: f32,
    pub cells: Vec<u8>,
}

/// In how many texts of each class, and in how many of all, a feature is.
struct Counts<'a> {
    names: &'a [Name],
    texts: Vec<u32>,
    features: HashMap<u32, Vec<u32>>,
}

pub fn learn(samples: &[&Sample<'_>], names: &[Name]) -> Learned {
    let counts = count(samples, names);
    let chosen = chosen(&counts);
    let placed: Vec<Vec<u32>> = samples.iter().map(|sample| placed(&chosen, &sample.hashes)).collect();
    let refined = |(class, name): (usize, &Name)| {
        let mut weights = vec![0.0; 1 << BITS];
        chosen.iter().for_each(|(at, feature)| weights[*at] = feature.weights[class]);
        let rows = placed.iter().zip(samples).filter(|(_, one)| is_example(one.name(), *name));
        let examples = rows.map(|(cells, one)| Example { cells, labelled: one.name() == *name });
        refine(&weights, &examples.collect::<Vec<_>>())
    };
    let weights: Vec<Vec<f32>> = names.iter().enumerate().map(refined).collect();
    let largest = weights.iter().flatten().fold(0.0, |most: f32, weight| most.max(weight.abs()));
    let step = if largest > 0.0 { largest / 127.0 } else { 1.0 };
    Learned { step, cells: cells(&chosen, &weights, step) }
}

/// Whether a text of the one class tells something about the other: one with the
/// same label from another file is no example against it.
fn is_example(one: Name, name: Name) -> bool {
    one == name || one.1 != name.1 || name.1 == HARMLESS
}

/// The cells of those features that are in the model.
fn placed(chosen: &BTreeMap<usize, Feature>, hashes: &[u32]) -> Vec<u32> {
    let cell =
        |hash: &u32| Some(place(*hash, 1 << BITS).0).filter(|at| chosen.get(at).is_some_and(|one| one.hash == *hash));
    hashes.iter().filter_map(cell).map(|at| at as u32).collect()
}

fn count<'a>(samples: &[&Sample<'_>], names: &'a [Name]) -> Counts<'a> {
    let mut texts = vec![0; names.len() + 1];
    let mut features: HashMap<u32, Vec<u32>> = HashMap::new();
    for sample in samples {
        let class = names.iter().position(|name| sample.name() == *name);
        let count = |counts: &mut Vec<u32>| {
            counts[names.len()] += 1;
            class.into_iter().for_each(|class| counts[class] += 1);
        };
        count(&mut texts);
        sample.hashes.iter().for_each(|hash| count(features.entry(*hash).or_insert_with(|| vec![0; names.len() + 1])));
    }
    Counts { names, texts, features }
}

struct Feature {
    check: u8,
    hash: u32,
    /// How much the feature tells in all: the G statistic.
    tells: f32,
    /// One for each class.
    weights: Vec<f32>,
}

/// For each cell the feature that tells most.
fn chosen(counts: &Counts<'_>) -> BTreeMap<usize, Feature> {
    let mut chosen: BTreeMap<usize, Feature> = BTreeMap::new();
    for (hash, seen) in &counts.features {
        if seen[counts.names.len()] < LEAST_SEEN {
            continue;
        }
        let (at, check) = place(*hash, 1 << BITS);
        let feature = feature(*hash, check, seen, counts);
        let better = |other: &Feature| (feature.tells, feature.hash) > (other.tells, other.hash);
        if chosen.get(&at).is_none_or(better) {
            chosen.insert(at, feature);
        }
    }
    chosen
}

/// What the feature says for each class: how much more frequent than expected it
/// is in texts of the label, over the same in all other texts.
fn feature(hash: u32, check: u8, seen: &[u32], counts: &Counts<'_>) -> Feature {
    let mut feature = Feature { check, hash, tells: 0.0, weights: Vec::new() };
    let texts = &counts.texts;
    let last = seen.len() - 1;
    let (all_seen, all_texts) = (seen[last] as f32, texts[last] as f32);
    for (seen, texts) in seen[..last].iter().zip(texts) {
        let (seen, texts) = (*seen as f32, *texts as f32);
        let with = ratio(seen, texts * all_seen / all_texts);
        let without = ratio(all_seen - seen, (all_texts - texts) * all_seen / all_texts);
        feature.tells += seen * with + (all_seen - seen) * without;
        feature.weights.push(with - without);
    }
    feature
}

/// The logarithm of seen to expected, where expected is how often the feature
/// would be there if it were as frequent as anywhere. Smoothed so that a feature
/// too rare to be missed says nothing by being absent.
fn ratio(seen: f32, expected: f32) -> f32 {
    ((seen + SMOOTHING) / (expected + SMOOTHING)).ln()
}

fn cells(chosen: &BTreeMap<usize, Feature>, weights: &[Vec<f32>], step: f32) -> Vec<u8> {
    let width = weights.len() + 1;
    let mut cells = vec![0; width << BITS];
    for (at, feature) in chosen {
        cells[at * width] = feature.check;
        for (class, weights) in weights.iter().enumerate() {
            cells[at * width + 1 + class] = ((weights[*at] / step).round() as i8) as u8;
        }
    }
    cells
}
