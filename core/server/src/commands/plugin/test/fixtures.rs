//! `tests/fixtures/*.json`: one call each, with the answer that it has to give.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lyceum_domain::plugin::FailureKind;
use lyceum_plugin_host::{Call, Exchange, Recording, Replayed};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Report, Setting, Subject, subject::json_file};
use crate::{StartError, commands::plugin::cut};

/// Characters of an answer that are shown.
const SHOWN: usize = 400;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    call: Call,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<Json>,
    /// The kind of failure that is expected in the place of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fails: Option<FailureKind>,
    /// The time, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clock: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    http: Vec<Exchange>,
}

/// Makes every call on a host of its own.
///
/// # Errors
/// A fixture cannot be read or written.
pub async fn run(subject: &Subject, record: bool, report: &mut Report) -> Result<(), StartError> {
    for path in files(&subject.tests.join("fixtures"))? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(fixture) = json_file::<Fixture>(&path)? else { continue };
        let title = format!("{name} ({})", fixture.call.name());
        let outcome = one(subject, fixture, record.then_some(path.as_path())).await?;
        report.note("fixture", title, outcome);
    }
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, StartError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).map_err(StartError::io(folder.display().to_string()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    Ok(files)
}

async fn one(subject: &Subject, fixture: Fixture, record: Option<&Path>) -> Result<Result<(), String>, StartError> {
    let setting = Setting { clock_ms: fixture.clock, exchanges: fixture.http.clone(), denies: false };
    let running = match subject.run(setting).await? {
        Ok(running) => running,
        Err(failure) => return Ok(Err(format!("{failure}. A fixture has HTTP answers of its own, in `http`."))),
    };
    if fixture.answer.is_none() && fixture.fails.is_none() {
        return match record {
            Some(path) => recorded(fixture, &running.host, path).await,
            None => Ok(Err("it has no `answer`: write one, or let --record do it".into())),
        };
    }
    let Fixture { call, answer, fails, .. } = fixture;
    let replayed = Recording { call, answer: answer.unwrap_or_default() }.replay(&running.host).await;
    Ok(judged(replayed, fails))
}

fn judged(replayed: Replayed, fails: Option<FailureKind>) -> Result<(), String> {
    match (replayed, fails) {
        (Replayed::Same, None) => Ok(()),
        (Replayed::Failed(failure), Some(kind)) if failure.kind == kind => Ok(()),
        (Replayed::Failed(failure), None) => Err(failure.to_string()),
        (Replayed::Failed(failure), Some(kind)) => Err(format!("{kind:?} was expected: {failure}")),
        (Replayed::Gone, _) => Err("the plugin does not do this, or not for this type and moment".into()),
        (Replayed::Different { is, .. }, Some(kind)) => {
            Err(format!("{kind:?} was expected, and came: {}", cut(&is, SHOWN)))
        }
        (Replayed::Different { was, is }, None) => Err(format!(
            "\nexpected {}\ncame     {}\nCorrect the plugin, or delete `answer` and use --record.",
            cut(&was, SHOWN),
            cut(&is, SHOWN)
        )),
        (Replayed::Same, Some(kind)) => Err(format!("{kind:?} was expected, and it answered")),
    }
}

async fn recorded(
    mut fixture: Fixture,
    host: &lyceum_plugin_host::PluginHost,
    path: &Path,
) -> Result<Result<(), String>, StartError> {
    match fixture.call.make(host).await {
        None => return Ok(Err("the plugin does not do this, or not for this type and moment".into())),
        Some(Ok(answer)) => fixture.answer = Some(answer),
        Some(Err(failure)) => return Ok(Err(format!("{failure}. If that is right, write `fails` into the fixture."))),
    }
    let text = serde_json::to_string_pretty(&fixture).map_err(|error| StartError::Other(error.to_string()))?;
    fs::write(path, text + "\n").map_err(StartError::io(format!("{} is not written", path.display())))?;
    Ok(Ok(()))
}
