//! `[hooks]`, `[[jobs]]` and `[graphql]` of a manifest: what a plugin takes part
//! in besides answering when it is asked.
//!
//! **Invariant:** an export and its section come together. A plugin is called
//! for nothing that its manifest does not name.

use std::{collections::BTreeMap, time::Duration};

use lyceum_domain::{
    content::Moment,
    job::JobSpec,
    plugin::{Extends, HooksAsked},
};
use lyceum_kernel::Locale;
use serde::Deserialize;

use crate::{interface::InterfaceName, worlds};

/// Largest SDL, in bytes. Whether it is right, the API says at activation.
const SDL_BYTES: usize = 32 << 10;
/// Jobs of one plugin.
const JOBS: usize = 32;
const SHORTEST_PERIOD: Duration = Duration::from_secs(10);
const LONGEST_PERIOD: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// The sections as they are written.
#[derive(Default)]
pub(crate) struct Sections {
    pub hooks: Option<Hooks>,
    pub jobs: Vec<Job>,
    pub graphql: Option<Graphql>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hooks {
    #[serde(default)]
    before: Vec<String>,
    #[serde(default)]
    after: Vec<String>,
    types: Vec<String>,
    #[serde(default)]
    guard: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Job {
    name: String,
    every: Option<String>,
    #[serde(default)]
    summary: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Graphql {
    sdl: String,
}

/// Reads the sections and compares them with what the plugin implements.
///
/// # Errors
/// What is wrong or missing, and what to write.
pub(crate) fn extends(sections: Sections, implements: &[InterfaceName]) -> Result<Extends, String> {
    let extends = Extends {
        hooks: sections.hooks.map(hooks).transpose()?,
        jobs: jobs(sections.jobs)?,
        sdl: sections.graphql.map(sdl).transpose()?,
    };
    let hooks = extends.hooks.as_ref();
    for (path, present, section, example) in [
        (worlds::BEFORE_HOOKS, hooks.is_some_and(|h| !h.before.is_empty()), "[hooks] before", BEFORE),
        (worlds::AFTER_HOOKS, hooks.is_some_and(|h| !h.after.is_empty()), "[hooks] after", AFTER),
        (worlds::JOB, !extends.jobs.is_empty(), "[[jobs]]", JOB),
        (worlds::FIELD_RESOLVER, extends.sdl.is_some(), "[graphql] sdl", SDL),
    ] {
        match (implements.iter().any(|name| name.path == path), present) {
            (true, false) => {
                return Err(format!("the manifest implements `{path}` and has no `{section}`: write {example}"));
            }
            (false, true) => {
                return Err(format!(
                    "the manifest has `{section}` and does not implement `{path}`: add `{path}@1.0` to `plugin.implements`, or take the section out"
                ));
            }
            _ => {}
        }
    }
    Ok(extends)
}

const BEFORE: &str = "`before = [\"create\", \"update\"]` and `types = [\"course\"]` under `[hooks]`";
const AFTER: &str = "`after = [\"publish\"]` and `types = [\"*\"]` under `[hooks]`";
const JOB: &str = "`name = \"sync\"` and `every = \"15min\"` under `[[jobs]]`";
const SDL: &str = "`sdl = \"extend type Lesson { acmeMinutes: Int }\"` under `[graphql]`";

fn hooks(given: Hooks) -> Result<HooksAsked, String> {
    let Hooks { before, after, types, guard } = given;
    if types.is_empty() {
        return Err("the manifest's `hooks.types` is empty: name content types, or write `[\"*\"]`".into());
    }
    if let Some(wrong) = types.iter().find(|name| !type_name(name)) {
        return Err(wrong_key("hooks.types", wrong, "write a content type such as `course`, or `*`"));
    }
    let (before, after) = (moments("hooks.before", &before)?, moments("hooks.after", &after)?);
    if before.is_empty() && after.is_empty() {
        return Err(format!("the manifest's `[hooks]` names no moment: write {BEFORE}"));
    }
    if guard && before.is_empty() {
        return Err("the manifest's `hooks.guard` is for hooks in `hooks.before`, and there is none".into());
    }
    Ok(HooksAsked { before, after, types, guard })
}

fn type_name(name: &str) -> bool {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric()) && name.starts_with(|c: char| c.is_ascii_lowercase());
    name == "*" || plain && name.len() <= 100
}

/// In the order of an entry's life, each once.
fn moments(key: &str, names: &[String]) -> Result<Vec<Moment>, String> {
    let parse = |name: &String| name.parse::<Moment>().map_err(|why| format!("the manifest's `{key}`: {why}"));
    let mut moments = names.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    moments.sort_unstable();
    moments.dedup();
    Ok(moments)
}

fn jobs(given: Vec<Job>) -> Result<Vec<JobSpec>, String> {
    if given.len() > JOBS {
        return Err(format!("the manifest has {} `[[jobs]]`; at most {JOBS}", given.len()));
    }
    let jobs = given.into_iter().map(job).collect::<Result<Vec<_>, _>>()?;
    let twice = |(place, job): &(usize, &JobSpec)| jobs[..*place].iter().any(|other| other.name == job.name);
    if let Some((_, job)) = jobs.iter().enumerate().find(twice) {
        return Err(wrong_key("jobs.name", &job.name, "there are two of this name"));
    }
    Ok(jobs)
}

fn job(given: Job) -> Result<JobSpec, String> {
    let Job { name, every, summary } = given;
    let inner = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !inner || !(1..=64).contains(&name.len()) || name.starts_with('-') || name.ends_with('-') {
        return Err(wrong_key("jobs.name", &name, "write lower-case letters, digits and hyphens, such as `sync`"));
    }
    if let Some(tag) = summary.keys().find(|tag| tag.parse::<Locale>().is_err()) {
        return Err(wrong_key("jobs.summary", tag, "write it as `{ en = \"…\", zh = \"…\" }`"));
    }
    Ok(JobSpec { name, every: every.map(|text| period(&text)).transpose()?, summary })
}

/// `30s`, `15min`, `2h`, `1d`.
fn period(text: &str) -> Result<Duration, String> {
    let wrong = |why: &str| wrong_key("jobs.every", text, why);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let seconds = match &text[digits..] {
        "s" => 1,
        "min" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(wrong("write a number and `s`, `min`, `h` or `d`, such as `15min`")),
    };
    let count: u64 = text[..digits].parse().map_err(|_| wrong("write a number before the unit, such as `15min`"))?;
    let period = Duration::from_secs(count.saturating_mul(seconds));
    if !(SHORTEST_PERIOD..=LONGEST_PERIOD).contains(&period) {
        return Err(wrong("write at least `10s` and at most `366d`"));
    }
    Ok(period)
}

fn sdl(given: Graphql) -> Result<String, String> {
    match given.sdl.len() {
        _ if given.sdl.trim().is_empty() => Err(format!("the manifest's `graphql.sdl` is empty: write {SDL}")),
        length if length > SDL_BYTES => {
            Err(format!("the manifest's `graphql.sdl` has {length} bytes; at most {SDL_BYTES}"))
        }
        _ => Ok(given.sdl),
    }
}

fn wrong_key(key: &str, value: &str, why: &str) -> String {
    format!("the manifest's `{key}` is \"{value}\": {why}")
}

/// The lines of a permission set that say what a plugin gets to see and adds:
/// one that suddenly wants all drafts asks for more.
pub(crate) fn lines(extends: &Extends) -> Vec<String> {
    let Extends { hooks, sdl, jobs: _ } = extends;
    let hooks = hooks.as_ref().map(|hooks| {
        let names = |moments: &[Moment]| moments.iter().map(|moment| moment.name()).collect::<Vec<_>>().join("\0");
        let mut types = hooks.types.clone();
        types.sort_unstable();
        let (before, after, types) = (names(&hooks.before), names(&hooks.after), types.join("\0"));
        format!("hooks\0\0before\0{before}\0\0after\0{after}\0\0types\0{types}\n")
    });
    let sdl = sdl.as_ref().map(|sdl| format!("graphql\0\0sdl\0{sdl}\n"));
    hooks.into_iter().chain(sdl).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_has_a_unit_and_is_neither_too_short_nor_too_long() {
        for (text, seconds) in [("10s", 10), ("15min", 900), ("2h", 7_200), ("1d", 86_400)] {
            assert_eq!(period(text), Ok(Duration::from_secs(seconds)));
        }
        for bad in ["", "15", "min", "-15min", "1.5h", "15 min", "9s", "0d", "367d", "99999999999999999999d", "1w"] {
            assert!(period(bad).is_err(), "{bad}");
        }
    }

    fn seen(before: &[Moment], types: &[&str]) -> Vec<String> {
        let types = types.iter().map(ToString::to_string).collect();
        let hooks = HooksAsked { before: before.to_vec(), types, ..HooksAsked::default() };
        lines(&Extends { hooks: Some(hooks), ..Extends::default() })
    }

    #[test]
    fn moments_types_and_sdl_are_part_of_what_is_asked() {
        let course = seen(&[Moment::Create], &["course"]);
        assert_ne!(course, seen(&[Moment::Create, Moment::Update], &["course"]));
        assert_ne!(course, seen(&[Moment::Create], &["*"]));
        assert_eq!(seen(&[], &["a", "b"]), seen(&[], &["b", "a"]));
        let sdl = |text: &str| lines(&Extends { sdl: Some(text.into()), ..Extends::default() });
        assert_ne!(sdl("type A { b: Int }"), sdl("type A { c: Int }"));
        assert_eq!(lines(&Extends::default()), Vec::<String>::new());
    }
}
