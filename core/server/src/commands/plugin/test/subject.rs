//! The plugin under test, and hosts in which it runs alone.
//!
//! **Invariant:** nothing leaves the machine: HTTP is answered from fixtures,
//! mail is refused, stores and entries are in memory.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use lyceum_domain::plugin::{
    Activation, Grants, Inspection, PluginFailure, PluginRuntime as _, Role, Secret, validate_config, with_defaults,
};
use lyceum_kernel::{ManualClock, Timestamp};
use lyceum_plugin_host::{Exchange, LimitTable, Limits, OriginPattern, PluginHost, PluginHostConfig, limits::TABLE};
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use super::super::build;
use crate::StartError;

/// The time in tests that name none: 2026-01-01T00:00:00Z, in milliseconds.
pub const NOW_MS: i64 = 1_767_225_600_000;

/// A component with what its `tests` folder gives it.
pub struct Subject {
    pub wasm: Arc<[u8]>,
    pub is: Inspection,
    /// Where `config.json`, `secrets.json`, `http.json` and `fixtures` are.
    pub tests: PathBuf,
    config: String,
    secrets: BTreeMap<String, String>,
    /// Answers for the conformance kit, each as often as it is asked for.
    pub exchanges: Vec<Exchange>,
    compiled: Scratch,
}

/// How one host is to be.
#[derive(Default)]
pub struct Setting {
    pub clock_ms: Option<i64>,
    pub exchanges: Vec<Exchange>,
    /// Grants nothing in the place of all that is asked for.
    pub denies: bool,
}

/// A host with the plugin active in it.
pub struct Running {
    pub host: PluginHost,
    pub clock: Arc<ManualClock>,
}

impl Subject {
    /// A plugin's folder, or a component or package file.
    ///
    /// # Errors
    /// It is not built, or its test files cannot be read.
    pub fn open(source: &Path, build: bool) -> Result<Self, StartError> {
        let (wasm, tests) = match (source.is_file(), build) {
            (true, _) => (read(source)?, source.parent().unwrap_or(source).join("tests")),
            (false, true) => (build::build(source, false)?.wasm, source.join("tests")),
            (false, false) => (read(&built(source)?)?, source.join("tests")),
        };
        let is = super::super::inspection(&wasm)?;
        let config = config(&is, &tests)?;
        let secrets = json_file(&tests.join("secrets.json"))?.unwrap_or_default();
        let mut exchanges: Vec<Exchange> = json_file(&tests.join("http.json"))?.unwrap_or_default();
        exchanges.iter_mut().for_each(|exchange| exchange.repeat = true);
        Ok(Self { wasm: wasm.into(), is, tests, config, secrets, exchanges, compiled: Scratch::new()? })
    }

    /// `publisher/name version`.
    pub fn title(&self) -> String {
        format!("{} {}", self.is.id, self.is.version)
    }

    /// A host in which it is active.
    ///
    /// # Errors
    /// The host does not start.
    pub async fn run(&self, setting: Setting) -> Result<Result<Running, PluginFailure>, StartError> {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(setting.clock_ms.unwrap_or(NOW_MS))));
        let grants = if setting.denies { Grants::default() } else { all_asked(&self.is, &setting.exchanges) };
        let config = PluginHostConfig {
            cache_dir: Some(self.compiled.0.clone()),
            clock: clock.clone(),
            limits: patient(),
            exchanges: Some(setting.exchanges),
            ..PluginHostConfig::default()
        };
        let host = PluginHost::new(config).map_err(|error| StartError::Plugins(error.to_string()))?;
        let activated = host.activate(self.activation(grants)).await;
        Ok(activated.map(|_| Running { host, clock }))
    }

    fn activation(&self, grants: Grants) -> Activation {
        let secret = |(name, value): (&String, &String)| (name.clone(), Secret::new(value.as_bytes()));
        Activation {
            wasm: self.wasm.clone(),
            grants,
            config: self.config.clone(),
            secrets: self.secrets.iter().map(secret).collect(),
            previous_version: None,
            role: Role::Active,
        }
    }
}

/// Compiled components of this run, deleted at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, StartError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("lyceum-plugin-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).map_err(StartError::io(path.display().to_string()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is in the system's folder for such things.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Times that a slow machine keeps too: `bench` judges those. Sizes as they are.
pub fn patient() -> LimitTable {
    TABLE.iter().fold(LimitTable::default(), |table, row| {
        let (wall, cpu_ticks) = (Duration::from_secs(120), row.limits.cpu_ticks.max(1_000).saturating_mul(5));
        table.with(row.world, Limits { wall, cpu_ticks, ..row.limits })
    })
}

/// All that it asks for. The place of an origin with a star is taken by the
/// origins of the fixtures that it covers.
fn all_asked(is: &Inspection, exchanges: &[Exchange]) -> Grants {
    let mut grants = is.asks.clone();
    for permission in grants.0.values_mut() {
        let (stars, mut exact): (Vec<String>, Vec<String>) =
            std::mem::take(&mut permission.hosts).into_iter().partition(|host| host.contains('*'));
        let stars: Vec<OriginPattern> = stars.iter().filter_map(|star| star.parse().ok()).collect();
        for origin in exchanges.iter().filter_map(origin) {
            let pattern = origin.parse::<OriginPattern>();
            if pattern.is_ok_and(|pattern| stars.iter().any(|star| star.covers(&pattern))) && !exact.contains(&origin) {
                exact.push(origin);
            }
        }
        permission.hosts = exact;
    }
    grants
}

fn origin(exchange: &Exchange) -> Option<String> {
    let url = reqwest::Url::parse(&exchange.url).ok()?;
    Some(url.origin().ascii_serialization())
}

/// The component that `build` left.
fn built(folder: &Path) -> Result<PathBuf, StartError> {
    let manifest = super::super::read_text(&folder.join("plugin.toml"))?;
    let table: toml::Table = manifest
        .parse()
        .map_err(|error| StartError::Other(format!("{}: {error}", folder.join("plugin.toml").display())))?;
    let id = table.get("plugin").and_then(|plugin| plugin.get("id")).and_then(toml::Value::as_str).unwrap_or_default();
    let name = id.rsplit('/').next().unwrap_or_default();
    let places = [folder.join("target").join(format!("{name}.wasm")), folder.join("plugin.wasm")];
    places.iter().find(|path| path.is_file()).cloned().ok_or_else(|| {
        StartError::Other(format!("{} is not there: build it, or leave --no-build out", places[0].display()))
    })
}

fn config(is: &Inspection, tests: &Path) -> Result<String, StartError> {
    let path = tests.join("config.json");
    let given: Json = json_file(&path)?.unwrap_or_else(|| json!({}));
    let Some(schema) = &is.config_schema else { return Ok(given.to_string()) };
    let full = with_defaults(schema, &given);
    validate_config(schema, &full).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(|problem| format!("\n  {problem}")).collect();
        let (path, is) = (path.display(), format!("{} {}", is.id, is.version));
        StartError::Other(format!("{is}: the configuration in {path} does not fit its schema:{}", problems.concat()))
    })?;
    Ok(full.to_string())
}

fn read(path: &Path) -> Result<Vec<u8>, StartError> {
    fs::read(path).map_err(StartError::io(path.display().to_string()))
}

/// None when there is no such file.
pub fn json_file<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StartError> {
    if !path.is_file() {
        return Ok(None);
    }
    let text = super::super::read_text(path)?;
    serde_json::from_str(&text).map(Some).map_err(|error| StartError::Other(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use lyceum_domain::plugin::Permission;

    use super::*;

    #[test]
    fn a_star_is_granted_as_the_origins_of_the_fixtures() {
        let hosts = vec!["https://*".to_owned(), "https://a.example:443".to_owned()];
        let asks = Grants([("http".to_owned(), Permission { hosts, ..Permission::default() })].into());
        let is = Inspection { asks, ..Inspection::default() };
        let exchange = |url: &str| serde_json::from_value::<Exchange>(json!({ "url": url })).expect("an exchange");
        let granted = all_asked(&is, &[exchange("https://id.example/x"), exchange("http://id.example/x")]);
        assert_eq!(granted.0["http"].hosts, ["https://a.example:443", "https://id.example"]);
    }
}
