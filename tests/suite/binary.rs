//! The built binary: bad starts that say what to do, and the demo.

use std::{
    io::{Read as _, Seek as _},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use lyceum_tests::{Person, until};
use serde_json::json;
use tempfile::TempDir;

/// Built with this suite.
const BINARY: &str = env!("CARGO_BIN_EXE_lyceum-under-test");

/// The command, in a directory of its own and without our variables.
fn lyceum(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(arguments).current_dir(directory).stdin(Stdio::null());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("LYCEUM_")) {
        command.env_remove(name);
    }
    command
}

/// Runs a command that must end by itself; one that does not is ended. What
/// it prints goes to files: a full pipe would make it wait.
fn ends(mut command: Command) -> Output {
    let (mut out, mut err) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    command.stdout(out.try_clone().unwrap()).stderr(err.try_clone().unwrap());
    let mut child = Running(command.spawn().unwrap());
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.0.try_wait().unwrap() {
            break status;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{command:?} did not end");
        std::thread::sleep(Duration::from_millis(20));
    };
    Output { status, stdout: contents(&mut out), stderr: contents(&mut err) }
}

fn contents(file: &mut std::fs::File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.seek(std::io::SeekFrom::Start(0)).unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

/// A start that fails with 1 and says all of this.
fn fails(directory: &Path, arguments: &[&str], says: &[&str]) {
    let output = ends(lyceum(directory, arguments));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {told}");
    for text in says {
        assert!(told.contains(text), "{arguments:?} does not say {text:?}:\n{told}");
    }
    assert!(!told.contains("panicked"), "{told}");
}

#[test]
fn a_bad_start_says_what_to_do() {
    let directory = TempDir::new().unwrap();
    let here = directory.path();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    fails(here, &["serve", "--dev", "--port", &port], &["in use", "--port"]);
    fails(here, &["demo", "--port", &port], &["in use", "--port"]);
    fails(here, &["serve", "--dev", "--host", "0.0.0.0", "--port", "0"], &["other machines", "--dev-public"]);
    std::fs::write(here.join("file"), "in the way").unwrap();
    fails(here, &["serve", "--port", "0", "--data-dir", "file/data"], &["file/data", "--data-dir"]);
    // Taken and let go: nobody listens there.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://nobody:s3cret@127.0.0.1:{free}/none");
    fails(here, &["serve", "--port", "0", "--database-url", &url], &["Check that it runs", "--database-url"]);
    let output = ends(lyceum(here, &["serve", "--port", "0", "--database-url", &url]));
    assert!(!String::from_utf8_lossy(&output.stderr).contains("s3cret"), "a password is told");
    std::fs::write(here.join("bad.toml"), "prot = 1\n[server]\nport = \"x\"\nshutdown = 3\n").unwrap();
    fails(here, &["serve", "--config", "bad.toml"], &["prot", "server.port", "server.shutdown"]);
    fails(here, &["serve", "--config", "missing.toml"], &["missing.toml"]);
    let mut command = lyceum(here, &["serve"]);
    command.env("LYCEUM_SERVER_PROT", "1");
    let told = ends(command);
    assert_eq!(told.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&told.stderr).contains("LYCEUM_SERVER_PROT"));
}

/// A command that must succeed; what it printed.
fn succeeds(directory: &Path, arguments: &[&str]) -> String {
    let output = ends(lyceum(directory, arguments));
    let (told, printed) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {printed}\n{told}");
    printed.into_owned()
}

#[test]
fn an_operator_does_everything_from_the_command_line() {
    let directory = TempDir::new().unwrap();
    let here = directory.path();
    let plan = succeeds(here, &["schema", "plan"]);
    assert!(plan.contains("course"), "{plan}");
    assert!(succeeds(here, &["schema", "apply"]).ends_with("Applied.\n"));
    assert!(succeeds(here, &["schema", "plan"]).contains("are those of the files"));
    let made = succeeds(
        here,
        &["user", "create", "--email", "a@example.com", "--name", "A", "--role", "admin", "--generate-password"],
    );
    assert!(made.starts_with("user_") && made.contains("password: "), "{made}");
    fails(
        here,
        &["user", "create", "--email", "b@example.com", "--name", "B", "--role", "king", "--generate-password"],
        &["role"],
    );
    let lines = "{\"slug\":\"one\",\"title\":{\"en\":\"One\",\"zh\":\"一\"}}\n{\"slug\":\"two\"}\n";
    std::fs::write(here.join("courses.jsonl"), lines).unwrap();
    let output = ends(lyceum(here, &["import", "courses.jsonl", "--type", "course"]));
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "a line was rejected");
    assert!(printed.contains("1 created") && printed.contains("line 2, title"), "{printed}");
    let exported = succeeds(here, &["export", "--type", "course"]);
    assert!(exported.contains("\"zh-CN\":\"一\"") && exported.lines().count() == 1, "{exported}");
    assert!(succeeds(here, &["search", "reindex"]).contains("1 entries"));
    let installed = succeeds(here, &["plugin", "install", "ranking-default", "--grant-all", "--enable"]);
    assert!(installed.contains("lyceum/ranking-default"), "{installed}");
    fails(here, &["plugin", "install", "payment-sandbox"], &["http://127.0.0.1:*", "secret"]);
    assert!(succeeds(here, &["plugin", "list"]).contains("lyceum/ranking-default"));
    assert!(succeeds(here, &["schema", "print"]).contains("type Query"));
}

/// Kills are spread over a first start, from its beginning to after its end.
#[cfg(unix)]
#[test]
fn a_first_start_that_is_killed_at_any_moment_does_not_keep_the_next_one_from_starting() {
    const KILLS: u32 = 24;
    let directory = TempDir::new().unwrap();
    let began = Instant::now();
    succeeds(directory.path(), &["search", "reindex"]);
    let whole = began.elapsed();
    for kill in 0..KILLS {
        let directory = TempDir::new().unwrap();
        let here = directory.path();
        // Twice in one directory: the second start finds what the first one left.
        for _ in 0..2 {
            let mut command = lyceum(here, &["serve", "--port", "0"]);
            let started = Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
            std::thread::sleep(whole * kill / KILLS);
            // SIGKILL, which leaves it no time for anything.
            drop(started);
        }
        assert!(succeeds(here, &["search", "reindex"]).contains("0 entries"));
        assert!(succeeds(here, &["schema", "plan"]).contains("are those of the files"));
    }
}

/// A running command; ended with the test, however that goes.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, or it ends now.
        if self.0.kill().is_ok() {
            self.0.wait().unwrap();
        }
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_demo_starts_answers_and_stops_when_told() {
    let directory = TempDir::new().unwrap();
    let output = directory.path().join("output");
    let mut command = lyceum(directory.path(), &["demo", "--port", "0", "--admin-password", "correct horse battery"]);
    command.stdout(std::fs::File::create(&output).unwrap()).stderr(Stdio::null());
    let mut demo = Running(command.spawn().unwrap());
    let address = until("the demo's address", async || {
        let text = std::fs::read_to_string(&output).unwrap();
        let at = text.find("http://127.0.0.1:")?;
        let address: String = text[at..].chars().take_while(|c| !c.is_whitespace()).collect();
        Some(address.trim_end_matches('/').to_owned())
    })
    .await;
    let visitor = Person::nobody(&address);
    until("an answer", async || {
        visitor.http.get(format!("{address}/readyz")).send().await.ok().filter(|a| a.status() == 200)
    })
    .await;
    let seen = visitor
        .data("{ courses { totalCount } tiers { totalCount } recommendedCourses { rankedBy } }", json!({}))
        .await;
    assert_eq!(
        (&seen["tiers"]["totalCount"], &seen["recommendedCourses"]["rankedBy"]),
        (&json!(2), &json!("lyceum/ranking-default"))
    );
    assert!(seen["courses"]["totalCount"].as_i64().unwrap() > 2, "{seen}");
    let admin = visitor.signed_in("admin@demo.example").await;
    assert_eq!(admin.data("{ plugins { totalCount } }", json!({})).await["plugins"]["totalCount"], 3);
    let told = Command::new("kill").args(["-TERM", &demo.0.id().to_string()]).status().unwrap();
    assert!(told.success());
    let started = Instant::now();
    let status = loop {
        if let Some(status) = demo.0.try_wait().unwrap() {
            break status;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "the demo did not stop");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(status.code(), Some(0));
}
