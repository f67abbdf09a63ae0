//! Released interfaces stay as they are.
//!
//! `RELEASED.sha256` has the digest of every file of a released version: none of
//! them is ever edited. A newer minor version beside it may add functions to
//! interfaces that plugins import, and interfaces; nothing else (`PLUGINS.md` §0:
//! everything else fails only when an old plugin is instantiated).
//!
//! Before the first release, `LYCEUM_WRITE_DOCS=1` writes the list anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use semver::Version;
use sha2::{Digest as _, Sha256};
use wit_parser::{Function, PackageId, Resolve, Type, TypeDef, TypeDefKind, WorldItem, WorldKey};

fn schema() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schema/wit")
}

fn inside(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

/// The versions of each package, the oldest first.
fn versions() -> BTreeMap<String, Vec<Version>> {
    let folders = inside(&schema()).into_iter().filter(|path| path.is_dir());
    let parsed = |folder: &Path| {
        let mut versions: Vec<Version> = inside(folder).iter().map(|path| name(path).parse().unwrap()).collect();
        versions.sort();
        versions
    };
    folders.map(|folder| (name(&folder).to_owned(), parsed(&folder))).collect()
}

/// As `sha256sum` writes it, by path.
fn digests(of: impl Fn(&Version) -> bool) -> String {
    let mut list = String::new();
    for (package, versions) in versions() {
        for version in versions.into_iter().filter(&of) {
            for file in inside(&schema().join(&package).join(version.to_string())) {
                let digest = hex::encode(Sha256::digest(fs::read(&file).unwrap()));
                let _ = writeln!(list, "{digest}  {package}/{version}/{}", name(&file));
            }
        }
    }
    list
}

#[test]
fn released_files_are_as_they_were() {
    let list = schema().join("RELEASED.sha256");
    let first = |version: &Version| *version == Version::new(1, 0, 0);
    if std::env::var_os("LYCEUM_WRITE_DOCS").is_some() {
        fs::write(&list, digests(first)).unwrap();
    }
    let released = fs::read_to_string(&list).unwrap();
    let listed: BTreeSet<&str> = released.lines().filter_map(|line| line.split('/').nth(1)).collect();
    let now = digests(|version| listed.contains(version.to_string().as_str()));
    assert_eq!(now, released, "a released file was edited: make a new minor version beside it");
}

/// What a package has, in words that can be compared.
#[derive(Debug, Default)]
struct Shape {
    /// By interface: its types and functions.
    interfaces: BTreeMap<String, Members>,
    /// Interfaces that a world exports: a plugin has them, so they cannot grow.
    exported: BTreeSet<String>,
    /// By world: what it exports.
    worlds: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Debug, Default)]
struct Members {
    types: BTreeMap<String, String>,
    functions: BTreeMap<String, String>,
}

impl Shape {
    fn of(resolve: &Resolve, package: PackageId) -> Self {
        let mut shape = Self::default();
        let package = &resolve.packages[package];
        for (name, id) in &package.interfaces {
            let interface = &resolve.interfaces[*id];
            let types =
                interface.types.iter().map(|(name, id)| (name.clone(), definition(resolve, &resolve.types[*id])));
            let functions = interface.functions.iter().map(|(name, f)| (name.clone(), signature(resolve, f)));
            let members = Members { types: types.collect(), functions: functions.collect() };
            shape.interfaces.insert(name.clone(), members);
        }
        for (name, id) in &package.worlds {
            let exports = resolve.worlds[*id].exports.iter().map(|(key, item)| exported(resolve, key, item));
            let exports: BTreeSet<String> = exports.collect();
            shape.exported.extend(exports.iter().cloned());
            shape.worlds.insert(name.clone(), exports);
        }
        shape
    }

    /// What a plugin that was built for this one would miss in `newer`.
    fn broken_by(&self, newer: &Self) -> Vec<String> {
        let mut broken = Vec::new();
        for (name, members) in &self.interfaces {
            let Some(now) = newer.interfaces.get(name) else {
                broken.push(format!("the interface {name} is gone"));
                continue;
            };
            let frozen = self.exported.contains(name) || newer.exported.contains(name);
            compare(&mut broken, &format!("{name}: type"), &members.types, &now.types, frozen);
            compare(&mut broken, &format!("{name}: function"), &members.functions, &now.functions, frozen);
        }
        for (name, exports) in &self.worlds {
            if newer.worlds.get(name) != Some(exports) {
                broken.push(format!("the world {name} exports something else"));
            }
        }
        broken
    }
}

fn compare(
    broken: &mut Vec<String>,
    what: &str,
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
    frozen: bool,
) {
    for (name, text) in old {
        match new.get(name) {
            None => broken.push(format!("{what} {name} is gone")),
            Some(now) if now != text => broken.push(format!("{what} {name} was {text} and is {now}")),
            Some(_) => {}
        }
    }
    let added = new.keys().filter(|name| frozen && !old.contains_key(*name));
    broken.extend(added.map(|name| format!("{what} {name} is new in an interface that plugins export")));
}

fn exported(resolve: &Resolve, key: &WorldKey, item: &WorldItem) -> String {
    match (key, item) {
        (_, WorldItem::Interface { id, .. }) => {
            resolve.interfaces[*id].name.clone().unwrap_or_else(|| resolve.name_world_key(key))
        }
        (_, WorldItem::Function(function)) => format!("{}{}", function.name, signature(resolve, function)),
        _ => resolve.name_world_key(key),
    }
}

fn signature(resolve: &Resolve, function: &Function) -> String {
    let params = function.params.iter().map(|param| format!("{}: {}", param.name, text(resolve, &param.ty)));
    let result = function.result.as_ref().map_or("none".to_owned(), |ty| text(resolve, ty));
    format!("({}) -> {result}", params.collect::<Vec<_>>().join(", "))
}

/// A type by its name; its definition is compared where it stands.
fn text(resolve: &Resolve, ty: &Type) -> String {
    match ty {
        Type::Id(id) => {
            let definition_of = &resolve.types[*id];
            definition_of.name.clone().unwrap_or_else(|| definition(resolve, definition_of))
        }
        plain => format!("{plain:?}"),
    }
}

fn definition(resolve: &Resolve, of: &TypeDef) -> String {
    let say = |ty: &Type| text(resolve, ty);
    let maybe = |ty: &Option<Type>| ty.as_ref().map_or("_".to_owned(), say);
    let list = |parts: Vec<String>| parts.join(", ");
    match &of.kind {
        TypeDefKind::Record(r) => {
            format!("record({})", list(r.fields.iter().map(|f| format!("{}: {}", f.name, say(&f.ty))).collect()))
        }
        TypeDefKind::Variant(v) => {
            format!("variant({})", list(v.cases.iter().map(|c| format!("{}: {}", c.name, maybe(&c.ty))).collect()))
        }
        TypeDefKind::Enum(e) => format!("enum({})", list(e.cases.iter().map(|c| c.name.clone()).collect())),
        TypeDefKind::Flags(f) => format!("flags({})", list(f.flags.iter().map(|f| f.name.clone()).collect())),
        TypeDefKind::Tuple(t) => format!("tuple({})", list(t.types.iter().map(say).collect())),
        TypeDefKind::Option(ty) => format!("option({})", say(ty)),
        TypeDefKind::Result(r) => format!("result({}, {})", maybe(&r.ok), maybe(&r.err)),
        TypeDefKind::List(ty) => format!("list({})", say(ty)),
        TypeDefKind::Type(ty) => format!("= {}", say(ty)),
        // What this project does not use: another one in its place is seen, what is in it is not.
        other => other.as_str().to_owned(),
    }
}

/// With the packages that it may need, in their latest version below the same major.
fn shape(package: &str, version: &Version) -> Shape {
    let mut resolve = Resolve::default();
    let needed: &[&str] = match package {
        "types" => &[],
        "host" => &["types"],
        _ => &["types", "host"],
    };
    for needed in needed {
        let all = versions();
        let latest = all[*needed].iter().rfind(|v| v.major == version.major).unwrap();
        resolve.push_dir(schema().join(needed).join(latest.to_string())).unwrap();
    }
    let (id, _) = resolve.push_dir(schema().join(package).join(version.to_string())).unwrap();
    Shape::of(&resolve, id)
}

#[test]
fn a_newer_minor_version_breaks_no_plugin() {
    for (package, versions) in versions() {
        assert!(!versions.is_empty(), "{package} has no version");
        for pair in versions.windows(2).filter(|pair| pair[0].major == pair[1].major) {
            let broken = shape(&package, &pair[0]).broken_by(&shape(&package, &pair[1]));
            assert_eq!(broken, Vec::<String>::new(), "{package} {} after {}", pair[1], pair[0]);
        }
    }
}

const RELEASED: &str = "package a:b@1.0.0;
interface offers { record r { x: u32 } variant v { one, two(string) } get: func(key: string) -> option<r>; put: func(v: v); }
interface wants { run: func() -> u32; }
world w { import offers; export wants; }";

fn parsed(text: &str) -> Shape {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("test.wit", text).unwrap();
    Shape::of(&resolve, package)
}

/// What is broken when `from` is `to` in the next version.
fn changed(from: &str, to: &str) -> Vec<String> {
    let newer = RELEASED.replace("1.0.0", "1.1.0").replacen(from, to, 1);
    assert!(newer.contains(to), "{from} is not there");
    parsed(RELEASED).broken_by(&parsed(&newer))
}

#[test]
fn an_imported_interface_may_gain_a_function_and_a_package_an_interface() {
    assert_eq!(changed("put:", "drop: func(key: string); put:"), Vec::<String>::new());
    assert_eq!(changed("interface wants", "interface more { go: func(); } interface wants"), Vec::<String>::new());
    assert_eq!(
        changed("import offers;", "import offers; import more2: interface { go: func(); }"),
        Vec::<String>::new()
    );
}

#[test]
fn whatever_else_changes_is_refused() {
    let one = |from: &str, to: &str| {
        let mut broken = changed(from, to);
        assert_eq!(broken.len(), 1, "{broken:?}");
        broken.remove(0)
    };
    let record = "offers: type r was record(x: U32) and is record(x: U32, y: U32)";
    assert_eq!(one("x: u32", "x: u32, y: u32"), record);
    let variant = "offers: type v was variant(one: _, two: String) and is variant(one: _, two: String, three: _)";
    assert_eq!(one("two(string)", "two(string), three"), variant);
    assert_eq!(one("put: func(v: v);", ""), "offers: function put is gone");
    let signature = "offers: function get was (key: String) -> option(r) and is (key: String) -> r";
    assert_eq!(one("option<r>", "r"), signature);
    let export = "wants: function stop is new in an interface that plugins export";
    assert_eq!(one("run:", "stop: func(); run:"), export);
    assert_eq!(one("export wants;", ""), "the world w exports something else");
}
