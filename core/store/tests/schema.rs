//! The tables of content types, on SQLite and, when
//! `LYCEUM_TEST_POSTGRES_URL` is set, on PostgreSQL.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use lyceum_kernel::{ErrorCode, Id, ManualClock, Timestamp};
use lyceum_model::content::{ContentType, built_in, parse};
use lyceum_store::{
    Database, Dialect, Options,
    schema::{self, Apply},
};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value as Json, json};

/// A fresh database, gone after the test.
struct Fresh {
    database: Database,
    _directory: tempfile::TempDir,
}

impl Fresh {
    async fn all() -> Vec<Self> {
        let mut all = vec![Self::sqlite().await];
        if let Ok(url) = std::env::var("LYCEUM_TEST_POSTGRES_URL") {
            all.push(Self::postgres(&url).await);
        }
        all
    }

    async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = Options::sqlite(&directory.path().join("test.db"));
        Self::over(options, directory).await
    }

    async fn postgres(url: &str) -> Self {
        let name = format!("lyceum_test_{}", Id::new());
        let server = sea_orm::Database::connect(url).await.unwrap();
        server.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
        let (rest, query) = url.split_once('?').unwrap_or((url, ""));
        let (base, _) = rest.rsplit_once('/').unwrap();
        Self::over(Options::new(format!("{base}/{name}?{query}")), tempfile::tempdir().unwrap()).await
    }

    async fn over(options: Options, directory: tempfile::TempDir) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
        let database = Database::connect(&options, clock).await.unwrap();
        database.migrate().await.unwrap();
        Self { database, _directory: directory }
    }

    async fn apply(&self, wanted: &[ContentType]) -> lyceum_kernel::Result<Vec<String>> {
        self.apply_how(wanted, false).await
    }

    async fn apply_how(&self, wanted: &[ContentType], allow_destructive: bool) -> lyceum_kernel::Result<Vec<String>> {
        let proposal = schema::plan(&self.database, wanted).await?;
        assert_eq!(proposal.drift, []);
        let how = Apply { allow_destructive, default_locale: "en".parse().unwrap() };
        let lines = schema::apply(&self.database, &proposal.plan, &how).await?;
        let after = schema::plan(&self.database, wanted).await?;
        assert!(after.plan.is_empty(), "{}", after.plan);
        assert_eq!(after.drift, []);
        Ok(lines)
    }

    async fn run(&self, sql: &str) {
        self.try_run(sql).await.unwrap();
    }

    async fn try_run(&self, sql: &str) -> lyceum_kernel::Result<()> {
        let write = self.database.write().await?;
        write.connection().execute_unprepared(sql).await.map_err(lyceum_store::failed)?;
        write.commit().await
    }

    /// The column `v` of all rows.
    async fn values(&self, sql: &str) -> Vec<Option<String>> {
        let statement = Statement::from_string(self.database.dialect().backend(), sql);
        let rows = self.database.reader().query_all_raw(statement).await.unwrap();
        rows.iter().map(|row| row.try_get("", "v").unwrap()).collect()
    }

    async fn note(&self, id: &str, column: &str, value: &str) {
        let at = "2026-01-01T00:00:00.000Z";
        self.run(&format!(
            "INSERT INTO note (id, created_at, updated_at, {column}) VALUES ('{id}', '{at}', '{at}', {value})"
        ))
        .await;
    }
}

impl Fresh {
    /// Saves a state of an entry, as content does.
    async fn saves(&self, number: i32, snapshot: Json) {
        let sql = "INSERT INTO revision (id, subject_type, subject_id, number, state, snapshot, created_at) \
                   VALUES ($1, 'note', '1', $2, 'draft', $3, '2026-01-01T00:00:00.000Z')";
        let values = [number.to_string().into(), number.into(), snapshot.to_string().into()];
        let write = self.database.write().await.unwrap();
        let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, values);
        write.connection().execute_raw(statement).await.unwrap();
        write.commit().await.unwrap();
    }

    async fn saved(&self) -> Vec<(String, Json)> {
        let rows = self.values("SELECT subject_type || ' ' || snapshot AS v FROM revision ORDER BY number").await;
        let read = |row: Option<String>| {
            let row = row.unwrap();
            let (of, snapshot) = row.split_once(' ').unwrap();
            (of.to_owned(), serde_json::from_str(snapshot).unwrap())
        };
        rows.into_iter().map(read).collect()
    }
}

fn notes(fields: &str) -> Vec<ContentType> {
    let text = format!("id = \"note\"\nname = \"note\"\nplural = \"notes\"\n{fields}");
    parse(&[("note.toml", &text)]).unwrap()
}

fn field(id: &str, name: &str, rest: &str) -> String {
    format!("[[field]]\nid = \"{id}\"\nname = \"{name}\"\n{rest}\n")
}

#[tokio::test]
async fn the_built_in_types_apply_from_empty_and_then_nothing_is_left_to_do() {
    for fresh in Fresh::all().await {
        let lines = fresh.apply(&built_in().unwrap()).await.unwrap();
        assert_eq!(lines.len(), 5);
        assert_eq!(lines[2], "+ course (11 fields)");
        assert_eq!(fresh.apply(&built_in().unwrap()).await.unwrap(), [""; 0]);
    }
}

#[tokio::test]
async fn lessons_go_with_their_course_and_categories_stay_while_used() {
    for fresh in Fresh::all().await {
        fresh.apply(&built_in().unwrap()).await.unwrap();
        let at = "'2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z'";
        fresh.run(&format!("INSERT INTO category (id, created_at, updated_at, slug) VALUES ('c', {at}, 'c')")).await;
        fresh
            .run(&format!(
                "INSERT INTO course (id, created_at, updated_at, slug, category_id) VALUES ('k', {at}, 'k', 'c')"
            ))
            .await;
        fresh
            .run(&format!(
                "INSERT INTO lesson (id, created_at, updated_at, slug, course_id) VALUES ('l', {at}, 'l', 'k')"
            ))
            .await;
        fresh.run("INSERT INTO lesson_locale (lesson_id, locale, title) VALUES ('l', 'en', 'Hello')").await;
        assert!(fresh.try_run("DELETE FROM category").await.is_err());
        let twice = format!("INSERT INTO course (id, created_at, updated_at, slug) VALUES ('m', {at}, 'k')");
        assert_eq!(fresh.try_run(&twice).await.unwrap_err().code(), ErrorCode::Conflict);
        assert_eq!(fresh.values("SELECT access AS v FROM course").await, [Some("public".to_owned())]);
        fresh.run("DELETE FROM course").await;
        assert_eq!(fresh.values("SELECT title AS v FROM lesson_locale").await, []);
        fresh.run("DELETE FROM category").await;
    }
}

#[tokio::test]
async fn a_rename_keeps_the_data() {
    for fresh in Fresh::all().await {
        let title = |name: &str| {
            field("t", name, "kind = \"text\"\nlocalised = true")
                + &field("c", "code", "kind = \"text\"\nunique = true")
        };
        fresh.apply(&notes(&title("title"))).await.unwrap();
        fresh.note("1", "code", "'a'").await;
        fresh.run("INSERT INTO note_locale (note_id, locale, title) VALUES ('1', 'en', 'Hello')").await;
        let mut renamed = notes(&title("headline"));
        renamed[0].name = "memo".to_owned();
        renamed[0].plural = "memos".to_owned();
        let lines = fresh.apply(&renamed).await.unwrap();
        assert_eq!(lines, ["~ note → memo (rename)", "~ memo (description)", "~ note.title → memo.headline (rename)"]);
        let found =
            fresh.values("SELECT l.headline || m.code AS v FROM memo m JOIN memo_locale l ON l.memo_id = m.id").await;
        assert_eq!(found, [Some("Helloa".to_owned())]);
    }
}

#[tokio::test]
async fn saved_states_follow_a_rename_and_a_swap_of_names() {
    for fresh in Fresh::all().await {
        let fields = |one: &str, other: &str| {
            field("a", one, "kind = \"text\"") + &field("b", other, "kind = \"text\"\nlocalised = true")
        };
        fresh.apply(&notes(&fields("motto", "title"))).await.unwrap();
        fresh
            .saves(
                1,
                json!({ "fields": { "motto": "m", "gone": "before" }, "translations": { "en": { "title": "t" } } }),
            )
            .await;
        let mut swapped = notes(&fields("title", "motto"));
        swapped[0].name = "memo".to_owned();
        fresh.apply(&swapped).await.unwrap();
        let followed = json!({ "fields": { "title": "m" }, "translations": { "en": { "motto": "t" } } });
        assert_eq!(fresh.saved().await, [("memo".to_owned(), followed)]);
    }
}

#[tokio::test]
async fn saved_states_go_with_a_dropped_field_and_with_their_type() {
    for fresh in Fresh::all().await {
        let both = field("a", "motto", "kind = \"text\"") + &field("b", "title", "kind = \"text\"");
        fresh.apply(&notes(&both)).await.unwrap();
        fresh.saves(1, json!({ "fields": { "motto": "m", "title": "t" }, "translations": {} })).await;
        fresh.apply_how(&notes(&field("b", "title", "kind = \"text\"")), true).await.unwrap();
        // Another field of the same name.
        let other = field("b", "title", "kind = \"text\"") + &field("c", "motto", "kind = \"text\"");
        fresh.apply(&notes(&other)).await.unwrap();
        assert_eq!(fresh.saved().await[0].1, json!({ "fields": { "title": "t" }, "translations": {} }));
        fresh.apply_how(&[], true).await.unwrap();
        assert_eq!(fresh.saved().await, []);
    }
}

#[tokio::test]
async fn saved_states_become_the_default_locales_and_come_back() {
    for fresh in Fresh::all().await {
        let plain = field("a", "title", "kind = \"text\"");
        let localised = field("a", "title", "kind = \"text\"\nlocalised = true");
        fresh.apply(&notes(&plain)).await.unwrap();
        fresh.saves(1, json!({ "fields": { "title": "t" }, "translations": {} })).await;
        fresh.apply(&notes(&localised)).await.unwrap();
        let translated = json!({ "fields": {}, "translations": { "en": { "title": "t" } } });
        assert_eq!(fresh.saved().await[0].1, translated);
        fresh
            .saves(2, json!({ "fields": {}, "translations": { "en": { "title": "t" }, "zh-CN": { "title": "题" } } }))
            .await;
        fresh.apply_how(&notes(&plain), true).await.unwrap();
        for (_, snapshot) in fresh.saved().await {
            assert_eq!(snapshot, json!({ "fields": { "title": "t" }, "translations": {} }));
        }
    }
}

#[tokio::test]
async fn an_unpublished_change_is_in_the_way_when_its_field_takes_it_no_more() {
    for fresh in Fresh::all().await {
        let levels =
            |values: &str| notes(&field("a", "level", &format!("kind = \"enumeration\"\nvalues = [{values}]")));
        let level = |value: &str| json!({ "fields": { "level": value }, "translations": {} });
        fresh.apply(&levels("\"easy\", \"hard\"")).await.unwrap();
        fresh.saves(1, level("hard")).await;
        let refused = fresh.apply(&levels("\"easy\"")).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::InvalidState);
        assert!(refused.message().contains("note.level"), "{}", refused.message());
        // What was saved before the latest change is history.
        fresh.saves(2, level("easy")).await;
        fresh.apply(&levels("\"easy\"")).await.unwrap();
    }
}

#[tokio::test]
async fn swapped_names_keep_their_values() {
    for fresh in Fresh::all().await {
        let both = |a: &str, b: &str| {
            notes(&(field("a", a, "kind = \"text\"\nindexed = true") + &field("b", b, "kind = \"text\"")))
        };
        fresh.apply(&both("front", "back")).await.unwrap();
        fresh.note("1", "front", "'f'").await;
        fresh.apply(&both("back", "front")).await.unwrap();
        assert_eq!(fresh.values("SELECT back AS v FROM note").await, [Some("f".to_owned())]);
    }
}

#[tokio::test]
async fn fields_can_be_added_to_a_table_with_rows() {
    for fresh in Fresh::all().await {
        fresh.apply(&notes("")).await.unwrap();
        fresh.note("1", "status", "'published'").await;
        let fields = field("b", "open", "kind = \"boolean\"")
            + &field("m", "price", "kind = \"money\"")
            + &field("p", "parent", "kind = \"to-one\"\ntarget = \"note\"")
            + &field("s", "slug", "kind = \"slug\"")
            + &field("t", "title", "kind = \"text\"\nlocalised = true")
            + &field("r", "related", "kind = \"many-to-many\"\ntarget = \"note\"");
        let lines = fresh.apply(&notes(&format!("[access]\ngate = \"own\"\n{fields}"))).await.unwrap();
        let expected = [
            "+ note access",
            "+ note.open boolean",
            "+ note.price money",
            "+ note.parent to-one note",
            "+ note.slug slug",
            "+ note.title text(255) localised",
            "+ note.related many-to-many (note_related)",
        ];
        assert_eq!(lines, expected);
        fresh.run("INSERT INTO note_related (note_id, other_note_id) VALUES ('1', '1')").await;
        assert_eq!(fresh.values("SELECT access AS v FROM note").await, [Some("public".to_owned())]);
        assert!(fresh.try_run("UPDATE note SET parent_id = 'nobody'").await.is_err());
    }
}

#[tokio::test]
async fn what_loses_values_is_refused_without_the_flag() {
    for fresh in Fresh::all().await {
        let before = notes(
            &(field("a", "code", "kind = \"text\"\nindexed = true")
                + &field("r", "related", "kind = \"many-to-many\"\ntarget = \"note\"")),
        );
        fresh.apply(&before).await.unwrap();
        let refused = fresh.apply(&notes("")).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::InvalidState);
        assert_eq!(
            refused.message(),
            "These steps lose data; allow it with --allow-destructive:\n- note.code text(255)  (destructive)\n\
             - note.related many-to-many (note_related)  (destructive)"
        );
        assert_eq!(schema::applied(&fresh.database).await.unwrap(), before);
        fresh.apply_how(&notes(""), true).await.unwrap();
        fresh.apply_how(&[], true).await.unwrap();
        assert_eq!(schema::applied(&fresh.database).await.unwrap(), []);
    }
}

#[tokio::test]
async fn all_built_in_types_can_go_again() {
    for fresh in Fresh::all().await {
        fresh.apply(&built_in().unwrap()).await.unwrap();
        assert_eq!(fresh.apply_how(&[], true).await.unwrap().len(), 5);
        fresh.apply(&built_in().unwrap()).await.unwrap();
    }
}

#[tokio::test]
async fn values_move_to_the_default_locale_and_back() {
    for fresh in Fresh::all().await {
        let plain = notes(&field("t", "title", "kind = \"text\""));
        let localised = notes(&field("t", "title", "kind = \"text\"\nlocalised = true"));
        fresh.apply(&plain).await.unwrap();
        fresh.note("1", "title", "'Hello'").await;
        fresh.note("2", "title", "NULL").await;
        fresh.apply(&localised).await.unwrap();
        assert_eq!(
            fresh.values("SELECT note_id || locale || title AS v FROM note_locale").await,
            [Some("1enHello".to_owned())]
        );
        fresh.run("INSERT INTO note_locale (note_id, locale, title) VALUES ('1', 'zh-CN', '你好')").await;
        assert!(fresh.apply(&plain).await.is_err());
        fresh.apply_how(&plain, true).await.unwrap();
        assert_eq!(fresh.values("SELECT title AS v FROM note ORDER BY id").await, [Some("Hello".to_owned()), None]);
    }
}

#[tokio::test]
async fn values_in_the_way_are_counted() {
    for fresh in Fresh::all().await {
        let code = |rest: &str| notes(&field("a", "code", rest));
        fresh.apply(&code("kind = \"text\"")).await.unwrap();
        for id in ["1", "2"] {
            fresh.note(id, "code", "'long'").await;
        }
        fresh.note("3", "code", "NULL").await;
        let refusals = [
            ("kind = \"text\"\nrequired = true", "note.code cannot become required: 1 entries lack it. Fill it first."),
            ("kind = \"text\"\nunique = true", "note.code cannot become unique: 1 values are there more than once."),
            ("kind = \"text\"\nmax = 3", "note.code: 2 values have more than 3 characters. Shorten them first."),
            (
                "kind = \"enumeration\"\nvalues = [\"short\"]",
                "note.code: 2 values are none of short. Change them first.",
            ),
        ];
        for (rest, message) in refusals {
            assert_eq!(fresh.apply(&code(rest)).await.unwrap_err().message(), message);
        }
        let new =
            notes(&(field("a", "code", "kind = \"text\"") + &field("b", "extra", "kind = \"text\"\nrequired = true")));
        assert!(
            fresh.apply(&new).await.unwrap_err().message().starts_with("note.extra is new and required, but 3 entries")
        );
        fresh.apply(&code("kind = \"enumeration\"\nvalues = [\"short\", \"long\"]")).await.unwrap();
    }
}

#[tokio::test]
async fn a_plan_fits_only_the_state_it_was_made_for() {
    for fresh in Fresh::all().await {
        let stale = schema::plan(&fresh.database, &notes("")).await.unwrap();
        fresh.apply(&built_in().unwrap()).await.unwrap();
        let how = Apply { allow_destructive: true, default_locale: "en".parse().unwrap() };
        let refused = schema::apply(&fresh.database, &stale.plan, &how).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::InvalidState);
        assert!(refused.message().contains("Make a new plan"));
    }
}

#[tokio::test]
async fn drift_is_told() {
    for fresh in Fresh::all().await {
        fresh.apply(&built_in().unwrap()).await.unwrap();
        fresh.run("ALTER TABLE course ADD COLUMN by_hand TEXT").await;
        fresh.run("ALTER TABLE course DROP COLUMN rating").await;
        fresh.run("ALTER TABLE lesson DROP COLUMN quiz").await;
        fresh.run("ALTER TABLE lesson ADD COLUMN quiz BIGINT").await;
        fresh.run("DROP INDEX course_slug_key").await;
        fresh.run("DROP TABLE article_tag").await;
        let drift = schema::plan(&fresh.database, &built_in().unwrap()).await.unwrap().drift;
        let json = if fresh.database.dialect() == Dialect::Sqlite { "TEXT" } else { "JSON" };
        let mut lines: Vec<String> = drift.iter().map(ToString::to_string).collect();
        lines.sort();
        let expected = [
            "! article_tag: the table is missing".to_owned(),
            "! course.by_hand: no field has this column".to_owned(),
            "! course.rating: the column is missing".to_owned(),
            "! course: the index course_slug_key is missing".to_owned(),
            format!("! lesson.quiz: the column is BIGINT and should be {json}"),
        ];
        assert_eq!(lines, expected);
    }
}

#[tokio::test]
async fn tables_of_the_system_are_in_the_way() {
    let file = |name: &str, more: &str| format!("id = \"a\"\nname = \"{name}\"\nplural = \"others\"\n{more}");
    for fresh in Fresh::all().await {
        for name in ["outbox", "pluginShadow", "mailCode", "trial", "webhookInbox", "outboxConsumer", "commentSubject"]
        {
            let types = parse(&[("a.toml", &file(name, ""))]).unwrap();
            let taken = schema::taken(&fresh.database, &types).await.unwrap();
            assert_eq!((taken.len(), taken[0].type_name.as_str(), &taken[0].field), (1, name, &None));
        }
        let join = "[[field]]\nid = \"f\"\nname = \"peers\"\nkind = \"many-to-many\"\ntarget = \"thing\"\njoin = \"user_role\"\n";
        let types = parse(&[("a.toml", &file("thing", join))]).unwrap();
        let taken = schema::taken(&fresh.database, &types).await.unwrap();
        assert_eq!((taken.len(), taken[0].field.as_deref()), (1, Some("peers")));
        let types = built_in().unwrap();
        assert_eq!(schema::taken(&fresh.database, &types).await.unwrap(), []);
        fresh.apply(&types).await.unwrap();
        assert_eq!(schema::taken(&fresh.database, &types).await.unwrap(), []);
    }
}

/// The words of PostgreSQL, which it tells of itself; they are tried on both.
#[tokio::test]
async fn a_word_of_sql_is_refused_or_names_a_table_and_a_column() {
    let all = Fresh::all().await;
    let Some(postgres) = all.iter().find(|fresh| fresh.database.dialect() == Dialect::Postgres) else { return };
    let statement = Statement::from_string(Dialect::Postgres.backend(), "SELECT word FROM pg_get_keywords()");
    let rows = postgres.database.reader().query_all_raw(statement).await.unwrap();
    let words: Vec<String> = rows.iter().map(|row| row.try_get("", "word").unwrap()).collect();
    let words = words.iter().filter(|word| !word.contains('_'));
    let file = |word: &str, field: &str| {
        let field = format!("[[field]]\nid = \"f\"\nname = \"{field}\"\nkind = \"text\"\n");
        format!("id = \"{word}\"\nname = \"{word}\"\nplural = \"{word}Plural\"\n{field}")
    };
    let mut types = Vec::new();
    for word in words {
        types.extend(parse(&[("a.toml", &file(word, "plain"))]).into_iter().flatten());
        types.extend(parse(&[("a.toml", &file(&format!("column{word}"), word))]).into_iter().flatten());
    }
    assert!(types.len() > 200, "{}", types.len());
    for fresh in &all {
        let taken = schema::taken(&fresh.database, &types).await.unwrap();
        let free = |own: &&ContentType| taken.iter().all(|taken| taken.type_name != own.name);
        let types: Vec<ContentType> = types.iter().filter(free).cloned().collect();
        fresh.apply(&types).await.unwrap();
        for own in &types {
            let (table, column) = (own.table(), own.fields[0].column());
            let sql = format!("SELECT e.{column} FROM {table} e WHERE {column} = 'x' ORDER BY {column}");
            let write = fresh.database.write().await.unwrap();
            let inserted =
                format!("INSERT INTO {table} (id, created_at, updated_at, {column}) VALUES ('1', '', '', 'x')");
            write.connection().execute_unprepared(&inserted).await.unwrap();
            write.connection().execute_unprepared(&format!("UPDATE {table} SET {column} = 'x'")).await.unwrap();
            write.connection().execute_unprepared(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
    }
}
