//! Compiling, in a process of its own.
//!
//! A component is a stranger's file, and a compiler's time and memory depend on
//! it. So the server starts itself again as a compiler: the component goes in by
//! a pipe, compiled code comes out by another. The child bounds itself
//! ([`child`](compile_child)), the parent bounds its time from outside.
//!
//! **Invariants:** a child that is no longer waited for is killed; one component
//! is compiled at a time; code is taken only from a child that ended well, and
//! that child is this very program.

mod child;

use std::{
    ffi::OsString,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::Arc,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{ChildStdin, Command},
    sync::Mutex,
};
use wasmtime::{Engine, component::Component};

use crate::{
    cache::{CompileCache, CompileCounts, Verified},
    limits::COMPILE_TIME,
};

pub use child::{compile_child, memory_allowed};

/// Threads of a child. Each has memory of its own, so their number is bounded.
const THREADS: usize = 4;
/// Most compiled code that is taken, in bytes. A component of 32 MiB gives less.
const MOST_CODE: u64 = 512 << 20;
/// Most that is read of a child's last words, in bytes.
const MOST_WORDS: u64 = 64 << 10;

/// How this program is started as a compiler: the process calls
/// [`compile_child`] and ends.
#[derive(Debug, Clone)]
pub struct Compiler {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
}

/// Components, compiled where and when one is needed.
pub(crate) struct Compiling {
    cache: CompileCache,
    /// None: in this process. For tools that compile only what their user wrote.
    compiler: Option<Compiler>,
    turn: Mutex<()>,
}

impl Compiling {
    pub fn new(cache: CompileCache, compiler: Option<Compiler>) -> Arc<Self> {
        Arc::new(Self { cache, compiler, turn: Mutex::default() })
    }

    pub fn counts(&self) -> CompileCounts {
        self.cache.counts()
    }

    /// # Errors
    /// The component does not compile, or not within the limits.
    pub async fn component(self: &Arc<Self>, engine: &'static Engine, wasm: Arc<[u8]>) -> wasmtime::Result<Component> {
        let found = self.blocking(&wasm, move |cache, wasm| Ok(cache.find(engine, wasm))).await?;
        if let Some(component) = found {
            return Ok(component);
        }
        let Some(compiler) = &self.compiler else {
            return self.blocking(&wasm, move |cache, wasm| cache.compile(engine, wasm)).await;
        };
        let turn = self.turn.lock().await;
        let code = compiler.compile(&wasm).await.map_err(wasmtime::Error::msg)?;
        drop(turn);
        self.blocking(&wasm, move |cache, wasm| cache.take(engine, wasm, &code)).await
    }

    /// Large files are read, hashed and mapped here.
    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        wasm: &Arc<[u8]>,
        work: impl FnOnce(&CompileCache, &[u8]) -> wasmtime::Result<T> + Send + 'static,
    ) -> wasmtime::Result<T> {
        let (this, wasm) = (Arc::clone(self), Arc::clone(wasm));
        tokio::task::spawn_blocking(move || work(&this.cache, &wasm)).await?
    }
}

impl Compiler {
    /// # Errors
    /// What the child said last, or how it ended.
    async fn compile(&self, wasm: &[u8]) -> Result<Verified, String> {
        let late = || format!("compiling took longer than {} s and was ended", COMPILE_TIME.as_secs());
        tokio::time::timeout(COMPILE_TIME, self.run(wasm)).await.map_err(|_| late())?
    }

    async fn run(&self, wasm: &[u8]) -> Result<Verified, String> {
        let mut child = self.command().spawn().map_err(|error| format!("the compiler does not start: {error}"))?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (_, code, words, status) =
            tokio::join!(feed(stdin, wasm), read(stdout, MOST_CODE), read(stderr, MOST_WORDS), child.wait());
        let status = status.map_err(|error| format!("the compiler was lost: {error}"))?;
        if !status.success() {
            return Err(why(status, &String::from_utf8_lossy(&words)));
        }
        Ok(Verified::of_child(code))
    }

    /// The child needs nothing of this process's surroundings, and gets none of
    /// the secrets that may stand there.
    fn command(&self) -> Command {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .env("RAYON_NUM_THREADS", cores.min(THREADS).to_string())
            // Of the C library's allocator: each arena is address space.
            .env("MALLOC_ARENA_MAX", "2")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }
}

/// A child that ended early does not listen; its status says why.
async fn feed(pipe: Option<ChildStdin>, wasm: &[u8]) {
    if let Some(mut pipe) = pipe {
        let _ = pipe.write_all(wasm).await;
    }
}

/// At most so many bytes: a child that says more finds the pipe closed.
async fn read(pipe: Option<impl AsyncRead + Unpin>, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        // What came before an error is looked at all the same.
        let _ = pipe.take(most).read_to_end(&mut bytes).await;
    }
    bytes
}

/// The last line that a child said, or else how it ended.
fn why(status: ExitStatus, words: &str) -> String {
    if used_up(status) {
        return format!("compiling took more than {} s of processor time", COMPILE_TIME.as_secs());
    }
    let says = |line: &&str| !(line.is_empty() || line.starts_with("note:") || *line == "stack backtrace:");
    match words.lines().map(str::trim).rfind(says) {
        Some(line) => line.chars().take(500).collect(),
        None => format!("the compiler ended with {status}"),
    }
}

/// The kernel ends a process that used its processor time.
#[cfg(unix)]
fn used_up(status: ExitStatus) -> bool {
    const SIGXCPU: i32 = 24;
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(SIGXCPU)
}

#[cfg(not(unix))]
fn used_up(_status: ExitStatus) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use std::time::Duration;

    use super::*;

    fn shell(script: &str) -> Compiler {
        Compiler { program: "/bin/sh".into(), arguments: vec!["-c".into(), script.into()] }
    }

    async fn failed(script: &str) -> String {
        shell(script).compile(&[0; 1 << 20]).await.map(|code| code.bytes().len()).expect_err("it fails")
    }

    #[tokio::test]
    async fn what_the_child_writes_is_the_code() {
        let code = shell("cat").compile(b"as it came").await.expect("it ends well");
        assert_eq!(code.bytes(), b"as it came");
    }

    #[tokio::test]
    async fn a_failure_is_the_last_line_that_the_child_said() {
        assert_eq!(failed("echo half of it; echo first >&2; echo last >&2; exit 1").await, "last");
        assert_eq!(failed("echo 'out of it' >&2; echo 'note: more' >&2; kill -ABRT $$").await, "out of it");
        assert_eq!(failed("kill -XCPU $$").await, "compiling took more than 120 s of processor time");
        assert!(failed("exit 3").await.contains('3'));
    }

    #[tokio::test]
    async fn a_child_sees_nothing_of_the_servers_environment() {
        let code = shell("env | cut -d= -f1 | sort | tr '\\n' ' '").compile(b"").await.expect("it ends well");
        let names = String::from_utf8_lossy(code.bytes()).into_owned();
        for name in names.split_whitespace() {
            assert!(["MALLOC_ARENA_MAX", "RAYON_NUM_THREADS", "PWD", "OLDPWD", "SHLVL", "_"].contains(&name), "{name}");
        }
    }

    #[tokio::test]
    async fn a_child_that_nobody_waits_for_is_killed() {
        let directory = tempfile::tempdir().expect("a directory");
        let pid = directory.path().join("pid");
        let compiler = shell(&format!("echo $$ > '{}'; mv '{0}' '{0}.done'; exec sleep 600", pid.display()));
        let (seen, waiting) = (pid.with_extension("done"), async {
            while !pid.with_extension("done").exists() {
                tokio::task::yield_now().await
            }
        });
        tokio::select! {
            _ = compiler.compile(b"") => panic!("it sleeps"),
            () = waiting => {}
        }
        let process = std::path::Path::new("/proc").join(std::fs::read_to_string(seen).expect("written").trim());
        let gone = || std::fs::read_to_string(process.join("stat")).map_or(true, |stat| stat.contains(") Z "));
        let end = std::time::Instant::now() + Duration::from_secs(10);
        while !gone() && std::time::Instant::now() < end {
            tokio::task::yield_now().await;
        }
        assert!(gone());
    }
}
