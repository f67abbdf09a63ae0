//! Adding comments, and what becomes of those that were held.

use std::sync::Arc;

use async_trait::async_trait;
use lyceum_kernel::{Action, ErrorCode, Event, Failure, Id, Result, Viewer};
use lyceum_store::{Database, Write};
use serde_json::json;

use super::{
    model::{AddComment, AddedComment, Body, CommentState, Subject, SubjectKind},
    store::{self, NewComment},
};
use crate::{
    identity::{self, Limit},
    limits,
    moderation::{self, Moderated, Moderation, Review, ReviewItem, Ruling},
};

/// What the community asks of content.
#[async_trait]
pub trait Subjects: Send + Sync {
    /// Whether the viewer may see that this entry exists.
    ///
    /// # Errors
    /// Internal.
    async fn may_see(&self, viewer: &Viewer, kind: SubjectKind, id: Id) -> Result<bool>;

    /// The course that an entry belongs to, for counting by course.
    ///
    /// # Errors
    /// Internal.
    async fn course_of(&self, kind: SubjectKind, id: Id) -> Result<Option<Id>> {
        Ok((kind == SubjectKind::Course).then_some(id))
    }

    /// Whether an entry is there; from here on it stays until the transaction
    /// ends.
    ///
    /// # Errors
    /// Internal.
    async fn hold(&self, _write: &Write, _subject: Subject) -> Result<bool> {
        Ok(true)
    }
}

/// Comments.
pub struct Community {
    db: Database,
    moderation: Arc<Moderation>,
    subjects: Arc<dyn Subjects>,
    per_person: Limit,
}

impl Community {
    pub fn new(db: Database, moderation: Arc<Moderation>, subjects: Arc<dyn Subjects>) -> Self {
        Self { db, moderation, subjects, per_person: limits::COMMENT.limit() }
    }

    /// With so many comments of one person.
    #[must_use]
    pub fn limited(self, per_person: Limit) -> Self {
        Self { per_person, ..self }
    }

    /// Adds a comment. Its state says what the moderators made of it. The same
    /// key with the same input is the same comment, and is not counted again.
    ///
    /// # Errors
    /// UNAUTHENTICATED; FORBIDDEN; BAD_USER_INPUT at `input.body` or
    /// `input.idempotencyKey`; NOT_FOUND when the viewer may not see the subject;
    /// IDEMPOTENCY_CONFLICT; RATE_LIMITED.
    pub async fn add_comment(&self, viewer: &Viewer, input: AddComment) -> Result<AddedComment> {
        let author = may_comment(viewer)?;
        let body = Body::parse(&input.body)?;
        let request = input.idempotency_key.as_deref().map(|key| (key, input.request_hash()));
        let request = request.as_ref().map(|(key, hash)| (*key, hash.as_str()));
        if let Some(before) = self.added_before(author, request).await? {
            return Ok(before);
        }
        let Subject { kind, id: subject } = input.subject;
        if !self.subjects.may_see(viewer, kind, subject).await? {
            return Err(Failure::not_found(kind.as_str()));
        }
        let course = self.subjects.course_of(kind, subject).await?;
        let _counts_whatever_comes_of_it =
            identity::take(&self.db, vec![(format!("comment:{author}"), self.per_person.into())]).await?;
        let id = Id::new();
        let review = self.moderation.review(review_item(id, &body, &input)).await;
        let state = CommentState::after(review.decision);
        let comment = NewComment {
            id,
            subject: input.subject,
            course,
            author,
            body: &body,
            locale: input.locale.as_str(),
            state,
            request,
        };
        if self.store(&comment, &review).await? {
            return Ok(AddedComment { id, state });
        }
        // Another request with the same key was first.
        self.added_before(author, request).await?.ok_or_else(|| Failure::internal("a comment that is gone"))
    }

    /// The comment that this key stands for.
    async fn added_before(&self, author: Id, request: Option<(&str, &str)>) -> Result<Option<AddedComment>> {
        let Some((key, hash)) = request else { return Ok(None) };
        if !(1..=200).contains(&key.chars().count()) {
            return Err(Failure::input("input.idempotencyKey", "The key has 1 to 200 characters."));
        }
        match store::by_key(&self.db, author, key).await? {
            Some((_, before)) if before != hash => {
                let text = "This idempotency key was used before with another input.";
                Err(Failure::new(ErrorCode::IdempotencyConflict, text).at("input.idempotencyKey"))
            }
            before => Ok(before.map(|(added, _)| added)),
        }
    }

    /// Whether it was written; not when its key was used before.
    async fn store(&self, comment: &NewComment<'_>, review: &Review) -> Result<bool> {
        let mut write = self.db.write().await?;
        // It may have been deleted since it was looked at.
        if !self.subjects.hold(&write, comment.subject).await? {
            return Err(Failure::not_found(comment.subject.kind.as_str()));
        }
        if !store::insert(&write, comment).await? {
            return Ok(false);
        }
        let event = Event::new("comment", "added", comment.id).by(Some(comment.author));
        write.emit(&event.with(facts(comment.subject, comment.state))).await?;
        moderation::record(&mut write, "comment", comment.id, review).await?;
        write.commit().await?;
        Ok(true)
    }
}

fn may_comment(viewer: &Viewer) -> Result<Id> {
    let Some(user) = viewer.user else {
        return Err(Failure::new(ErrorCode::Unauthenticated, "Sign in first."));
    };
    if viewer.scope("comment", false, Action::Create).is_empty() {
        return Err(Failure::new(ErrorCode::Forbidden, "You may not comment."));
    }
    Ok(user)
}

fn review_item(id: Id, body: &Body, input: &AddComment) -> ReviewItem {
    let text = body.as_str().to_owned();
    ReviewItem { id: id.to_string(), kind: "comment".to_owned(), locale: Some(input.locale.to_string()), text }
}

fn facts(subject: Subject, state: CommentState) -> serde_json::Value {
    json!({ "subjectType": subject.kind.as_str(), "subjectId": subject.id, "state": state.as_str() })
}

/// What rulings do to held comments. Hand it to [`Moderation::new`].
#[derive(Debug, Clone, Copy, Default)]
pub struct ModeratedComments;

#[async_trait]
impl Moderated for ModeratedComments {
    fn kind(&self) -> &'static str {
        "comment"
    }

    async fn ruled(&self, write: &mut Write, comment: Id, ruling: Ruling, by: Id) -> Result<()> {
        let (state, what) = match ruling {
            Ruling::Allow => (CommentState::Visible, "allowed"),
            Ruling::Reject => (CommentState::Rejected, "rejected"),
        };
        if store::release(write, comment, state).await? {
            write.emit(&Event::new("comment", what, comment).by(Some(by))).await?;
        }
        Ok(())
    }
}
