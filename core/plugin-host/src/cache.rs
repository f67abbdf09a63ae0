//! Compiled components on disk.
//!
//! **Invariant:** a file is used only when its HMAC, under a key that stays in
//! this directory, is right for its bytes and its name. Anything else is
//! compiled again: the cache may be slow, never wrong.

use std::{
    fs,
    hash::{Hash, Hasher},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use hmac::{Hmac, Mac};
use rand::RngCore;
use sha2::{Digest, Sha256};
use wasmtime::{Engine, component::Component};

use crate::cwasm;

const MAC_BYTES: usize = 32;
/// Files that are kept; the least recently written go first.
const FILES: usize = 64;

/// Components compiled, and taken from the disk, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CompileCounts {
    pub compiled: u64,
    pub cached: u64,
}

/// Finds what was compiled before, and keeps what is compiled now.
#[derive(Default)]
pub(crate) struct CompileCache {
    store: Option<Store>,
    compiled: AtomicU64,
    cached: AtomicU64,
}

struct Store {
    directory: PathBuf,
    key: [u8; 32],
}

/// Bytes whose HMAC was right, or that a compiler of this program wrote.
pub(crate) struct Verified {
    bytes: Vec<u8>,
    start: usize,
}

impl Verified {
    /// Compiled code that came over a pipe from a child of this process, which
    /// runs the same program and ended well.
    pub fn of_child(bytes: Vec<u8>) -> Self {
        Self { bytes, start: 0 }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

impl CompileCache {
    /// # Errors
    /// The directory or its key file cannot be made or read.
    pub fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let key = instance_key(directory)?;
        Ok(Self { store: Some(Store { directory: directory.to_owned(), key }), ..Self::default() })
    }

    /// What was compiled before. Reads a file: call it where blocking is allowed.
    pub fn find(&self, engine: &Engine, wasm: &[u8]) -> Option<Component> {
        let store = self.store.as_ref()?;
        let component = store.load(engine, &file_name(engine, wasm))?;
        self.cached.fetch_add(1, Ordering::Relaxed);
        Some(component)
    }

    /// Compiles in this process. Takes seconds for a large component: call it
    /// where blocking is allowed.
    ///
    /// # Errors
    /// The component does not compile.
    pub fn compile(&self, engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Component> {
        let component = Component::from_binary(engine, wasm)?;
        self.compiled.fetch_add(1, Ordering::Relaxed);
        if self.store.is_some() {
            self.keep(engine, wasm, &component.serialize()?);
        }
        Ok(component)
    }

    /// Takes what a child compiled. Blocks too.
    ///
    /// # Errors
    /// The engine refuses it: the program was replaced since this process began.
    pub fn take(&self, engine: &Engine, wasm: &[u8], code: &Verified) -> wasmtime::Result<Component> {
        let component = cwasm::load(engine, code)?;
        self.compiled.fetch_add(1, Ordering::Relaxed);
        self.keep(engine, wasm, code.bytes());
        Ok(component)
    }

    fn keep(&self, engine: &Engine, wasm: &[u8], code: &[u8]) {
        if let Some(store) = &self.store
            && let Err(error) = store.save(&file_name(engine, wasm), code)
        {
            tracing::warn!(%error, "the compiled plugin could not be kept");
        }
    }

    pub fn counts(&self) -> CompileCounts {
        CompileCounts { compiled: self.compiled.load(Ordering::Relaxed), cached: self.cached.load(Ordering::Relaxed) }
    }
}

impl Store {
    fn load(&self, engine: &Engine, name: &str) -> Option<Component> {
        let verified = self.read(name)?;
        cwasm::load(engine, &verified)
            .inspect_err(|error| tracing::warn!(%error, "a compiled plugin does not fit this engine"))
            .ok()
    }

    fn read(&self, name: &str) -> Option<Verified> {
        let bytes = fs::read(self.directory.join(name)).ok()?;
        let (mac, code) = bytes.split_at_checked(MAC_BYTES)?;
        if self.mac(name, code).verify_slice(mac).is_err() {
            tracing::warn!(file = name, "a compiled plugin was changed on disk and is compiled again");
            return None;
        }
        Some(Verified { bytes, start: MAC_BYTES })
    }

    /// Written beside and renamed, so that a crash leaves no half file.
    fn save(&self, name: &str, code: &[u8]) -> io::Result<()> {
        let mac = self.mac(name, code).finalize().into_bytes();
        let beside = self.directory.join(format!("{name}.{}.part", rand::rng().next_u64()));
        let mut file = private(&beside)?;
        file.write_all(&mac)?;
        file.write_all(code)?;
        file.sync_all()?;
        fs::rename(&beside, self.directory.join(name))?;
        self.evict()?;
        Ok(())
    }

    /// The name is covered too: a file cannot be put in the place of another.
    fn mac(&self, name: &str, code: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(name.as_bytes());
        mac.update(&[0]);
        mac.update(code);
        mac
    }

    fn evict(&self) -> io::Result<()> {
        let mut files: Vec<(SystemTime, PathBuf)> = fs::read_dir(&self.directory)?
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|e| e == "cwasm"))
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        files.sort();
        let surplus = files.len().saturating_sub(FILES);
        files.iter().take(surplus).try_for_each(|(_, path)| fs::remove_file(path))
    }
}

/// Source and engine, so that neither another version of the plugin nor of the
/// engine, its settings or the processor's features finds the file.
fn file_name(engine: &Engine, wasm: &[u8]) -> String {
    let mut compatibility = Digester(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut compatibility);
    let compatibility = hex::encode(&compatibility.0.finalize()[..16]);
    format!("{}-{compatibility}.cwasm", hex::encode(Sha256::digest(wasm)))
}

/// The standard library's hasher may change between releases; this does not.
struct Digester(Sha256);

impl Hasher for Digester {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

/// The key of this directory. One that is missing or of the wrong length (left by
/// a full disk) is made anew: what was compiled under it is compiled again.
fn instance_key(directory: &Path) -> io::Result<[u8; 32]> {
    let path = directory.join("cache.key");
    match fs::read(&path) {
        Ok(bytes) => {
            if let Ok(key) = bytes.try_into() {
                return Ok(key);
            }
            tracing::warn!(path = %path.display(), "the key of the compiled plugins is not whole; they are compiled again");
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    make_key(directory, &path)
}

/// Written beside and renamed, so that a crash leaves no half key. Of several
/// processes at once the last one decides.
fn make_key(directory: &Path, path: &Path) -> io::Result<[u8; 32]> {
    let beside = directory.join(format!("cache.key.{}.part", rand::rng().next_u64()));
    let mut key = [0; 32];
    rand::rng().fill_bytes(&mut key);
    let mut file = private(&beside)?;
    file.write_all(&key)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    fs::File::open(path)?.read_exact(&mut key)?;
    Ok(key)
}

/// A new file that only this user may read.
fn private(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
