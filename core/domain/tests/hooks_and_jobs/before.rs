//! Hooks before a change.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use futures::FutureExt;
use lyceum_domain::{content::Moment, plugin::FailureKind, transfer::Import};
use lyceum_kernel::{ErrorCode, Viewer};
use lyceum_store::{Dialect, StatementLog};
use serde_json::{Value as Json, json};

use crate::{
    house::{Before, Desk, desk, failure, plugin, rejection, set, titled, value},
    people::{Bed, each_database},
};

/// The title and the slug of every course, in the order of their making.
async fn courses(bed: &Bed) -> Vec<String> {
    bed.texts("SELECT l.title || ' ' || c.slug FROM course c JOIN course_locale l ON l.course_id = c.id ORDER BY c.id")
        .await
}

async fn event_data(bed: &Bed, name: &str) -> Json {
    let data = bed.texts(&format!("SELECT data FROM outbox WHERE name = '{name}' ORDER BY position DESC")).await;
    serde_json::from_str(&data[0]).unwrap()
}

#[tokio::test]
async fn hooks_are_asked_in_order_of_id_and_each_sees_the_one_before() {
    each_database(async |bed| {
        let desk = desk(&bed).await;
        let louder = |proposal: &lyceum_domain::content::Proposal| {
            let title = value(&proposal.entry.fields, "title").as_str().unwrap().to_owned() + "!";
            Ok(Ok(vec![set("title", Some("en"), title.into())]))
        };
        let second = desk.puts_before(Before::new("b/loud", louder).only(&[Moment::Create]));
        let first = desk.puts_before(Before::new("a/loud", louder).only(&[Moment::Create]));
        desk.create("course", titled("Rust")).await.unwrap();
        assert_eq!(courses(&bed).await, ["Rust!! rust"]);
        assert_eq!(value(&first.heard()[0].entry.fields, "title"), "Rust");
        assert_eq!(value(&second.heard()[0].entry.fields, "title"), "Rust!");
        let proposal = &second.heard()[0];
        assert_eq!((proposal.entry.id.clone(), proposal.entry.published), (None, false));
        assert_eq!(value(&proposal.entry.fields, "access"), "PUBLIC");
        assert_eq!(value(&proposal.entry.fields, "slug"), Json::Null);
    })
    .await;
}

#[tokio::test]
async fn a_hook_may_set_the_slug_and_a_reference() {
    each_database(async |bed| {
        let desk = desk(&bed).await;
        let category = desk.create("category", json!({ "name": "Systems" })).await.unwrap().with_prefix("category");
        let reference = category.clone();
        let guest = desk.puts_before(Before::new("acme/slugify", move |proposal| {
            let fields = vec![set("slug", None, json!("ru-men")), set("categoryId", None, json!(reference))];
            Ok(Ok(if proposal.moment == Moment::Create { fields } else { Vec::new() }))
        }));
        let id = desk.create("course", titled("入门")).await.unwrap();
        assert_eq!(courses(&bed).await, ["入门 ru-men"]);
        desk.update("course", id, json!({ "title": "Beginnings", "level": "ADVANCED" })).await.unwrap();
        let update = &guest.heard()[1];
        assert_eq!(value(&update.entry.fields, "categoryId"), json!(category));
        assert_eq!(value(&update.entry.fields, "title"), "入门");
        let changes: Vec<(&str, Option<&str>, &Json)> =
            update.changes.iter().map(|c| (c.field.as_str(), c.locale.as_deref(), &c.value)).collect();
        assert_eq!(changes, [("title", Some("en"), &json!("Beginnings")), ("level", None, &json!("ADVANCED"))]);
    })
    .await;
}

#[tokio::test]
async fn a_refusal_names_plugin_field_and_reasons_and_changes_nothing() {
    each_database(async |bed| {
        let desk = desk(&bed).await;
        desk.puts_before(Before::new("acme/quiet", |_| Ok(Err(rejection(Some("title"))))));
        let refused = desk.create("course", titled("RUST")).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::ChangeRejected);
        assert_eq!((refused.message(), refused.path().join(".")), ("Too loud.", "input.title".to_owned()));
        let details = [("plugin", json!("acme/quiet")), ("messages", json!({ "en": "Too loud.", "zh": "太吵。" }))];
        assert_eq!(refused.details(), details);
        assert_eq!(bed.events().await, Vec::<String>::new());
        assert_eq!(courses(&bed).await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn publishing_and_deleting_can_be_refused_too() {
    each_database(async |bed| {
        let desk = desk(&bed).await;
        let id = desk.create("course", titled("Rust")).await.unwrap();
        let both = [Moment::Publish, Moment::Delete];
        desk.puts_before(Before::new("acme/keep", |_| Ok(Err(rejection(Some("nothing"))))).only(&both));
        for refused in [desk.publish("course", id).await, desk.delete("course", id).await] {
            let refused = refused.unwrap_err();
            assert_eq!((refused.code(), refused.path()), (ErrorCode::ChangeRejected, [].as_slice()));
        }
        assert_eq!(bed.events().await, ["course.created"]);
    })
    .await;
}

#[tokio::test]
async fn a_guard_that_fails_refuses_and_any_other_is_passed_over() {
    each_database(async |bed| {
        let desk = desk(&bed).await;
        desk.puts_before(Before::new("a/helper", |_| Err(failure("a/helper", FailureKind::Trap))));
        desk.create("course", titled("Rust")).await.unwrap();
        let warning = json!([{ "plugin": "a/helper", "kind": "trap", "detail": "as the test says" }]);
        assert_eq!(event_data(&bed, "course.created").await["hookWarnings"], warning);

        desk.puts_before(Before::new("b/guard", |_| Err(failure("b/guard", FailureKind::Tripped))).guarding());
        let refused = desk.create("course", titled("Rust")).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::PluginFailed);
        assert_eq!(refused.message(), "The plugin b/guard guards this and failed, so nothing was changed.");
        assert_eq!(refused.details(), [("plugin", json!("b/guard"))]);
        assert_eq!(bed.events().await, ["course.created"]);
    })
    .await;
}

#[tokio::test]
async fn what_a_hook_sets_is_checked_as_input_is() {
    each_database(async |bed| {
        let desk = desk(&bed).await;
        let wrong = [
            (set("author", None, json!("x")), "author: course has no such field."),
            (
                set("slug", None, json!("A b")),
                "slug: A slug has lower-case letters, digits and marks of any script, \"-\" and \"_\", at most 200.",
            ),
            (
                set("level", None, json!("EASY")),
                "level: One of beginner, intermediate, advanced, expert is needed here.",
            ),
            (set("title", None, json!("x")), "title: A language is needed here."),
            (set("level", Some("en"), json!("ADVANCED")), "level: This field has no languages."),
        ];
        for (field, why) in wrong {
            desk.house.before.lock().unwrap().clear();
            desk.puts_before(Before::new("acme/odd", move |_| Ok(Ok(vec![field.clone()]))));
            desk.create("course", titled("Rust")).await.unwrap();
            let warning = json!([{ "plugin": "acme/odd", "kind": "invalid-output", "detail": why }]);
            assert_eq!(event_data(&bed, "course.created").await["hookWarnings"], warning);
        }
        let id: lyceum_kernel::Id = bed.texts("SELECT id FROM course ORDER BY id").await[0].parse().unwrap();
        desk.house.before.lock().unwrap().clear();
        desk.puts_before(Before::new("acme/odd", |_| Ok(Ok(vec![set("title", Some("en"), json!("x"))]))).guarding());
        let refused = desk.publish("course", id).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::PluginFailed);
    })
    .await;
}

#[tokio::test]
async fn the_whole_chain_has_a_quarter_of_a_second() {
    each_database(async |bed| {
        let desk = desk(&bed).await;
        let slow = || std::future::pending().boxed();
        desk.puts_before(Before::silent("a/slow").meanwhile(slow));
        let late = desk.puts_before(Before::silent("b/late"));
        desk.create("course", titled("Rust")).await.unwrap();
        assert_eq!(late.heard(), []);
        let warnings = event_data(&bed, "course.created").await["hookWarnings"].clone();
        let late = "the hooks' 250 ms were over";
        let wanted = ["a/slow", "b/late"].map(|name| json!({ "plugin": name, "kind": "timeout", "detail": late }));
        assert_eq!(warnings, json!(wanted));
    })
    .await;
}

#[tokio::test]
async fn no_transaction_is_open_while_a_hook_works() {
    each_database(async |bed| {
        let desk = desk(&bed).await;
        let id = desk.create("course", titled("Rust")).await.unwrap();
        let wrote = Arc::new(AtomicU32::new(0));
        let (db, counted) = (bed.db.clone(), wrote.clone());
        desk.puts_before(Before::silent("acme/writer").guarding().meanwhile(move || {
            let (db, counted) = (db.clone(), counted.clone());
            // SQLite has one writer: this would wait for ever within a transaction.
            async move {
                db.write().await.unwrap().commit().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
            }
            .boxed()
        }));
        desk.create("course", titled("Go")).await.unwrap();
        desk.update("course", id, titled("Rust 2")).await.unwrap();
        desk.publish("course", id).await.unwrap();
        desk.delete("course", id).await.unwrap();
        assert_eq!(wrote.load(Ordering::SeqCst), 4);
    })
    .await;
}

/// A desk with a plugin that saves the entry itself while it is asked, so
/// many times.
async fn meddled(bed: &Bed, times: u32) -> (Desk, lyceum_kernel::Id, Arc<Before>) {
    let desk = desk(bed).await;
    let id = desk.create("course", titled("Rust")).await.unwrap();
    let (contents, left) = (desk.contents.clone(), Arc::new(AtomicU32::new(times)));
    let change = desk.change("course", json!({ "level": "ADVANCED" }));
    let other = desk.change("course", json!({ "level": "BEGINNER" }));
    let guest = Before::silent("acme/meddler").only(&[Moment::Update]).meanwhile(move || {
        let (contents, left) = (contents.clone(), left.clone());
        let changes = [change.clone(), other.clone()];
        async move {
            let before = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
            let Ok(before) = before else { return };
            let def = contents.content_type("course").unwrap();
            let change = changes[before as usize % 2].clone();
            contents.update(&plugin("acme/meddler"), def, id, change).await.unwrap();
        }
        .boxed()
    });
    let guest = desk.puts_before(guest);
    (desk, id, guest)
}

#[tokio::test]
async fn who_saves_meanwhile_makes_the_hooks_look_once_more() {
    each_database(async |bed| {
        let (desk, id, guest) = meddled(&bed, 1).await;
        desk.update("course", id, titled("Rust 2")).await.unwrap();
        let seen: Vec<Json> = guest.heard().iter().map(|p| value(&p.entry.fields, "level")).collect();
        assert_eq!(seen, [Json::Null, json!("BEGINNER")]);
        assert_eq!(bed.texts("SELECT COALESCE(level, '') FROM course").await, ["beginner"]);
        assert_eq!(courses(&bed).await, ["Rust 2 rust"]);
    })
    .await;
}

#[tokio::test]
async fn who_saves_again_and_again_makes_a_conflict() {
    each_database(async |bed| {
        let (desk, id, guest) = meddled(&bed, 2).await;
        let refused = desk.update("course", id, titled("Rust 2")).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Conflict);
        assert_eq!(guest.heard().len(), 2);
        assert_eq!(courses(&bed).await, ["Rust rust"]);
    })
    .await;
}

#[tokio::test]
async fn a_plugin_is_not_asked_about_its_own_changes() {
    each_database(async |bed| {
        let desk = desk(&bed).await;
        let own = desk.puts_before(Before::silent("acme/one"));
        let other = desk.puts_before(Before::silent("acme/two"));
        let id = desk.create("course", titled("Rust")).await.unwrap();
        desk.update_as(&plugin("acme/one"), "course", id, titled("Rust 2")).await.unwrap();
        assert_eq!((own.heard().len(), other.heard().len()), (1, 2));
        assert_eq!(other.heard()[1].actor.plugin.as_deref(), Some("acme/one"));
        assert_eq!(event_data(&bed, "course.updated").await, json!({ "plugin": "acme/one" }));
    })
    .await;
}

#[tokio::test]
async fn who_may_not_change_shows_nothing_to_a_plugin() {
    each_database(async |bed| {
        let desk = desk(&bed).await;
        let id = desk.create("course", titled("Rust")).await.unwrap();
        let guest = desk.puts_before(Before::silent("acme/one"));
        let visitor = Desk { viewer: Viewer::default(), ..desk };
        assert_eq!(visitor.create("course", titled("x")).await.unwrap_err().code(), ErrorCode::Unauthenticated);
        assert_eq!(visitor.update("course", id, titled("x")).await.unwrap_err().code(), ErrorCode::NotFound);
        assert_eq!(visitor.publish("course", id).await.unwrap_err().code(), ErrorCode::NotFound);
        assert_eq!(guest.heard(), []);
    })
    .await;
}

#[tokio::test]
async fn an_import_asks_no_before_hook() {
    each_database(async |bed| {
        let desk = desk(&bed).await;
        let guest = desk.puts_before(Before::new("acme/no", |_| Ok(Err(rejection(None)))));
        let line = json!({ "slug": "rust", "title": "Rust" }).to_string();
        let import = Import::new(desk.contents.clone());
        import.run(&desk.viewer, line.as_bytes(), "course", None, |_| ()).await.unwrap();
        assert_eq!(guest.heard(), []);
        assert_eq!(courses(&bed).await, ["Rust rust"]);
    })
    .await;
}

/// The statements of a life: create, update, publish, delete.
async fn statements(desk: &Desk) -> [usize; 4] {
    let log = || Arc::new(StatementLog::default());
    let logs = [log(), log(), log(), log()];
    let id = logs[0].clone().record(desk.create("course", titled("Rust"))).await.unwrap();
    logs[1].clone().record(desk.update("course", id, titled("Rust 2"))).await.unwrap();
    logs[2].clone().record(desk.publish("course", id)).await.unwrap();
    logs[3].clone().record(desk.delete("course", id)).await.unwrap();
    logs.map(|log| log.statements().len())
}

#[tokio::test]
async fn hooks_that_want_nothing_cost_no_statement() {
    each_database(async |bed| {
        let desk = desk(&bed).await;
        let without = statements(&desk).await;
        // On PostgreSQL a slug that is made of the title is made by one at a time.
        let create = if bed.db.dialect() == Dialect::Sqlite { 5 } else { 6 };
        assert_eq!(without, [create, 9, 10, 10]);
        desk.puts_before(Before::silent("acme/one").only(&[]));
        assert_eq!(statements(&desk).await, without);
    })
    .await;
}
