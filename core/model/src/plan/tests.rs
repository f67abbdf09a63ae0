//! Each difference between two sets of types has its step.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::content::{built_in, parse};

fn notes(fields: &str) -> Vec<ContentType> {
    let text = format!("id = \"note\"\nname = \"note\"\nplural = \"notes\"\n[access]\ngate = \"own\"\n{fields}");
    parse(&[("note.toml", &text)]).unwrap()
}

fn field(id: &str, name: &str, rest: &str) -> String {
    format!("[[field]]\nid = \"{id}\"\nname = \"{name}\"\n{rest}\n")
}

fn lines(before: &str, after: &str) -> Vec<String> {
    diff(&notes(before), &notes(after)).describe()
}

#[test]
fn nothing_to_do_is_an_empty_plan() {
    let types = built_in().unwrap();
    assert!(diff(&types, &types).is_empty());
}

#[test]
fn the_first_plan_creates_every_type() {
    let plan = diff(&[], &built_in().unwrap());
    let lines = [
        "+ article (6 fields)",
        "+ category (6 fields)",
        "+ course (11 fields)",
        "+ lesson (11 fields)",
        "+ tag (4 fields)",
    ];
    assert_eq!(plan.describe(), lines);
    assert!(!plan.is_destructive());
    assert_eq!(plan.to_string().lines().last(), Some("5 steps, 0 destructive"));
}

#[test]
fn the_stable_id_tells_a_rename_from_a_new_field() {
    let before = field("note.title", "title", "kind = \"text\"\nmax = 80");
    assert_eq!(
        lines(&before, &field("note.title", "headline", "kind = \"text\"\nmax = 80")),
        ["~ note.title → note.headline (rename)"]
    );
    let other = field("note.headline", "headline", "kind = \"text\"\nmax = 80");
    assert_eq!(lines(&before, &other), ["+ note.headline text(80)", "- note.title text(80)  (destructive)"]);
}

#[test]
fn swapped_names_go_by_way_of_free_ones() {
    let before = field("a", "front", "kind = \"text\"") + &field("b", "back", "kind = \"text\"");
    let after = field("a", "back", "kind = \"text\"") + &field("b", "front", "kind = \"text\"");
    let plan = diff(&notes(&before), &notes(&after));
    let rename =
        |from: &str, to: &str| Operation::RenameColumn { table: "note".into(), from: from.into(), to: to.into() };
    let expected = [
        rename("back", "renaming_0"),
        rename("front", "renaming_1"),
        rename("renaming_0", "front"),
        rename("renaming_1", "back"),
    ];
    assert_eq!(plan.operations, expected);
}

#[test]
fn a_renamed_type_takes_its_tables_along() {
    let before = notes(&field("t", "title", "kind = \"text\"\nlocalised = true"));
    let mut after = before.clone();
    after[0].name = "memo".to_owned();
    let plan = diff(&before, &after);
    assert_eq!(plan.describe(), ["~ note → memo (rename)"]);
    let table = |from: &str, to: &str| Operation::RenameTable { from: from.into(), to: to.into() };
    assert!(plan.operations.contains(&table("note", "memo")));
    assert!(plan.operations.contains(&table("note_locale", "memo_locale")));
    let column = Operation::RenameColumn { table: "memo_locale".into(), from: "note_id".into(), to: "memo_id".into() };
    assert!(plan.operations.contains(&column));
}

#[test]
fn kinds_that_hold_the_same_values_change_without_loss() {
    let text = field("a", "level", "kind = \"text\"\nmax = 20");
    let markdown = field("a", "level", "kind = \"markdown\"");
    let choice = field("a", "level", "kind = \"enumeration\"\nvalues = [\"low\", \"high\"]");
    assert_eq!(lines(&text, &markdown), ["~ note.level text(20) → markdown"]);
    assert_eq!(lines(&text, &choice), ["~ note.level text(20) → enumeration(low high)"]);
    let check = Check::OnlyValues {
        at: "note.level".into(),
        table: "note".into(),
        column: "level".into(),
        values: vec!["low".into(), "high".into()],
    };
    assert_eq!(diff(&notes(&text), &notes(&choice)).checks, [check]);
    let plan = diff(&notes(&text), &notes(&markdown));
    assert_eq!((plan.operations.len(), plan.checks.len()), (0, 0));
}

#[test]
fn kinds_that_hold_other_values_lose_them() {
    let text = field("a", "rating", "kind = \"text\"");
    let decimal = field("a", "rating", "kind = \"decimal\"");
    assert_eq!(lines(&text, &decimal), ["~ note.rating text(255) → decimal(2)  (destructive)"]);
    assert_eq!(
        lines(&decimal, &field("a", "rating", "kind = \"decimal\"\nscale = 3")),
        ["~ note.rating decimal(2) → decimal(3)  (destructive)"]
    );
}

#[test]
fn flags_say_what_they_do() {
    let plain = field("a", "code", "kind = \"text\"");
    let flagged = |flag: &str| field("a", "code", &format!("kind = \"text\"\n{flag} = true"));
    assert_eq!(lines(&plain, &flagged("required")), ["~ note.code (required)"]);
    assert_eq!(lines(&flagged("required"), &plain), ["~ note.code (optional)"]);
    assert_eq!(lines(&plain, &flagged("unique")), ["~ note.code (unique)"]);
    assert_eq!(lines(&plain, &flagged("indexed")), ["~ note.code (indexed)"]);
    assert_eq!(
        lines(&plain, &flagged("localised")),
        ["~ note.code (localised; values become those of the default locale)"]
    );
    assert_eq!(
        lines(&flagged("localised"), &plain),
        ["~ note.code (no longer localised; only the default locale's values stay)  (destructive)"]
    );
    assert_eq!(lines(&plain, &flagged("gated")), ["~ note.code (description)"]);
}

#[test]
fn a_new_required_field_asks_for_an_empty_table() {
    let plan = diff(&notes(""), &notes(&field("a", "code", "kind = \"text\"\nrequired = true")));
    assert_eq!(plan.checks, [Check::NoRows { at: "note.code".into(), table: "note".into() }]);
    assert_eq!(
        plan.checks[0].refusal(3),
        "note.code is new and required, but 3 entries would lack it. Add it as optional, fill it, then make it required."
    );
}

#[test]
fn losing_the_read_only_side_loses_nothing() {
    let before = built_in().unwrap();
    let mut after = before.clone();
    let tag = after.iter_mut().find(|t| t.name == "tag").unwrap();
    tag.fields.retain(|f| f.name != "courses");
    let plan = diff(&before, &after);
    assert!(!plan.is_destructive());
    assert_eq!(plan.operations, []);
}
