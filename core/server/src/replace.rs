//! Files that others read while they are written, and that a crash must not
//! leave empty.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// No file of ours takes this long to write.
const WRITING: Duration = Duration::from_secs(60);
/// Numbers the writers of this process, so that each has a file of its own.
static WRITERS: AtomicU64 = AtomicU64::new(0);

/// Replaces the content of a file. A reader sees the old content or the new
/// one, after a crash too; two writers at once do not mix theirs. Only the
/// user that the server runs as can read it.
///
/// # Errors
/// It cannot be written; then the old content is as it was.
pub(crate) fn replace(path: &Path, bytes: impl AsRef<[u8]>) -> io::Result<()> {
    let temporary = temporary(path, bytes.as_ref())?;
    if let Err(error) = fs::rename(&temporary, path) {
        remove(&temporary);
        return Err(error);
    }
    sync_directory(path)
}

/// Creates a file with its whole content, readable by this user only, unless
/// there is one: then that one stays. Whether it was created.
///
/// # Errors
/// It cannot be written; then there is none.
pub(crate) fn create(path: &Path, bytes: impl AsRef<[u8]>) -> io::Result<bool> {
    let temporary = temporary(path, bytes.as_ref())?;
    let created = match fs::hard_link(&temporary, path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        // Some file systems have no hard links.
        Err(_) if !path.exists() => fs::rename(&temporary, path).map(|()| true),
        Err(error) => Err(error),
    };
    remove(&temporary);
    let created = created?;
    sync_directory(path)?;
    Ok(created)
}

/// Whether files can be written in a directory.
///
/// # Errors
/// They cannot.
pub(crate) fn try_in(directory: &Path) -> io::Result<()> {
    fs::remove_file(temporary(&directory.join(".probe"), b"")?)
}

/// Removes what writers that were killed have left in a directory: a copy of a
/// key that nobody knows of would outlive the key.
///
/// # Errors
/// The directory cannot be read, or what was left not be removed.
pub(crate) fn sweep(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if is_left_over(&entry)? {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Whether the file is one of [`temporary`] whose writer is gone.
fn is_left_over(entry: &fs::DirEntry) -> io::Result<bool> {
    let Some(writer) = entry.file_name().to_str().and_then(writer) else { return Ok(false) };
    if cfg!(target_os = "linux") {
        // Before this process writes anything: a file under its number is of an
        // earlier process with the same one, as in a container.
        return Ok(writer == std::process::id() || !Path::new("/proc").join(writer.to_string()).exists());
    }
    Ok(entry.metadata()?.modified()?.elapsed().is_ok_and(|age| age > WRITING))
}

/// The process that `NAME.PROCESS-NUMBER` is of.
fn writer(name: &str) -> Option<u32> {
    let (process, number) = name.rsplit_once('.')?.1.split_once('-')?;
    number.parse::<u64>().ok()?;
    process.parse().ok()
}

/// The content in a file beside `path`, on the disk.
fn temporary(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}-{}", std::process::id(), WRITERS.fetch_add(1, Ordering::Relaxed)));
    let temporary = PathBuf::from(temporary);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    match written {
        Ok(()) => Ok(temporary),
        Err(error) => {
            remove(&temporary);
            Err(error)
        }
    }
}

/// The failure that is reported is another one.
fn remove(temporary: &Path) {
    let _ = fs::remove_file(temporary);
}

/// The directory holds the name: without this a power cut may bring the old one back.
fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => File::open(directory)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_writer_left_goes_and_nothing_else() {
        let directory = tempfile::tempdir().expect("a directory");
        let gone = std::process::Command::new("true").spawn().and_then(|mut child| child.wait().map(|_| child.id()));
        let left = format!("token.key.{}-0", gone.expect("it ran"));
        let others = ["token.key", "token.key.1-x", "a.b-c", "1-2"];
        for name in others.into_iter().chain([left.as_str()]) {
            fs::write(directory.path().join(name), b"").expect("it can be written");
        }
        if cfg!(not(target_os = "linux")) {
            let old = std::time::SystemTime::now() - 2 * WRITING;
            File::open(directory.path().join(&left)).and_then(|file| file.set_modified(old)).expect("it is ours");
        }
        sweep(directory.path()).expect("it can be read");
        try_in(directory.path()).expect("it can be written");
        let mut found: Vec<_> = fs::read_dir(directory.path()).expect("it is there").flatten().collect();
        found.sort_by_key(fs::DirEntry::file_name);
        let found: Vec<_> = found.iter().map(fs::DirEntry::file_name).collect();
        assert_eq!(found, ["1-2", "a.b-c", "token.key", "token.key.1-x"]);
    }

    #[test]
    fn the_first_one_that_creates_a_file_decides_its_content() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("key");
        assert!(create(&path, b"first").expect("it can be written"));
        assert!(!create(&path, b"second").expect("it is there"));
        assert_eq!(fs::read(&path).expect("it is there"), b"first");
        replace(&path, b"third").expect("it can be written");
        assert_eq!(fs::read(&path).expect("it is there"), b"third");
        assert_eq!(fs::read_dir(directory.path()).expect("it is there").count(), 1, "nothing is left beside it");
    }
}
