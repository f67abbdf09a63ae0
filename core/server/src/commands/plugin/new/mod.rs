//! `lyceum plugin new`: a folder with a small plugin that works, its test, and
//! the SDK. The templates are plain files under `templates/`, with the words
//! `{{name}}`, `{{publisher}}` and `{{crate}}` to be filled in.

mod templates;

use std::path::PathBuf;

use self::templates::{PYTHON, PYTHON_LIMITS, RUST, Sources, TYPESCRIPT, WORLDS, World};
use super::build::{
    Language,
    sources::{unpack, write},
};
use crate::StartError;

#[derive(Debug, clap::Args)]
pub struct New {
    /// The plugin's name: `hello`, or with the publisher `acme/hello`.
    name: String,
    /// What it takes part in: moderation, ranking, payment, content, notify, auth, job or graphql.
    #[arg(long, value_parser = world_names())]
    world: String,
    /// What it is written in.
    #[arg(long)]
    lang: Language,
    /// The folder to make; the plugin's name when left out.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// The publisher of a plugin whose author named none.
const PUBLISHER: &str = "example";

fn world_names() -> Vec<&'static str> {
    WORLDS.iter().map(|world| world.name).collect()
}

/// Makes the folder and says what to do next.
///
/// # Errors
/// The name is not allowed, or there is a folder already.
pub fn run(arguments: &New) -> Result<(), StartError> {
    let (publisher, name) = named(&arguments.name)?;
    let folder = arguments.dir.clone().unwrap_or_else(|| PathBuf::from(name));
    if folder.join("plugin.toml").exists() {
        return Err(StartError::Other(format!("{} has a plugin already", folder.display())));
    }
    let world = WORLDS.iter().find(|world| world.name == arguments.world);
    let world = world.ok_or_else(|| StartError::Other(format!("there is no world {}", arguments.world)))?;
    for (path, text) in files(world, arguments.lang) {
        let text = text.replace("{{name}}", name).replace("{{publisher}}", publisher);
        write(&folder.join(path), text.replace("{{crate}}", &name.replace('-', "_")).as_bytes())?;
    }
    unpack(&folder, arguments.lang)?;
    println!("{} is a plugin of the world {}. Next:\n", folder.display(), world.name);
    println!("  cd {}\n  lyceum plugin build\n  {}", folder.display(), test_command(arguments.lang));
    Ok(())
}

/// Publisher and name, each of lower-case letters, digits and hyphens.
fn named(text: &str) -> Result<(&str, &str), StartError> {
    let (publisher, name) = text.split_once('/').unwrap_or((PUBLISHER, text));
    let word = |part: &str| {
        let inner = part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        inner && part.starts_with(|c: char| c.is_ascii_lowercase()) && !part.ends_with('-') && part.len() <= 64
    };
    match word(publisher) && word(name) {
        true => Ok((publisher, name)),
        false => Err(StartError::Other(format!(
            "`{text}` cannot be a plugin's name: write `name` or `publisher/name` in lower-case letters, digits and hyphens, a letter first"
        ))),
    }
}

/// All files of a new plugin, by their place in its folder.
fn files(world: &World, language: Language) -> Vec<(&'static str, String)> {
    let (common, Sources { code, test }, places) = match language {
        Language::Rust => (RUST, &world.rust, ["src/lib.rs", "tests/plugin.rs"]),
        Language::TypeScript => (TYPESCRIPT, &world.typescript, ["src/plugin.ts", "tests/plugin.test.ts"]),
        Language::Python => (PYTHON, &world.python, ["src/plugin.py", "tests/test_plugin.py"]),
    };
    let own =
        [("plugin.toml", manifest(world, language)), (places[0], code.to_string()), (places[1], test.to_string())];
    let common = common.iter().map(|(path, text)| (*path, (*text).to_owned()));
    own.into_iter().chain(common).collect()
}

fn manifest(world: &World, language: Language) -> String {
    let further = if language == Language::Python { PYTHON_LIMITS } else { "" };
    format!("{}{further}", world.manifest)
}

const fn test_command(language: Language) -> &'static str {
    match language {
        Language::Rust => "cargo test",
        Language::TypeScript => "npm test",
        Language::Python => "PYTHONPATH=src:.lyceum/sdk/python python3 -m unittest discover -s tests",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const LANGUAGES: [Language; 3] = [Language::Rust, Language::TypeScript, Language::Python];

    fn made(world: &str, lang: Language) -> (tempfile::TempDir, PathBuf) {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("try-it");
        let (name, world) = ("acme/try-it".to_owned(), world.to_owned());
        run(&New { name, world, lang, dir: Some(folder.clone()) }).expect("a new plugin");
        (parent, folder)
    }

    fn text(folder: &Path, file: &str) -> String {
        std::fs::read_to_string(folder.join(file)).expect("the file is there")
    }

    #[test]
    fn every_world_has_a_manifest_the_host_reads_and_no_word_is_left_to_fill_in() {
        for world in &WORLDS {
            for language in LANGUAGES {
                let (_parent, folder) = made(world.name, language);
                let manifest: toml::Table = text(&folder, "plugin.toml").parse().expect("TOML");
                assert_eq!(manifest["plugin"]["id"].as_str(), Some("acme/try-it"));
                assert_eq!(manifest["store"]["summary"].as_table().map(toml::Table::len), Some(2));
                for (file, _) in files(world, language) {
                    assert!(!text(&folder, file).contains("{{"), "{} {language:?} {file}", world.name);
                }
                assert_eq!(Language::of(&folder).expect("a language"), language);
            }
        }
    }

    #[test]
    fn the_sdk_is_unpacked_beside_it() {
        for (language, file) in LANGUAGES.into_iter().zip(["Cargo.toml", "package.json", "lyceum_sdk/wasm.py"]) {
            let (_parent, folder) = made("ranking", language);
            assert!(folder.join(".lyceum/sdk").join(language.folder()).join(file).is_file(), "{file}");
        }
    }

    #[test]
    fn a_plugin_is_not_written_over() {
        let (_parent, folder) = made("job", Language::Python);
        let again = New { name: "x".into(), world: "job".into(), lang: Language::Rust, dir: Some(folder) };
        assert!(run(&again).expect_err("it is there").to_string().ends_with("has a plugin already"));
    }

    #[test]
    fn a_name_is_a_word_with_or_without_its_publisher() {
        assert_eq!(named("hello").expect("a name"), ("example", "hello"));
        assert_eq!(named("acme/hello-2").expect("a name"), ("acme", "hello-2"));
        for wrong in ["", "Hello", "2hello", "hello-", "a/b/c", "a b", "/x"] {
            assert!(named(wrong).is_err(), "{wrong}");
        }
    }
}
