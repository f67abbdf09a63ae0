//! What the community talks of.

use lyceum_kernel::{Failure, Id, Locale, Result};
use sha2::{Digest, Sha256};

use crate::{
    moderation::Decision,
    plain_text::{self, TextFault},
};

/// What can be commented on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubjectKind {
    Course,
    Lesson,
}

impl SubjectKind {
    /// The API name of the type, which is also its id prefix.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Course => "course",
            Self::Lesson => "lesson",
        }
    }

    /// The kind with this id prefix.
    #[must_use]
    pub fn of_prefix(prefix: &str) -> Option<Self> {
        [Self::Course, Self::Lesson].into_iter().find(|kind| kind.as_str() == prefix)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subject {
    pub kind: SubjectKind,
    pub id: Id,
}

#[derive(Debug, Clone)]
pub struct AddComment {
    pub subject: Subject,
    /// 1 to 5,000 characters without the white space around it.
    pub body: String,
    pub locale: Locale,
    /// The same key with the same input is the same comment. 1 to 200 characters.
    pub idempotency_key: Option<String>,
}

impl AddComment {
    /// A hash of everything the author decides.
    pub(super) fn request_hash(&self) -> String {
        let Self { subject, body, locale, idempotency_key: _ } = self;
        let input = serde_json::json!([subject.kind.as_str(), subject.id, body, locale.as_str()]);
        hex::encode(Sha256::digest(input.to_string()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommentState {
    Visible,
    Held,
    Rejected,
    Deleted,
}

impl CommentState {
    /// As the database and the API have it (the API in upper case).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Visible => "visible",
            Self::Held => "held",
            Self::Rejected => "rejected",
            Self::Deleted => "deleted",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Visible, Self::Held, Self::Rejected, Self::Deleted].into_iter().find(|state| state.as_str() == name)
    }

    pub(super) fn after(decision: Decision) -> Self {
        match decision {
            Decision::Allow => Self::Visible,
            Decision::Hold => Self::Held,
            Decision::Reject => Self::Rejected,
        }
    }
}

/// A comment as it was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddedComment {
    pub id: Id,
    pub state: CommentState,
}

const BODY_CHARS_MAX: usize = 5000;

/// The text of a comment: trimmed, with line breaks of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Body(String);

impl Body {
    pub(super) fn parse(typed: &str) -> Result<Self> {
        let text = match plain_text::body(typed) {
            Err(TextFault::NothingToSee) => String::new(),
            parsed => parsed.map_err(|fault| Failure::input("input.body", fault.to_string()))?,
        };
        match text.chars().count() {
            1..=BODY_CHARS_MAX => Ok(Self(text)),
            _ => Err(Failure::input(
                "input.body",
                format!("A comment has 1 to {BODY_CHARS_MAX} characters, and one of them can be seen."),
            )),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_one_to_five_thousand_characters_once_trimmed() {
        assert_eq!(Body::parse(" 讲得好\r\n谢谢 \n").map(|b| b.0).ok().as_deref(), Some("讲得好\n谢谢"));
        assert!(Body::parse(&format!(" {} ", "字".repeat(5000))).is_ok());
        for typed in ["", " \n\t ", "a\0b", "\u{1b}[31mred", "\u{202e}\u{200b}\u{200f}", "\u{200b}", &"字".repeat(5001)]
        {
            assert_eq!(Body::parse(typed).expect_err("refused").path(), ["input", "body"]);
        }
    }
}
