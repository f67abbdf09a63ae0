//! Comments, moderation and ranking: real databases, plugins played by fakes.
#![allow(clippy::unwrap_used)]

mod people;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use lyceum_domain::{
    community::{AddComment, AddedComment, CommentState, Community, ModeratedComments, Subject, SubjectKind, Subjects},
    moderation::{Decision, Moderation, Moderator, ReviewItem, Ruling, Verdict},
    plugin::{Extensions, FailureKind, NoExtensions, PluginFailure},
    ranking::{Column, RankContext, RankItem, RankedBy, Ranker, Ranking},
};
use lyceum_kernel::{ErrorCode, Failure, Id, Result, Viewer};
use people::{Bed, MINUTE, each_database};

fn code<T>(result: Result<T, Failure>) -> Option<ErrorCode> {
    result.err().map(|failure| failure.code())
}

fn broken() -> PluginFailure {
    PluginFailure {
        plugin: "acme/broken".to_owned(),
        version: "1.0.0".to_owned(),
        world: "any".to_owned(),
        function: "any".to_owned(),
        kind: FailureKind::Trap,
        detail: "unreachable".to_owned(),
    }
}

/// A moderator that goes by words; `crash` makes it fail.
struct Words(&'static str);

#[async_trait]
impl Moderator for Words {
    fn name(&self) -> &str {
        self.0
    }

    async fn review(&self, items: &[ReviewItem]) -> Result<Vec<Verdict>, PluginFailure> {
        items.iter().map(|item| verdict(&item.text)).collect()
    }
}

fn verdict(text: &str) -> Result<Verdict, PluginFailure> {
    let (decision, label) = match text {
        _ if text.contains("crash") => return Err(broken()),
        _ if text.contains("abuse") => (Decision::Reject, Some("abuse")),
        _ if text.contains("微信") => (Decision::Hold, Some("contact")),
        _ => (Decision::Allow, None),
    };
    Ok(Verdict { decision, labels: label.into_iter().map(str::to_owned).collect(), confidence: 0.9, note: None })
}

/// A ranker that answers what it is told to, and remembers what it was given.
struct Told {
    columns: Vec<String>,
    answer: Result<Vec<f32>, PluginFailure>,
    given: Mutex<Vec<(String, Column)>>,
}

#[async_trait]
impl Ranker for Told {
    fn name(&self) -> &str {
        "acme/told"
    }

    fn columns(&self) -> &[String] {
        &self.columns
    }

    async fn rank(&self, context: &RankContext, columns: Vec<(String, Column)>) -> Result<Vec<f32>, PluginFailure> {
        assert_eq!(context.count, 3);
        *self.given.lock().unwrap() = columns;
        self.answer.clone()
    }
}

#[derive(Default)]
struct Fakes {
    moderators: Vec<Arc<dyn Moderator>>,
    ranker: Option<Arc<Told>>,
}

impl Extensions for Fakes {
    fn ranker(&self) -> Option<Arc<dyn Ranker>> {
        self.ranker.clone().map(|ranker| ranker as Arc<dyn Ranker>)
    }

    fn moderators(&self) -> Vec<Arc<dyn Moderator>> {
        self.moderators.clone()
    }
}

/// Content of which one entry is hidden.
struct Hiding(Id);

#[async_trait]
impl Subjects for Hiding {
    async fn may_see(&self, _viewer: &Viewer, _kind: SubjectKind, id: Id) -> Result<bool> {
        Ok(id != self.0)
    }
}

struct Forum {
    moderation: Arc<Moderation>,
    community: Community,
    course: Id,
    hidden: Id,
}

impl Forum {
    fn new(bed: &Bed, extensions: Arc<dyn Extensions>) -> Self {
        let hidden = Id::new();
        let moderation = Arc::new(Moderation::new(bed.db.clone(), extensions, vec![Arc::new(ModeratedComments)]));
        let community = Community::new(bed.db.clone(), moderation.clone(), Arc::new(Hiding(hidden)));
        Self { moderation, community, course: Id::new(), hidden }
    }

    fn with_moderators(bed: &Bed) -> Self {
        let words: Vec<Arc<dyn Moderator>> = vec![Arc::new(Words("acme/one")), Arc::new(Words("acme/two"))];
        Self::new(bed, Arc::new(Fakes { moderators: words, ..Fakes::default() }))
    }

    async fn say(&self, viewer: &Viewer, body: &str) -> Result<AddedComment> {
        self.say_on(viewer, Subject { kind: SubjectKind::Course, id: self.course }, body).await
    }

    async fn say_on(&self, viewer: &Viewer, subject: Subject, body: &str) -> Result<AddedComment> {
        self.community.add_comment(viewer, comment(subject, body, None)).await
    }

    async fn say_under(&self, viewer: &Viewer, key: &str, body: &str) -> Result<AddedComment> {
        let subject = Subject { kind: SubjectKind::Course, id: self.course };
        self.community.add_comment(viewer, comment(subject, body, Some(key))).await
    }
}

fn comment(subject: Subject, body: &str, key: Option<&str>) -> AddComment {
    let locale = "zh-CN".parse().unwrap();
    AddComment { subject, body: body.to_owned(), locale, idempotency_key: key.map(str::to_owned) }
}

#[tokio::test]
async fn a_comment_that_is_sent_again_under_its_key_is_one_comment() {
    each_database(async |bed| {
        let (forum, ana) = (Forum::with_moderators(&bed), bed.member("ana@example.org").await);
        let bob = bed.member("bob@example.org").await;
        let sent = futures::future::join_all((0..5).map(|_| forum.say_under(&ana, "k", "good"))).await;
        let ids: std::collections::HashSet<Id> = sent.into_iter().map(|added| added.unwrap().id).collect();
        assert_eq!(
            (ids.len(), states(&bed).await, events(&bed).await),
            (1, vec!["visible".to_owned()], vec!["comment.added".to_owned()])
        );
        // A repetition is not counted: ten a minute are other comments.
        for _ in 0..20 {
            assert!(ids.contains(&forum.say_under(&ana, "k", "good").await.unwrap().id));
        }
        let other = forum.say_under(&ana, "k", "another").await.unwrap_err();
        assert_eq!(
            (other.code(), other.path().join(".")),
            (ErrorCode::IdempotencyConflict, "input.idempotencyKey".to_owned())
        );
        assert_eq!(code(forum.say_under(&ana, "", "good").await), Some(ErrorCode::BadUserInput));
        assert!(!ids.contains(&forum.say_under(&bob, "k", "good").await.unwrap().id), "a key is its author's");
    })
    .await;
}

async fn states(bed: &Bed) -> Vec<String> {
    bed.texts("SELECT state FROM comment ORDER BY id").await
}

async fn item(bed: &Bed) -> Id {
    bed.texts("SELECT id FROM moderation_item").await[0].parse().unwrap()
}

/// The events that are not about people.
async fn events(bed: &Bed) -> Vec<String> {
    bed.events().await.into_iter().filter(|name| !name.starts_with("user.")).collect()
}

#[tokio::test]
async fn without_moderators_a_comment_is_visible_at_once() {
    each_database(async |bed| {
        let (forum, ana) = (Forum::new(&bed, Arc::new(NoExtensions)), bed.member("ana@example.org").await);
        let added = forum.say(&ana, " 讲得好! ").await.unwrap();
        assert_eq!(added.state, CommentState::Visible);
        assert_eq!(bed.texts("SELECT body FROM comment").await, ["讲得好!"]);
        assert_eq!(bed.texts("SELECT course_id FROM comment").await, [forum.course.to_string()]);
        assert_eq!(bed.texts("SELECT id FROM moderation_item").await.len(), 0);
        assert_eq!(events(&bed).await, ["comment.added"]);
    })
    .await;
}

#[tokio::test]
async fn a_comment_needs_a_person_a_text_and_a_subject_they_may_see() {
    each_database(async |bed| {
        let (forum, ana) = (Forum::new(&bed, Arc::new(NoExtensions)), bed.member("ana@example.org").await);
        assert_eq!(code(forum.say(&bed.identity.visitor(), "hello").await), Some(ErrorCode::Unauthenticated));
        let rightless = Viewer { user: ana.user, ..Viewer::default() };
        assert_eq!(code(forum.say(&rightless, "hello").await), Some(ErrorCode::Forbidden));
        for body in [" \n ", &"字".repeat(5001)] {
            let refused = forum.say(&ana, body).await.unwrap_err();
            assert_eq!((refused.code(), refused.path().join(".")), (ErrorCode::BadUserInput, "input.body".to_owned()));
        }
        let hidden = Subject { kind: SubjectKind::Lesson, id: forum.hidden };
        assert_eq!(code(forum.say_on(&ana, hidden, "hello").await), Some(ErrorCode::NotFound));
        assert_eq!((states(&bed).await.len(), events(&bed).await.len()), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_person_makes_ten_comments_a_minute() {
    each_database(async |bed| {
        let (forum, ana) = (Forum::new(&bed, Arc::new(NoExtensions)), bed.member("ana@example.org").await);
        let said = futures::future::join_all((0..14).map(|_| forum.say(&ana, "hello"))).await;
        let refused: Vec<_> = said.into_iter().filter_map(code).collect();
        assert_eq!(refused, [ErrorCode::RateLimited; 4]);
        let bob = bed.member("bob@example.org").await;
        assert!(forum.say(&bob, "hello").await.is_ok());
        bed.clock.advance(MINUTE);
        assert!(forum.say(&ana, "hello").await.is_ok());
        assert_eq!(states(&bed).await.len(), 12);
    })
    .await;
}

#[tokio::test]
async fn a_held_comment_becomes_visible_when_a_person_allows_it() {
    each_database(async |bed| {
        let (forum, ana) = (Forum::with_moderators(&bed), bed.member("ana@example.org").await);
        assert_eq!(forum.say(&ana, "加微信").await.unwrap().state, CommentState::Held);
        assert_eq!(bed.texts("SELECT state FROM moderation_item").await, ["pending"]);
        assert_eq!(bed.texts("SELECT labels FROM moderation_item").await, [r#"["contact"]"#]);
        let editor = bed.person("e@example.org", &["editor"]).await;
        forum.moderation.decide(&editor, item(&bed).await, Ruling::Allow, Some(" fine ")).await.unwrap();
        assert_eq!(states(&bed).await, ["visible"]);
        assert_eq!(bed.texts("SELECT state FROM moderation_item").await, ["allowed"]);
        assert_eq!(bed.texts("SELECT note FROM moderation_item").await, ["fine"]);
        assert_eq!(bed.texts("SELECT decided_by FROM moderation_item").await, [editor.user.unwrap().to_string()]);
        let expected = ["comment.added", "moderation-item.opened", "comment.allowed", "moderation-item.allowed"];
        assert_eq!(events(&bed).await, expected);
    })
    .await;
}

#[tokio::test]
async fn a_held_comment_stays_hidden_when_a_person_rejects_it() {
    each_database(async |bed| {
        let (forum, ana) = (Forum::with_moderators(&bed), bed.member("ana@example.org").await);
        forum.say(&ana, "加微信").await.unwrap();
        let editor = bed.person("e@example.org", &["editor"]).await;
        forum.moderation.decide(&editor, item(&bed).await, Ruling::Reject, None).await.unwrap();
        assert_eq!(states(&bed).await, ["rejected"]);
        assert_eq!(bed.texts("SELECT state FROM moderation_item").await, ["rejected"]);
    })
    .await;
}

#[tokio::test]
async fn a_rejected_comment_is_kept_with_its_reason_and_cannot_be_decided() {
    each_database(async |bed| {
        let (forum, ana) = (Forum::with_moderators(&bed), bed.member("ana@example.org").await);
        assert_eq!(forum.say(&ana, "some abuse").await.unwrap().state, CommentState::Rejected);
        assert_eq!(states(&bed).await, ["rejected"]);
        assert_eq!(bed.texts("SELECT reason FROM moderation_item").await, ["abuse"]);
        assert_eq!(bed.texts("SELECT moderator FROM moderation_item").await, ["acme/one"]);
        let editor = bed.person("e@example.org", &["editor"]).await;
        let late = forum.moderation.decide(&editor, item(&bed).await, Ruling::Allow, None).await;
        assert_eq!(code(late), Some(ErrorCode::InvalidState));
        assert_eq!(states(&bed).await, ["rejected"]);
    })
    .await;
}

#[tokio::test]
async fn editors_are_looked_at_too() {
    each_database(async |bed| {
        let (forum, admin) = (Forum::with_moderators(&bed), bed.person("x@example.org", &["admin"]).await);
        assert_eq!(forum.say(&admin, "加微信").await.unwrap().state, CommentState::Held);
    })
    .await;
}

#[tokio::test]
async fn a_failing_moderator_holds_unless_another_rejects() {
    each_database(async |bed| {
        let (forum, ana) = (Forum::with_moderators(&bed), bed.member("ana@example.org").await);
        assert_eq!(forum.say(&ana, "crash").await.unwrap().state, CommentState::Held);
        assert_eq!(bed.texts("SELECT labels FROM moderation_item").await, [r#"["moderator-failed"]"#]);
        let reason = bed.texts("SELECT reason FROM moderation_item").await;
        assert_eq!(reason, ["The moderator failed; a person must look."]);
    })
    .await;
}

#[tokio::test]
async fn of_two_decisions_at_once_one_counts() {
    each_database(async |bed| {
        let (forum, ana) = (Forum::with_moderators(&bed), bed.member("ana@example.org").await);
        forum.say(&ana, "加微信").await.unwrap();
        let (editor, item) = (bed.person("e@example.org", &["editor"]).await, item(&bed).await);
        let rulings = [Ruling::Allow, Ruling::Reject, Ruling::Allow, Ruling::Reject];
        let decided = rulings.map(|ruling| forum.moderation.decide(&editor, item, ruling, None));
        let refused: Vec<_> = futures::future::join_all(decided).await.into_iter().filter_map(code).collect();
        assert_eq!(refused, [ErrorCode::InvalidState; 3]);
        let outcome = (states(&bed).await.remove(0), bed.texts("SELECT state FROM moderation_item").await.remove(0));
        let (visible, rejected) = (("visible".into(), "allowed".into()), ("rejected".into(), "rejected".into()));
        assert!(outcome == visible || outcome == rejected, "{outcome:?}");
    })
    .await;
}

#[tokio::test]
async fn only_moderators_decide() {
    each_database(async |bed| {
        let (forum, ana) = (Forum::with_moderators(&bed), bed.person("a@example.org", &["author"]).await);
        forum.say(&ana, "加微信").await.unwrap();
        let item = item(&bed).await;
        let decide =
            async |viewer: &Viewer, item, note| code(forum.moderation.decide(viewer, item, Ruling::Allow, note).await);
        assert_eq!(decide(&bed.identity.visitor(), item, None).await, Some(ErrorCode::Unauthenticated));
        assert_eq!(decide(&ana, item, None).await, Some(ErrorCode::Forbidden));
        let editor = bed.person("e@example.org", &["editor"]).await;
        assert_eq!(decide(&editor, Id::new(), None).await, Some(ErrorCode::NotFound));
        assert_eq!(decide(&editor, item, Some(&"x".repeat(1001))).await, Some(ErrorCode::BadUserInput));
        assert_eq!(states(&bed).await, ["held"]);
        assert_eq!(bed.texts("SELECT state FROM moderation_item").await, ["pending"]);
    })
    .await;
}

/// Three courses, the newest last; the order by recency is 2, 1, 0.
fn courses() -> Vec<RankItem> {
    let course = |age_hours: f32, price_minor| RankItem {
        id: Id::new(),
        age_hours,
        enrolments: 1,
        comments: 2,
        price_minor,
        lessons: 3,
        affinity: 0.5,
        recent_enrolments: 0,
        co_enrolment: 0.0,
        author_affinity: 0.0,
    };
    vec![course(72.0, 900), course(48.0, 0), course(24.0, 9900)]
}

fn context() -> RankContext {
    RankContext { surface: "recommended-courses".to_owned(), locale: "en".to_owned(), now_ms: 0, count: 0 }
}

/// The positions of `courses()` in the order that this ranker leads to, who
/// made it, and what the ranker was given.
async fn ranked(
    columns: &[&str],
    answer: Result<Vec<f32>, PluginFailure>,
    viewer: &Viewer,
) -> (Vec<usize>, RankedBy, Vec<(String, Column)>) {
    let columns = columns.iter().map(|&name| name.to_owned()).collect();
    let told = Arc::new(Told { columns, answer, given: Mutex::default() });
    let ranking = Ranking::new(Arc::new(Fakes { ranker: Some(told.clone()), ..Fakes::default() }));
    let items = courses();
    let ids: Vec<Id> = items.iter().map(|item| item.id).collect();
    let (order, by) = ranking.order(viewer, items, context()).await;
    let places = order.iter().map(|id| ids.iter().position(|other| other == id).unwrap()).collect();
    let given = told.given.lock().unwrap().clone();
    (places, by, given)
}

#[tokio::test]
async fn a_ranker_orders_by_score_and_gets_only_its_columns() {
    let ana = Viewer { user: Some(Id::new()), ..Viewer::default() };
    // The ranker sees the items newest first: 2, 1, 0.
    let (order, by, given) = ranked(&["price-minor", "affinity"], Ok(vec![1.0, 3.0, 2.0]), &ana).await;
    assert_eq!((order, by), (vec![1, 0, 2], RankedBy::Plugin("acme/told".to_owned())));
    let prices = ("price-minor".to_owned(), Column::U64(vec![9900, 0, 900]));
    assert_eq!(given, [prices, ("affinity".to_owned(), Column::F32(vec![0.5; 3]))]);
}

#[tokio::test]
async fn a_ranker_learns_nothing_personal_of_a_visitor() {
    let (_, _, given) = ranked(&["affinity"], Ok(vec![0.0; 3]), &Viewer::default()).await;
    assert_eq!(given, [("affinity".to_owned(), Column::F32(vec![0.0; 3]))]);
}

#[tokio::test]
async fn equal_scores_keep_the_newest_first() {
    let (order, by, _) = ranked(&[], Ok(vec![0.0, -0.0, 0.0]), &Viewer::default()).await;
    assert_eq!((order, by), (vec![2, 1, 0], RankedBy::Plugin("acme/told".to_owned())));
}

#[tokio::test]
async fn whatever_goes_wrong_with_a_ranker_the_newest_come_first() {
    let useless = [
        Err(broken()),
        Ok(vec![1.0, 2.0]),
        Ok(vec![1.0; 4]),
        Ok(vec![1.0, f32::NAN, 2.0]),
        Ok(vec![1.0, f32::INFINITY, 2.0]),
    ];
    for answer in useless {
        let (order, by, _) = ranked(&["lessons"], answer, &Viewer::default()).await;
        assert_eq!((order, by), (vec![2, 1, 0], RankedBy::Default));
    }
    for columns in [&["passwords"][..], &["lessons"; 100][..]] {
        let (order, by, given) = ranked(columns, Ok(vec![1.0, 3.0, 2.0]), &Viewer::default()).await;
        assert_eq!((order, by, given.len()), (vec![2, 1, 0], RankedBy::Default, 0));
    }
}

#[tokio::test]
async fn without_a_ranker_the_newest_come_first() {
    let (items, ranking) = (courses(), Ranking::new(Arc::new(NoExtensions)));
    let newest_first: Vec<Id> = items.iter().rev().map(|item| item.id).collect();
    assert_eq!(ranking.order(&Viewer::default(), items, context()).await, (newest_first, RankedBy::Default));
    assert_eq!(ranking.order(&Viewer::default(), Vec::new(), context()).await, (Vec::new(), RankedBy::Default));
}
