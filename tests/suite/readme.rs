//! The README's commands and its main job, run as they stand there.
//!
//! A comment before a GraphQL block says how it is run: `as:` who asks,
//! `variables:` what is passed in, `keep: name = /pointer` what later blocks
//! need, `expect: /pointer = value`, `pay: /pointer` an address whose pay page
//! is to be pressed, and `search`, which waits for the index.

use std::collections::HashMap;

use lyceum_tests::{PASSWORD, Person, TestApp, at_root, each_database, until};
use serde_json::{Value as Json, json};

/// One GraphQL block with its directions.
#[derive(Debug, Default)]
struct Step {
    who: String,
    variables: Vec<String>,
    keep: Vec<(String, String)>,
    expect: Vec<(String, String)>,
    pay: Option<String>,
    waits_for_search: bool,
    query: String,
}

fn readme() -> String {
    std::fs::read_to_string(at_root("README.md")).unwrap()
}

/// The fenced blocks of a language, each with the line before it.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<(&'t str, String)> {
    let (mut found, mut before, mut lines) = (Vec::new(), "", text.lines());
    while let Some(line) = lines.next() {
        if line.strip_prefix("```").is_some_and(|name| name == language) {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            found.push((before, block.join("\n")));
        }
        before = line;
    }
    found
}

fn pairs(text: &str) -> Vec<(String, String)> {
    // A comma may stand in a value; a new pair begins with a name or a pointer and " = ".
    let mut out: Vec<(String, String)> = Vec::new();
    for part in text.split(", ") {
        match (part.split_once(" = "), out.last_mut()) {
            (Some((name, value)), _) => out.push((name.trim().to_owned(), value.trim().to_owned())),
            (None, Some((_, value))) => *value = format!("{value}, {part}"),
            (None, None) => panic!("no pair in {text}"),
        }
    }
    out
}

fn step(comment: &str, query: String) -> Step {
    let inner = comment.strip_prefix("<!--").and_then(|text| text.strip_suffix("-->"));
    let inner = inner.unwrap_or_else(|| panic!("no directions before this block:\n{query}"));
    let mut step = Step { query, ..Step::default() };
    for part in inner.split(';').map(str::trim) {
        match part.split_once(": ") {
            Some(("as", who)) => step.who = who.to_owned(),
            Some(("variables", names)) => step.variables = names.split(", ").map(str::to_owned).collect(),
            Some(("keep", text)) => step.keep = pairs(text),
            Some(("expect", text)) => step.expect = pairs(text),
            Some(("pay", pointer)) => step.pay = Some(pointer.to_owned()),
            None if part == "search" => step.waits_for_search = true,
            _ => panic!("{part}: this direction is not known"),
        }
    }
    step
}

impl Step {
    fn variables(&self, known: &HashMap<String, String>) -> Json {
        let value = |name: &String| known.get(name).unwrap_or_else(|| panic!("{name} was not kept"));
        self.variables.iter().map(|name| (name.clone(), json!(value(name)))).collect::<serde_json::Map<_, _>>().into()
    }

    fn asker(&self, app: &TestApp, known: &HashMap<String, String>) -> Person {
        match self.who.as_str() {
            "nobody" => app.visitor(),
            "admin" => app.visitor().with_token(&known["token"]),
            "member" => app.visitor().with_token(&known["member"]),
            other => panic!("as: {other}"),
        }
    }

    fn holds(&self, answer: &Json) -> bool {
        self.expect.iter().all(|(pointer, value)| answer.pointer(pointer).is_some_and(|found| shown(found) == *value))
    }

    async fn run(&self, app: &TestApp, known: &mut HashMap<String, String>) {
        let (person, variables) = (self.asker(app, known), self.variables(known));
        let answer = if self.waits_for_search {
            until("the search index", async || {
                Some(person.ask(&self.query, variables.clone()).await).filter(|a| self.holds(a))
            })
            .await
        } else {
            person.ask(&self.query, variables).await
        };
        assert!(answer.get("errors").is_none(), "{}\n{answer}", self.query);
        assert!(self.holds(&answer), "{}\nexpected {:?}\n{answer}", self.query, self.expect);
        for (name, pointer) in &self.keep {
            let found = answer.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is not in {answer}"));
            known.insert(name.clone(), shown(found));
        }
        if let Some(pointer) = &self.pay {
            let location = person.presses(&shown(&answer.pointer(pointer).unwrap().clone()), "pay", "normal").await;
            assert!(location.starts_with(&app.address), "the buyer is sent to {location}");
            app.gateway().switches.wait_idle().await;
        }
    }
}

/// A text without quotation marks, anything else as JSON.
fn shown(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The tiers and plans that the demo has.
async fn demo_tiers(app: &TestApp) {
    let text = std::fs::read_to_string(at_root("examples/demo/tiers.json")).unwrap();
    let tiers: Vec<Json> = serde_json::from_str(&text).unwrap();
    for tier in tiers {
        let month = &tier["plans"][0];
        assert_eq!(month["interval"], "month");
        app.tier(
            tier["key"].as_str().unwrap(),
            tier["rank"].as_i64().unwrap(),
            month["price"]["minor"].as_i64().unwrap(),
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_job_can_be_copied_from_the_readme() {
    let text = readme();
    let steps: Vec<Step> = blocks(&text, "graphql").into_iter().map(|(before, query)| step(before, query)).collect();
    assert!(steps.len() >= 10, "the README has {} GraphQL blocks", steps.len());
    each_database(async |place| {
        let app = place.app().that_sells().with_ranker().with_moderator().start().await;
        demo_tiers(&app).await;
        let known = [("email", "admin@example.com"), ("password", PASSWORD), ("memberEmail", "xiaolin@example.com")];
        let mut known = known.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        for step in &steps {
            step.run(&app, &mut known).await;
        }
        app.stop().await;
    })
    .await;
}

#[test]
fn the_test_command_of_the_readme_is_the_one_of_the_gate() {
    let text = readme();
    let commands: Vec<String> = blocks(&text, "sh").into_iter().map(|(_, command)| command).collect();
    assert_eq!(commands, ["cargo run -- demo", "cargo test --workspace"]);
    let gate = std::fs::read_to_string(at_root(".ci/run")).unwrap();
    assert!(gate.contains(&commands[1]), ".ci/run does not run {}", commands[1]);
}

#[test]
fn every_page_that_the_readme_links_exists() {
    for part in readme().split("](").skip(1) {
        let target = part.split(')').next().unwrap();
        assert!(target.starts_with("http") || at_root(target).exists(), "{target} is not there");
    }
}

#[test]
fn pairs_may_hold_commas() {
    assert_eq!(pairs("/a = x, y, /b = null"), [("/a".into(), "x, y".into()), ("/b".into(), "null".into())]);
}
