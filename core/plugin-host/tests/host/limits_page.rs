//! The page of limits is the table of limits.

use std::{fs, path::Path};

/// Run with `LYCEUM_WRITE_DOCS=1` to write the page anew.
#[test]
fn the_page_says_what_the_host_applies() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/plugins-limits.md");
    let page = lyceum_plugin_host::limits_markdown();
    if std::env::var_os("LYCEUM_WRITE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), page);
}
