//! The model as bytes, and what it says of a text.
//!
//! Spam in text messages is not spam under a video. So there is a class for the
//! label, and one for the harmless texts, of each set that the model was trained
//! on, and a text belongs to each with some probability. That of a label is the sum
//! of those of its classes.
//!
//! Layout, little-endian, floats `f32`: `LYNB`, version `u8`, bits of a cell's
//! number `u8`. Then a table for each script of [`SCRIPTS`]: the worth of a step
//! of weight; `u8` classes, each a label `u8`, an offset and a factor for each
//! class; `u8` bounds, each the number of a class `u8`, hold and reject; `2^bits`
//! cells, each a check `u8` and a weight `i8` for each class. A label is its place
//! in [`LABELS`], or [`HARMLESS`].

use crate::features::{SCRIPTS, Script, Text};

/// What a text can be called.
pub const LABELS: [&str; 3] = ["spam", "advertising", "abuse"];
pub const MAGIC: &[u8; 4] = b"LYNB";
pub const VERSION: u8 = 3;
/// The label of texts that nothing is wrong with.
pub const HARMLESS: u8 = 255;
/// At most so many bits for the number of a cell.
const MOST_BITS: u32 = 20;

/// The texts of one set that have one label.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    pub label: u8,
    /// The odds of the class are `e^(offset + Σ factor · score)`, by its own score
    /// and those of all others.
    pub offset: f32,
    pub factors: Vec<f32>,
}

/// Probabilities of a label from which on to hold, and to reject, where this class
/// is the likeliest of the label's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// The place of the class in its table.
    pub class: u8,
    pub hold: f32,
    pub reject: f32,
}

/// What is known of one script.
#[derive(Debug, Clone)]
pub struct Table<'a> {
    pub step: f32,
    pub classes: Vec<Class>,
    pub bounds: Vec<Bounds>,
    cells: &'a [u8],
}

/// What is said of a text about one label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    pub label: &'static str,
    pub probability: f32,
    pub hold: bool,
    pub reject: bool,
}

#[derive(Debug)]
pub struct Model<'a> {
    /// In the order of [`SCRIPTS`].
    tables: Vec<Table<'a>>,
}

impl<'a> Model<'a> {
    /// None when the bytes are no model of this version.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(bytes.strip_prefix(MAGIC)?);
        if reader.byte()? != VERSION {
            return None;
        }
        let bits = u32::from(reader.byte()?);
        if bits > MOST_BITS {
            return None;
        }
        let tables = SCRIPTS.iter().map(|_| reader.table(1 << bits)).collect::<Option<_>>()?;
        reader.0.is_empty().then_some(Self { tables })
    }

    /// What the tables of the text's scripts say.
    #[must_use]
    pub fn answers(&self, text: &str) -> Vec<Answer> {
        let text = Text::new(text);
        let tables = self.tables().filter(|(script, _)| text.has(*script));
        tables.flat_map(|(script, table)| table.answers(&text.hashes(script))).collect()
    }

    pub fn tables(&self) -> impl Iterator<Item = (Script, &Table<'a>)> {
        SCRIPTS.into_iter().zip(&self.tables)
    }
}

/// Where a feature has its cell, and what it is checked by there. A feature that
/// is not in the model meets the check of another one time in 255.
#[must_use]
pub fn place(hash: u32, cells: usize) -> (usize, u8) {
    // 0 is the check of an empty cell.
    (hash as usize & (cells - 1), (hash >> 24).max(1) as u8)
}

impl<'a> Table<'a> {
    /// A table of `cells`, which are as many as a power of two.
    #[must_use]
    pub fn new(step: f32, classes: Vec<Class>, bounds: Vec<Bounds>, cells: &'a [u8]) -> Self {
        Self { step, classes, bounds, cells }
    }

    fn answers(&self, hashes: &[u32]) -> Vec<Answer> {
        let probabilities = probabilities(&self.classes, &self.scores(hashes));
        self.bounds.iter().filter_map(|bounds| bounds.answer(&self.classes, &probabilities)).collect()
    }

    /// The sum of the weights for each class, divided by the root of the number of
    /// features: neighbours in a text are not independent, and a long text would
    /// always be sure.
    #[must_use]
    pub fn scores(&self, hashes: &[u32]) -> Vec<f32> {
        let width = self.classes.len() + 1;
        let mut sums = vec![0_i32; self.classes.len()];
        let mut known = 0_usize;
        for hash in hashes {
            let (at, check) = place(*hash, self.cells.len() / width);
            let cell = &self.cells[at * width..(at + 1) * width];
            if cell[0] == check {
                known += 1;
                sums.iter_mut().zip(&cell[1..]).for_each(|(sum, weight)| *sum += i32::from(*weight as i8));
            }
        }
        let worth = self.step / (known.max(1) as f32).sqrt();
        sums.into_iter().map(|sum| sum as f32 * worth).collect()
    }
}

/// How likely a text of these scores is of each class.
#[must_use]
pub fn probabilities(classes: &[Class], scores: &[f32]) -> Vec<f32> {
    let sum = |class: &Class| class.factors.iter().zip(scores).map(|(factor, score)| factor * score).sum::<f32>();
    let odds: Vec<f32> = classes.iter().map(|class| class.offset + sum(class)).collect();
    // Nothing is larger than 1 below, so nothing overflows.
    let most = odds.iter().copied().fold(f32::MIN, f32::max);
    let shares: Vec<f32> = odds.iter().map(|odds| (odds - most).exp()).collect();
    let all: f32 = shares.iter().sum();
    shares.into_iter().map(|share| share / all).collect()
}

/// How likely a text has the label of a class, if no other class of that label is
/// likelier. The first of equals counts as likelier.
#[must_use]
pub fn of_label(classes: &[Class], probabilities: &[f32], class: usize) -> Option<f32> {
    let meant =
        || classes.iter().zip(probabilities).enumerate().filter(|(_, (one, _))| one.label == classes[class].label);
    let own = probabilities[class];
    let is_likeliest = meant().all(|(at, (_, other))| *other < own || (*other == own && at >= class));
    is_likeliest.then(|| meant().map(|(_, (_, probability))| *probability).sum::<f32>().min(1.0))
}

impl Bounds {
    fn answer(&self, classes: &[Class], probabilities: &[f32]) -> Option<Answer> {
        let class = usize::from(self.class);
        let probability = of_label(classes, probabilities, class)?;
        let label = LABELS[usize::from(classes[class].label)];
        Some(Answer { label, probability, hold: probability >= self.hold, reject: probability >= self.reject })
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn float(&mut self) -> Option<f32> {
        let bytes = self.take(4)?.try_into().ok()?;
        Some(f32::from_le_bytes(bytes)).filter(|number| number.is_finite())
    }

    fn table(&mut self, cells: usize) -> Option<Table<'a>> {
        let step = self.float()?;
        let count = self.byte()?;
        let classes: Vec<Class> = (0..count).map(|_| self.class(count)).collect::<Option<_>>()?;
        let count = self.byte()?;
        let bounds: Vec<Bounds> = (0..count).map(|_| self.bounds(&classes)).collect::<Option<_>>()?;
        let cells = self.take(cells * (classes.len() + 1))?;
        Some(Table::new(step, classes, bounds, cells))
    }

    fn class(&mut self, classes: u8) -> Option<Class> {
        let label = self.byte().filter(|label| is_label(*label) || *label == HARMLESS)?;
        let offset = self.float()?;
        let factors = (0..classes).map(|_| self.float()).collect::<Option<_>>()?;
        Some(Class { label, offset, factors })
    }

    fn bounds(&mut self, classes: &[Class]) -> Option<Bounds> {
        let class = self.byte()?;
        classes.get(usize::from(class)).filter(|class| is_label(class.label))?;
        Some(Bounds { class, hold: self.float()?, reject: self.float()? })
    }
}

fn is_label(label: u8) -> bool {
    usize::from(label) < LABELS.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A model of two cells for Latin text, in which cell 0 is checked by 7. Its
    /// class for spam has the score as odds, the harmless one has none.
    fn small() -> Vec<u8> {
        let mut bytes = b"LYNB\x03\x01".to_vec();
        let floats = |bytes: &mut Vec<u8>, numbers: &[f32]| {
            numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
        };
        floats(&mut bytes, &[0.5]);
        bytes.extend([2, 0]);
        floats(&mut bytes, &[0.0, 1.0, 0.0]);
        bytes.push(HARMLESS);
        floats(&mut bytes, &[0.0, 0.0, 0.0]);
        bytes.extend([1, 0]);
        floats(&mut bytes, &[0.5, 0.9]);
        bytes.extend([7, 4, 0, 0, 0, 0]);
        floats(&mut bytes, &[1.0]);
        bytes.extend([0, 0, 0, 0]);
        bytes
    }

    #[test]
    fn what_is_no_model_is_not_taken() {
        let whole = small();
        assert!(Model::parse(&whole).is_some());
        for length in 0..whole.len() {
            assert!(Model::parse(&whole[..length]).is_none(), "{length} bytes");
        }
        assert!(Model::parse(&[whole, vec![0]].concat()).is_none());
    }

    #[test]
    fn a_score_is_the_sum_of_weights_over_the_root_of_their_number() {
        let bytes = small();
        let model = Model::parse(&bytes).expect("it is whole");
        assert_eq!(model.tables[0].scores(&[0x0700_0000]), [2.0, 0.0]);
        assert_eq!(model.tables[0].scores(&[0x0700_0000, 0x0700_0002, 0x0700_0004, 0x0700_0006]), [4.0, 0.0]);
    }

    #[test]
    fn a_feature_that_is_not_in_the_model_says_nothing() {
        let bytes = small();
        let model = Model::parse(&bytes).expect("it is whole");
        assert_eq!(model.tables[0].scores(&[0x0800_0000, 0x0000_0001]), [0.0, 0.0]);
        let answer = model.tables[0].answers(&[])[0];
        assert_eq!(answer, Answer { label: "spam", probability: 0.5, hold: true, reject: false });
    }

    #[test]
    fn a_label_is_as_likely_as_all_its_classes_together() {
        let class = |label: u8, offset: f32| Class { label, offset, factors: vec![0.0; 3] };
        let classes = [class(0, 0.0), class(0, 2.0_f32.ln()), class(HARMLESS, 0.0)];
        let probabilities = probabilities(&classes, &[1.0, 2.0, 3.0]);
        assert_eq!(probabilities, [0.25, 0.5, 0.25]);
        assert_eq!(of_label(&classes, &probabilities, 1), Some(0.75));
    }

    #[test]
    fn only_the_likeliest_class_of_a_label_speaks_for_it() {
        let classes = [0, 0, 2].map(|label| Class { label, offset: 0.0, factors: Vec::new() });
        let spoken = |probabilities: [f32; 3]| [0, 1, 2].map(|class| of_label(&classes, &probabilities, class));
        assert_eq!(spoken([0.5, 0.25, 0.25]), [Some(0.75), None, Some(0.25)]);
        assert_eq!(spoken([0.25, 0.25, 0.5]), [Some(0.5), None, Some(0.5)]);
    }
}
