//! Plugins are compiled by the program itself, in a process of its own.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use lyceum_domain::plugin::{
    Activation, Extensions as _, FailureKind, Grants, PluginFailure, PluginRuntime as _, Role,
};
use lyceum_plugin_host::{CompileCounts, Compiler, PluginHost, PluginHostConfig};

fn host(cache: &Path) -> PluginHost {
    let compiler = Compiler { program: env!("CARGO_BIN_EXE_lyceum").into(), arguments: vec!["plugin-compile".into()] };
    let config =
        PluginHostConfig { cache_dir: Some(cache.to_owned()), compiler: Some(compiler), ..PluginHostConfig::default() };
    PluginHost::new(config).unwrap()
}

fn activation(wasm: Vec<u8>) -> Activation {
    Activation {
        wasm: wasm.into(),
        grants: Grants::default(),
        config: "{}".into(),
        secrets: BTreeMap::new(),
        previous_version: None,
        role: Role::Active,
    }
}

fn first_party() -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/components/moderation-wordlist.wasm")).unwrap()
}

async fn refused(wasm: Vec<u8>) -> PluginFailure {
    let cache = tempfile::tempdir().unwrap();
    let failure = host(cache.path()).activate(activation(wasm)).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Compile, "{failure}");
    failure
}

#[tokio::test]
async fn what_the_child_compiled_runs_and_is_kept() {
    let cache = tempfile::tempdir().unwrap();
    for counts in [CompileCounts { compiled: 1, cached: 0 }, CompileCounts { compiled: 0, cached: 1 }] {
        let host = host(cache.path());
        host.activate(activation(first_party())).await.unwrap();
        assert_eq!(host.moderators().len(), 1);
        assert_eq!(host.compile_counts(), counts);
    }
}

#[tokio::test]
async fn a_component_that_is_invalid_inside_is_refused_with_the_compilers_words() {
    // One function that adds two numbers that are not there.
    let failure = refused(component(&module(&[0x6a, 0x1a], 0))).await;
    assert!(failure.detail.contains("type mismatch"), "{}", failure.detail);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_component_that_takes_too_much_to_compile_ends_the_child_and_not_the_server() {
    let before = peak_kib();
    let failure = refused(bomb()).await;
    assert!(peak_kib() - before < 128 << 10, "the server grew by {} KiB", peak_kib() - before);
    let words = failure.detail;
    assert!(words.contains("memory") || words.contains("time") || words.contains("took"), "{words}");
}

#[cfg(target_os = "linux")]
#[test]
fn the_child_writes_nothing_when_it_fails_and_says_why_in_one_line() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lyceum"))
        .arg("plugin-compile")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"no component").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    assert_eq!(String::from_utf8(output.stderr).unwrap().lines().count(), 1);
}

/// The most memory that this process has had, in KiB.
#[cfg(target_os = "linux")]
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Loops in loops, each of which may be left for any around it, over as many
/// variables as a function may have: every variable meets in every loop.
fn bomb() -> Vec<u8> {
    const LOOPS: usize = 20_000;
    const LOCALS: u32 = 50_000;
    let mut code = Vec::new();
    for n in 0..LOOPS {
        let mut local = Vec::new();
        number(&mut local, n % LOCALS as usize);
        code.extend([0x03, 0x40]);
        // local := local + 1, and around again while it is not 0.
        code.push(0x20);
        code.extend(&local);
        code.extend([0x41, 0x01, 0x6a, 0x22]);
        code.extend(&local);
        code.extend([0x0d, 0x00]);
    }
    code.extend(vec![0x0b; LOOPS]);
    component(&module(&code, LOCALS))
}

/// A module of one function without parameters or results.
fn module(code: &[u8], locals: u32) -> Vec<u8> {
    let mut function = Vec::new();
    match locals {
        0 => function.push(0),
        locals => {
            function.push(1);
            number(&mut function, locals as usize);
            function.push(0x7f);
        }
    }
    function.extend(code);
    function.push(0x0b);
    let mut body = vec![1];
    number(&mut body, function.len());
    body.extend(function);
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    section(&mut module, 1, &[1, 0x60, 0, 0]);
    section(&mut module, 3, &[1, 0]);
    section(&mut module, 10, &body);
    module
}

/// A good component with this module in it besides, which is compiled and never run.
fn component(module: &[u8]) -> Vec<u8> {
    let mut component = first_party();
    section(&mut component, 1, module);
    component
}

fn section(out: &mut Vec<u8>, id: u8, body: &[u8]) {
    out.push(id);
    number(out, body.len());
    out.extend_from_slice(body);
}

/// LEB128, as WASM writes numbers.
fn number(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
