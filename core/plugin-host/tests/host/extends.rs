//! `[hooks]`, `[[jobs]]` and `[graphql]` of a manifest.

use std::time::Duration;

use lyceum_domain::{content::Moment, plugin::PluginRuntime};
use lyceum_plugin_host::Manifest;

use crate::support::{component, generous, host, with_manifest};

const MANIFEST: &str = r#"
[plugin]
id = "acme/all"
version = "1.0.0"
license = "Apache-2.0"
lyceum = ">=0.1, <3"
implements = ["lyceum:content/before-hooks@1.0", "lyceum:content/after-hooks@1.0", "lyceum:job/job@1.0", "lyceum:graphql/field-resolver@1.0"]

[hooks]
before = ["publish", "create"]
after = ["delete"]
types = ["course"]
guard = true

[[jobs]]
name = "sync"
every = "15min"
summary = { en = "Fetches", zh = "获取" }

[graphql]
sdl = "extend type Lesson { acmeMinutes: Int }"
"#;

#[test]
fn the_sections_are_read_as_written() {
    let extends = Manifest::parse(MANIFEST).unwrap().extends;
    let hooks = extends.hooks.unwrap();
    assert_eq!((hooks.before, hooks.after), (vec![Moment::Create, Moment::Publish], vec![Moment::Delete]));
    assert_eq!((hooks.types, hooks.guard), (vec!["course".to_owned()], true));
    let job = &extends.jobs[0];
    assert_eq!((job.name.as_str(), job.every), ("sync", Some(Duration::from_secs(900))));
    assert_eq!((job.summary["en"].as_str(), job.summary["zh"].as_str()), ("Fetches", "获取"));
    assert_eq!(extends.sdl.as_deref(), Some("extend type Lesson { acmeMinutes: Int }"));
}

#[test]
fn a_wrong_section_says_what_to_write() {
    let long = format!("sdl = \"{}\"", "x".repeat((32 << 10) + 1));
    for (written, instead, said) in [
        ("guard = true", "guards = true", "guards"),
        ("every =", "each =", "each"),
        ("sdl =", "schema =", "schema"),
        ("\"publish\", \"create\"", "\"publish\", \"read\"", "`hooks.before`: \"read\" is not create, update"),
        ("types = [\"course\"]", "types = []", "`hooks.types` is empty"),
        ("types = [\"course\"]", "types = [\"Course!\"]", "content type such as `course`"),
        ("types = [\"course\"]", "", "types"),
        ("name = \"sync\"", "name = \"Sync It\"", "jobs.name"),
        ("\"15min\"", "\"5s\"", "at least `10s`"),
        ("\"15min\"", "\"15 minutes\"", "such as `15min`"),
        ("zh = ", "chinese = ", "jobs.summary"),
        ("[graphql]", "[[jobs]]\nname = \"sync\"\n[graphql]", "there are two"),
        ("sdl = \"extend type Lesson { acmeMinutes: Int }\"", "sdl = \" \"", "graphql.sdl"),
        ("sdl = \"extend type Lesson { acmeMinutes: Int }\"", &long, "at most 32768"),
        ("before = [\"publish\", \"create\"]", "", "`hooks.guard`"),
    ] {
        assert!(MANIFEST.contains(written), "{written}");
        let error = Manifest::parse(&MANIFEST.replacen(written, instead, 1)).expect_err(instead);
        assert!(error.contains(said), "{instead}: {error}");
    }
}

#[test]
fn an_export_and_its_section_come_together() {
    let job = "\n[[jobs]]\nname = \"sync\"\nevery = \"15min\"\nsummary = { en = \"Fetches\", zh = \"获取\" }\n";
    let sdl = "\n[graphql]\nsdl = \"extend type Lesson { acmeMinutes: Int }\"\n";
    for (written, said) in [
        ("after = [\"delete\"]", "has no `[hooks] after`: write `after = [\"publish\"]`"),
        (job, "has no `[[jobs]]`: write `name = \"sync\"`"),
        (sdl, "has no `[graphql] sdl`: write `sdl ="),
        ("\"lyceum:content/before-hooks@1.0\", ", "add `lyceum:content/before-hooks@1.0` to `plugin.implements`"),
        (", \"lyceum:graphql/field-resolver@1.0\"", "add `lyceum:graphql/field-resolver@1.0` to `plugin.implements`"),
    ] {
        assert!(MANIFEST.contains(written), "{written}");
        let error = Manifest::parse(&MANIFEST.replacen(written, "", 1)).expect_err(written);
        assert!(error.contains(said), "{written}: {error}");
    }
}

#[test]
fn an_owner_sees_what_a_plugin_takes_part_in_and_consents_to_it() {
    let host = host(generous());
    let inspected =
        |change: &dyn Fn(&str) -> String| host.inspect(&with_manifest(&component("hostile/content"), change)).unwrap();
    let seen = inspected(&str::to_owned);
    assert_eq!(seen.extends.hooks.as_ref().unwrap().types, ["course", "lesson"]);
    let more = inspected(&|manifest| manifest.replace("types = [\"course\", \"lesson\"]", "types = [\"*\"]"));
    assert_ne!(seen.permission_hash, more.permission_hash, "it wants to see more");
    let turned =
        inspected(&|manifest| manifest.replace("types = [\"course\", \"lesson\"]", "types = [\"lesson\", \"course\"]"));
    assert_eq!(seen.permission_hash, turned.permission_hash);
    let known = serde_json::from_value(serde_json::to_value(&seen).unwrap()).ok();
    assert_eq!(known, Some(seen), "the record of consent can be read again");
}
