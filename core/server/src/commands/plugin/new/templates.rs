//! The text of the templates: for each world a manifest, and in each language a
//! source and its test.

/// A world, with its files.
pub(super) struct World {
    pub name: &'static str,
    pub manifest: &'static str,
    pub rust: Sources,
    pub typescript: Sources,
    pub python: Sources,
}

/// A plugin's code and its test.
pub(super) struct Sources {
    pub code: &'static str,
    pub test: &'static str,
}

macro_rules! world {
    ($name:literal) => {
        World {
            name: $name,
            manifest: include_str!(concat!("templates/manifest/", $name, ".toml")),
            rust: Sources {
                code: include_str!(concat!("templates/rust/src/", $name, ".rs")),
                test: include_str!(concat!("templates/rust/tests/", $name, ".rs")),
            },
            typescript: Sources {
                code: include_str!(concat!("templates/typescript/src/", $name, ".ts")),
                test: include_str!(concat!("templates/typescript/tests/", $name, ".test.ts")),
            },
            python: Sources {
                code: include_str!(concat!("templates/python/src/", $name, ".py")),
                test: include_str!(concat!("templates/python/tests/test_", $name, ".py")),
            },
        }
    };
}

pub(super) const WORLDS: [World; 8] = [
    world!("moderation"),
    world!("ranking"),
    world!("payment"),
    world!("content"),
    world!("notify"),
    world!("auth"),
    world!("job"),
    world!("graphql"),
];

/// Files that every plugin of a language has: where, and what.
type Files = &'static [(&'static str, &'static str)];

pub(super) const RUST: Files = &[
    ("Cargo.toml", include_str!("templates/rust/Cargo.toml.in")),
    (".gitignore", include_str!("templates/rust/gitignore")),
    ("README.md", include_str!("templates/rust/README.md")),
];
pub(super) const TYPESCRIPT: Files = &[
    ("package.json", include_str!("templates/typescript/package.json")),
    ("tsconfig.json", include_str!("templates/typescript/tsconfig.json")),
    (".gitignore", include_str!("templates/typescript/gitignore")),
    ("README.md", include_str!("templates/typescript/README.md")),
];
pub(super) const PYTHON: Files = &[
    ("requirements.txt", include_str!("templates/python/requirements.txt")),
    (".gitignore", include_str!("templates/python/gitignore")),
    ("README.md", include_str!("templates/python/README.md")),
];
/// What a manifest says further when Python comes along.
pub(super) const PYTHON_LIMITS: &str = include_str!("templates/python/limits.toml");
