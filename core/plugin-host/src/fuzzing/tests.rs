//! The fuzzers' targets without a fuzzer: the seeds, and the same changes of
//! them at every run. `cargo fuzz` looks further; this always runs.

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use super::{TARGETS, seeds};
use crate::manifest::Manifest;

/// Changed inputs of each target; `LYCEUM_FUZZ_CHANGES` asks for more.
const CHANGED: usize = 2_000;

fn changes() -> usize {
    std::env::var("LYCEUM_FUZZ_CHANGES").ok().and_then(|text| text.parse().ok()).unwrap_or(CHANGED)
}

/// One to eight changes: a byte, a part left out, a part twice, a part of another seed.
fn changed(all: &[Vec<u8>], random: &mut StdRng) -> Vec<u8> {
    let mut bytes = all[random.random_range(0..all.len())].clone();
    for _ in 0..random.random_range(1..=8) {
        let (from, to) = part(&bytes, random);
        match random.random_range(0..4) {
            0 => bytes[from..to].iter_mut().take(1).for_each(|byte| *byte = random.random()),
            1 => drop(bytes.drain(from..to)),
            2 => {
                let twice = bytes[from..to].to_vec();
                bytes.splice(from..from, twice);
            }
            _ => {
                let other = &all[random.random_range(0..all.len())];
                let (start, end) = part(other, random);
                bytes.splice(from..to, other[start..end].iter().copied());
            }
        }
    }
    bytes
}

/// A part of at most 64 bytes.
fn part(bytes: &[u8], random: &mut StdRng) -> (usize, usize) {
    let from = random.random_range(0..=bytes.len());
    (from, random.random_range(from..=bytes.len().min(from + 64)))
}

#[test]
fn no_seed_and_no_change_of_one_breaks_a_check() {
    for (name, target) in TARGETS {
        let all = seeds::of(name);
        assert!(!all.is_empty(), "{name} has no seeds");
        all.iter().for_each(|seed| target(seed));
        let mut random = StdRng::seed_from_u64(20_260_101);
        (0..changes()).for_each(|_| target(&changed(&all, &mut random)));
    }
}

/// Run with `LYCEUM_WRITE_SEEDS=1` to give them to `cargo fuzz`.
#[test]
fn every_target_has_seeds_that_differ() {
    for (name, _) in TARGETS {
        let all = seeds::of(name);
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), all.len(), "{name}");
        if std::env::var_os("LYCEUM_WRITE_SEEDS").is_some() {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
            std::fs::create_dir_all(&folder).expect("the folder can be made");
            let write = |(n, seed)| std::fs::write(folder.join(format!("seed-{n:02}")), seed).expect("it is written");
            all.into_iter().enumerate().for_each(write);
        }
    }
}

#[test]
fn the_seeds_of_manifests_are_read() {
    for seed in seeds::of("manifest") {
        let text = String::from_utf8(seed).expect("it is text");
        Manifest::parse(&text).unwrap_or_else(|why| panic!("{why}\n{text}"));
    }
}

#[test]
fn every_fuzzer_has_a_target_and_every_target_a_fuzzer() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    let files = std::fs::read_dir(folder).expect("the folder is there");
    let mut fuzzers: Vec<String> = files
        .map(|file| file.expect("it is read").path().file_stem().expect("a name").to_string_lossy().into())
        .collect();
    let mut targets: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    fuzzers.sort();
    targets.sort();
    assert_eq!(fuzzers, targets);
}
