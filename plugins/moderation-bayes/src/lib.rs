//! A naive Bayes classifier for spam, advertising and abuse. The model is data:
//! `model.bin`, made by the program in `train/`.
//!
//! **Invariant:** nothing in the model can be read as a word. It holds weights
//! under hashes of features, and no features.
//! **Invariant:** the time taken grows with the length of the text, not with its
//! square.

pub mod features;
pub mod model;
mod normal;
pub mod verdict;

use lyceum_sdk::moderation::{Error, Moderator, ReviewItem, Verdict};

use model::Model;

/// The moderator that ships with its model.
pub struct Bayes;

const MODEL: &[u8] = include_bytes!("../model.bin");

impl Moderator for Bayes {
    fn review(item: &ReviewItem) -> Verdict {
        verdict::of(&shipped().answers(&item.text))
    }

    /// The model is opened once for the batch.
    fn review_all(items: &[ReviewItem]) -> Result<Vec<Verdict>, Error> {
        let model = shipped();
        Ok(items.iter().map(|item| verdict::of(&model.answers(&item.text))).collect())
    }
}

fn shipped() -> Model<'static> {
    Model::parse(MODEL).expect("the model that a test has parsed")
}

lyceum_sdk::export_moderation!(Bayes, manifest: "../plugin.toml");
