//! Who may read what: random courses, random viewers, and a model of the rules
//! that is written here a second time, in Rust instead of SQL.

use std::collections::HashSet;

use lyceum_tests::{Person, Place, TestApp, each_database, entry, publish};
use serde_json::{Value as Json, json};

const COURSES: usize = 14;
const LESSONS: usize = 2;
/// Two worlds; any number above zero makes another.
const SEEDS: [u64; 2] = [0x5EED_0001, 0xC0FF_EE02];

/// A small generator of pseudo-random numbers (xorshift, Marsaglia 2003), so
/// that a run can be repeated.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides).unwrap()
    }

    /// A word that nobody else says, too far from others for a typo.
    fn word(&mut self) -> String {
        (0..14).map(|_| char::from(b'a' + u8::try_from(self.below(26)).unwrap())).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    Public,
    SignedIn,
    /// By the rank of the tier.
    Tier(i64),
    Purchase,
}

/// One course or lesson.
#[derive(Debug)]
struct Item {
    kind: &'static str,
    id: String,
    slug: String,
    author: String,
    gate: Gate,
    free_preview: bool,
    published: bool,
    /// The place of a lesson's course.
    course: Option<usize>,
    /// In the title.
    open_word: String,
    /// In the gated text.
    secret: String,
    /// In a later draft of the gated text that is not published.
    unpublished_word: String,
}

struct Viewer {
    name: &'static str,
    person: Person,
    rank: i64,
    bought: HashSet<String>,
    is_editor: bool,
}

struct World {
    app: TestApp,
    items: Vec<Item>,
    viewers: Vec<Viewer>,
}

impl World {
    fn visible(&self, viewer: &Viewer, item: &Item) -> bool {
        let own = |item: &Item| item.author == viewer.person.id;
        let shown = item.published || own(item);
        let parent = item.course.is_none_or(|at| self.items[at].published || own(&self.items[at]));
        viewer.is_editor || (shown && parent)
    }

    fn granted(&self, viewer: &Viewer, item: &Item) -> bool {
        if viewer.is_editor || item.author == viewer.person.id || item.free_preview {
            return true;
        }
        if let Some(at) = item.course {
            return self.granted(viewer, &self.items[at]);
        }
        let bought = viewer.bought.contains(&item.id);
        match item.gate {
            Gate::Public => true,
            Gate::SignedIn => viewer.person.token.is_some() || bought,
            Gate::Tier(rank) => viewer.rank >= rank || bought,
            Gate::Purchase => bought,
        }
    }

    /// How many visible entries a filter over this one finds: a course's
    /// lessons, or a lesson's course; none when this one may not be seen.
    fn reached_from(&self, viewer: &Viewer, item: &Item) -> usize {
        if !self.visible(viewer, item) {
            return 0;
        }
        let ours = |other: &&Item| match item.course {
            Some(at) => other.id == self.items[at].id,
            None => other.course.is_some_and(|at| self.items[at].id == item.id),
        };
        self.items.iter().filter(ours).filter(|other| self.visible(viewer, other)).count()
    }

    /// Published, and its course too.
    fn indexed(&self, item: &Item) -> bool {
        item.published && item.course.is_none_or(|at| self.items[at].published)
    }

    /// No word in this answer that the viewer may not read.
    fn assert_closed(&self, viewer: &Viewer, answer: &Json, what: &str) {
        let text = answer.to_string();
        for item in &self.items {
            let told = format!("{} was told in {what} to the {}: {item:?}", item.slug, viewer.name);
            let (visible, granted) = (self.visible(viewer, item), self.granted(viewer, item));
            assert!(visible || !text.contains(&item.open_word), "{told}");
            assert!((visible && granted) || !text.contains(&item.secret), "{told}");
            let draft = viewer.is_editor || item.author == viewer.person.id;
            assert!(draft || !text.contains(&item.unpublished_word), "{told}");
        }
    }
}

async fn world(place: &Place, seed: u64) -> World {
    let app = place.app().that_sells().start().await;
    let (low, low_plan) = app.tier("low", 10, 1000).await;
    let (high, high_plan) = app.tier("high", 20, 2000).await;
    let authors = [app.with_role("author", "anna").await, app.with_role("author", "boris").await];
    let mut dice = Dice(seed);
    let mut items = Vec::new();
    for n in 0..COURSES {
        let author = &authors[dice.below(2)];
        let at = items.len();
        items.push(course(&app, author, &mut dice, n, [&low, &high]).await);
        for m in 0..LESSONS {
            let lesson = lesson(&app, author, &mut dice, (&items[at], at), m).await;
            items.push(lesson);
        }
    }
    // The administrator talks of everything; one person may not talk faster.
    for item in items.iter().take(9) {
        let add =
            "mutation ($id: ID!) { addComment(input: { subjectId: $id, body: \"Well.\" }) { comment { state } } }";
        app.admin.data(add, json!({ "id": item.id })).await;
    }
    let [anna, boris] = authors;
    let bought: Vec<String> = items
        .iter()
        .filter(|item| item.gate == Gate::Purchase && item.published && item.course.is_none())
        .map(|item| item.id.clone())
        .take(1)
        .collect();
    let buyer = app.member("buyer").await;
    for id in &bought {
        buyer.buys(&app, "courseId", id, id).await;
    }
    let (lower, higher) = (app.member("lower").await, app.member("higher").await);
    lower.buys(&app, "planId", &low_plan, "k").await;
    higher.buys(&app, "planId", &high_plan, "k").await;
    let viewer = |name, person, rank| Viewer { name, person, rank, bought: HashSet::new(), is_editor: false };
    let viewers = vec![
        viewer("visitor", app.visitor(), 0),
        viewer("member", app.member("member").await, 0),
        viewer("lower tier", lower, 10),
        viewer("higher tier", higher, 20),
        Viewer { bought: bought.into_iter().collect(), ..viewer("buyer", buyer, 0) },
        viewer("anna", anna, 0),
        viewer("boris", boris, 0),
        Viewer { is_editor: true, ..viewer("editor", app.with_role("editor", "edith").await, 0) },
    ];
    app.indexed().await;
    World { app, items, viewers }
}

async fn course(app: &TestApp, author: &Person, dice: &mut Dice, n: usize, tiers: [&String; 2]) -> Item {
    // Each gate comes up whatever the dice say.
    let gate = [Gate::Public, Gate::SignedIn, Gate::Tier(10), Gate::Tier(20), Gate::Purchase][n % 5];
    let (access, tier) = match gate {
        Gate::Public => ("PUBLIC", None),
        Gate::SignedIn => ("SIGNED_IN", None),
        Gate::Tier(rank) => ("TIER", Some(tiers[usize::from(rank == 20)])),
        Gate::Purchase => ("PURCHASE", None),
    };
    let (open_word, secret, slug) = (dice.word(), dice.word(), format!("course-{n}"));
    let mut input = json!({ "slug": slug, "title": open_word, "body": secret, "access": access, "price": { "minor": 500, "currency": "CNY" } });
    if let Some(tier) = tier {
        input["accessTierId"] = json!(tier);
    }
    let id = entry(author, "course", input).await;
    let fate = if n < 5 { 0 } else { dice.below(4) };
    let unpublished_word = dice.word();
    let published = walk(app, "course", &id, fate, &unpublished_word).await;
    Item {
        kind: "course",
        id,
        slug,
        author: author.id.clone(),
        gate,
        free_preview: false,
        published,
        course: None,
        open_word,
        secret,
        unpublished_word,
    }
}

async fn lesson(app: &TestApp, author: &Person, dice: &mut Dice, course: (&Item, usize), m: usize) -> Item {
    let (open_word, secret, slug) = (dice.word(), dice.word(), format!("lesson-{m}"));
    let free_preview = dice.below(4) == 0;
    let input = json!({ "courseId": course.0.id, "slug": slug, "position": m + 1, "title": open_word, "body": secret, "freePreview": free_preview });
    let id = entry(author, "lesson", input).await;
    let unpublished_word = dice.word();
    let fate = dice.below(4);
    let published = walk(app, "lesson", &id, fate, &unpublished_word).await;
    let slug = format!("{}/{slug}", course.0.slug);
    Item {
        kind: "lesson",
        id,
        slug,
        author: author.id.clone(),
        gate: course.0.gate,
        free_preview,
        published,
        course: Some(course.1),
        open_word,
        secret,
        unpublished_word,
    }
}

/// Published; published and edited again; a draft; published and taken back.
async fn walk(app: &TestApp, kind: &str, id: &str, fate: usize, later: &str) -> bool {
    let name = lyceum_model::names::pascal(kind);
    if fate != 2 {
        publish(&app.admin, kind, id).await;
    }
    let then = match fate {
        1 => format!(
            "mutation ($id: ID!, $later: String!) {{ update{name}(input: {{ id: $id, body: $later }}) {{ {kind} {{ id }} }} }}"
        ),
        3 => format!("mutation ($id: ID!) {{ unpublish{name}(input: {{ id: $id }}) {{ {kind} {{ id }} }} }}"),
        _ => return fate == 0,
    };
    app.admin.data(&then, json!({ "id": id, "later": later })).await;
    fate == 1
}

const FIELDS: &str = "id slug title body access { granted }";

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_what_the_rules_close_on_any_path() {
    for seed in SEEDS {
        each_database(async |place| {
            let world = world(place, seed).await;
            for viewer in &world.viewers {
                reads_lists(&world, viewer).await;
                reads_each(&world, viewer).await;
                filters(&world, viewer).await;
                searches(&world, viewer).await;
            }
            world.app.stop().await;
        })
        .await;
    }
}

async fn reads_lists(world: &World, viewer: &Viewer) {
    let query = format!(
        "{{ courses(first: 100) {{ totalCount nodes {{ {FIELDS} lessons(first: 20) {{ totalCount nodes {{ {FIELDS} }} }} }} edges {{ node {{ body }} }} }}
            lessons(first: 100) {{ totalCount nodes {{ {FIELDS} course {{ {FIELDS} }} }} }}
            recommendedCourses(first: 50) {{ nodes {{ {FIELDS} }} }}
            users(first: 8) {{ nodes {{ courses(first: 14) {{ nodes {{ {FIELDS} }} edges {{ node {{ lessons(first: 2) {{ nodes {{ {FIELDS} }} }} }} }} }} }} }}
            comments(first: 40) {{ nodes {{ course {{ {FIELDS} }} lesson {{ {FIELDS} course {{ {FIELDS} }} }} }} }} }}"
    );
    let answer = viewer.person.data(&query, json!({})).await;
    world.assert_closed(viewer, &answer, "lists");
    for (kind, list) in [("course", &answer["courses"]), ("lesson", &answer["lessons"])] {
        let found: HashSet<&str> =
            list["nodes"].as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap()).collect();
        let expected = world.items.iter().filter(|item| item.kind == kind && world.visible(viewer, item));
        let expected: HashSet<&str> = expected.map(|item| item.id.as_str()).collect();
        assert_eq!(found, expected, "{kind} for the {}", viewer.name);
        assert_eq!(list["totalCount"], expected.len(), "{kind} for the {}", viewer.name);
        for node in list["nodes"].as_array().unwrap() {
            let item = world.items.iter().find(|item| node["id"] == item.id.as_str()).unwrap();
            let granted = world.granted(viewer, item);
            assert_eq!(node["access"]["granted"], granted, "{item:?} for the {}", viewer.name);
            assert_eq!(node["body"].is_string(), granted, "{item:?} for the {}: {node}", viewer.name);
        }
    }
}

async fn reads_each(world: &World, viewer: &Viewer) {
    // Several in one request, by alias: this is about answers, not about HTTP.
    for items in world.items.chunks(12) {
        let fields: String = items.iter().enumerate().map(|(n, item)| {
            let (kind, id, slug) = (item.kind, &item.id, &item.slug);
            format!("s{n}: {kind}(slug: \"{slug}\") {{ {FIELDS} }} n{n}: node(id: \"{id}\") {{ id ... on Course {{ {FIELDS} }} ... on Lesson {{ {FIELDS} }} }}\n")
        }).collect();
        let answer = viewer.person.data(&format!("{{ {fields} }}"), json!({})).await;
        world.assert_closed(viewer, &answer, "node and slug");
        for (n, item) in items.iter().enumerate() {
            for by in ["s", "n"] {
                let found = !answer[format!("{by}{n}")].is_null();
                assert_eq!(found, world.visible(viewer, item), "{item:?} by {by} for the {}", viewer.name);
            }
        }
    }
}

/// A filter that reaches what may not be seen finds nothing by it.
async fn filters(world: &World, viewer: &Viewer) {
    for items in world.items.chunks(12) {
        let field = |(n, item): (usize, &Item)| {
            let (kind, word) = (item.kind, &item.open_word);
            let over = if kind == "course" { "lessons" } else { "courses" };
            let way = if kind == "course" { "course" } else { "lessons" };
            format!(
                "own{n}: {kind}s(filter: {{ title: {{ eq: \"{word}\" }} }}) {{ totalCount }}
                 over{n}: {over}(filter: {{ {way}: {{ title: {{ contains: \"{word}\" }} }} }}) {{ totalCount }}\n"
            )
        };
        let fields: String = items.iter().enumerate().map(field).collect();
        let answer = viewer.person.data(&format!("{{ {fields} }}"), json!({})).await;
        for (n, item) in items.iter().enumerate() {
            let told = format!("{item:?} by filter for the {}", viewer.name);
            assert_eq!(answer[format!("own{n}")]["totalCount"], usize::from(world.visible(viewer, item)), "{told}");
            assert_eq!(answer[format!("over{n}")]["totalCount"], world.reached_from(viewer, item), "{told}");
        }
    }
}

/// A word, whose entry it is in, and whether searching for it finds the entry.
struct Ask<'w> {
    item: &'w Item,
    word: &'w str,
    found: bool,
    /// Its author may read the text without being a reader the index knows of:
    /// then it may be left out, and nothing else may come instead.
    may_be_left_out: bool,
}

fn asks<'w>(world: &'w World, viewer: &Viewer, item: &'w Item) -> [Ask<'w>; 3] {
    let found = world.indexed(item);
    let granted = found && world.granted(viewer, item);
    let own = item.author == viewer.person.id;
    let ask = |word, found, may_be_left_out| Ask { item, word, found, may_be_left_out };
    [ask(&item.open_word, found, false), ask(&item.secret, granted, own), ask(&item.unpublished_word, false, false)]
}

async fn searches(world: &World, viewer: &Viewer) {
    let asks: Vec<Ask<'_>> = world.items.iter().flat_map(|item| asks(world, viewer, item)).collect();
    for asks in asks.chunks(20) {
        let field = |(n, ask): (usize, &Ask<'_>)| {
            format!(
                "a{n}: search(query: \"{}\", first: 5) {{ totalCount nodes {{ snippets {{ html }}
                    node {{ ... on Course {{ {FIELDS} }} ... on Lesson {{ {FIELDS} }} }} }} }}\n",
                ask.word
            )
        };
        let fields: String = asks.iter().enumerate().map(field).collect();
        let answer = viewer.person.data(&format!("{{ {fields} }}"), json!({})).await;
        world.assert_closed(viewer, &answer, "search");
        for (n, ask) in asks.iter().enumerate() {
            let result = &answer[format!("a{n}")];
            let hits = result["nodes"].as_array().unwrap();
            let ids: Vec<&str> = hits.iter().map(|hit| hit["node"]["id"].as_str().unwrap()).collect();
            if ask.may_be_left_out && ids.is_empty() {
                continue;
            }
            let expected: &[&str] = if ask.found { &[&ask.item.id] } else { &[] };
            let told = format!("{} of {:?} for the {}", ask.word, ask.item, viewer.name);
            assert_eq!(ids, expected, "{told}");
            assert_eq!(result["totalCount"], expected.len(), "{told}");
        }
    }
}
