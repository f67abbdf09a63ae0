//! Makes `model.bin` from labelled texts, and says how well it does.
//!
//! `cargo run --release -p moderation-bayes --features train -- [--cross-validate FOLDS [--seed SEED]] [--hold-out]
//! [--out FILE] DATA.tsv …`
//!
//! A data file is TSV with the header `label<TAB>text`. All texts are learned from,
//! so honest figures are those of cross-validation, or of `--hold-out`, which
//! leaves out one text in five by its hash. The same files in the same order give
//! the same bytes.

mod data;
mod fit;
mod learn;
mod measure;
mod refine;
mod weigh;

use std::{env, fs, process::ExitCode};

use data::{Row, read};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Default)]
struct Arguments {
    /// The number of folds.
    cross_validate: Option<u64>,
    seed: u64,
    hold_out: bool,
    out: Option<String>,
    files: Vec<String>,
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments { seed: 101, ..Arguments::default() };
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--cross-validate" => arguments.cross_validate = Some(number(&word, words.next())?),
            "--seed" => arguments.seed = number(&word, words.next())?,
            "--hold-out" => arguments.hold_out = true,
            "--out" => arguments.out = Some(words.next().ok_or("--out needs a file")?),
            _ if word.starts_with('-') => return Err(format!("there is no option {word}")),
            _ => arguments.files.push(word),
        }
    }
    if arguments.files.is_empty() { Err("name the data files".to_owned()) } else { Ok(arguments) }
}

fn number(option: &str, word: Option<String>) -> Result<u64, String> {
    word.and_then(|word| word.parse().ok()).ok_or_else(|| format!("{option} needs a number"))
}

fn run() -> Result<(), String> {
    let arguments = arguments()?;
    let mut rows: Vec<Row> = Vec::new();
    for (file, path) in arguments.files.iter().enumerate() {
        rows.extend(read(path, file)?);
    }
    if let Some(folds) = arguments.cross_validate {
        println!("cross-validation, {folds} folds of seed {}", arguments.seed);
        measure::print(&arguments.files, &fit::cross_validated(&rows, folds, arguments.seed));
    }
    if arguments.hold_out {
        let (left, learned): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.is_held_out());
        println!("held out");
        measure::print(&arguments.files, &fit::judged(&fit::fit(&learned), &left));
    }
    arguments.out.map_or(Ok(()), |path| write(&path, &rows))
}

fn write(path: &str, rows: &[Row]) -> Result<(), String> {
    let model = fit::fit(&rows.iter().collect::<Vec<_>>());
    println!("{} texts learned, {} bytes", rows.len(), model.len());
    fit::describe(&model);
    fs::write(path, model).map_err(|error| format!("{path}: {error}"))
}
