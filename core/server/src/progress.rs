//! Progress bars, on a terminal only.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};

fn bar(length: Option<u64>, template: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = length.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Bytes of a file.
pub(crate) fn bytes(length: Option<u64>) -> ProgressBar {
    match length {
        Some(_) => bar(length, "{bar:32} {bytes}/{total_bytes} {msg} [{elapsed}, {eta} left]"),
        None => bar(None, "{spinner} {bytes} {msg} [{elapsed}]"),
    }
}

/// Things whose number is known, or not.
pub(crate) fn things(length: Option<u64>) -> ProgressBar {
    match length {
        Some(_) => bar(length, "{bar:32} {pos}/{len} {msg} [{elapsed}, {eta} left]"),
        None => bar(None, "{spinner} {pos} {msg} [{elapsed}]"),
    }
}
