//! Data at rest is for the user of the server alone: it holds password hashes,
//! addresses, orders and drafts.
//!
//! **Invariant:** what the server writes has no rights for other users from its
//! first byte on; rights are not taken away afterwards.

#[cfg(unix)]
pub(crate) use unix::{close, from_now_on};

#[cfg(unix)]
mod unix {
    use std::{
        fs::{self, Permissions},
        io,
        os::unix::fs::PermissionsExt as _,
        path::Path,
    };

    use rustix::{fs::Mode, process::umask};

    /// What this and earlier versions write into the data directory. Nothing
    /// else is touched: the directory may hold an operator's own files.
    const OURS: [&str; 10] = [
        "lyceum.db",
        "lyceum.db-wal",
        "lyceum.db-shm",
        "plugin-usage.json",
        "plugins.lock",
        "running.json",
        "plugins",
        "recordings",
        "search",
        "secrets",
    ];

    /// Files that this process makes are for its user alone.
    pub(crate) fn from_now_on() {
        umask(Mode::RWXG | Mode::RWXO);
    }

    /// Closes a directory from earlier, and what is ours in it, to other users.
    pub(crate) fn close(directory: &Path) {
        let inside = OURS.iter().map(|name| directory.join(name));
        // The directory itself may be behind a link.
        let own = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
        for path in std::iter::once(own).chain(inside) {
            match narrow(&path) {
                Ok(false) => {}
                Ok(true) => tracing::warn!(path = %path.display(), "other users could read this; now they cannot"),
                Err(error) => tracing::warn!(path = %path.display(), %error, "other users can read this"),
            }
        }
    }

    /// Returns whether anything had to be changed. What a link leads to is left alone.
    fn narrow(path: &Path) -> io::Result<bool> {
        let metadata = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            read => read?,
        };
        let mode = metadata.permissions().mode();
        if metadata.is_symlink() || mode & 0o077 == 0 {
            return Ok(false);
        }
        fs::set_permissions(path, Permissions::from_mode(mode & 0o700))?;
        Ok(true)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn mode(path: &Path) -> u32 {
            fs::metadata(path).expect("it is there").permissions().mode() & 0o777
        }

        #[test]
        fn an_open_directory_is_closed_and_other_files_in_it_are_left_alone() {
            let directory = tempfile::tempdir().expect("a directory");
            let path = |name: &str| directory.path().join(name);
            for name in ["lyceum.db", "notes.txt"] {
                fs::write(path(name), "").expect("written");
                fs::set_permissions(path(name), Permissions::from_mode(0o644)).expect("set");
            }
            fs::create_dir(path("search")).expect("made");
            fs::set_permissions(path("search"), Permissions::from_mode(0o755)).expect("set");
            fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).expect("set");
            close(directory.path());
            let modes = [directory.path(), &path("lyceum.db"), &path("search"), &path("notes.txt")].map(mode);
            assert_eq!(modes, [0o700, 0o600, 0o700, 0o644]);
        }
    }
}

#[cfg(not(unix))]
pub(crate) fn from_now_on() {}

#[cfg(not(unix))]
pub(crate) fn close(_: &std::path::Path) {}
