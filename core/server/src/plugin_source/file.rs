//! A package in a file.

use std::{fs::File, io::Read as _, path::Path};

use super::{PACKAGE_BYTES, Result, SourceError};

pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    let shown = path.display();
    let failed = |error: std::io::Error| {
        SourceError(format!("{shown} cannot be read ({error}), and there is no first-party plugin of that name"))
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    // One byte more than allowed tells that there is more, also from a pipe.
    file.take(PACKAGE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() > PACKAGE_BYTES {
        true => Err(SourceError(format!("{shown} has more than {} MiB: that is no plugin", PACKAGE_BYTES >> 20))),
        false => Ok(bytes),
    }
}
