//! Compiled components on disk.

use std::{fs, path::Path};

use lyceum_domain::plugin::{Extensions, PluginRuntime};
use lyceum_plugin_host::{CompileCounts, PluginHost, PluginHostConfig};

use crate::support::{activation, component, generous};

fn host(directory: &Path) -> PluginHost {
    let config =
        PluginHostConfig { cache_dir: Some(directory.to_owned()), limits: generous(), ..PluginHostConfig::default() };
    PluginHost::new(config).unwrap()
}

async fn start(directory: &Path) -> CompileCounts {
    let host = host(directory);
    host.activate(activation(component("ranking-default"))).await.unwrap();
    assert!(host.ranker().is_some());
    host.compile_counts()
}

const COMPILED: CompileCounts = CompileCounts { compiled: 1, cached: 0 };
const CACHED: CompileCounts = CompileCounts { compiled: 0, cached: 1 };

fn compiled_file(directory: &Path) -> std::path::PathBuf {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.into_iter().find(|path| path.extension().is_some_and(|e| e == "cwasm")).unwrap()
}

#[tokio::test]
async fn a_component_is_compiled_once_over_restarts() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(start(directory.path()).await, COMPILED);
    assert_eq!(start(directory.path()).await, CACHED);
}

#[tokio::test]
async fn a_file_that_was_changed_is_compiled_again() {
    let directory = tempfile::tempdir().unwrap();
    start(directory.path()).await;
    let file = compiled_file(directory.path());
    let good = fs::read(&file).unwrap();
    for place in [0, 31, 32, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[place] ^= 1;
        fs::write(&file, bad).unwrap();
        assert_eq!(start(directory.path()).await, COMPILED, "byte {place}");
    }
    fs::write(&file, &good[..20]).unwrap();
    assert_eq!(start(directory.path()).await, COMPILED);
    assert_eq!(start(directory.path()).await, CACHED);
}

#[tokio::test]
async fn a_file_of_another_installation_is_not_trusted() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    start(theirs.path()).await;
    host(ours.path());
    let file = compiled_file(theirs.path());
    fs::copy(&file, ours.path().join(file.file_name().unwrap())).unwrap();
    assert_eq!(start(ours.path()).await, COMPILED);
}

#[tokio::test]
async fn a_key_that_is_not_whole_is_made_anew_and_plugins_are_compiled_again() {
    let directory = tempfile::tempdir().unwrap();
    start(directory.path()).await;
    for half in [b"".as_slice(), b"half a key"] {
        fs::write(directory.path().join("cache.key"), half).unwrap();
        assert_eq!(start(directory.path()).await, COMPILED);
        assert_eq!(start(directory.path()).await, CACHED);
    }
}

#[cfg(unix)]
#[test]
fn the_key_is_readable_by_nobody_else() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    host(directory.path());
    let mode = fs::metadata(directory.path().join("cache.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
