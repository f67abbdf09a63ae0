//! What running plugins ask of the domains, on each database.
#![allow(clippy::unwrap_used)]

mod people;

use std::{sync::Arc, time::Duration};

use lyceum_domain::{
    content::{Change, Contents},
    plugin::{
        ContentScope, Desk, EntryQuery, EntryScope, EntryWrite, HostServices as _, NOTICES_KEPT, NoExtensions,
        PluginNotice,
    },
};
use lyceum_kernel::{ErrorCode, Id, Locales, Viewer};
use lyceum_model::TypeModel;
use lyceum_store::schema;
use people::{Bed, each_database};
use serde_json::{Value as Json, json};

const PLUGIN: &str = "acme/badges";

struct Office {
    desk: Desk,
    contents: Contents,
    editor: Viewer,
}

async fn office(bed: &Bed) -> Office {
    let content = lyceum_model::content::built_in().unwrap();
    let proposal = schema::plan(&bed.db, &content).await.unwrap();
    let locales = Locales::default();
    let how = schema::Apply { allow_destructive: false, default_locale: locales.default_locale().clone() };
    schema::apply(&bed.db, &proposal.plan, &how).await.unwrap();
    let model: Arc<TypeModel> =
        Arc::new(lyceum_domain::types::model(lyceum_model::content::resolve(&content)).unwrap());
    let contents = Contents::new(bed.db.clone(), model, locales, Arc::new(NoExtensions));
    let editor = bed.person("editor@example.com", &["admin"]).await;
    Office { desk: Desk::new(contents.clone()), contents, editor }
}

impl Office {
    /// An entry of a person, its global id.
    async fn entry(&self, type_name: &str, input: Json, publish: bool) -> String {
        let def = self.contents.content_type(type_name).unwrap();
        let input = input.as_object().unwrap();
        let change = Change::parse(self.contents.model(), def, input, self.contents.locales()).unwrap();
        let id = self.contents.create(&self.editor, def, change).await.unwrap();
        if publish {
            self.contents.publish(&self.editor, def, id).await.unwrap();
        }
        id.with_prefix(&def.prefix)
    }

    async fn titles(&self, scope: &ContentScope, type_name: &str, filter: Option<Json>) -> Vec<String> {
        let page = self.desk.entries(scope, &query(type_name, filter, 100)).await.unwrap();
        page.entries.iter().map(|entry| entry.fields["title"].as_str().unwrap().to_owned()).collect()
    }
}

fn query(type_name: &str, filter: Option<Json>, limit: u32) -> EntryQuery {
    EntryQuery { type_name: type_name.into(), filter, locale: None, after: None, limit }
}

fn scope(collections: &[&str], entries: EntryScope) -> ContentScope {
    let collections = collections.iter().map(ToString::to_string).collect();
    ContentScope { plugin: PLUGIN.into(), collections, entries }
}

#[tokio::test]
async fn a_store_keeps_values_within_its_quota() {
    each_database(async |bed| {
        let Office { desk, .. } = office(&bed).await;
        assert!(desk.kv_set(PLUGIN, "ab", &[0, 255], 10).await.unwrap());
        assert!(desk.kv_set(PLUGIN, "ab", &[1; 8], 10).await.unwrap(), "a value is replaced");
        assert!(!desk.kv_set(PLUGIN, "c", &[], 10).await.unwrap());
        assert!(desk.kv_set("acme/other", "c", &[7], 10).await.unwrap(), "each plugin has its own");
        assert_eq!(desk.kv_get(PLUGIN, "ab").await.unwrap(), Some(vec![1; 8]));
        assert_eq!(desk.kv_get(PLUGIN, "c").await.unwrap(), None);
        assert!(desk.kv_set(PLUGIN, "ab", &[1; 7], 5).await.unwrap(), "a lowered quota lets it shrink");
        desk.kv_delete(PLUGIN, "ab").await.unwrap();
        desk.kv_delete(PLUGIN, "ab").await.unwrap();
        assert!(desk.kv_set(PLUGIN, "cd", &[2; 8], 10).await.unwrap(), "what was removed is free again");
    })
    .await;
}

#[tokio::test]
async fn two_writers_at_once_do_not_exceed_the_quota() {
    each_database(async |bed| {
        let desk = Arc::new(office(&bed).await.desk);
        let writers = (0..8).map(|number| {
            let desk = Arc::clone(&desk);
            tokio::spawn(async move { desk.kv_set(PLUGIN, &format!("k{number}"), &[0; 8], 30).await.unwrap() })
        });
        let mut fitted = 0;
        for writer in writers.collect::<Vec<_>>() {
            fitted += usize::from(writer.await.unwrap());
        }
        assert_eq!(fitted, 3, "three of ten bytes fit into thirty");
        assert_eq!(desk.kv_keys(PLUGIN, "", None, 100).await.unwrap().len(), 3);
    })
    .await;
}

#[tokio::test]
async fn keys_come_in_byte_order_after_the_given_one() {
    each_database(async |bed| {
        let Office { desk, .. } = office(&bed).await;
        for key in ["a/b", "a/B", "a/é", "a/_", "b/1"] {
            assert!(desk.kv_set(PLUGIN, key, b"", 1000).await.unwrap());
        }
        assert_eq!(desk.kv_keys(PLUGIN, "a/", None, 100).await.unwrap(), ["a/B", "a/_", "a/b", "a/é"]);
        assert_eq!(desk.kv_keys(PLUGIN, "a/", Some("a/_"), 1).await.unwrap(), ["a/b"]);
        assert_eq!(desk.kv_keys(PLUGIN, "b/", Some("a/b"), 9).await.unwrap(), ["b/1"]);
    })
    .await;
}

#[tokio::test]
async fn a_plugin_reads_what_its_scope_opens_and_nothing_else() {
    each_database(async |bed| {
        let office = office(&bed).await;
        let shown = json!({ "title": "Shown", "level": "BEGINNER", "access": "SIGNED_IN" });
        let shown = office.entry("course", shown, true).await;
        let hidden = office.entry("course", json!({ "title": "Hidden" }), false).await;
        let course = json!({ "title": "One", "body": "Gated text", "courseId": shown });
        let lesson = office.entry("lesson", course, true).await;
        let within = json!({ "title": "Two", "body": "Draft's lesson", "courseId": hidden });
        let within = office.entry("lesson", within, true).await;

        let published = scope(&["course"], EntryScope::Published);
        let all = scope(&["*"], EntryScope::All);
        assert_eq!(office.titles(&published, "course", None).await, ["Shown"]);
        assert_eq!(office.titles(&all, "course", None).await, ["Shown", "Hidden"]);
        assert!(office.titles(&scope(&["*"], EntryScope::Own), "course", None).await.is_empty());
        let desk = &office.desk;
        assert_eq!(desk.entry(&published, "course", &hidden, None).await.unwrap(), None);
        let other = desk.entry(&published, "lesson", &lesson, None).await.unwrap_err();
        assert_eq!(other.code(), ErrorCode::NotFound, "a type that is not granted is not there");
        let orders = desk.entries(&all, &query("order", None, 1)).await.unwrap_err();
        assert_eq!(orders.code(), ErrorCode::NotFound, "`*` is content, not people and orders");

        let lessons = scope(&["lesson"], EntryScope::Published);
        let told = desk.entry(&lessons, "lesson", &lesson, None).await.unwrap().unwrap();
        assert!(told.published);
        assert_eq!(told.fields["body"], "Gated text", "the owner granted it");
        assert_eq!(told.fields["course"]["id"], shown);
        assert_eq!(desk.entry(&lessons, "lesson", &within, None).await.unwrap(), None, "its course is not published");
    })
    .await;
}

#[tokio::test]
async fn lists_are_filtered_and_come_in_pages() {
    each_database(async |bed| {
        let office = office(&bed).await;
        for (title, level) in [("Ada", "BEGINNER"), ("Ben", "ADVANCED"), ("Cy", "ADVANCED")] {
            office.entry("course", json!({ "title": title, "level": level }), true).await;
        }
        let scope = scope(&["course"], EntryScope::Published);
        let titles = async |filter| office.titles(&scope, "course", Some(filter)).await;
        assert_eq!(titles(json!({ "level": { "eq": "ADVANCED" } })).await, ["Ben", "Cy"]);
        assert_eq!(titles(json!({ "title": { "startsWith": "A" } })).await, ["Ada"]);
        assert_eq!(titles(json!({ "title": { "in": ["Ada", "Cy"] }, "level": { "eq": "ADVANCED" } })).await, ["Cy"]);
        let first = office.desk.entries(&scope, &query("course", None, 2)).await.unwrap();
        let rest = EntryQuery { after: first.next.clone(), ..query("course", None, 2) };
        let rest = office.desk.entries(&scope, &rest).await.unwrap();
        assert_eq!((first.entries.len(), rest.entries.len(), rest.next), (2, 1, None));
        assert_eq!(rest.entries[0].fields["title"], "Cy");
        for wrong in
            [json!([]), json!({ "title": "x" }), json!({ "nothing": { "eq": 1 } }), json!({ "title": { "like": "x" } })]
        {
            let refused = office.desk.entries(&scope, &query("course", Some(wrong.clone()), 1)).await.unwrap_err();
            assert_eq!(refused.code(), ErrorCode::BadUserInput, "{wrong}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_plugin_with_the_scope_own_changes_only_what_it_made() {
    each_database(async |bed| {
        let office = office(&bed).await;
        let theirs = office.entry("course", json!({ "title": "Theirs" }), true).await;
        let scope = scope(&["course", "lesson"], EntryScope::Own);
        let write = async |type_name: &str, write| office.desk.write_entry(&scope, type_name, write).await;
        let own = write("course", EntryWrite::Create(json!({ "title": "Own" }))).await.unwrap();
        write("course", EntryWrite::Update { id: own.clone(), input: json!({ "title": "Mine" }) }).await.unwrap();
        write("course", EntryWrite::Publish(own.clone())).await.unwrap();
        assert_eq!(office.titles(&scope, "course", None).await, ["Mine"]);

        let change = EntryWrite::Update { id: theirs.clone(), input: json!({ "title": "Taken" }) };
        assert_eq!(write("course", change).await.unwrap_err().code(), ErrorCode::NotFound);
        assert_eq!(write("course", EntryWrite::Delete(theirs.clone())).await.unwrap_err().code(), ErrorCode::NotFound);
        let into_theirs = json!({ "title": "Guest", "courseId": theirs });
        let refused = write("lesson", EntryWrite::Create(into_theirs)).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::NotFound, "a lesson in somebody else's course");
        let into_own = json!({ "title": "At home", "courseId": own });
        let lesson = write("lesson", EntryWrite::Create(into_own)).await.unwrap();
        write("lesson", EntryWrite::Delete(lesson)).await.unwrap();
        let article = write("article", EntryWrite::Create(json!({ "title": "No" }))).await.unwrap_err();
        assert_eq!(article.code(), ErrorCode::NotFound);
        let unknown = write("course", EntryWrite::Create(json!({ "title": "X", "nothing": 1 }))).await.unwrap_err();
        assert_eq!(unknown.path(), ["input", "nothing"]);
        let events = bed.texts("SELECT data FROM outbox WHERE name = 'course.created' ORDER BY position").await;
        assert!(events.last().unwrap().contains(PLUGIN), "the event tells which plugin: {events:?}");
    })
    .await;
}

#[tokio::test]
async fn events_are_told_under_the_plugins_name_and_read_by_granted_names() {
    each_database(async |bed| {
        let office = office(&bed).await;
        let desk = &office.desk;
        let course = office.entry("course", json!({ "title": "One" }), true).await;
        desk.emit_event(PLUGIN, "awarded", Some(&course), &json!({ "to": "ana" })).await.unwrap();
        let names = ["course.published".to_owned(), format!("{PLUGIN}.*")];
        let mut read = desk.events(&names, 0, 100).await.unwrap();
        // PostgreSQL shows an event when every older transaction of the server has ended.
        while read.len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            read = desk.events(&names, 0, 100).await.unwrap();
        }
        let told: Vec<(&str, Option<&str>)> = read.iter().map(|e| (e.name.as_str(), e.subject.as_deref())).collect();
        assert_eq!(told, [("course.published", Some(course.as_str())), ("acme/badges.awarded", Some(course.as_str()))]);
        assert_eq!(read[1].data, json!({ "to": "ana" }));
        assert_eq!(desk.events(&names, read[0].position, 1).await.unwrap(), read[1..]);
        assert!(desk.events(&["lesson.*".to_owned()], 0, 100).await.unwrap().is_empty());
        assert!(desk.events(&[], 0, 100).await.unwrap().is_empty(), "nothing granted, nothing read");
        for (name, subject, data) in [
            ("Awarded!", None, json!({})),
            ("", None, json!({})),
            ("awarded", Some("nothing"), json!({})),
            ("awarded", Some(course.as_str()), json!([1])),
        ] {
            let refused = desk.emit_event(PLUGIN, name, subject, &data).await.unwrap_err();
            assert_eq!(refused.code(), ErrorCode::BadUserInput, "{name} {subject:?} {data}");
        }
    })
    .await;
}

fn denied(function: String) -> PluginNotice {
    let [plugin, version, permission, reason] = [PLUGIN, "1.0.0", "kv", "not granted"].map(str::to_owned);
    PluginNotice::Denied { plugin, version, permission, function, reason }
}

#[tokio::test]
async fn refusals_of_one_plugin_push_out_no_notice_of_another() {
    each_database(async |bed| {
        let Office { desk, .. } = office(&bed).await;
        let other = || PluginNotice::Denied {
            plugin: "acme/other".into(),
            version: "1.0.0".into(),
            permission: "kv".into(),
            function: "get".into(),
            reason: "not granted".into(),
        };
        // One thread: nothing is written before the test waits.
        (0..5_000).for_each(|number| desk.notice(denied(format!("f{number}"))));
        desk.notice(other());
        desk.notices().settle().await;
        let kept = async |plugin| desk.notices().latest(Some(plugin), NOTICES_KEPT).await.unwrap().len();
        assert_eq!((kept(PLUGIN).await, kept("acme/other").await), (128, 1));
        assert_eq!(desk.notices().dropped(), 5_000 - 128);
        desk.notice(denied("later".into()));
        desk.notices().settle().await;
        assert_eq!(kept(PLUGIN).await, 129, "what was written waits no more");
    })
    .await;
}

#[tokio::test]
async fn the_last_thousand_notices_are_kept() {
    each_database(async |bed| {
        let Office { desk, .. } = office(&bed).await;
        for number in 0..NOTICES_KEPT + 3 {
            desk.notice(denied(format!("f{number}")));
            if number % 100 == 0 {
                desk.notices().settle().await;
            }
        }
        desk.notices().settle().await;
        assert_eq!(desk.notices().dropped(), 0);
        let kept = desk.notices().latest(Some(PLUGIN), NOTICES_KEPT * 2).await.unwrap();
        let facts = |place: usize| kept[place].detail["function"].as_str().unwrap();
        assert_eq!(kept.len(), usize::try_from(NOTICES_KEPT).unwrap());
        assert_eq!((facts(0), facts(kept.len() - 1)), ("f1002", "f3"));
        assert_eq!((kept[0].kind.as_str(), &kept[0].detail["permission"]), ("denied", &json!("kv")));
        assert!(desk.notices().latest(Some("acme/other"), 1).await.unwrap().is_empty());
        assert_ne!(kept[0].id, Id::new());
    })
    .await;
}
