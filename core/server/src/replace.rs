//! Files that others read while they are written, and that a crash must not
//! leave empty.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

/// Numbers the writers of this process, so that each has a file of its own.
static WRITERS: AtomicU64 = AtomicU64::new(0);

/// Replaces the content of a file. A reader sees the old content or the new
/// one, after a crash too; two writers at once do not mix theirs. Only the
/// user that the server runs as can read it.
///
/// # Errors
/// It cannot be written; then the old content is as it was.
pub(crate) fn replace(path: &Path, bytes: impl AsRef<[u8]>) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}-{}", std::process::id(), WRITERS.fetch_add(1, Ordering::Relaxed)));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&temporary).and_then(|mut file| {
        file.write_all(bytes.as_ref())?;
        file.sync_all()
    });
    let replaced = written.and_then(|()| fs::rename(&temporary, path));
    if replaced.is_err() {
        // The failure that is reported is the first one.
        let _ = fs::remove_file(&temporary);
    }
    replaced?;
    // The directory holds the name: without this a power cut may bring the old one back.
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => File::open(directory)?.sync_all(),
        _ => Ok(()),
    }
}
