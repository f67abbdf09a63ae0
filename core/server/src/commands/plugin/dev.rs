//! `lyceum plugin dev`: builds a plugin at every change of its source and puts
//! it in place in the server that runs on the same data directory.
//!
//! **Invariant:** for development only: it grants all that the plugin asks for,
//! and takes it unsigned.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use lyceum_domain::plugin::{Grants, Inspection, InstallPlugin, PluginState, Source};

use super::{build, granting_all, owner::told};
use crate::{
    StartError,
    app::App,
    cli::Global,
    operator::operator,
    presence::{Presence, read},
};

/// How often source files are looked at.
const LOOK: Duration = Duration::from_millis(300);
/// How long the server may take to put a new component in place.
const PATIENCE: Duration = Duration::from_secs(30);
/// Folders and files that are made, not written.
const MADE: [&str; 9] = [
    "target",
    ".lyceum",
    "node_modules",
    ".git",
    "__pycache__",
    ".venv",
    "Cargo.lock",
    "package-lock.json",
    ".pytest_cache",
];

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The plugin's folder.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Goes on at every change of a source file, until Ctrl-C.
    #[arg(long)]
    watch: bool,
    /// An origin in the place of those with a star, once for each.
    #[arg(long, value_name = "ORIGIN")]
    host: Vec<String>,
}

pub async fn run(global: &Global, arguments: &Arguments) -> Result<(), StartError> {
    let global = Global { dev: true, ..global.clone() };
    let mut bench = Bench { data_dir: global.read(Vec::new())?.data_dir, global, app: None, arguments };
    loop {
        // Before the build: what is saved meanwhile is built next.
        let before = sources(&arguments.dir);
        match bench.turn().await {
            Ok(line) => println!("{line}"),
            Err(error) if arguments.watch => println!("{error}"),
            Err(error) => return Err(error),
        }
        if !arguments.watch {
            return Ok(());
        }
        while sources(&arguments.dir) == before {
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// What lasts from one build to the next.
struct Bench<'a> {
    global: Global,
    data_dir: PathBuf,
    /// Opened when a server is first found.
    app: Option<App>,
    arguments: &'a Arguments,
}

impl Bench<'_> {
    /// Builds and puts in place. Says what was done.
    async fn turn(&mut self) -> Result<String, StartError> {
        let start = Instant::now();
        let built = build::build(&self.arguments.dir, false)?;
        let line = format!("built {:.1} s", start.elapsed().as_secs_f64());
        let Some(before) = read(&self.data_dir) else {
            let data = self.data_dir.display();
            return Ok(format!(
                "{line}; no server in development mode runs on {data}: start `lyceum --dev --data-dir {data} serve`"
            ));
        };
        let Some(put) = self.install(built).await? else {
            return Ok(format!("{line}, nothing changed"));
        };
        self.in_place(&before, &put).await?;
        Ok(format!("{line}, in place {:.1} s", start.elapsed().as_secs_f64()))
    }

    /// The record to be acted on; none when nothing changed.
    async fn install(&mut self, built: build::Built) -> Result<Option<Put>, StartError> {
        let (grants, source) = (grants(&built.inspection, &self.arguments.host), Source::File("dev".into()));
        let app = match &mut self.app {
            Some(app) => app,
            none => none.insert(super::super::open(&self.global).await?),
        };
        let (plugins, viewer) = (&app.domains().plugins, operator(None));
        let input = InstallPlugin { package: built.wasm, grants: Some(grants), source, ..InstallPlugin::default() };
        let installed = plugins.install(&viewer, input).await.map_err(told)?;
        let starts = installed.plugin.state != PluginState::Enabled;
        if starts {
            plugins.enable(&viewer, &installed.plugin.name).await.map_err(told)?;
        }
        let name = installed.plugin.name;
        let revision = plugins.acted_on().get(&name).copied().unwrap_or_default();
        Ok((installed.changed || starts).then_some(Put { name, revision }))
    }

    /// Waits until the server says that it has acted on this record, and that
    /// its plugins have changed: when it could not, they have not.
    async fn in_place(&self, before: &Presence, put: &Put) -> Result<(), StartError> {
        let asked = Instant::now();
        while asked.elapsed() < PATIENCE {
            match read(&self.data_dir) {
                Some(now) if put.is_in_place(before, &now) => return Ok(()),
                _ => tokio::time::sleep(LOOK / 3).await,
            }
        }
        Err(StartError::Other("the server has not put it in place: see the server's log".into()))
    }
}

/// What was recorded: a plugin, and which revision of its row.
struct Put {
    name: String,
    revision: i64,
}

impl Put {
    fn is_in_place(&self, before: &Presence, now: &Presence) -> bool {
        let acted_on = now.plugins.get(&self.name).is_some_and(|revision| *revision >= self.revision);
        acted_on && (now.generation != before.generation || now.pid != before.pid)
    }
}

/// All that it asks for. An origin with a star that none takes the place of is left out.
fn grants(is: &Inspection, hosts: &[String]) -> Grants {
    let mut grants = granting_all(is, hosts);
    grants.0.values_mut().for_each(|permission| permission.hosts.retain(|host| !host.contains('*')));
    grants
}

type Sources = BTreeMap<PathBuf, (SystemTime, u64)>;

/// Every source file with its time and its length.
fn sources(folder: &Path) -> Sources {
    let mut found = Sources::new();
    look(folder, &mut found);
    found
}

fn look(folder: &Path, found: &mut Sources) {
    // A file that goes while it is looked at is a change like others.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if MADE.iter().any(|made| name == *made) {
            continue;
        }
        match entry.metadata() {
            Ok(is) if is.is_dir() => look(&path, found),
            Ok(is) => drop(found.insert(path, (is.modified().unwrap_or(SystemTime::UNIX_EPOCH), is.len()))),
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_another_plugin_or_revision_is_not_the_one_waited_for() {
        let presence = |generation, revision| Presence {
            pid: 1,
            generation,
            plugins: [("acme/rank".to_owned(), revision)].into(),
        };
        let (before, put) = (presence(4, 1), Put { name: "acme/rank".into(), revision: 2 });
        let told = |generation, revision| put.is_in_place(&before, &presence(generation, revision));
        assert_eq!([told(4, 1), told(5, 1), told(4, 2), told(5, 2), told(5, 3)], [false, false, false, true, true]);
        assert!(!put.is_in_place(&before, &Presence { plugins: BTreeMap::new(), ..presence(5, 2) }));
    }

    #[test]
    fn a_source_is_seen_to_change_and_what_is_made_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        };
        write("src/lib.rs", "a");
        let before = sources(folder.path());
        write("target/x.wasm", "b");
        write(".lyceum/wit/x.wit", "b");
        assert_eq!(sources(folder.path()), before);
        write("src/lib.rs", "longer");
        assert_ne!(sources(folder.path()), before);
    }
}
