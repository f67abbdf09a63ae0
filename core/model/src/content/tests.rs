//! What content type files may say, and what is refused.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::{FieldKind, Gate, JoinTable, TypeDef, TypeModel};

const TITLE: &str = "[[field]]\nid = \"t\"\nname = \"title\"\nkind = \"text\"\n";

fn note(rest: &str) -> String {
    format!("id = \"note\"\nname = \"note\"\nplural = \"notes\"\n{rest}")
}

fn refusal(rest: &str) -> String {
    parse(&[("note.toml", &note(rest))]).unwrap_err().to_string()
}

fn field_refusal(rest: &str) -> String {
    refusal(&format!("[[field]]\nid = \"f\"\n{rest}"))
}

#[test]
fn the_built_in_types_make_a_model() {
    let types = built_in().unwrap();
    let mut defs = resolve(&types);
    for (name, table) in [("user", "user_account"), ("tier", "tier")] {
        let pattern = &defs[0];
        defs.push(TypeDef { name: name.into(), table: table.into(), fields: Vec::new(), ..pattern.clone() });
    }
    let model = TypeModel::new(defs).unwrap();
    let course = model.get("course").unwrap();
    assert_eq!(course.gate, Some(Gate::Own));
    assert_eq!(course.locale_table().as_deref(), Some("course_locale"));
    assert!(course.field("access").unwrap().writable);
    assert!(!course.field("status").unwrap().writable);
    let lesson = model.get("lesson").unwrap();
    assert_eq!(lesson.gate, Some(Gate::Inherit { field: "course".into() }));
    assert!(lesson.field("access").is_none());
    let join = |own: &str, other: &str, inverse| JoinTable {
        table: "course_tag".into(),
        own: own.into(),
        other: other.into(),
        inverse,
    };
    let tags = FieldKind::ManyToMany { target: "tag".into(), join: join("course_id", "tag_id", false) };
    assert_eq!(course.field("tags").unwrap().kind, tags);
    let courses = FieldKind::ManyToMany { target: "course".into(), join: join("tag_id", "course_id", true) };
    assert_eq!(model.get("tag").unwrap().field("courses").unwrap().kind, courses);
}

#[test]
fn the_tables_of_a_course() {
    let tables = layout(&built_in().unwrap());
    let table = |name: &str| tables.iter().find(|t| t.name == name).unwrap();
    let columns = |name: &str| table(name).columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>().join(" ");
    assert_eq!(
        columns("course"),
        "id status created_at updated_at published_at author_id access access_tier_id slug level rating price_minor \
         price_currency category_id metadata"
    );
    assert_eq!(columns("course_locale"), "course_id locale title summary body");
    assert_eq!(columns("course_tag"), "course_id tag_id position");
    let indexes: Vec<&str> = table("lesson").indexes.iter().map(|i| i.name.as_str()).collect();
    assert_eq!(
        indexes,
        [
            "lesson_status_published_at_id_idx",
            "lesson_course_id_position_idx",
            "lesson_course_id_slug_key",
            "lesson_author_id_idx"
        ]
    );
}

#[test]
fn a_definition_survives_its_json() {
    for content_type in built_in().unwrap() {
        let text = serde_json::to_string(&content_type).unwrap();
        assert_eq!(serde_json::from_str::<ContentType>(&text).unwrap(), content_type);
    }
}

#[test]
fn long_names_stay_short_and_apart() {
    let name = |last: &str| format!("{}{last}", "aVeryLongName".repeat(7));
    let field = |last: &str| format!("[[field]]\nid = \"{last}\"\nname = \"{}\"\nkind = \"money\"\n", name(last));
    let text = format!(
        "id = \"x\"\nname = \"{}\"\nplural = \"{}\"\n{TITLE}localised = true\n{}{}",
        name("X"),
        name("Y"),
        field("p"),
        field("q")
    );
    let types = parse(&[("x.toml", &text)]).unwrap();
    let tables = layout(&types);
    let names = tables.iter().flat_map(|t| {
        let columns = t.columns.iter().map(|c| c.name.clone());
        columns.chain([t.name.clone()]).chain(t.indexes.iter().map(|i| i.name.clone()))
    });
    assert_eq!(names.map(|n| n.len()).max(), Some(63));
    assert_eq!(tables[1].name, format!("{}_locale", tables[0].name));
}

#[test]
fn a_fault_names_file_field_and_remedy() {
    assert_eq!(
        field_refusal("name = \"title\"\nkind = \"text\"\nscale = 2"),
        "note.toml: field \"title\": `scale` means nothing for the kind text; remove it"
    );
    assert!(field_refusal("name = \"title\"\nkind = \"text\"\nlenght = 2").contains("unknown field `lenght`"));
    assert!(
        field_refusal("name = \"title\"\nkind = \"string\"")
            .contains("unknown variant `string`, expected one of `text`")
    );
}

#[test]
fn refuses_names_that_are_taken_or_malformed() {
    assert_eq!(
        field_refusal("name = \"id\"\nkind = \"text\""),
        "note.toml: field \"id\": two fields need the column \"id\"; rename one of them"
    );
    for name in ["status", "publishedAt", "createdAt"] {
        let refusal = field_refusal(&format!("name = \"{name}\"\nkind = \"text\""));
        assert!(refusal.starts_with(&format!("note.toml: field \"{name}\": two fields need")), "{refusal}");
    }
    for name in ["access", "accessTier"] {
        assert!(field_refusal(&format!("name = \"{name}\"\nkind = \"text\"")).contains("opens an entry"), "{name}");
    }
    assert!(field_refusal("name = \"xmin\"\nkind = \"text\"").contains("word of SQL"));
    assert!(field_refusal("name = \"order\"\nkind = \"text\"").contains("word of SQL"));
    for name in ["Title", "two_words", "__x", "1st", "naïve", ""] {
        assert!(field_refusal(&format!("name = \"{name}\"\nkind = \"text\"")).contains("lower camel case"), "{name}");
    }
    let named = |name: &str, plural: &str| {
        parse(&[("a.toml", &format!("id = \"a\"\nname = \"{name}\"\nplural = \"{plural}\"\n"))]).unwrap_err().message
    };
    assert!(named("content", "contents").contains("rules of roles"));
    assert!(named("sqliteThing", "things").contains("a table of the database itself"));
    assert!(named("pgClass", "classes").contains("a table of the database itself"));
    assert_eq!(named("group", "groups"), "\"group\" is a word of SQL and cannot name a table; choose another");
    assert_eq!(named("sheep", "sheep"), "name and plural are both \"sheep\"; they must differ");
    assert!(
        field_refusal("name = \"a\"\nkind = \"many-to-many\"\ntarget = \"note\"\njoin = \"Robert'); --\"")
            .contains("`join` must be")
    );
}

#[test]
fn refuses_what_is_there_twice() {
    let second = |id: &str, name: &str| {
        refusal(&format!("{TITLE}[[field]]\nid = \"{id}\"\nname = \"{name}\"\nkind = \"text\"\n"))
    };
    assert!(second("t", "other").contains("another field has the id \"t\""));
    assert!(second("u", "title").contains("another field has this name"));
    let twice = note("");
    assert!(
        parse(&[("a.toml", &twice), ("b.toml", &twice)])
            .unwrap_err()
            .to_string()
            .starts_with("b.toml: another type has the id")
    );
    let money = "[[field]]\nid = \"a\"\nname = \"price\"\nkind = \"money\"\n[[field]]\nid = \"b\"\nname = \"priceMinor\"\nkind = \"integer\"\n";
    assert_eq!(
        refusal(money),
        "note.toml: field \"price\": two fields need the column \"price_minor\"; rename one of them"
    );
    let locale = "id = \"l\"\nname = \"noteLocale\"\nplural = \"noteLocales\"\n";
    let clash = parse(&[("note.toml", &note(&format!("{TITLE}localised = true\n"))), ("l.toml", locale)]);
    assert!(clash.unwrap_err().message.contains("\"note_locale\" is also made for"));
}

#[test]
fn refuses_flags_that_do_not_fit() {
    let flagged = |kind: &str, flag: &str| field_refusal(&format!("name = \"f\"\nkind = \"{kind}\"\n{flag} = true"));
    assert!(flagged("integer", "localised").contains("only text and markdown can be `localised`"));
    assert!(flagged("text", "gated").contains("`gated` needs an [access] table"));
    assert!(flagged("text", "unique = true\nlocalised").contains("cannot be `unique`"));
    assert!(flagged("markdown", "indexed").contains("neither `unique` nor `indexed`"));
    assert!(
        field_refusal("name = \"f\"\nkind = \"many-to-many\"\ntarget = \"note\"\nrequired = true")
            .contains("takes none of")
    );
}

#[test]
fn refuses_kinds_that_lack_something() {
    assert!(field_refusal("name = \"f\"\nkind = \"enumeration\"").contains("`values` is missing"));
    assert!(field_refusal("name = \"f\"\nkind = \"enumeration\"\nvalues = []").contains("at least one value"));
    assert!(field_refusal("name = \"f\"\nkind = \"enumeration\"\nvalues = [\"Low\"]").contains("lower case"));
    assert!(field_refusal("name = \"f\"\nkind = \"enumeration\"\nvalues = [\"a\", \"a\"]").contains("twice"));
    assert!(field_refusal("name = \"f\"\nkind = \"to-one\"").contains("`target` is missing"));
    assert!(field_refusal("name = \"f\"\nkind = \"decimal\"\nscale = 10").contains("`scale` must be from 1 to 9"));
    assert!(field_refusal("name = \"f\"\nkind = \"slug\"").contains("must be named \"slug\""));
    assert!(
        field_refusal("name = \"slug\"\nkind = \"slug\"\nscope = \"course\"")
            .contains("`scope` must name a to-one field")
    );
}

#[test]
fn refuses_relations_that_lead_nowhere() {
    assert!(
        field_refusal("name = \"f\"\nkind = \"to-one\"\ntarget = \"ghost\"")
            .contains("there is no content type \"ghost\"")
    );
    assert!(
        field_refusal("name = \"f\"\nkind = \"to-many\"\ntarget = \"note\"\nvia = \"x\"")
            .contains("note has no to-one field \"x\"")
    );
    assert!(
        field_refusal("name = \"f\"\nkind = \"many-to-many\"\ntarget = \"note\"\ninverse-of = \"x\"")
            .contains("`inverse-of`")
    );
    let ordered = "name = \"f\"\nkind = \"to-many\"\ntarget = \"note\"\nvia = \"p\"\norder = \"title\"\n[[field]]\nid = \"p\"\nname = \"p\"\nkind = \"to-one\"\ntarget = \"note\"\n";
    assert!(field_refusal(&format!("{ordered}{TITLE}")).contains("`order` must name an integer field"));
    assert!(
        parse(&[(
            "note.toml",
            &note("[[field]]\nid = \"u\"\nname = \"reviewer\"\nkind = \"to-one\"\ntarget = \"user\"\n")
        )])
        .is_ok()
    );
}

#[test]
fn refuses_gates_that_cannot_close() {
    assert!(refusal("[access]\n").contains("write either gate"));
    assert!(refusal("[access]\ninherit = \"course\"\n").contains("must name a required to-one field"));
    let parent = "[access]\ninherit = \"parent\"\n[[field]]\nid = \"p\"\nname = \"parent\"\nkind = \"to-one\"\ntarget = \"note\"\nrequired = true\n";
    assert!(refusal(parent).contains("needs a boolean field \"freePreview\""));
    let preview = format!("{parent}[[field]]\nid = \"q\"\nname = \"freePreview\"\nkind = \"boolean\"\n");
    assert!(refusal(&preview).contains("must have gate = \"own\""));
}
