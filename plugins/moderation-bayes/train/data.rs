//! Labelled texts from TSV files.

use std::fs;

use moderation_bayes::{features::Hash, model::HARMLESS};

/// A labelled text.
#[derive(Debug, Clone)]
pub struct Row {
    /// The place of its file among the arguments.
    pub file: usize,
    /// The place of its label in `model::LABELS`, or `HARMLESS`.
    pub label: u8,
    pub text: String,
    hash: u64,
}

/// What the labels of the data mean.
const MEANINGS: &[(&str, u8)] = &[
    ("ok", HARMLESS),
    ("ham", HARMLESS),
    ("neither", HARMLESS),
    ("spam", 0),
    ("ad", 1),
    ("advertising", 1),
    ("abuse", 2),
    ("hate", 2),
    ("offensive", 2),
];

impl Row {
    fn new(file: usize, label: u8, text: &str) -> Self {
        Self { file, label, text: text.to_owned(), hash: Hash::of_text(text) }
    }

    /// One text in five. `lyceum plugin evaluate --split 0.8` has the same rule.
    pub fn is_held_out(&self) -> bool {
        self.hash % 10_000 >= 8_000
    }

    /// One of so many folds, for cross-validation. Each seed parts the texts anew.
    pub fn fold(&self, seed: u64, folds: u64) -> u64 {
        // The finaliser of SplitMix64, for the low bits of FNV-1a are not enough for many seeds.
        let mut mixed = self.hash ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % folds
    }
}

/// The rows of a file.
///
/// # Errors
/// The file cannot be read, or a line is not as described.
pub fn read(path: &str, file: usize) -> Result<Vec<Row>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let mut lines = text.lines().enumerate();
    if lines.next().map(|(_, line)| line) != Some("label\ttext") {
        return Err(format!("{path}:1: the header must be label<TAB>text"));
    }
    lines.map(|(at, line)| row(line, file).map_err(|error| format!("{path}:{}: {error}", at + 1))).collect()
}

fn row(line: &str, file: usize) -> Result<Row, String> {
    let (label, text) = line.split_once('\t').ok_or("there is no tab after the label")?;
    let meaning = MEANINGS.iter().find(|(known, _)| *known == label);
    let (_, label) = meaning.ok_or_else(|| format!("what does the label {label} mean? Add it to MEANINGS"))?;
    Ok(Row::new(file, *label, text))
}
