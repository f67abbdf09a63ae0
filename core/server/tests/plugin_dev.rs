//! `lyceum plugin dev --watch` beside a running server. The compiler is played
//! by two scripts, so that no toolchain is needed: what they "build" is a
//! compiled component that the test puts in the place of the source.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use serde_json::{Value as Json, json};
use tempfile::TempDir;

/// Compiling in a debug build beside other tests takes its time.
const PATIENCE: Duration = Duration::from_secs(120);

const RUSTC: &str = r#"#!/bin/sh
case "$*" in
  *target-libdir*) echo "$0-libs" ;;
  *sysroot*) echo "$0-root" ;;
  *) echo "host: here" ;;
esac
"#;

/// As cargo it tells programs on one stream and people on the other.
const CARGO: &str = r#"#!/bin/sh
echo '{"reason":"compiler-artifact","manifest_path":"elsewhere","filenames":[]}'
if [ -e src/broken ]; then
  echo '{"reason":"build-finished","success":false}'
  echo "error: no good" >&2
  exit 101
fi
echo "{\"reason\":\"compiler-artifact\",\"manifest_path\":\"$PWD/Cargo.toml\",\"filenames\":[\"$PWD/src/it.wasm\"]}"
"#;

struct Workshop {
    directory: TempDir,
    children: Vec<Child>,
}

impl Drop for Workshop {
    fn drop(&mut self) {
        for child in &mut self.children {
            // It may have ended by itself.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl Workshop {
    /// A folder with a plugin that adds `hostileEcho` to lessons, and the tools.
    fn new() -> Self {
        let shop = Self { directory: tempfile::tempdir().unwrap(), children: Vec::new() };
        let rustc = shop.path("tools/rustc");
        for (path, script) in [(shop.path("tools/cargo"), CARGO), (rustc.clone(), RUSTC)] {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, script).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let linker = rustc.with_file_name("rustc-root").join("lib/rustlib/here/bin/wasm-component-ld");
        for file in [rustc.with_file_name("rustc-libs").join("libstd-1.rlib"), linker, shop.path("it/Cargo.toml")] {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        fs::create_dir_all(shop.path("it/src")).unwrap();
        let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
        fs::copy(guests.join("hostile/graphql/plugin.toml"), shop.path("it/plugin.toml")).unwrap();
        shop.save(&fs::read(guests.join("components/hostile/graphql.wasm")).unwrap());
        shop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes the "source" at once, as an editor does.
    fn save(&self, wasm: &[u8]) {
        fs::write(self.path("part"), wasm).unwrap();
        fs::rename(self.path("part"), self.path("it/src/it.wasm")).unwrap();
    }

    /// Saves it with one text in the place of another of the same length.
    fn patch(&self, from: &str, to: &str) {
        assert_eq!(from.len(), to.len());
        let mut wasm = fs::read(self.path("it/src/it.wasm")).unwrap();
        for at in 0..wasm.len() - from.len() {
            if wasm[at..].starts_with(from.as_bytes()) {
                wasm[at..at + to.len()].copy_from_slice(to.as_bytes());
            }
        }
        self.save(&wasm);
    }

    /// Runs the program; what it prints comes line by line.
    fn lyceum(&mut self, arguments: &[&str]) -> Receiver<String> {
        let tools = format!("{}:{}", self.path("tools").display(), std::env::var("PATH").unwrap());
        let mut child = Command::new(env!("CARGO_BIN_EXE_lyceum"))
            .args(["--data-dir".as_ref(), self.path("data").as_os_str()])
            .args(arguments)
            .env("PATH", tools)
            .env_remove("RUSTC")
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = lines(child.stdout.take().unwrap());
        self.children.push(child);
        lines
    }
}

fn lines(from: ChildStdout) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// The next line that begins so, and those before it.
fn until(lines: &Receiver<String>, start: &str) -> Vec<String> {
    let (end, mut told) = (Instant::now() + PATIENCE, Vec::new());
    loop {
        match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) => told.push(line),
            Err(error) => panic!("no line begins with {start:?} ({error}): {told:#?}"),
        }
        if told.last().is_some_and(|line| line.starts_with(start)) {
            return told;
        }
    }
}

/// The names of the fields of lessons that begin with `hostile`.
fn added(address: &str) -> Vec<String> {
    let query = json!({ "query": "{ __type(name: \"Lesson\") { fields { name } } }" }).to_string();
    let mut stream = TcpStream::connect(address).unwrap();
    let (host, length) = (address, query.len());
    let head = format!("POST /graphql HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    write!(stream, "{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{query}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (start, end) = (answer.find('{').unwrap(), answer.rfind('}').unwrap());
    let answer: Json = serde_json::from_str(&answer[start..=end]).unwrap_or_else(|error| panic!("{error}: {answer}"));
    let fields = answer["data"]["__type"]["fields"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let names = fields.iter().filter_map(|field| field["name"].as_str());
    names.filter(|name| name.starts_with("hostile")).map(str::to_owned).collect()
}

#[test]
fn what_is_saved_runs_in_the_server_and_what_is_broken_changes_nothing() {
    let mut shop = Workshop::new();
    let server = shop.lyceum(&["--dev", "serve", "--port", "0"]);
    let ready = until(&server, "Lyceum is ready at ").pop().unwrap();
    let address = ready.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
    assert_eq!(added(&address), Vec::<String>::new());

    // The server says that it is there every quarter of a second.
    let waited = Instant::now();
    while !shop.path("data/running.json").exists() && waited.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(20));
    }
    let author = shop.lyceum(&["plugin", "dev", "--watch", "--host", "http://127.0.0.1:9", "it"]);
    let first = until(&author, "built ").pop().unwrap();
    assert!(first.contains(", in place "), "{first}");
    assert_eq!(added(&address), ["hostileEcho"]);

    shop.patch("hostileEcho", "hostileEchz");
    let second = until(&author, "built ").pop().unwrap();
    assert!(second.contains(", in place "), "{second}");
    assert_eq!(added(&address), ["hostileEchz"]);

    fs::write(shop.path("it/src/broken"), "").unwrap();
    let told = until(&author, "error: no good");
    assert_eq!(told, ["cargo failed (exit status: 101)", "error: no good"], "nothing that is for programs");
    fs::remove_file(shop.path("it/src/broken")).unwrap();
    let same = until(&author, "built ").pop().unwrap();
    assert!(same.ends_with(", nothing changed"), "{same}");

    shop.patch("extend type Lesson {", "extend type Lessen {");
    let refused = until(&author, "This is not a plugin that this server can run: ").pop().unwrap();
    assert!(refused.contains("hostile/graphql 1.0.0 (lyceum:graphql/field-resolver@1.0.0)"), "{refused}");
    assert_eq!(added(&address), ["hostileEchz"], "the last good one serves on");
}
