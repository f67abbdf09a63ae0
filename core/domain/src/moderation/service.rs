//! Asking moderators, and deciding what they hold.

use std::{sync::Arc, time::Instant};

use async_trait::async_trait;
use futures::future::join_all;
use lyceum_kernel::{Action, ErrorCode, Event, Failure, Id, Result, Viewer};
use lyceum_store::{Database, Write};
use serde_json::json;

use super::{Decision, Review, ReviewItem, shadow, store};
use crate::plugin::{Extensions, ShadowBook};

const NOTE_CHARS_MAX: usize = 1000;

/// What a person decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ruling {
    Allow,
    Reject,
}

impl Ruling {
    /// The state of an item after it.
    #[must_use]
    pub fn item_state(self) -> &'static str {
        match self {
            Self::Allow => "allowed",
            Self::Reject => "rejected",
        }
    }
}

/// A kind of thing that can be held, stated by the domain that owns it.
#[async_trait]
pub trait Moderated: Send + Sync {
    /// The `subject_type` of its items: `comment`.
    fn kind(&self) -> &'static str;

    /// Carries a ruling out, in the transaction of the decision. A thing that
    /// is gone or no longer held stays as it is.
    ///
    /// # Errors
    /// Internal; then nothing was decided.
    async fn ruled(&self, write: &mut Write, subject: Id, ruling: Ruling, by: Id) -> Result<()>;
}

/// The moderators and their queue.
pub struct Moderation {
    db: Database,
    extensions: Arc<dyn Extensions>,
    moderated: Vec<Arc<dyn Moderated>>,
    shadows: Arc<ShadowBook>,
}

impl Moderation {
    pub fn new(db: Database, extensions: Arc<dyn Extensions>, moderated: Vec<Arc<dyn Moderated>>) -> Self {
        Self { db, extensions, moderated, shadows: Arc::default() }
    }

    /// Where comparisons with moderators in the shadow are written.
    #[must_use]
    pub fn compared_in(self, shadows: Arc<ShadowBook>) -> Self {
        Self { shadows, ..self }
    }

    /// Asks all active moderators at once. Call it outside of a transaction.
    pub async fn review(&self, item: ReviewItem) -> Review {
        let (items, started) = ([item], Instant::now());
        let moderators = self.extensions.moderators();
        let asked =
            moderators.iter().map(|moderator| async { Review::of(moderator.name(), moderator.review(&items).await) });
        let review = join_all(asked).await.into_iter().reduce(Review::and).unwrap_or_else(Review::unasked);
        shadow::compare(&self.shadows, self.extensions.as_ref(), &items[0], &review, || shadow::Given {
            by: moderators.iter().map(|moderator| moderator.name()).collect::<Vec<_>>().join(" + "),
            took: started.elapsed(),
        });
        review
    }

    /// Decides a pending item and carries it out.
    ///
    /// # Errors
    /// UNAUTHENTICATED; FORBIDDEN without the right to moderate; NOT_FOUND;
    /// INVALID_STATE when it is decided already; BAD_USER_INPUT at `input.note`.
    pub async fn decide(&self, viewer: &Viewer, item: Id, ruling: Ruling, note: Option<&str>) -> Result<()> {
        let by = may_moderate(viewer)?;
        let note = checked_note(note)?;
        let mut write = self.db.write().await?;
        let decided = store::decide(&write, item, ruling.item_state(), by, note.as_deref()).await?;
        let subject = store::subject(&write, item).await?.ok_or_else(|| Failure::not_found("moderation item"))?;
        if !decided {
            return Err(Failure::new(ErrorCode::InvalidState, "Somebody has decided this already."));
        }
        if let Some(owner) = self.moderated.iter().find(|owner| owner.kind() == subject.kind) {
            owner.ruled(&mut write, subject.id, ruling, by).await?;
        }
        let event = Event::new("moderation-item", ruling.item_state(), item).by(Some(by));
        write.emit(&event.with(json!({ "subjectType": subject.kind, "subjectId": subject.id }))).await?;
        write.commit().await
    }
}

/// Writes down what is held (for a person to decide) or rejected (for the
/// record). What is allowed leaves no item.
pub(crate) async fn record(write: &mut Write, kind: &str, subject: Id, review: &Review) -> Result<Option<Id>> {
    let (state, what) = match review.decision {
        Decision::Allow => return Ok(None),
        Decision::Hold => ("pending", "opened"),
        Decision::Reject => ("rejected", "rejected"),
    };
    let item = store::insert(write, kind, subject, state, review).await?;
    let event = Event::new("moderation-item", what, item);
    write.emit(&event.with(json!({ "subjectType": kind, "subjectId": subject }))).await?;
    Ok(Some(item))
}

fn may_moderate(viewer: &Viewer) -> Result<Id> {
    let Some(user) = viewer.user else {
        return Err(Failure::new(ErrorCode::Unauthenticated, "Sign in first."));
    };
    if viewer.may("moderationItem", Action::Moderate) {
        Ok(user)
    } else {
        Err(Failure::new(ErrorCode::Forbidden, "You may not moderate."))
    }
}

fn checked_note(note: Option<&str>) -> Result<Option<String>> {
    let Some(note) = note.map(str::trim).filter(|note| !note.is_empty()) else { return Ok(None) };
    if note.chars().count() > NOTE_CHARS_MAX || note.contains('\0') {
        return Err(Failure::input("input.note", format!("A note has up to {NOTE_CHARS_MAX} characters.")));
    }
    Ok(Some(note.to_owned()))
}
