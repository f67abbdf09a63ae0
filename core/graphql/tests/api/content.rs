//! Writing content: drafts, publishing, refusals.

use std::time::Duration;

use lyceum_store::{Database, Dialect};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;

use crate::bed::each_database;

#[tokio::test]
async fn a_save_after_publishing_waits_for_the_next_publishing() {
    each_database(async |bed| {
        let id = bed.course(json!({ "slug": "c", "title": "Old" })).await;
        let update = "mutation ($id: ID!) { updateCourse(input: { id: $id, title: \"New\" }) { course { title } } }";
        bed.data(&bed.admin, update, json!({ "id": id })).await;
        let title = "{ course(slug: \"c\") { title status } }";
        assert_eq!(bed.data(&bed.visitor(), title, json!({})).await["course"]["title"], "Old");
        let publish = "mutation ($id: ID!) { publishCourse(input: { id: $id }) { course { title } } }";
        bed.data(&bed.admin, publish, json!({ "id": id })).await;
        assert_eq!(bed.data(&bed.visitor(), title, json!({})).await["course"]["title"], "New");
        let hide = "mutation ($id: ID!) { unpublishCourse(input: { id: $id }) { course { status } } }";
        assert_eq!(
            bed.data(&bed.admin, hide, json!({ "id": id })).await["unpublishCourse"]["course"]["status"],
            "DRAFT"
        );
        assert_eq!(bed.data(&bed.visitor(), title, json!({})).await["course"], json!(null));
        let remove = "mutation ($id: ID!) { deleteCourse(input: { id: $id }) { deletedId } }";
        assert_eq!(bed.data(&bed.admin, remove, json!({ "id": id })).await["deleteCourse"]["deletedId"], json!(id));
        assert_eq!(bed.code(&bed.admin, publish, json!({ "id": id })).await, "NOT_FOUND");
    })
    .await;
}

#[tokio::test]
async fn refusals_change_nothing() {
    each_database(async |bed| {
        let id = bed.course(json!({ "slug": "c", "title": "C" })).await;
        let member = bed.user("member@example.com", &[]).await;
        let author = bed.user("author@example.com", &["author"]).await;
        let create = "mutation { createCourse(input: { title: \"X\" }) { course { id } } }";
        assert_eq!(bed.code(&bed.visitor(), create, json!({})).await, "UNAUTHENTICATED");
        assert_eq!(bed.code(&member, create, json!({})).await, "FORBIDDEN");
        let update = "mutation ($id: ID!) { updateCourse(input: { id: $id, title: \"X\" }) { course { id } } }";
        assert_eq!(bed.code(&author, update, json!({ "id": id })).await, "FORBIDDEN");
        let taken = "mutation { createCourse(input: { slug: \"c\", title: \"Again\" }) { course { id } } }";
        let answer = bed.ask(&bed.admin, taken, json!({})).await;
        assert_eq!(answer["errors"][0]["extensions"], json!({ "code": "CONFLICT", "path": ["input", "slug"] }));
        assert_eq!(answer["data"], json!({ "createCourse": null }));
        assert_eq!(
            bed.data(&bed.admin, "{ courses { totalCount nodes { title } } }", json!({})).await["courses"],
            json!({ "totalCount": 1, "nodes": [{ "title": "C" }] })
        );
    })
    .await;
}

#[tokio::test]
async fn wrong_input_is_named_by_its_path() {
    each_database(async |bed| {
        let create = "mutation ($input: CreateCourseInput!) { createCourse(input: $input) { course { id } } }";
        for (input, path) in [
            (json!({}), json!(["input", "title"])),
            (json!({ "title": "x", "slug": "A b" }), json!(["input", "slug"])),
            (json!({ "title": "x", "rating": "4.555" }), json!(["input", "rating"])),
            (json!({ "title": "x", "price": { "minor": -1, "currency": "CNY" } }), json!(["input", "price", "minor"])),
            (
                json!({ "title": "x", "price": { "minor": 1, "currency": "rmb" } }),
                json!(["input", "price", "currency"]),
            ),
            (
                json!({ "title": "x", "categoryId": "lesson_01h455vb4pex5vsknk084sn02q" }),
                json!(["input", "categoryId"]),
            ),
            (
                json!({ "title": "x", "categoryId": "category_01h455vb4pex5vsknk084sn02q" }),
                json!(["input", "categoryId"]),
            ),
            (json!({ "title": "x", "access": "TIER" }), json!(["input", "accessTierId"])),
            (json!({ "title": "x".repeat(301) }), json!(["input", "title"])),
            (
                json!({ "title": "x", "translations": [{ "locale": "fr", "title": "y" }] }),
                json!(["input", "translations", "0", "locale"]),
            ),
        ] {
            let answer = bed.ask(&bed.admin, create, json!({ "input": input })).await;
            // What the schema refuses is refused before the action.
            let extensions = &answer["errors"][0]["extensions"];
            let (code, at) = match answer.get("refused") {
                Some(code) => (code, &answer["path"]),
                None => (&extensions["code"], &extensions["path"]),
            };
            assert_eq!((code, at), (&json!("BAD_USER_INPUT"), &path), "{input}: {answer}");
        }
        assert_eq!(bed.data(&bed.admin, "{ courses { totalCount } }", json!({})).await["courses"]["totalCount"], 0);
    })
    .await;
}

#[tokio::test]
async fn slugs_are_made_of_titles_in_any_script() {
    each_database(async |bed| {
        bed.course(json!({ "title": "Rust for the Web!" })).await;
        bed.course(json!({ "title": "Rust for the web" })).await;
        bed.course(json!({ "title": "古典诗词 入门" })).await;
        let slugs =
            bed.data(&bed.visitor(), "{ courses(sort: [PUBLISHED_AT_ASC]) { nodes { slug } } }", json!({})).await;
        assert_eq!(
            slugs["courses"]["nodes"],
            json!([{ "slug": "rust-for-the-web" }, { "slug": "rust-for-the-web-2" }, { "slug": "古典诗词-入门" }])
        );
    })
    .await;
}

const CREATE: &str = "mutation ($title: String!) { createCourse(input: { title: $title }) { course { slug } } }";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn entries_of_one_title_at_once_each_have_a_slug() {
    each_database(async |bed| {
        let create = || bed.data(&bed.admin, CREATE, json!({ "title": "Same" }));
        let made = futures::future::join_all((0..25).map(|_| create())).await;
        let mut slugs: Vec<_> = made.iter().map(|made| made["createCourse"]["course"]["slug"].to_string()).collect();
        slugs.sort();
        slugs.dedup();
        assert_eq!(slugs.len(), 25);
        assert!(slugs.contains(&"\"same\"".to_owned()) && slugs.contains(&"\"same-20\"".to_owned()), "{slugs:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_made_slug_that_somebody_gives_at_that_moment_is_made_anew() {
    each_database(async |bed| {
        let database = &bed.domains.database;
        let write = database.write().await.unwrap();
        let given = format!(
            "INSERT INTO course (id, slug, status, access, created_at, updated_at) \
             VALUES ('{}', 'same', 'draft', 'public', 'now', 'now')",
            lyceum_kernel::Id::new()
        );
        write.connection().execute_unprepared(&given).await.unwrap();
        let making = async {
            let made = bed.data(&bed.admin, CREATE, json!({ "title": "Same" })).await;
            assert_eq!(made["createCourse"]["course"]["slug"], "same-2");
        };
        let giving = async {
            if database.dialect() == Dialect::Postgres {
                tokio::time::timeout(Duration::from_secs(60), until_somebody_waits(database)).await.unwrap();
            }
            write.commit().await.unwrap();
        };
        tokio::join!(making, giving);
        // A slug that was given is refused as before.
        let same = "mutation { createCourse(input: { title: \"Other\", slug: \"same\" }) { course { slug } } }";
        assert_eq!(bed.code(&bed.admin, same, json!({})).await, "CONFLICT");
    })
    .await;
}

/// Until a transaction of this PostgreSQL database waits for another one.
async fn until_somebody_waits(database: &Database) {
    let waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let statement = Statement::from_string(database.dialect().backend(), waiting);
    while database.reader().query_one_raw(statement.clone()).await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_lesson_is_put_only_into_a_course_of_ones_own() {
    each_database(async |bed| {
        let author = bed.user("author@example.com", &["author"]).await;
        let theirs = bed.course(json!({ "slug": "theirs", "title": "Theirs" })).await;
        let mine = "mutation { createCourse(input: { slug: \"mine\", title: \"Mine\" }) { course { id } } }";
        let mine = bed.data(&author, mine, json!({})).await["createCourse"]["course"]["id"].clone();
        let create = "mutation ($course: ID!) {
            createLesson(input: { courseId: $course, slug: \"l\", title: \"L\" }) { lesson { id } } }";
        assert_eq!(bed.code(&author, create, json!({ "course": theirs })).await, "FORBIDDEN");
        let lesson = bed.data(&author, create, json!({ "course": mine })).await["createLesson"]["lesson"]["id"].clone();
        let smuggle = "mutation ($id: ID!, $course: ID!) { updateLesson(input: { id: $id, courseId: $course }) { lesson { id } } }";
        assert_eq!(bed.code(&author, smuggle, json!({ "id": lesson, "course": theirs })).await, "FORBIDDEN");
        let seen = bed.data(&bed.admin, "{ course(slug: \"theirs\") { lessons { totalCount } } }", json!({})).await;
        assert_eq!(seen["course"]["lessons"]["totalCount"], 0);
    })
    .await;
}

#[tokio::test]
async fn a_slug_keeps_the_words_of_every_script_and_is_found_however_it_is_typed() {
    each_database(async |bed| {
        let create = "mutation ($i: CreateCourseInput!) { createCourse(input: $i) { course { slug } } }";
        for (title, slug) in [
            ("हिन्दी में कहानी", "हिन्दी-में-कहानी"),
            ("ภาษาไทยง่ายมาก", "ภาษาไทยง่ายมาก"),
            ("Café society", "café-society"),
            ("Cafe\u{301} society", "café-society-2"),
            ("🙂🙂", "course"),
            ("🙂", "course-2"),
            ("会卖的信：第一课", "会卖的信-第一课"),
        ] {
            let made = bed.data(&bed.admin, create, json!({ "i": { "title": title } })).await;
            assert_eq!(made["createCourse"]["course"]["slug"], slug, "{title}");
        }
        let id = bed.course(json!({ "title": "x", "slug": "café-हिन्दी" })).await;
        let given = "query ($s: String!) { course(slug: $s) { id } courses(filter: { slug: { eq: $s } }) { totalCount } \
                     others: courses(filter: { slug: { ne: $s } }) { totalCount } }";
        for typed in ["café-हिन्दी", "cafe\u{301}-हिन्दी", "ｃafé-हिन्दी", "caf\u{ad}é-हिन्दी"] {
            let found = bed.data(&bed.visitor(), given, json!({ "s": typed })).await;
            let wanted = json!({ "course": { "id": id }, "courses": { "totalCount": 1 }, "others": { "totalCount": 0 } });
            assert_eq!(found, wanted, "{typed}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_slug_of_the_rule_before_is_found_still() {
    each_database(async |bed| {
        let old = bed.course(json!({ "title": "Old", "slug": "old" })).await;
        let hangul = bed.course(json!({ "title": "Hangul", "slug": "hangul" })).await;
        let write = bed.domains.database.write().await.unwrap();
        for (from, to) in [("old", "ｒｕｓｔ１"), ("hangul", "\u{1112}\u{1161}\u{11ab}")] {
            let sql = format!("UPDATE course SET slug = '{to}' WHERE slug = '{from}'");
            write.connection().execute_unprepared(&sql).await.unwrap();
        }
        write.commit().await.unwrap();
        let by_slug =
            "query ($s: String!) { course(slug: $s) { id } courses(filter: { slug: { in: [$s] } }) { nodes { id } } }";
        for (typed, id) in [("ｒｕｓｔ１", &old), ("한", &hangul), ("\u{1112}\u{1161}\u{11ab}", &hangul)] {
            let found = bed.data(&bed.visitor(), by_slug, json!({ "s": typed })).await;
            assert_eq!(found, json!({ "course": { "id": id }, "courses": { "nodes": [{ "id": id }] } }), "{typed}");
        }
        let new = bed.course(json!({ "title": "New", "slug": "rust1" })).await;
        for (typed, id) in [("ｒｕｓｔ１", &old), ("rust1", &new)] {
            let one = "query ($s: String!) { course(slug: $s) { id } }";
            let found = bed.data(&bed.visitor(), one, json!({ "s": typed })).await;
            assert_eq!(found["course"]["id"], *id, "{typed}");
        }
    })
    .await;
}
