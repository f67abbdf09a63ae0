//! A moderator against labels. A text is flagged when its decision is not `allow`.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use lyceum_domain::{
    moderation::{Decision, Moderator, ReviewItem},
    plugin::Extensions as _,
};
use serde_json::json;

use super::{
    Report,
    figures::{Confusion, percentile},
    host_with, progress, tsv,
};
use crate::StartError;

#[derive(Debug, clap::Args)]
pub struct Moderation {
    /// A first-party plugin's name, or a component file.
    plugin: String,
    /// Labelled texts: tab-separated, with the columns label and text.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// The labels that are to be flagged.
    #[arg(long, value_name = "LABEL,…", value_delimiter = ',', required = true)]
    positive: Vec<String>,
    /// The share of the texts, by their hash, that the plugin was trained on: only
    /// the others are asked about.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    split: Option<f64>,
}

/// # Errors
/// It is no number from 0 to 1.
fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..1.0).contains(share));
    share.ok_or_else(|| "a share from 0 to below 1, for example 0.8".to_owned())
}

/// Texts of one call, and their bytes. Well within the limits of the world.
const BATCH: usize = 100;
const BATCH_BYTES: usize = 128 * 1024;

struct Labelled {
    text: String,
    positive: bool,
}

pub async fn report(asked: &Moderation) -> Result<Report, StartError> {
    let rows = read(asked)?;
    let host = host_with(&asked.plugin).await?;
    let none = || StartError::Other(format!("{} is no moderator", asked.plugin));
    let moderator = host.moderators().into_iter().next().ok_or_else(none)?;
    let (counted, mut calls) = judge(&moderator, &rows).await?;
    let Confusion { true_positives, false_positives, false_negatives, true_negatives } = counted;
    let figures = json!({
        "plugin": moderator.name(),
        "data": asked.data.display().to_string(),
        "part": asked.split.map_or("all".to_owned(), |share| format!("held out of a split at {share}")),
        "rows": rows.len(),
        "precision": counted.precision(),
        "recall": counted.recall(),
        "F1": counted.f1(),
        "accuracy": counted.accuracy(),
        "true positives": true_positives,
        "false positives": false_positives,
        "false negatives": false_negatives,
        "true negatives": true_negatives,
        "calls": calls.len(),
        "p50 ms a call": percentile(&mut calls, 0.5),
        "p99 ms a call": percentile(&mut calls, 0.99),
    });
    Ok(figures.as_object().cloned().unwrap_or_default())
}

fn read(asked: &Moderation) -> Result<Vec<Labelled>, StartError> {
    let rows = tsv::rows(&asked.data, ["label", "text"])?;
    let unknown = asked.positive.iter().find(|label| !rows.iter().any(|(_, [of, _])| of == *label));
    if let Some(label) = unknown {
        let path = asked.data.display();
        return Err(StartError::Other(format!("{path}: no text has the label {label}; name labels of the file")));
    }
    let kept = rows.into_iter().filter(|(_, [_, text])| asked.split.is_none_or(|share| is_held_out(text, share)));
    Ok(kept.map(|(_, [label, text])| Labelled { positive: asked.positive.contains(&label), text }).collect())
}

/// Whether a text is outside of the part that is trained on. The trainer of
/// `moderation-bayes` has the same rule: FNV-1a of 64 bits, in ten-thousandths.
fn is_held_out(text: &str, trained: f64) -> bool {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, step);
    (hash % 10_000) as f64 >= trained * 10_000.0
}

async fn judge(moderator: &Arc<dyn Moderator>, rows: &[Labelled]) -> Result<(Confusion, Vec<Duration>), StartError> {
    let (mut counted, mut calls) = (Confusion::default(), Vec::new());
    let bar = progress(rows.len(), "texts");
    let mut rest = rows;
    while !rest.is_empty() {
        let (batch, left) = rest.split_at(batch_length(rest));
        let items: Vec<ReviewItem> = batch.iter().enumerate().map(item).collect();
        let start = Instant::now();
        let verdicts = moderator.review(&items).await.map_err(|failure| StartError::Other(failure.to_string()))?;
        calls.push(start.elapsed());
        for (row, verdict) in batch.iter().zip(verdicts) {
            counted.add(row.positive, verdict.decision != Decision::Allow);
        }
        bar.inc(u64::try_from(batch.len()).unwrap_or_default());
        rest = left;
    }
    bar.finish_and_clear();
    Ok((counted, calls))
}

/// One at least.
fn batch_length(rows: &[Labelled]) -> usize {
    let mut bytes = 0;
    let fits = rows.iter().take(BATCH).take_while(|row| {
        bytes += row.text.len();
        bytes <= BATCH_BYTES
    });
    fits.count().max(1)
}

fn item((at, row): (usize, &Labelled)) -> ReviewItem {
    ReviewItem { id: at.to_string(), kind: "comment".to_owned(), locale: None, text: row.text.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(data: &std::path::Path, positive: &str) -> Moderation {
        let plugin = "moderation-wordlist".to_owned();
        Moderation { plugin, data: data.to_owned(), positive: vec![positive.to_owned()], split: None }
    }

    #[tokio::test]
    async fn the_figures_are_those_of_what_the_component_decides() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        // Flagged: the first, the second and the fourth.
        let text = "label\ttext\nbad\tBest casino bonus\nbad\t想要资料的加微信\nbad\tquietly bad\n\
                    good\tPlease call 138 1234 5678\ngood\tGreat lesson\n";
        std::fs::write(file.path(), text).expect("it is written");
        let report = report(&asked(file.path(), "bad")).await.expect("the component runs");
        let counts = ["true positives", "false positives", "false negatives", "true negatives", "rows", "calls"];
        assert_eq!(counts.map(|name| report[name].as_u64()), [2, 1, 1, 1, 5, 1].map(Some));
        for (name, value) in [("precision", 2.0 / 3.0), ("recall", 2.0 / 3.0), ("F1", 2.0 / 3.0), ("accuracy", 0.6)] {
            assert_eq!(report[name].as_f64(), Some(value), "{name}");
        }
    }

    #[tokio::test]
    async fn a_label_that_no_text_has_is_an_error() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), "label\ttext\nham\thello\n").expect("it is written");
        let told = report(&asked(file.path(), "spam")).await.expect_err("there is no spam").to_string();
        assert!(told.ends_with("no text has the label spam; name labels of the file"), "{told}");
    }

    #[test]
    fn the_split_is_that_of_the_trainer() {
        // The hash of "foobar" is one of the published test vectors.
        assert!(is_held_out("foobar", (0x8594_4171_f739_67e8_u64 % 10_000) as f64 / 10_000.0));
        assert!(!is_held_out("foobar", (0x8594_4171_f739_67e8_u64 % 10_000 + 1) as f64 / 10_000.0));
    }

    #[test]
    fn batches_end_at_their_number_and_at_their_bytes() {
        let row = |bytes: usize| Labelled { text: "a".repeat(bytes), positive: false };
        assert_eq!(batch_length(&(0..150).map(|_| row(1)).collect::<Vec<_>>()), 100);
        assert_eq!(batch_length(&[row(100_000), row(100_000)]), 1);
        assert_eq!(batch_length(&[row(200_000)]), 1);
    }
}
