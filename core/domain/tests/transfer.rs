//! Import and export, on SQLite in a real directory.
#![allow(clippy::unwrap_used)]

mod people;

use std::{io::BufReader, path::Path, sync::Arc, time::Duration};

use lyceum_domain::{
    content::{Change, Contents},
    membership::Memberships,
    plugin::NoExtensions,
    transfer::{Counts, Import, Mapping, Rejected, Report, export},
    types::model,
};
use lyceum_kernel::{Action, Id, Locales, RowScope, Rule, Rules, Viewer};
use lyceum_model::content;
use lyceum_store::{
    Database,
    schema::{self, Apply},
};
use people::{Bed, each_database};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value as Json, json};

struct Desk {
    contents: Contents,
    viewer: Viewer,
}

fn admin() -> Viewer {
    use Action::{Create, Delete, Manage, Publish, Read, Update};
    let actions = vec![Read, Create, Update, Delete, Publish, Manage];
    let all = Rule { subject: "*".into(), actions, rows: RowScope::All, fields: None };
    Viewer { rules: Arc::new(Rules::new(vec![all])), ..Viewer::default() }
}

async fn desk(bed: &Bed) -> Desk {
    desk_of(bed, &[]).await
}

/// With further content types, of these files.
async fn desk_of(bed: &Bed, files: &[(&str, &str)]) -> Desk {
    let mut types = content::built_in().unwrap();
    types.extend(content::parse(files).unwrap());
    let plan = schema::plan(&bed.db, &types).await.unwrap().plan;
    let how = Apply { allow_destructive: false, default_locale: "en".parse().unwrap() };
    schema::apply(&bed.db, &plan, &how).await.unwrap();
    let model = model(content::resolve(&types)).unwrap();
    Desk {
        contents: Contents::new(bed.db.clone(), Arc::new(model), Locales::default(), Arc::new(NoExtensions)),
        viewer: admin(),
    }
}

impl Desk {
    async fn import(&self, lines: &[Json], mapping: Option<&str>) -> Report {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.import_text("course", &text, mapping).await
    }

    async fn import_text(&self, of: &str, text: &str, mapping: Option<&str>) -> Report {
        let mapping = mapping.map(|text| Mapping::parse(text, self.contents.model()).unwrap());
        let import = Import::new(self.contents.clone());
        import.run(&self.viewer, text.as_bytes(), of, mapping.as_ref(), |_| ()).await.unwrap()
    }

    async fn export(&self) -> Vec<Json> {
        self.export_of("course").await
    }

    async fn export_of(&self, of: &str) -> Vec<Json> {
        let mut bytes = Vec::new();
        export(&self.contents, &self.viewer, of, &mut bytes).await.unwrap();
        String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

async fn count(db: &Database, table: &str) -> i64 {
    let statement = Statement::from_string(db.dialect().backend(), format!("SELECT COUNT(*) AS n FROM {table}"));
    db.reader().query_one_raw(statement).await.unwrap().unwrap().try_get("", "n").unwrap()
}

fn rejected(line: u64, path: &str, reason: &str) -> Rejected {
    Rejected { line, path: path.into(), reason: reason.into() }
}

fn course() -> Json {
    json!({
        "slug": "tea", "title": { "en": "Tea", "zh": "茶" }, "summary": { "en": "Leaves.", "zh": null },
        "level": "BEGINNER", "rating": 4.5, "price": { "minor": 9900, "currency": "CNY" },
        "access": "tier", "access_tier": "member", "category": "drinks",
        "tags": ["green", { "slug": "black", "name": { "en": "Black", "zh": "红茶" } }],
        "lessons": [
            { "slug": "one", "title": "First", "body": { "en": "# One" }, "quiz": [{ "answer": [1] }], "free_preview": true },
            { "slug": "two", "title": { "zh": "第二" }, "duration_seconds": 90 },
        ],
    })
}

async fn with_tier(bed: &Bed) -> Desk {
    let desk = desk(bed).await;
    let names = vec![("en".parse().unwrap(), "Member".to_owned())];
    Memberships::new(bed.db.clone()).create_tier(&desk.viewer, "member", names, 10).await.unwrap();
    desk
}

#[tokio::test]
async fn what_is_imported_is_exported_and_importing_again_changes_nothing() {
    each_database(async |bed| {
        let desk = with_tier(&bed).await;
        let first = desk.import(&[course()], None).await;
        assert_eq!(first.rejected, []);
        assert_eq!((first.created, first.updated, first.unchanged), (1, 0, 0));
        assert_eq!(first.children["lesson"], Counts { created: 2, updated: 0, unchanged: 0 });
        let exported = desk.export().await;
        assert_eq!(
            exported,
            [json!({
                "slug": "tea", "title": { "en": "Tea", "zh-CN": "茶" }, "summary": { "en": "Leaves." },
                "level": "BEGINNER", "rating": "4.50", "price": { "minor": 9900, "currency": "CNY" },
                "access": "TIER", "accessTier": "member", "category": "drinks", "tags": ["green", "black"],
                "lessons": [
                    { "slug": "one", "position": 1, "title": { "en": "First" }, "body": { "en": "# One" },
                      "quiz": [{ "answer": [1] }], "freePreview": true },
                    { "slug": "two", "position": 2, "title": { "zh-CN": "第二" }, "durationSeconds": 90 },
                ],
            })]
        );
        let revisions = count(&bed.db, "revision").await;
        for lines in [vec![course()], exported] {
            let again = desk.import(&lines, None).await;
            assert_eq!((again.created, again.updated, again.unchanged), (0, 0, 1), "{again:?}");
            assert_eq!(again.children["lesson"], Counts { created: 0, updated: 0, unchanged: 2 });
        }
        assert_eq!(count(&bed.db, "revision").await, revisions);
    })
    .await;
}

#[tokio::test]
async fn a_rejected_line_leaves_nothing_and_the_others_go_on() {
    each_database(async |bed| {
        let desk = desk(&bed).await;
        let mut bad = course();
        bad["slug"] = "bad".into();
        bad["access"] = "public".into();
        bad["access_tier"] = Json::Null;
        bad["lessons"][1]["title"] = json!({ "zh": "长".repeat(301) });
        let good = json!({ "slug": "good", "title": "Good", "lessons": [{ "slug": "one", "title": "Same slug" }] });
        let report = desk.import(&[bad, good], None).await;
        assert_eq!(report.created, 1);
        assert_eq!(report.rejected, [rejected(1, "lessons.1.title.zh-CN", "At most 300 characters fit here.")]);
        for (table, rows) in [("course", 1), ("lesson", 1), ("tag", 0), ("category", 0), ("revision", 2)] {
            assert_eq!(count(&bed.db, table).await, rows, "{table}");
        }
    })
    .await;
}

#[tokio::test]
async fn each_fault_is_told_with_its_place() {
    each_database(async |bed| {
        let desk = desk(&bed).await;
        let lines = [
            json!({ "slug": "a", "title": "A", "colour": "red" }),
            json!({ "slug": "a", "title": { "fr": "A" } }),
            json!({ "slug": "a", "title": "A", "accessTier": "gold" }),
            json!({ "slug": "a", "title": "A", "level": "hard" }),
            json!({ "slug": "a", "title": "A", "lessons": [{ "slug": "x", "title": "X" }, { "slug": "x", "title": "Y" }] }),
            json!(["no object"]),
            json!({ "slug": "a" }),
        ];
        let report = desk.import(&lines, None).await;
        let unknown = "course has no field \"colour\". Rename or ignore it in a mapping file.";
        assert_eq!(
            report.rejected,
            [
                rejected(1, "colour", unknown),
                rejected(2, "title.fr", "\"fr\" is not one of the configured locales"),
                rejected(3, "accessTier", "There is no tier \"gold\"."),
                rejected(4, "level", "One of beginner, intermediate, advanced, expert is needed here."),
                rejected(5, "lessons.1.slug", "This slug stands here twice."),
                rejected(6, "", "An object is needed here."),
                rejected(7, "title", "A value is needed here."),
            ]
        );
        assert_eq!(count(&bed.db, "course").await, 0);
    })
    .await;
}

const WEBINAR: &str = "id = \"webinar\"\nname = \"webinar\"\nplural = \"webinars\"\n\
    [[field]]\nid = \"w.slug\"\nname = \"slug\"\nkind = \"slug\"\nrequired = true\n\
    [[field]]\nid = \"w.startsAt\"\nname = \"startsAt\"\nkind = \"date-time\"\n\
    [[field]]\nid = \"w.seats\"\nname = \"seats\"\nkind = \"integer\"\n\
    [[field]]\nid = \"w.fee\"\nname = \"fee\"\nkind = \"money\"\n\
    [[field]]\nid = \"w.facts\"\nname = \"facts\"\nkind = \"json\"\n\
    [[field]]\nid = \"w.rate\"\nname = \"rate\"\nkind = \"decimal\"\nscale = 8\n";

fn reasons(report: &Report) -> Vec<(u64, &str, &str)> {
    report.rejected.iter().map(|line| (line.line, line.path.as_str(), line.reason.as_str())).collect()
}

#[tokio::test]
async fn a_moment_is_checked_and_written_in_utc() {
    each_database(async |bed| {
        let desk = desk_of(&bed, &[("webinar.toml", WEBINAR)]).await;
        let mut text = String::from("{\"slug\":\"a\",\"startsAt\":\"2026-03-29T08:00:00+08:00\"}\n");
        let bad = ["", "下周三", "2026-03-29", "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-03-29 08:00:00Z"];
        for moment in bad {
            text += &format!("{}\n", json!({ "slug": "b", "startsAt": moment }));
        }
        let report = desk.import_text("webinar", &text, None).await;
        let wrong = "A moment is written as RFC 3339, such as 2026-11-21T09:30:00Z.";
        let wanted: Vec<_> = (2..=7).map(|line| (line, "startsAt", wrong)).collect();
        assert_eq!(reasons(&report), wanted);
        let exported = desk.export_of("webinar").await;
        assert_eq!(exported, [json!({ "slug": "a", "startsAt": "2026-03-29T00:00:00.000Z" })]);
    })
    .await;
}

#[tokio::test]
async fn a_number_is_taken_exactly_or_refused() {
    each_database(async |bed| {
        let desk = desk_of(&bed, &[("webinar.toml", WEBINAR)]).await;
        let text = "{\"slug\":\"a\",\"rate\":\"-1234567890.12345678\",\"seats\":2147483647}\n\
                    {\"slug\":\"b\",\"rate\":0.5,\"fee\":{\"minor\":9007199254740991,\"currency\":\"JPY\"}}\n\
                    {\"slug\":\"c\",\"rate\":1234567890.12345678}\n\
                    {\"slug\":\"c\",\"seats\":2147483648}\n\
                    {\"slug\":\"c\",\"fee\":{\"minor\":9007199254740992,\"currency\":\"JPY\"}}\n\
                    {\"slug\":\"c\",\"fee\":{\"minor\":-1,\"currency\":\"JPY\"}}\n\
                    {\"slug\":\"c\",\"facts\":{\"k\":[1,12345678901234567890123]}}\n";
        let report = desk.import_text("webinar", text, None).await;
        let places: Vec<_> = report.rejected.iter().map(|line| (line.line, line.path.as_str())).collect();
        assert_eq!(places, [(3, "rate"), (4, "seats"), (5, "fee.minor"), (6, "fee.minor"), (7, "facts.k.1")]);
        let exported = desk.export_of("webinar").await;
        assert_eq!(
            exported,
            [
                json!({ "slug": "a", "rate": "-1234567890.12345678", "seats": 2147483647 }),
                json!({ "slug": "b", "rate": "0.50000000", "fee": { "minor": 9_007_199_254_740_991_i64, "currency": "JPY" } }),
            ]
        );
        let lines: String = exported.iter().map(|line| format!("{line}\n")).collect();
        assert_eq!(desk.import_text("webinar", &lines, None).await.unchanged, 2);
    })
    .await;
}

#[tokio::test]
async fn no_text_with_nul_gets_in_by_any_key() {
    each_database(async |bed| {
        let desk = desk(&bed).await;
        let nul = "a\0b";
        let lesson = |body: &str| json!([{ "slug": "one", "title": "One", "body": body }]);
        let lines = [
            json!({ "slug": "a", "title": nul }),
            json!({ "slug": "a", "title": { "zh-CN": nul } }),
            json!({ "slug": "a", "title": "A", "metadata": { "k": [nul] } }),
            json!({ "slug": "a", "title": "A", "metadata": { nul: 1 } }),
            json!({ "slug": "a", "title": "A", "lessons": lesson(nul) }),
            json!({ "slug": "a", "title": "A", "tags": [{ "slug": "t", "name": nul }] }),
            json!({ "slug": "a", "title": "A", "tags": [nul] }),
            json!({ "slug": "a", "title": "A", "category": nul }),
            json!({ "slug": nul, "title": "A" }),
            json!({ "slug": "ok", "title": "A" }),
        ];
        let report = desk.import(&lines, None).await;
        let why = "A text must not hold the character U+0000.";
        let wanted = [
            (1, "title", why),
            (2, "title.zh-CN", why),
            (3, "metadata.k.0", why),
            (4, "metadata.a\\u0000b", why),
            (5, "lessons.0.body", why),
            (6, "tags.0.name", why),
            (7, "tags.0", why),
            (8, "category", why),
            (9, "slug", why),
        ];
        assert_eq!((reasons(&report), report.created), (wanted.to_vec(), 1));
        let lone = desk.import_text("course", "{\"slug\":\"l\",\"title\":\"\\ud800\"}\n", None).await;
        assert!(lone.rejected[0].reason.starts_with("This is not JSON"), "{lone:?}");
    })
    .await;
}

#[tokio::test]
async fn texts_are_stored_in_one_form_and_a_blank_one_is_no_translation() {
    each_database(async |bed| {
        let desk = desk(&bed).await;
        let title = json!({ "en": "Cafe\u{301}", "zh": " \u{3000}\u{200b}" });
        let report = desk.import(&[json!({ "slug": "a", "title": title, "body": { "en": "\n " } })], None).await;
        assert_eq!(report.rejected, []);
        let line = json!({ "slug": "a", "title": { "en": "Café" }, "access": "PUBLIC", "tags": [], "lessons": [] });
        assert_eq!(desk.export().await, [line]);
        let report = desk.import(&[json!({ "slug": "b", "title": { "en": " ", "zh": "\t" } })], None).await;
        assert_eq!(report.rejected, [rejected(1, "title", "A value is needed here.")]);
    })
    .await;
}

#[tokio::test]
async fn a_line_finds_its_entry_by_any_writing_of_the_slug() {
    each_database(async |bed| {
        let desk = desk(&bed).await;
        let lesson = json!([{ "slug": "ＯＮＥ".to_lowercase(), "title": "One" }]);
        let first = json!({ "slug": "café", "title": "C", "tags": ["thé"], "lessons": lesson });
        let again = json!({ "slug": "cafe\u{301}", "title": "C", "tags": ["the\u{301}"], "lessons": [{ "slug": "one", "title": "One" }] });
        assert_eq!(desk.import(&[first], None).await.created, 1);
        let report = desk.import(&[again], None).await;
        assert_eq!((report.unchanged, &report.rejected), (1, &vec![]));
        for (table, rows) in [("course", 1), ("lesson", 1), ("tag", 1)] {
            assert_eq!(count(&bed.db, table).await, rows, "{table}");
        }
        let signs = [json!({ "title": "🙂" }), json!({ "title": "🙂🙂" }), json!({ "title": "🙂" })];
        let report = desk.import(&signs, None).await;
        assert_eq!((report.created, report.unchanged, report.rejected.len()), (2, 1, 0));
        let slugs: Vec<Json> = desk.export().await.iter().map(|line| line["slug"].clone()).collect();
        assert_eq!(slugs, ["café", "course-1f642", "course-1f642-1f642"]);
    })
    .await;
}

#[tokio::test]
async fn null_clears_and_absence_keeps() {
    each_database(async |bed| {
        let desk = with_tier(&bed).await;
        desk.import(&[course()], None).await;
        let change = json!({ "slug": "tea", "price": null, "title": { "zh": null }, "tags": [] });
        let report = desk.import(&[change], None).await;
        assert_eq!((report.updated, report.rejected.len()), (1, 0), "{report:?}");
        let exported = &desk.export().await[0];
        assert_eq!(exported["title"], json!({ "en": "Tea" }));
        assert_eq!(exported["price"], Json::Null);
        assert_eq!(exported["tags"], json!([]));
        assert_eq!(exported["summary"], json!({ "en": "Leaves." }));
        assert_eq!(exported["lessons"].as_array().map(Vec::len), Some(2));
    })
    .await;
}

impl Desk {
    /// The only course.
    async fn saves(&self, bed: &Bed, input: Json) -> Id {
        let def = self.contents.content_type("course").unwrap();
        let id: Id = bed.texts("SELECT id FROM course").await[0].parse().unwrap();
        let input = input.as_object().unwrap();
        let change = Change::parse(self.contents.model(), def, input, self.contents.locales()).unwrap();
        self.contents.update(&self.viewer, def, id, change).await.unwrap();
        id
    }
}

#[tokio::test]
async fn an_unpublished_change_is_neither_published_nor_lost_by_an_import() {
    each_database(async |bed| {
        let desk = desk(&bed).await;
        let line = |rating: &str| json!({ "slug": "tea", "title": "Tea", "rating": rating });
        desk.import(&[line("4.00")], None).await;
        let id = desk.saves(&bed, json!({ "title": "Not yet" })).await;
        let shown =
            "SELECT l.title || ' ' || CAST(c.rating AS TEXT) FROM course c JOIN course_locale l ON l.course_id = c.id";
        // The file has the title that readers see: the author's is not touched.
        let report = desk.import(&[line("4.50")], None).await;
        assert_eq!((report.updated, bed.texts(shown).await), (1, vec!["Tea 450".to_owned()]));
        let report = desk.import(&[line("4.50")], None).await;
        assert_eq!((report.unchanged, report.updated), (1, 0));
        desk.contents.publish(&desk.viewer, desk.contents.content_type("course").unwrap(), id).await.unwrap();
        assert_eq!(bed.texts(shown).await, ["Not yet 450"]);
    })
    .await;
}

#[tokio::test]
async fn what_was_published_before_it_was_marked_is_found_too() {
    each_database(async |bed| {
        let desk = desk(&bed).await;
        desk.import(&[json!({ "slug": "tea", "title": "Tea" })], None).await;
        bed.execute("UPDATE revision SET state = 'draft'", []).await;
        bed.clock.advance(Duration::from_secs(1));
        desk.saves(&bed, json!({ "title": "Not yet" })).await;
        desk.import(&[json!({ "slug": "tea", "rating": "4.50" })], None).await;
        assert_eq!(bed.texts("SELECT title FROM course_locale").await, ["Tea"]);
    })
    .await;
}

#[tokio::test]
async fn an_import_leaves_down_what_was_taken_down() {
    each_database(async |bed| {
        let desk = desk(&bed).await;
        desk.import(&[json!({ "slug": "tea", "title": "Tea" })], None).await;
        let def = desk.contents.content_type("course").unwrap();
        let id: Id = bed.texts("SELECT id FROM course").await[0].parse().unwrap();
        desk.contents.unpublish(&desk.viewer, def, id).await.unwrap();
        let report = desk.import(&[json!({ "slug": "tea", "title": "Green tea" })], None).await;
        assert_eq!(report.updated, 1);
        assert_eq!(bed.texts("SELECT status FROM course").await, ["draft"]);
        assert_eq!(bed.texts("SELECT title FROM course_locale").await, ["Green tea"]);
    })
    .await;
}

#[tokio::test]
async fn a_mapping_makes_a_foreign_file_fit() {
    each_database(async |bed| {
        let desk = desk(&bed).await;
        let mapping = "[course]\nrename = { name = \"title\" }\nignore = [\"path\"]\n\
                       into-json = { metadata = [\"license\"] }\ndefaults = { access = \"signed_in\" }\n";
        let line = json!({ "slug": "a", "name": "A", "path": "/x", "license": "MIT" });
        let report = desk.import(&[line], Some(mapping)).await;
        assert_eq!(report.rejected, []);
        let expected = json!({ "slug": "a", "title": { "en": "A" }, "metadata": { "license": "MIT" }, "access": "SIGNED_IN", "tags": [], "lessons": [] });
        assert_eq!(desk.export().await, [expected]);
    })
    .await;
}

#[tokio::test]
async fn the_open_courses_import_as_they_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let Ok(file) = std::fs::File::open(root.join("../shared/data/courses.jsonl")) else {
        eprintln!("SKIPPED: ../shared/data/courses.jsonl is not there, so the real courses were NOT imported");
        return;
    };
    let text = std::fs::read_to_string(root.join("examples/import/open-courses.toml")).unwrap();
    each_database(async |bed| {
        let desk = desk(&bed).await;
        let mapping = Mapping::parse(&text, desk.contents.model()).unwrap();
        let import = Import::new(desk.contents.clone());
        for (created, unchanged) in [(8, 0), (0, 8)] {
            let reader = BufReader::new(std::fs::File::open(root.join("../shared/data/courses.jsonl")).unwrap());
            let report = import.run(&desk.viewer, reader, "course", Some(&mapping), |_| ()).await.unwrap();
            assert_eq!(report.rejected, []);
            assert_eq!((report.created, report.updated, report.unchanged), (created, 0, unchanged));
        }
        assert_eq!(count(&bed.db, "lesson").await, 296);
        let exported = desk.export().await;
        let questions = |lesson: &Json| lesson["quiz"].as_array().map_or(0, Vec::len);
        let lessons = exported.iter().flat_map(|course| course["lessons"].as_array().unwrap());
        assert_eq!(lessons.map(questions).sum::<usize>(), 434);
        let lines: Vec<Json> = exported.clone();
        let again = desk.import(&lines, None).await;
        assert_eq!((again.updated, again.unchanged, again.rejected.len()), (0, 8, 0), "{:?}", again.children);
    })
    .await;
    drop(file);
}
