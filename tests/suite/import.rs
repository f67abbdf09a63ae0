//! Import and export through a whole server.

use std::io::BufReader;

use lyceum_domain::transfer::{Counts, Import, Mapping, Report, export};
use lyceum_kernel::Viewer;
use lyceum_tests::{TestApp, at_root, each_database};
use serde_json::{Value as Json, json};

const LINES: &str = r#"{"slug":"poems","title":{"en":"Reading poems","zh":"读诗"},"level":"beginner","lessons":[{"slug":"tang","position":1,"title":{"en":"Tang","zh":"唐诗"},"body":{"en":"Moonlight before my bed.","zh":"床前明月光。"}},{"slug":"song","position":2,"title":{"en":"Song"},"body":{"en":"When will the moon be clear and bright?"}}]}
{"slug":"broken","title":{"en":"Broken"},"level":"impossible","lessons":[{"slug":"a","position":1,"title":{"en":"A"}}]}
no json at all
{"slug":"plain","title":"Plain"}
"#;

/// The administrator as the domains know them.
async fn viewer(app: &TestApp) -> Viewer {
    app.app.domains().identity.viewer_for(app.admin.token.as_deref()).await.unwrap()
}

async fn import(app: &TestApp, lines: &[u8], mapping: Option<&Mapping>) -> Report {
    let import = Import::new(app.app.domains().contents.clone());
    let viewer = viewer(app).await;
    import.run(&viewer, BufReader::new(lines), "course", mapping, |_| ()).await.unwrap()
}

async fn exported(app: &TestApp) -> Vec<u8> {
    let mut out = Vec::new();
    let viewer = viewer(app).await;
    export(&app.app.domains().contents, &viewer, "course", &mut out).await.unwrap();
    out
}

fn counts(created: u64, updated: u64, unchanged: u64) -> Counts {
    Counts { created, updated, unchanged }
}

#[tokio::test(flavor = "multi_thread")]
async fn good_lines_are_published_bad_ones_told_and_the_second_time_changes_nothing() {
    each_database(async |place| {
        let app = place.app().start().await;
        let report = import(&app, LINES.as_bytes(), None).await;
        assert_eq!((report.created, report.updated, report.unchanged), (2, 0, 0), "{report:?}");
        assert_eq!(report.children["lesson"], counts(2, 0, 0));
        let rejected: Vec<(u64, &str)> = report.rejected.iter().map(|r| (r.line, r.path.as_str())).collect();
        assert_eq!(rejected, [(2, "level"), (3, "")]);
        let query = "{ courses(sort: [SLUG_ASC], locale: \"zh-CN\") { nodes { slug title status lessons { nodes { slug title body } } } } }";
        let seen = app.visitor().data(query, json!({})).await["courses"]["nodes"].clone();
        assert_eq!(seen[0], json!({ "slug": "plain", "title": "Plain", "status": "PUBLISHED", "lessons": { "nodes": [] } }));
        assert_eq!(seen[1]["lessons"]["nodes"][0], json!({ "slug": "tang", "title": "唐诗", "body": "床前明月光。" }));
        assert_eq!(seen[1]["lessons"]["nodes"][1]["title"], "Song");
        assert_eq!(seen.as_array().unwrap().len(), 2);
        let again = import(&app, LINES.as_bytes(), None).await;
        assert_eq!((again.created, again.updated, again.unchanged), (0, 0, 2), "{again:?}");
        assert_eq!(again.children["lesson"], counts(0, 0, 2));
        app.indexed().await;
        let found = app.visitor().data("{ search(query: \"明月光\") { nodes { node { ... on Lesson { slug } } } } }", json!({})).await;
        assert_eq!(found["search"]["nodes"], json!([{ "node": { "slug": "tang" } }]));
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_can_be_imported_into_an_empty_server() {
    let exports = std::sync::Mutex::new(Vec::new());
    each_database(async |place| {
        let app = place.app().start().await;
        import(&app, LINES.as_bytes(), None).await;
        let first = exported(&app).await;
        assert_eq!(first.iter().filter(|byte| **byte == b'\n').count(), 2);
        // The same into the same: it says more than the first file did, such as
        // the default access; the second time it says nothing new.
        let again = import(&app, &first, None).await;
        assert_eq!((again.created, again.children["lesson"], again.rejected), (0, counts(0, 0, 2), vec![]));
        let again = import(&app, &first, None).await;
        assert_eq!((again.created, again.updated, again.unchanged), (0, 0, 2));
        // Emptied, and filled from the export.
        let ids = app.admin.data("{ courses { nodes { id } } }", json!({})).await;
        for node in ids["courses"]["nodes"].as_array().unwrap() {
            app.admin
                .data(
                    "mutation ($id: ID!) { deleteCourse(input: { id: $id }) { deletedId } }",
                    json!({ "id": node["id"] }),
                )
                .await;
        }
        let back = import(&app, &first, None).await;
        assert_eq!((back.created, back.children["lesson"], back.rejected), (2, counts(2, 0, 0), vec![]));
        assert_eq!(String::from_utf8(exported(&app).await).unwrap(), String::from_utf8(first.clone()).unwrap());
        exports.lock().unwrap().push(first);
        app.stop().await;
    })
    .await;
    let exports = exports.into_inner().unwrap();
    // Both databases write the same lines.
    assert!(exports.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_open_courses_are_imported_with_the_mapping_of_the_examples() {
    let file = at_root("../shared/data/courses.jsonl");
    let Ok(lines) = std::fs::read(&file) else {
        // Not part of the repository: nobody can be asked to have it.
        let note = format!("SKIPPED the open courses: {} is not there\n", file.display());
        return std::io::Write::write_all(&mut std::io::stderr(), note.as_bytes()).unwrap();
    };
    let wanted: Vec<Json> = lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    let lessons: usize = wanted.iter().map(|course| course["lessons"].as_array().unwrap().len()).sum();
    each_database(async |place| {
        let app = place.app().start().await;
        let text = std::fs::read_to_string(at_root("examples/import/open-courses.toml")).unwrap();
        let mapping = Mapping::parse(&text, &app.app.domains().model).unwrap();
        let report = import(&app, &lines, Some(&mapping)).await;
        assert_eq!((report.created, report.rejected), (wanted.len() as u64, vec![]));
        assert_eq!(report.children["lesson"], counts(lessons as u64, 0, 0));
        let again = import(&app, &lines, Some(&mapping)).await;
        assert_eq!((again.created, again.updated, again.unchanged), (0, 0, wanted.len() as u64));
        let seen = app.visitor().data("{ lessons { totalCount } }", json!({})).await;
        assert_eq!(seen["lessons"]["totalCount"], lessons);
        app.stop().await;
    })
    .await;
}
