//! Community: what members say about courses and lessons.
//!
//! **Invariant:** a comment is looked at by the moderators before anybody else
//! sees it, whoever wrote it.
//! **Invariant:** a comment can only be made on what its author may see.
//! **Invariant:** the state says who sees it: `visible` everybody, `held` and
//! `rejected` the author and moderators, `deleted` nobody.
//! **Invariant:** comments go with what they are about, and with them what
//! moderation holds of them.
//! **Invariant:** a comment that is sent again under its key is one comment.
//!
//! Reading comments is not here: reads are compiled with the viewer's rules
//! (rows `published` of `comment` are the visible ones, `own` the author's).

mod model;
mod service;
mod store;

pub use model::{AddComment, AddedComment, CommentState, Subject, SubjectKind};
pub use service::{Community, ModeratedComments, Subjects};
pub(crate) use store::forget_subjects;
