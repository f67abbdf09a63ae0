//! Where recordings are kept: the last ones of each plugin in memory, written
//! to one file a plugin.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::Serialize;
use serde_json::json;

use super::{Call, Recording};

/// Calls that are kept of one plugin.
pub const CALLS_KEPT: usize = 100;
/// Of so many calls one is kept, once there are enough.
const ONE_OF: u64 = 50;
/// Bytes of one call that is kept at all.
const CALL_BYTES: usize = 64 << 10;

/// Keeps calls.
pub struct Recorder {
    directory: PathBuf,
    seen: AtomicU64,
    kept: Mutex<BTreeMap<String, Kept>>,
}

#[derive(Default)]
struct Kept {
    /// JSON texts, the oldest first.
    calls: VecDeque<String>,
    changed: bool,
}

impl Recorder {
    /// Recordings in files of this directory, which is made when it is needed.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, seen: AtomicU64::new(0), kept: Mutex::default() }
    }

    /// Keeps a call of a plugin, when it is its turn and nobody else keeps one now.
    pub(super) fn keep(&self, plugin: &str, call: impl FnOnce() -> Call, answer: &impl Serialize) {
        let turn = self.seen.fetch_add(1, Ordering::Relaxed);
        let Ok(mut kept) = self.kept.try_lock() else { return };
        let kept = kept.entry(plugin.to_owned()).or_default();
        if kept.calls.len() >= CALLS_KEPT && !turn.is_multiple_of(ONE_OF) {
            return;
        }
        let recording = Recording { call: call(), answer: json!(answer) };
        let text = serde_json::to_string(&recording).unwrap_or_default();
        if text.is_empty() || text.len() > CALL_BYTES {
            return;
        }
        if kept.calls.len() >= CALLS_KEPT {
            kept.calls.pop_front();
        }
        kept.calls.push_back(text);
        kept.changed = true;
    }

    /// Writes what is new to the files. It blocks.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn flush(&self) -> io::Result<()> {
        let changed: Vec<(String, String)> = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let changed = kept.iter_mut().filter(|(_, kept)| kept.changed);
            changed
                .map(|(plugin, kept)| {
                    kept.changed = false;
                    (plugin.clone(), lines(&kept.calls))
                })
                .collect()
        };
        if changed.is_empty() {
            return Ok(());
        }
        fs::create_dir_all(&self.directory)?;
        changed.iter().try_for_each(|(plugin, text)| write(&file(&self.directory, plugin), text))
    }

    /// The recorded calls of a plugin in a directory; none when there is no file.
    ///
    /// # Errors
    /// The file cannot be read, or a line of it is no recording.
    pub fn read(directory: &Path, plugin: &str) -> io::Result<Vec<Recording>> {
        let text = match fs::read_to_string(file(directory, plugin)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let parse = |line: &str| serde_json::from_str(line).map_err(io::Error::other);
        text.lines().filter(|line| !line.is_empty()).map(parse).collect()
    }

    /// Removes the file of a plugin.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn forget(&self, plugin: &str) -> io::Result<()> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(plugin);
        match fs::remove_file(file(&self.directory, plugin)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn lines(calls: &VecDeque<String>) -> String {
    calls.iter().fold(String::new(), |text, call| text + call + "\n")
}

/// `acme/badges` is kept in `acme--badges.jsonl`: ids have no double hyphen
/// that could make two of them one.
fn file(directory: &Path, plugin: &str) -> PathBuf {
    directory.join(format!("{}.jsonl", plugin.replace('/', "--")))
}

/// Only this user may read it: texts of people are in it.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("part");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(text.as_bytes())?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use lyceum_domain::ranking::RankContext;

    use super::*;

    fn call(n: u32) -> Call {
        let context = RankContext { surface: "s".into(), locale: "en".into(), now_ms: 0, count: n };
        Call::Rank { context, columns: Vec::new() }
    }

    fn recorded(n: u32) -> Recording {
        Recording { call: call(n), answer: json!([n]) }
    }

    #[test]
    fn what_was_kept_is_read_again_and_forgotten() {
        let directory = tempfile::tempdir().expect("a directory");
        let recorder = Recorder::new(directory.path().join("recordings"));
        (0..3).for_each(|n| recorder.keep("acme/a", || call(n), &[n]));
        recorder.flush().expect("written");
        let read = || Recorder::read(&directory.path().join("recordings"), "acme/a").expect("read");
        assert_eq!(read(), [0, 1, 2].map(recorded));
        recorder.forget("acme/a").expect("forgotten");
        assert_eq!(read(), []);
    }

    #[test]
    fn the_latest_are_kept_and_later_ones_are_sampled() {
        let directory = tempfile::tempdir().expect("a directory");
        let recorder = Recorder::new(directory.path().to_owned());
        (0..CALLS_KEPT as u32 + 51).for_each(|_| recorder.keep("acme/a", || call(1), &[1]));
        recorder.keep("acme/a", || unreachable!("not its turn"), &[1]);
        recorder.flush().expect("written");
        assert_eq!(Recorder::read(directory.path(), "acme/a").expect("read").len(), CALLS_KEPT);
    }
}
