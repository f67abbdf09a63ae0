//! What becomes of entries over their life, and of what hangs on them.

use std::{collections::BTreeSet, time::Duration};

use lyceum_kernel::Viewer;
use lyceum_store::failed;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value as Json, json};

use crate::bed::{Bed, each_database};

fn capital(name: &str) -> String {
    name[..1].to_uppercase() + &name[1..]
}

impl Bed {
    /// Runs `createX`, `updateX` and so on, as the administrator, and returns
    /// the whole response.
    async fn act(&self, verb: &str, of: &str, input: Json) -> Json {
        let (field, kind) = (format!("{verb}{}", capital(of)), capital(&format!("{verb}{}", capital(of))));
        let below = if verb == "delete" { "deletedId".to_owned() } else { format!("{of} {{ id }}") };
        let query = format!("mutation ($input: {kind}Input!) {{ {field}(input: $input) {{ {below} }} }}");
        self.ask(&self.admin, &query, json!({ "input": input })).await
    }

    /// As [`Self::act`], for what must succeed; returns the id.
    async fn done(&self, verb: &str, of: &str, input: Json) -> String {
        let response = self.act(verb, of, input).await;
        let payload = &response["data"][format!("{verb}{}", capital(of))];
        let id = if verb == "delete" { &payload["deletedId"] } else { &payload[of]["id"] };
        id.as_str().unwrap_or_else(|| panic!("{verb} {of}: {response}")).to_owned()
    }

    async fn published(&self, of: &str, input: Json) -> String {
        let id = self.done("create", of, input).await;
        self.done("publish", of, json!({ "id": id })).await
    }

    /// Some fields of one entry, as somebody sees it.
    async fn seen(&self, viewer: &Viewer, of: &str, id: &str, fields: &str) -> Json {
        let query = format!("query ($id: ID!) {{ {of}(id: $id) {{ {fields} }} }}");
        self.data(viewer, &query, json!({ "id": id })).await[of].clone()
    }

    async fn count(&self, sql: &str) -> i64 {
        let database = &self.domains.database;
        let statement = Statement::from_string(database.dialect().backend(), sql);
        let row = database.reader().query_one_raw(statement).await.map_err(failed).unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }
}

fn refusal(response: &Json) -> (Json, Json) {
    let extensions = &response["errors"][0]["extensions"];
    (extensions["code"].clone(), extensions["path"].clone())
}

const TYPES: [&str; 4] = ["course", "article", "tag", "category"];

fn named(of: &str, name: &str) -> Json {
    if of == "tag" || of == "category" { json!({ "name": name }) } else { json!({ "title": name }) }
}

#[tokio::test]
async fn the_first_publication_outlasts_a_take_down() {
    each_database(async |bed| {
        for of in TYPES {
            let id = bed.published(of, named(of, "x")).await;
            let first = bed.seen(&bed.admin, of, &id, "publishedAt").await["publishedAt"].clone();
            assert!(first.is_string(), "{of}");
            for verb in ["publish", "unpublish", "unpublish", "publish", "publish"] {
                bed.clock.advance(Duration::from_secs(60));
                bed.done(verb, of, json!({ "id": id })).await;
                let seen = bed.seen(&bed.admin, of, &id, "status publishedAt").await;
                let status = if verb == "publish" { "PUBLISHED" } else { "DRAFT" };
                assert_eq!(seen, json!({ "status": status, "publishedAt": first }), "{of} {verb}");
                let visitor = bed.seen(&bed.visitor(), of, &id, "publishedAt").await;
                assert_eq!(visitor.is_null(), verb == "unpublish", "{of} {verb}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_correction_does_not_bring_an_entry_to_the_top() {
    each_database(async |bed| {
        let old = bed.course(json!({ "slug": "old", "title": "Old" })).await;
        bed.course(json!({ "slug": "new", "title": "New" })).await;
        bed.done("unpublish", "course", json!({ "id": old })).await;
        bed.clock.advance(Duration::from_secs(60));
        bed.done("publish", "course", json!({ "id": old })).await;
        let query = "{ courses(sort: [PUBLISHED_AT_DESC]) { nodes { slug } } }";
        let seen = bed.data(&bed.visitor(), query, json!({})).await;
        assert_eq!(seen["courses"]["nodes"], json!([{ "slug": "new" }, { "slug": "old" }]));
    })
    .await;
}

#[tokio::test]
async fn what_was_saved_before_a_take_down_is_published_after_it() {
    each_database(async |bed| {
        let tag = bed.published("tag", json!({ "slug": "t", "name": "t" })).await;
        let zh = |title: &str| json!([{ "locale": "zh-CN", "title": title }]);
        let id = bed.course(json!({ "title": "v1", "translations": zh("一") })).await;
        let change = json!({ "id": id, "title": "v2", "translations": zh("二"), "tagIds": [tag] });
        bed.done("update", "course", change).await;
        bed.done("unpublish", "course", json!({ "id": id })).await;
        bed.done("publish", "course", json!({ "id": id })).await;
        let fields = "title tags { nodes { slug } }";
        let seen = bed.seen(&bed.visitor(), "course", &id, fields).await;
        assert_eq!(seen, json!({ "title": "v2", "tags": { "nodes": [{ "slug": "t" }] } }));
        let query = "query ($id: ID!) { course(id: $id, locale: \"zh-CN\") { title } }";
        assert_eq!(bed.data(&bed.visitor(), query, json!({ "id": id })).await["course"]["title"], "二");
    })
    .await;
}

#[tokio::test]
async fn an_entry_that_was_taken_down_shows_its_editors_what_they_save() {
    each_database(async |bed| {
        let id = bed.course(json!({ "title": "v1" })).await;
        bed.done("update", "course", json!({ "id": id, "title": "v2" })).await;
        bed.done("unpublish", "course", json!({ "id": id })).await;
        // The same once more is no change, and is shown all the same.
        bed.done("update", "course", json!({ "id": id, "title": "v2" })).await;
        assert_eq!(bed.seen(&bed.admin, "course", &id, "title").await["title"], "v2");
        bed.done("update", "course", json!({ "id": id, "summary": "s" })).await;
        bed.done("publish", "course", json!({ "id": id })).await;
        let seen = bed.seen(&bed.visitor(), "course", &id, "title summary").await;
        assert_eq!(seen, json!({ "title": "v2", "summary": "s" }));
    })
    .await;
}

#[tokio::test]
async fn deleted_tags_and_categories_are_dropped_from_what_was_saved() {
    each_database(async |bed| {
        for of in ["course", "article"] {
            let [kept, gone] = [
                bed.published("tag", json!({ "name": "kept" })).await,
                bed.published("tag", json!({ "name": "gone" })).await,
            ];
            let category = bed.published("category", json!({ "name": "gone" })).await;
            let tags = json!([gone, kept]);
            let draft = bed.done("create", of, json!({ "title": "d", "tagIds": tags })).await;
            let over = bed.published(of, json!({ "title": "p" })).await;
            let mut change = json!({ "id": over, "tagIds": tags });
            if of == "course" {
                change["categoryId"] = json!(category);
            }
            bed.done("update", of, change).await;
            bed.done("delete", "tag", json!({ "id": gone })).await;
            bed.done("delete", "category", json!({ "id": category })).await;
            for id in [&draft, &over] {
                bed.done("update", of, json!({ "id": id, "title": "new" })).await;
                bed.done("publish", of, json!({ "id": id })).await;
                let seen = bed.seen(&bed.visitor(), of, id, "title tags { nodes { id } }").await;
                assert_eq!(seen, json!({ "title": "new", "tags": { "nodes": [{ "id": kept }] } }), "{of}");
            }
            let again = bed.published(of, json!({ "title": "q" })).await;
            bed.done("unpublish", of, json!({ "id": again })).await;
            let answer = bed.act("update", of, json!({ "id": again, "tagIds": [kept, gone] })).await;
            assert_eq!(refusal(&answer), (json!("BAD_USER_INPUT"), json!(["input", "tagIds", "1"])), "{answer}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_required_reference_to_what_is_gone_is_named_at_its_field() {
    each_database(async |bed| {
        let [here, there] =
            [bed.course(json!({ "title": "here" })).await, bed.course(json!({ "title": "there" })).await];
        let lesson = bed.lesson(json!({ "courseId": here, "slug": "l", "title": "L" })).await;
        bed.done("update", "lesson", json!({ "id": lesson, "courseId": there })).await;
        bed.done("delete", "course", json!({ "id": there })).await;
        let answer = bed.act("publish", "lesson", json!({ "id": lesson })).await;
        assert_eq!(refusal(&answer), (json!("BAD_USER_INPUT"), json!(["input", "courseId"])), "{answer}");
        bed.done("update", "lesson", json!({ "id": lesson, "courseId": here })).await;
        bed.done("publish", "lesson", json!({ "id": lesson })).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_in_use_says_by_what() {
    each_database(async |bed| {
        let category = bed.published("category", json!({ "name": "c" })).await;
        bed.course(json!({ "title": "a", "categoryId": category })).await;
        bed.done("create", "course", json!({ "title": "b", "categoryId": category })).await;
        let answer = bed.act("delete", "category", json!({ "id": category })).await;
        let error = &answer["errors"][0];
        assert_eq!(error["extensions"]["code"], "INVALID_STATE", "{answer}");
        assert_eq!(error["extensions"]["usedBy"], json!(["course.category (2)"]));
        assert!(!bed.seen(&bed.admin, "category", &category, "id").await.is_null());
    })
    .await;
}

#[tokio::test]
async fn what_hangs_on_an_entry_goes_with_it() {
    each_database(async |bed| {
        let member = bed.user("member@example.com", &[]).await;
        let course = bed.course(json!({ "title": "c" })).await;
        let lesson = bed.lesson(json!({ "courseId": course, "slug": "l", "title": "L" })).await;
        let other = bed.course(json!({ "title": "other" })).await;
        let add = "mutation ($id: ID!) { addComment(input: { subjectId: $id, body: \"x\" }) { comment { id } } }";
        let mut comments = Vec::new();
        for subject in [&course, &lesson, &other] {
            let added = bed.data(&member, add, json!({ "id": subject })).await;
            comments.push(added["addComment"]["comment"]["id"].clone());
        }
        bed.done("delete", "course", json!({ "id": course })).await;
        let left = bed.data(&bed.admin, "{ comments { totalCount nodes { id } } }", json!({})).await;
        assert_eq!(left["comments"], json!({ "totalCount": 1, "nodes": [{ "id": comments[2] }] }));
        assert_eq!(bed.count("SELECT count(*) FROM comment").await, 1);
        assert_eq!(bed.count("SELECT count(*) FROM revision").await, 1);
        assert_eq!(bed.count("SELECT count(*) FROM outbox WHERE name = 'lesson.deleted'").await, 1);
        assert_eq!(bed.code(&member, add, json!({ "id": lesson })).await, "NOT_FOUND");
    })
    .await;
}

#[tokio::test]
async fn of_two_who_delete_at_once_one_does_and_nothing_hangs_on_nothing() {
    each_database(async |bed| {
        let member = bed.user("member@example.com", &[]).await;
        let comment = "mutation ($id: ID!) { addComment(input: { subjectId: $id, body: \"x\" }) { comment { id } } }";
        for round in 0..8 {
            let course = bed.course(json!({ "title": "c", "slug": format!("c{round}") })).await;
            let lesson = bed.lesson(json!({ "courseId": course, "slug": "l", "title": "L" })).await;
            let delete = async || bed.act("delete", "course", json!({ "id": course })).await;
            // What goes from a lesson to its course meets what goes from the course to its lessons.
            let (first, second, published, made, _) = tokio::join!(
                delete(),
                delete(),
                bed.act("publish", "lesson", json!({ "id": lesson })),
                bed.act("create", "lesson", json!({ "courseId": course, "title": "new" })),
                bed.ask(&member, comment, json!({ "id": lesson })),
            );
            let codes: BTreeSet<String> = [first, second].iter().map(|answer| refusal(answer).0.to_string()).collect();
            assert_eq!(codes, ["\"NOT_FOUND\"".to_owned(), "null".to_owned()].into());
            for answer in [published, made] {
                let code = refusal(&answer).0;
                assert!(["NOT_FOUND", "BAD_USER_INPUT"].map(Json::from).contains(&code) || code.is_null(), "{answer}");
            }
        }
        for table in ["course", "lesson", "comment", "revision"] {
            assert_eq!(bed.count(&format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
        }
        assert_eq!(bed.count("SELECT count(*) FROM outbox WHERE name = 'course.deleted'").await, 8);
    })
    .await;
}

#[tokio::test]
async fn what_outlived_its_entry_before_is_cleaned_up() {
    each_database(async |bed| {
        let member = bed.user("member@example.com", &[]).await;
        let course = bed.course(json!({ "title": "c" })).await;
        let add = "mutation ($id: ID!) { addComment(input: { subjectId: $id, body: \"x\" }) { comment { id } } }";
        bed.data(&member, add, json!({ "id": course })).await;
        let database = &bed.domains.database;
        let gone = lyceum_kernel::Id::new();
        for sql in [
            format!(
                "INSERT INTO comment (id, subject_type, subject_id, author_id, body, locale, state, created_at, updated_at) \
                 SELECT 'orphan', 'lesson', '{gone}', author_id, body, locale, state, created_at, updated_at FROM comment"
            ),
            format!(
                "INSERT INTO moderation_item (id, subject_type, subject_id, state, reason, labels, moderator, created_at) \
                 VALUES ('{gone}', 'comment', 'orphan', 'pending', '', '[]', '', '')"
            ),
            format!(
                "INSERT INTO revision (id, subject_type, subject_id, number, state, snapshot, created_at) \
                 VALUES ('{gone}', 'lesson', '{gone}', 1, 'draft', '{{}}', '')"
            ),
            format!("INSERT INTO plugin_entry (entry_id, plugin, type) VALUES ('{gone}', 'acme/badges', 'lesson')"),
            "DELETE FROM seaql_migrations WHERE version = 'm0018_orphans'".to_owned(),
        ] {
            let write = database.write().await.unwrap();
            write.connection().execute_unprepared(&sql).await.unwrap();
            write.commit().await.unwrap();
        }
        database.migrate().await.unwrap();
        for (table, left) in [("comment", 1), ("moderation_item", 0), ("revision", 1), ("plugin_entry", 0)] {
            assert_eq!(bed.count(&format!("SELECT count(*) FROM {table}")).await, left, "{table}");
        }
    })
    .await;
}

/// How many entries a search finds, with the index as it is now.
async fn found(bed: &Bed, viewer: &Viewer, query: &str, filter: Json) -> Json {
    bed.domains.search.index_pending().await.unwrap();
    let search = "query ($q: String!, $f: SearchFilter) { search(query: $q, filter: $f) { totalCount } }";
    bed.data(viewer, search, json!({ "q": query, "f": filter })).await["search"]["totalCount"].clone()
}

#[tokio::test]
async fn search_knows_tags_and_categories_by_their_present_names() {
    each_database(async |bed| {
        let tag = bed.published("tag", json!({ "slug": "old", "name": "Old" })).await;
        let category = bed.published("category", json!({ "slug": "shelf", "name": "Shelf" })).await;
        let course = bed.course(json!({ "title": "c", "tagIds": [tag], "categoryId": category })).await;
        bed.lesson(json!({ "courseId": course, "slug": "l", "title": "L" })).await;
        let visitor = bed.visitor();
        let all = async || {
            let filters = [
                json!({ "tags": ["old"] }),
                json!({ "tags": ["new"] }),
                json!({ "category": "shelf" }),
                json!({ "category": "rack" }),
            ];
            let mut counts = Vec::new();
            for filter in filters {
                counts.push(found(bed, &visitor, "", filter).await);
            }
            json!(counts)
        };
        assert_eq!(all().await, json!([2, 0, 2, 0]));
        for (of, id, slug) in [("tag", &tag, "new"), ("category", &category, "rack")] {
            bed.done("update", of, json!({ "id": id, "slug": slug })).await;
            bed.done("publish", of, json!({ "id": id })).await;
        }
        assert_eq!(all().await, json!([0, 2, 0, 2]));
        // A hidden tag is no filter for those who may not read it.
        bed.done("unpublish", "tag", json!({ "id": tag })).await;
        assert_eq!(all().await, json!([0, 0, 0, 2]));
        assert_eq!(found(bed, &bed.admin, "", json!({ "tags": ["new"] })).await, 2);
        bed.done("delete", "tag", json!({ "id": tag })).await;
        assert_eq!(found(bed, &bed.admin, "", json!({ "tags": ["new"] })).await, 0);
        // The lessons of a course that is deleted go with it.
        bed.done("delete", "course", json!({ "id": course })).await;
        assert_eq!(all().await, json!([0, 0, 0, 0]));
        assert_eq!(bed.domains.search.index().count().await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn search_counts_nothing_that_a_role_closes() {
    each_database(async |bed| {
        let course = bed.course(json!({ "title": "Ownership", "access": "PURCHASE", "level": "BEGINNER" })).await;
        bed.lesson(json!({ "courseId": course, "slug": "l", "title": "Ownership again", "body": "lifetimes" })).await;
        let visitor = bed.visitor();
        assert_eq!(found(bed, &visitor, "ownership", json!({})).await, 2);
        assert_eq!(found(bed, &visitor, "lifetimes", json!({})).await, 0);
        assert_eq!(found(bed, &bed.admin, "lifetimes", json!({})).await, 1);
        let with = |subject: &str, fields: Option<&[&str]>| {
            let rule = lyceum_kernel::Rule {
                subject: subject.into(),
                actions: vec![lyceum_kernel::Action::Read],
                rows: lyceum_kernel::RowScope::Published,
                fields: fields.map(|fields| fields.iter().map(|field| (*field).to_owned()).collect()),
            };
            Viewer { rules: std::sync::Arc::new(lyceum_kernel::Rules::new(vec![rule])), ..Viewer::default() }
        };
        assert_eq!(found(bed, &with("lesson", None), "ownership", json!({})).await, 0);
        assert_eq!(found(bed, &with("course", None), "ownership", json!({})).await, 1);
        assert_eq!(found(bed, &with("course", None), "", json!({ "level": "BEGINNER" })).await, 1);
        let some = with("course", Some(&["id", "title", "summary", "status"]));
        assert_eq!(found(bed, &some, "", json!({ "level": "BEGINNER" })).await, 0);
        assert_eq!(found(bed, &with("course", Some(&["id", "status"])), "ownership", json!({})).await, 0);
    })
    .await;
}

#[tokio::test]
async fn snippets_mark_what_matches() {
    each_database(async |bed| {
        for (title, query, marked) in [
            ("Crème brûlée", "CREME", "<mark>Crème</mark> brûlée"),
            ("ΛΌΓΟΣ καὶ", "λογος", "<mark>ΛΌΓΟΣ</mark> καὶ"),
            ("हिन्दी में", "हिन्दी", "<mark>हिन्दी</mark> में"),
            ("ＲＵＳＴ now", "rust", "<mark>ＲＵＳＴ</mark> now"),
            ("Иван пишет", "ИВАН", "<mark>Иван</mark> пишет"),
        ] {
            let id = bed.course(json!({ "title": title })).await;
            bed.domains.search.index_pending().await.unwrap();
            let search = "query ($q: String!) { search(query: $q) { nodes { snippets { html } } } }";
            let found = bed.data(&bed.visitor(), search, json!({ "q": query })).await;
            assert_eq!(found["search"]["nodes"][0]["snippets"][0]["html"], marked, "{found}");
            bed.done("delete", "course", json!({ "id": id })).await;
        }
    })
    .await;
}
