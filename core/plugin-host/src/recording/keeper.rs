//! Where recordings are kept: the last ones of each plugin in memory, written
//! to one file a plugin.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
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
    tracks: Mutex<BTreeMap<String, Arc<Track>>>,
}

/// The kept calls of one plugin.
#[derive(Default)]
pub(super) struct Track {
    /// Calls so far, those in its file counted as if they had been made now.
    seen: AtomicU64,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// JSON texts, the oldest first.
    calls: VecDeque<String>,
    changed: bool,
}

impl Track {
    /// Counts a call; whether it is to be kept. To be asked first: a call that
    /// is not kept costs nothing more than this.
    pub fn is_next(&self) -> bool {
        let turn = self.seen.fetch_add(1, Ordering::Relaxed);
        turn < CALLS_KEPT as u64 || turn.is_multiple_of(ONE_OF)
    }

    /// Keeps a call, when nobody else keeps one now.
    pub fn keep(&self, call: Call, answer: &impl Serialize) {
        let recording = Recording { call, answer: json!(answer) };
        let text = serde_json::to_string(&recording).unwrap_or_default();
        if text.is_empty() || text.len() > CALL_BYTES {
            return;
        }
        let Ok(mut kept) = self.kept.try_lock() else { return };
        if kept.calls.len() >= CALLS_KEPT {
            kept.calls.pop_front();
        }
        kept.calls.push_back(text);
        kept.changed = true;
    }

    /// With the calls of a file, of which the last count.
    fn from_file(text: &str) -> Self {
        let is_recording = |line: &&str| serde_json::from_str::<Recording>(line).is_ok();
        let last = text.lines().rev().filter(is_recording).take(CALLS_KEPT);
        let mut calls: VecDeque<String> = VecDeque::new();
        last.for_each(|line| calls.push_front(line.to_owned()));
        let seen = AtomicU64::new(calls.len() as u64);
        Self { seen, kept: Mutex::new(Kept { calls, changed: false }) }
    }

    /// What its file is to hold, when that is new.
    fn changed(&self) -> Option<String> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut kept.changed).then(|| lines(&kept.calls))
    }
}

impl Recorder {
    /// Recordings in files of this directory, which is made when it is needed.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, tracks: Mutex::default() }
    }

    /// Where calls of this plugin are kept. It goes on from its file, which is
    /// read at the first question and so blocks.
    pub(super) fn track(&self, plugin: &str) -> Arc<Track> {
        let mut tracks = self.tracks.lock().unwrap_or_else(PoisonError::into_inner);
        let track = tracks.entry(plugin.to_owned()).or_insert_with(|| Arc::new(self.kept_before(plugin)));
        Arc::clone(track)
    }

    fn kept_before(&self, plugin: &str) -> Track {
        match read(&self.directory, plugin) {
            Ok(text) => Track::from_file(&text),
            Err(error) => {
                tracing::warn!(plugin, %error, "the recorded calls of a plugin cannot be read: they begin anew");
                Track::default()
            }
        }
    }

    /// Writes what is new to the files. It blocks.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn flush(&self) -> io::Result<()> {
        // Held to the end, so that no file is written after its plugin was forgotten.
        let tracks = self.tracks.lock().unwrap_or_else(PoisonError::into_inner);
        let changed: Vec<_> = tracks.iter().filter_map(|(plugin, track)| Some((plugin, track.changed()?))).collect();
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
        let parse = |line: &str| serde_json::from_str(line).map_err(io::Error::other);
        read(directory, plugin)?.lines().filter(|line| !line.is_empty()).map(parse).collect()
    }

    /// Removes the file of a plugin.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn forget(&self, plugin: &str) -> io::Result<()> {
        let mut tracks = self.tracks.lock().unwrap_or_else(PoisonError::into_inner);
        tracks.remove(plugin);
        match fs::remove_file(file(&self.directory, plugin)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn lines(calls: &VecDeque<String>) -> String {
    calls.iter().fold(String::new(), |text, call| text + call + "\n")
}

/// The text of a plugin's file; empty when there is none.
fn read(directory: &Path, plugin: &str) -> io::Result<String> {
    match fs::read_to_string(file(directory, plugin)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        read => read,
    }
}

/// `acme/badges` is kept in `acme.badges.jsonl`. No id has a dot, so no two of
/// them have one file.
fn file(directory: &Path, plugin: &str) -> PathBuf {
    directory.join(format!("{}.jsonl", plugin.replace('/', ".")))
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

    /// As the parts of a plugin do it.
    fn make(recorder: &Recorder, plugin: &str, n: u32) {
        let track = recorder.track(plugin);
        if track.is_next() {
            track.keep(call(n), &[n]);
        }
    }

    #[test]
    fn what_was_kept_is_read_again_and_forgotten() {
        let directory = tempfile::tempdir().expect("a directory");
        let recorder = Recorder::new(directory.path().join("recordings"));
        (0..3).for_each(|n| make(&recorder, "acme/a", n));
        recorder.flush().expect("written");
        let read = || Recorder::read(&directory.path().join("recordings"), "acme/a").expect("read");
        assert_eq!(read(), [0, 1, 2].map(recorded));
        let under_way = recorder.track("acme/a");
        recorder.forget("acme/a").expect("forgotten");
        under_way.keep(call(3), &[3]);
        recorder.flush().expect("written");
        assert_eq!(read(), [], "a call that ended later brings no file back");
    }

    #[test]
    fn the_first_are_kept_and_later_ones_are_sampled() {
        let track = Track::default();
        let turns = (0..201).filter(|_| track.is_next()).count();
        assert_eq!(turns, 100 + 3, "the first hundred, then those at 100, 150 and 200");
        let directory = tempfile::tempdir().expect("a directory");
        let recorder = Recorder::new(directory.path().to_owned());
        (0..201).for_each(|n| make(&recorder, "acme/a", n));
        recorder.flush().expect("written");
        let read = Recorder::read(directory.path(), "acme/a").expect("read");
        assert_eq!((read.len(), &read[0], &read[99]), (CALLS_KEPT, &recorded(3), &recorded(200)));
    }

    #[test]
    fn a_restart_goes_on_where_it_stopped() {
        let directory = tempfile::tempdir().expect("a directory");
        let before = Recorder::new(directory.path().to_owned());
        (0..100).for_each(|n| make(&before, "acme/a", n));
        before.flush().expect("written");
        let after = Recorder::new(directory.path().to_owned());
        (100..150).for_each(|n| make(&after, "acme/a", n));
        after.flush().expect("written");
        let read = Recorder::read(directory.path(), "acme/a").expect("read");
        let expected: Vec<Recording> = (1..=100).map(recorded).collect();
        assert_eq!(read, expected, "one of fifty calls took the place of the oldest");
    }

    #[test]
    fn ids_that_look_alike_have_their_own_files() {
        let directory = tempfile::tempdir().expect("a directory");
        let recorder = Recorder::new(directory.path().to_owned());
        make(&recorder, "a--b/c", 1);
        make(&recorder, "a/b--c", 2);
        recorder.flush().expect("written");
        let read = |plugin: &str| Recorder::read(directory.path(), plugin).expect("read");
        assert_eq!([read("a--b/c"), read("a/b--c")], [1, 2].map(|n| vec![recorded(n)]));
    }
}
